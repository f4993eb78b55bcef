"""What of a child's output reaches the terminal, and that all of it reaches the log."""

import io
import json
from pathlib import Path

import pytest

from ucs.relay import Relay, readable


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (json.dumps({"level": "info", "event": "mail 12 delivered"}), ""),
        (json.dumps({"level": "warning", "event": "Redis is away"}), "warning: Redis is away"),
        (
            json.dumps({"level": "error", "event": "failed\nmore", "exception": "Trace\nOSError: gone"}),
            "error: failed (OSError: gone)",
        ),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ('{"url": "http://127.0.0.1"}', ""),
        ("12", ""),
        ("", ""),
    ],
)
def test_readable(line: str, shown: str) -> None:
    assert readable(line) == shown


def test_relay(tmp_path: Path) -> None:
    said: list[str] = []
    output = b'{"level": "info", "event": "quiet"}\nready\nboom \xff\n'
    relay = Relay("worker", io.BytesIO(output), tmp_path / "worker.log", said.append, mark="ready")
    relay.run()
    assert relay.seen.is_set()
    assert said == ["worker    | boom \ufffd"]
    assert (tmp_path / "worker.log").read_text().splitlines()[1] == "ready"
