"""The container image: what .dockerignore lets in is all that the product needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_goes_into_the_image_can_start(tmp_path: Path) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (line.removeprefix("!") for line in lines if line.startswith("!")):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    environment = {"PATH": os.environ["PATH"], "UCS_DATA_DIR": str(tmp_path / "data")}
    for command in (["check"], ["collectstatic", "--no-input", "--verbosity=0"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "static").is_dir() or any(tmp_path.rglob("staticfiles.json"))
