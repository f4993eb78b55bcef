"""The whole product in processes of its own, as `make run` starts it, for tests that tell a story."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests

from tests import migrated
from tests.servers.ports import free_ports
from ucs.datafolder import DataFolder

ROOT = Path(__file__).resolve().parent.parent
Result = TypeVar("Result")


def eventually(condition: Callable[[], Result], what: str, seconds: float = 30) -> Result:
    """The first true answer of a condition that is asked again and again until the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"still not, after {seconds} s: {what}"
        time.sleep(0.05)
    return answer


class Product:
    """A running product with embedded PostgreSQL and Redis in `folder`."""

    command: tuple[str, ...] = ("up",)

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.parent / f"{folder.name}.log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "UCS_DATA_DIR": str(folder),
            "UCS_BASE_URL": self.url,
            "UCS_POLL_INTERVAL": "2",
            "UCS_SWEEP_INTERVAL": "2",
            "UCS_LEASE": "10",
            "UCS_RETRY_LADDER": "1,1,2",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.http = requests.Session()
        self.http.trust_env = False
        self.keys: dict[str, str] = {}

    def start(self, seconds: float = 60) -> None:
        """Start it and wait until it answers; `tests/ucs/test_up.py` looks at a first start from nothing."""
        if not DataFolder(self.folder).postgres.exists():
            migrated.prepare(self.folder)
        command = [sys.executable, "manage.py", *self.command, "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        eventually(self._ready, f"the product answers; it said:\n{self._said()}", seconds)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the product ended:\n{self._said()}"
        try:
            return self.http.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-5000:] if self.log.exists() else ""

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def manage(self, *words: str, check: bool = True) -> str:
        """What a command of `manage.py` prints beside the running product."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=self.environment, capture_output=True, check=False, text=True, timeout=60,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout if check else done.stdout + done.stderr

    def apply(self, text: str) -> str:
        """Apply settings given as text."""
        path = self.folder.parent / f"{self.folder.name}.yml"
        path.write_text(text)
        return self.manage("apply", str(path))

    def sign_in(self, user: str) -> None:
        """Let the API calls that follow act as this user, with one key however often."""
        if user not in self.keys:
            self.keys[user] = self.manage("apikey", user).strip()
        self.http.headers["Authorization"] = f"Bearer {self.keys[user]}"

    def get(self, path: str, **query: Any) -> Any:
        """JSON of an API path."""
        response = self.http.get(f"{self.url}/api/v1.0/{path}", params=query, timeout=20)
        assert response.ok, response.text
        return response.json()

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """JSON of an API call that changes something."""
        response = self.http.post(f"{self.url}/api/v1.0/{path}", json=body, headers=headers, timeout=20)
        assert response.ok, response.text
        return response.json()

    def conversations(self, **query: Any) -> list[dict[str, Any]]:
        """All conversations that a filter finds, over all pages."""
        page = self.get("conversations", limit=200, **query)
        found: list[dict[str, Any]] = page["results"]
        while page["next"]:
            page = self.http.get(page["next"], timeout=20).json()
            found += page["results"]
        return found

    def worker_pids(self) -> list[int]:
        """The Celery workers of this product."""
        return self.pids(b"worker")

    def pids(self, word: bytes) -> list[int]:
        """The processes of this product whose command has this word."""
        mark = f"UCS_DATA_DIR={self.folder}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                ours = mark in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended while we looked
            if ours and word in command:
                found.append(int(folder.name))
        return found

    def kill_workers(self) -> None:
        """kill -9 for each worker; the product starts others."""
        for pid in self.worker_pids():
            os.kill(pid, signal.SIGKILL)


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Product]:
    """A started product, stopped at the end."""
    product = Product(folder, **environment)
    try:
        product.start()
        yield product
    finally:
        product.stop()
