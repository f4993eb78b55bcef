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
    """The line as a person at the terminal should see it, in one line; empty: not worth showing."""
    try:
        event: Any = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict) or event.get("level", "") not in LOUD:
        return ""
    # The first line says what happened, the last one of a traceback why; all of it is in the log.
    what = str(event.get("event", "")).strip().split("\n")[0]
    why = str(event.get("exception", "")).strip().split("\n")[-1]
    return f"{event['level']}: {what}" + (f" ({why})" if why else "")


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
            self.say(f"{self.program:9} | {text}")
