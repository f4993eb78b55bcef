"""``python -m rehearsal`` as a process: start, ready line, clean stop, and what it says when it cannot."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.ports import free_ports

ROOT = Path(__file__).parents[2]


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rehearsal", "--dir", str(folder), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = start(folder, *options)
    assert process.stdout is not None
    try:
        world = json.loads(process.stdout.readline())
        assert process.stdout.readline() == "ready\n"
        yield process, world
    finally:
        process.kill()
        process.communicate(timeout=10)


def failure(folder: Path, *options: str) -> tuple[int, str]:
    process = start(folder, *options)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_and_soon_with_clients_connected(tmp_path: Path, number: int) -> None:
    with running(tmp_path) as (process, world):
        port = world["names"]["mail.company.example"]["143"]
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            assert client.recv(100).startswith(b"* OK")
            process.send_signal(number)
            # 2 s is what we promise, half a second what it takes; a machine busy with tests takes longer.
            assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_second_start_has_the_ports_of_the_last_and_the_same_authority(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    wanted: dict[str, int] = {}
    authorities = []
    for _ in range(2):
        with running(tmp_path) as (process, world):
            assert wanted in ({}, world["ports"])
            authorities.append((tmp_path / "ca.pem").read_bytes())
            assert json.loads(file.read_text()) == world
            configuration = f"{world['url']}/.well-known/openid-configuration"
            token_url = requests.get(configuration, timeout=10).json()["token_endpoint"]
            # The back channel is HTTPS, and the bundle is what makes a client trust it.
            assert requests.post(token_url, verify=world["ca_bundle"], timeout=10).status_code == 400
            process.terminate()
            process.wait(10)
        # Others of these: beside other tests nobody knows who has taken the first ones meanwhile.
        wanted = dict(zip(world["ports"], free_ports(len(world["ports"])), strict=True))
        file.write_text(json.dumps(world | {"ports": wanted}))
    assert authorities[0] == authorities[1]


def test_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = failure(tmp_path, "--port", str(port))
    assert (code, said.count("\n")) == (1, 1)
    assert f"Port {port} is in use" in said


def test_unusable_folder_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.touch()
    code, said = failure(file)
    assert (code, said.count("\n")) == (1, 1)
    assert str(file) in said


def test_second_world_in_one_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path):
        code, said = failure(tmp_path)
    assert (code, said.count("\n")) == (1, 1)
    assert "already runs" in said
