"""The command that publishes how well mail is read."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.corpus_score import ROOT, rate, render

SCORER = """
import argparse, importlib, json
OPTIONAL = {"reason"}
parser = argparse.ArgumentParser()
parser.add_argument("--corpus")
parser.add_argument("--json")
parser.add_argument("--checks", action="store_true")
parser.add_argument("function")
options = parser.parse_args()
module, _, name = options.function.partition(":")
got = getattr(importlib.import_module(module), name)(b"Subject: Hello\\n\\nText.\\n")
right = int(got["subject"] == "Hello")
found = {"per_kind": {"mime": [1, right, 0]}, "checks": {"subject": [1, right, 0], "reason": [4, 1, 0]}}
json.dump([found | {"ms": 0.5, "slowest_s": 0.01}], open(options.json, "w"))
"""


def test_the_page_is_made_by_the_folders_own_scorer(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(SCORER, encoding="utf-8")
    page = tmp_path / "page.md"
    command = [sys.executable, str(ROOT / "bench" / "corpus_score.py"), str(tmp_path), "--write", str(page)]
    subprocess.run(command, check=True)
    text = page.read_text(encoding="utf-8")

    assert "| mime | Structures of parts | 1 | 1 | 100.0 % | 0 |" in text
    assert "| **all** | | 1 | 1 | 100.0 % | 0 |" in text
    assert "| (reason) | 4 | 1 | 25.0 % |" in text
    assert "None of them crashed" in text
    assert str(tmp_path) not in text


def test_nothing_is_rounded_up_to_all() -> None:
    assert rate(99_999, 100_000) == "99.9 %"
    assert rate(3, 3) == "100.0 %"
    found = {"per_kind": {"odd": [2, 1, 1]}, "checks": {}, "ms": 1, "slowest_s": 11}
    assert "| odd |  | 2 | 1 | 50.0 % | 1 |" in render(found, set(), datetime(2026, 3, 2, tzinfo=UTC))
