"""One process that parses, as its worker sees it: mails go down a pipe, answers come up another.

It is not trusted: it has its limits, a deadline is kept from here as well, and its answers are checked.
"""

import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mailcore import wire
from mailcore.parsed import ParsedMail
from mailsources.parser_child import ANSWERED, ASKED, FAILED, NO_MEMORY, PARSED

PROGRAM = Path(__file__).with_name("parser_child.py")
START_SECONDS = 60
LARGEST_ANSWER = 128 * 1024 * 1024
BIG = 8 * 1024 * 1024
"""A process that has parsed such a mail is not kept: it would not give the memory back."""

_AT_ONCE = 1024 * 1024  # what a pipe holds, at most: so many mails are parsed while others are delivered
_PIECES = 64
_GRACE_SECONDS = 5
_MEGABYTE = 1024 * 1024


class ParserUnavailable(Exception):
    """No parser could be started, which is no mail's fault. The text says why."""


class _Ended(Exception):
    """No more answers will come; the text is a sentence, empty when only the exit code can tell."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for one mail: of processor time, and of patience, as a busy machine stretches them."""

    cpu: int
    wall: int


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A mail that could not be parsed; `reason` is a sentence for the administrator."""

    reason: str


Outcome = ParsedMail | Unparsable


class Parser:
    """The process.

    :param function: what it calls for each mail, as "module:name".
    :param memory: octets of address space.
    :raises ParserUnavailable: it can't be started.
    """

    def __init__(self, function: str, memory: int) -> None:
        self.is_worn = self.is_ended = self._is_silent = False
        self.memory = memory
        self._unsent: deque[memoryview] = deque()
        self._received = bytearray()
        command = [sys.executable, "-I", "-X", "utf8", str(PROGRAM), function, str(memory)]
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                command, bufsize=0, stdin=pipe, stdout=pipe, env={}, process_group=0
            )
        except OSError as error:
            raise ParserUnavailable(f"The parser could not be started: {error}.") from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._asks, self._answers = self.process.stdin.fileno(), self.process.stdout.fileno()
        for end in (self._asks, self._answers):
            os.set_blocking(end, False)
            _widen(end)
        self._greet()

    def _greet(self) -> None:
        try:
            _, layout = self._answer(START_SECONDS)
        except _Ended as ended:
            self.stop()
            raise ParserUnavailable(
                f"The parser ended before it was ready (exit code {self.process.returncode}): "
                "the worker's log says why."
            ) from ended
        if layout != wire.layout():
            self.stop()
            raise ParserUnavailable("The parser is of another version than this process: restart the worker.")

    def ask(self, raw: bytes, limits: Limits) -> None:
        """Have one more mail parsed, after those that were asked for before."""
        self.is_worn |= len(raw) > BIG
        # The alarm is the last resort, for a parser whose worker is no more.
        head = ASKED.pack(len(raw), limits.cpu, limits.wall + _GRACE_SECONDS)
        self._unsent += (memoryview(head), memoryview(raw))

    def outcome(self, limits: Limits) -> Outcome:
        """Wait for what became of the next mail; this process may be no more then (`is_ended`)."""
        try:
            return self._outcome(limits)
        except _Ended as ended:
            self.is_worn = self.is_ended = True
            self.stop()
            return Unparsable(str(ended) or self._obituary(limits))

    def go_on(self) -> None:
        """Hand over and take what is possible without waiting."""
        if not self._is_silent:
            try:
                while self._move(0):
                    pass
            except _Ended:  # who waits for the next outcome is told
                self._is_silent = True

    def stop(self) -> None:
        """End it, at once, whatever it does."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def disown(self) -> None:
        """After a fork: it is the other process's child. Only our ends of its pipes are ours to close."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.returncode = 0

    def _outcome(self, limits: Limits) -> Outcome:
        kind, data = self._answer(limits.wall)
        if kind == FAILED:
            return Unparsable(f"The parser failed: {data.decode('utf-8', 'replace')}")
        if kind == NO_MEMORY:
            raise _Ended(self._too_little_memory())
        if kind != PARSED:
            raise _Ended("The parser gave an answer that is none.")
        try:
            return wire.from_bytes(data)
        except wire.NoMail as error:
            raise _Ended("The parser gave an answer that is no mail.") from error

    def _answer(self, seconds: float) -> tuple[int, bytes]:
        """The next answer, while what is to be sent is sent as the pipe takes it."""
        deadline = time.monotonic() + seconds
        while True:
            if len(self._received) >= ANSWERED.size:
                size, kind = ANSWERED.unpack_from(self._received)
                if size > LARGEST_ANSWER:
                    raise _Ended(f"The parser gave an answer of {size // _MEGABYTE} MB.")
                end = ANSWERED.size + size
                if len(self._received) >= end:
                    data = bytes(self._received[ANSWERED.size : end])
                    del self._received[:end]
                    return kind, data
            left = deadline - time.monotonic()
            if left <= 0 or not self._move(left):
                raise _Ended(f"The parser gave no answer for {seconds} s and was stopped.")

    def _move(self, seconds: float) -> bool:
        """Write or read what is possible, waiting at most so long; False when nothing was."""
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        if self._unsent:
            poll.register(self._asks, select.POLLOUT)
        ready = poll.poll(seconds * 1000)
        for pipe, _ in ready:
            if pipe == self._answers:
                self._read()
            else:
                self._write()
        return bool(ready)

    def _read(self) -> None:
        chunk = os.read(self._answers, _AT_ONCE)
        if not chunk:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE_SECONDS)  # for its exit code, before it is stopped from here
            raise _Ended
        self._received += chunk

    def _write(self) -> None:
        try:
            written = os.writev(self._asks, list(islice(self._unsent, _PIECES)))
        except BrokenPipeError:  # what it has answered before is still to be read
            self._unsent.clear()
            return
        while self._unsent and written >= len(self._unsent[0]):
            written -= len(self._unsent.popleft())
        if written:
            self._unsent[0] = self._unsent[0][written:]

    def _obituary(self, limits: Limits) -> str:
        code = self.process.returncode
        if code == -signal.SIGXCPU:
            return f"The parser was stopped after {limits.cpu} s of processor time."
        if code == -signal.SIGALRM:
            return f"The parser gave no answer for {limits.wall} s and was stopped."
        if code == -signal.SIGABRT:  # how the sanitiser ends when it gets no memory
            return self._too_little_memory()
        if code == -signal.SIGKILL:
            return "The parser was killed from outside, perhaps because the machine had no memory left."
        if code < 0:
            return f"The parser crashed ({signal.Signals(-code).name})."
        return f"The parser ended by itself (exit code {code})."

    def _too_little_memory(self) -> str:
        return f"The parser was stopped: it wanted more than {self.memory // _MEGABYTE} MB of memory."


def _widen(pipe: int) -> None:
    """Let a pipe hold more, where the system has a way and a user may (pipe(7))."""
    if sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _AT_ONCE)
