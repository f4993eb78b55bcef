"""`manage.py up` as somebody at a terminal meets it: real processes, an empty environment."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from ucs.environment import PRODUCT

Found = TypeVar("Found")
PYTHON = sys.executable
# Nothing of the test run's own environment may help.
BARE = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


class Up:
    """One `manage.py up` and all that it prints."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [PYTHON, "manage.py", "up", "--port", "0", *arguments],
            cwd=PRODUCT,
            env=BARE | {"UCS_DATA_DIR": str(data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def printed(self) -> str:
        return "".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = 180) -> re.Match[str]:
        found = eventually(lambda: re.search(pattern, self.printed), seconds, lambda: self.printed)
        assert found
        return found

    def pid_of(self, name: str) -> int:
        return int(re.findall(rf"^{name} +started, process (\d+)", self.printed, re.MULTILINE)[-1])

    def programs(self) -> int:
        """How many programs it runs; the database server has as many processes as it has clients just now."""
        found = 0
        for each in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                found += not each.name().startswith("postgres")
        return found

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.reader.join(5)
        return code


def eventually(look: Callable[[], Found], seconds: float, story: Callable[[], object] = str) -> Found:
    """What `look` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, story()
        time.sleep(0.05)
    return found


def manage(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Another command, from another terminal."""
    return subprocess.run(
        [PYTHON, "manage.py", *arguments],
        cwd=PRODUCT,
        env=BARE | {"UCS_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def left_over(data: Path) -> list[str]:
    """Sockets, locks and notes of a run in a data folder."""
    names = [str(path.relative_to(data)) for path in data.rglob("*") if path.is_socket()]
    for name in ("lock", "services.env", "run/processes", "postgres/postmaster.pid"):
        if (data / name).exists():
            names.append(name)
    return names


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """An empty data folder; whatever a failed test has left running there is ended."""
    tmp_path.chmod(0o755)
    yield tmp_path / "data"
    for process in psutil.process_iter(["cmdline"]):
        if any(str(tmp_path) in word for word in process.info["cmdline"] or []):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.mark.timeout(600)
def test_a_day_of_up(data: Path) -> None:
    """Start, lose a process, be killed, start again with the same data, stop: nothing lost, nothing left."""
    up = Up(data)
    address = up.wait_for(r"Open (\S+)")[1]
    up.wait_for(r"“admin” with the password “\S+”, which is shown this once")
    with urllib.request.urlopen(address + "healthz", timeout=10) as answer:
        assert answer.status == 200
    # Live updates pass by Django: a stream without a token is refused by itself.
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address + "sse?token=forged", timeout=10)
    programs = up.programs()

    # One process dies: it comes back, the others stay.
    os.kill(up.pid_of("worker"), signal.SIGKILL)
    up.wait_for(r"worker was ended by SIGKILL; starting it again in 1 s")
    eventually(lambda: up.programs() == programs, 20)

    # Another terminal finds the database without any variable.
    shown = manage(
        data,
        "shell",
        "--no-imports",
        "-c",
        "from django.contrib.auth.models import User; print(User.objects.get())",
    )
    assert shown.stdout.strip() == "admin", shown.stderr

    # A second start in the same folder is refused.
    second = manage(data, "up", "--port", "0")
    assert second.returncode == 1
    assert f"in use by process {up.process.pid}" in second.stderr.splitlines()[-1]

    # Killed without a chance to clean up: nobody lives on, and the next start goes on with the data.
    family = up.family()
    up.end(signal.SIGKILL)
    assert not psutil.wait_procs(family, timeout=15)[1]
    again = Up(data)
    again.wait_for(r"Sign in with an account of yours")
    assert "password" not in again.printed

    family = again.family()
    started = time.monotonic()
    assert again.end(signal.SIGINT) == 0, again.printed
    assert time.monotonic() - started < 45
    assert not psutil.wait_procs(family, timeout=0)[1]
    assert left_over(data) == []
    assert again.lines[-1] == "Stopped.\n"


def test_stopped_while_starting(data: Path) -> None:
    """Ctrl-C at the worst moment: the database is just being made."""
    up = Up(data)
    up.wait_for(r"PostgreSQL and Redis started")
    family = up.family()
    assert up.end(signal.SIGTERM) == 0, up.printed
    assert not psutil.wait_procs(family, timeout=0)[1]
    assert left_over(data) == []


def test_busy_port(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        started = manage(data, "up", "--port", str(port))
    assert started.returncode == 1
    sentence = started.stderr.splitlines()[-1]
    assert sentence.startswith(f"Port {port} is taken by ")
    assert f"(process {os.getpid()})" in sentence
    assert "--port" in sentence


def test_broken_database(data: Path) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "secrets.env").write_text("SECRET_KEY=x\n")
    started = manage(data, "up", "--port", "0")
    assert started.returncode == 1
    # The keys of this folder are incomplete as well: that comes first.
    assert started.stderr.strip().startswith("UCS_ENCRYPTION_KEYS is not set")


def test_data_folder_that_is_a_file(data: Path) -> None:
    data.write_text("")
    started = manage(data, "up", "--port", "0")
    assert started.returncode == 1
    assert started.stderr.strip().startswith(f"The data folder {data} can't be made, as {data} is a file")


def test_keys_that_are_no_text(data: Path) -> None:
    data.mkdir()
    (data / "secrets.env").write_bytes(bytes(range(128, 256)))
    started = manage(data, "up", "--port", "0")
    assert started.returncode == 1
    assert started.stderr.startswith(f"{data / 'secrets.env'} is damaged")
    assert len(started.stderr.splitlines()) == 1


def test_port_that_does_not_exist(data: Path) -> None:
    started = manage(data, "up", "--port", "99999")
    assert started.returncode == 1
    assert started.stderr.splitlines()[-1].startswith("There is no port 99999")


def test_lost_keys(data: Path) -> None:
    """With new keys every stored secret would be unreadable: better no start."""
    (data / "postgres").mkdir(parents=True)
    started = manage(data, "up", "--port", "0")
    assert started.returncode == 1
    assert "put the file back from a back-up" in started.stderr


def test_command_without_a_database(data: Path) -> None:
    answer = manage(data, "migrate")
    assert answer.returncode == 1
    assert answer.stderr.startswith("The database isn't running: start the product with `make run`")


def test_no_embedded_needs_an_address(data: Path) -> None:
    answer = manage(data, "up", "--no-embedded")
    assert answer.returncode == 1
    assert answer.stderr.startswith("DATABASE_URL is not set")
