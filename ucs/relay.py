"""What a child process prints: all of it into its log file, what matters onto the terminal.

Our processes log JSON when they don't write to a terminal. A line with a level below WARNING stays in the
file; anything that is not JSON comes from a process in trouble and is shown.
"""

import json
import logging
import threading
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

LOG_BYTES = 5_000_000
LOUD = {"warning", "error", "critical", "exception"}

Say = Callable[[str], None]


def readable(line: str) -> str:
    """The line as a person at the terminal should see it; empty: not worth showing."""
    try:
        event: Any = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict) or event.get("level", "") not in LOUD:
        return ""
    text = f"{event['level']}: {event.get('event', '')}"
    trace = event.get("exception", "")
    return f"{text}\n{trace}" if trace else text


class Relay(threading.Thread):
    """Reads one child's output until it ends; `seen` is set when a line equals `mark`."""

    def __init__(self, name: str, output: IO[bytes], log: Path, say: Say, mark: str = "") -> None:
        super().__init__(name=f"relay-{name}", daemon=True)
        self.program = name
        self.output = output
        self.log = log
        self.say = say
        self.mark = mark
        self.seen = threading.Event()
        self.muted = False

    def run(self) -> None:
        """Until the child has closed its end."""
        file = RotatingFileHandler(self.log, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
        try:
            for raw in self.output:
                line = raw.decode(errors="replace").rstrip()
                file.emit(logging.makeLogRecord({"msg": line}))
                self._show(line)
        finally:
            file.close()

    def _show(self, line: str) -> None:
        if self.mark and line == self.mark:
            self.seen.set()
        elif not self.muted and (text := readable(line)):
            self.say("\n".join(f"{self.program:9} | {part}" for part in text.splitlines()))
