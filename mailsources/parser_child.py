"""The process that parses: raw mails come in on standard input, parsed ones go out on standard output.

`python -I parser_child.py PACKAGE.MODULE:FUNCTION MEMORY` is started by `mailsources.parser`, with an empty
environment. It knows `mailcore` alone: no Django, no settings, no secrets. When it is ready it can't open
anything any more, no file and no socket, nor start a process (but as root), so a mail that takes it over is
left with two pipes. Each mail has its own limits, kept by the kernel:

    processor time  RLIMIT_CPU, the process is killed by SIGXCPU
    time            an alarm, so that nothing is left running when the worker itself was killed
    memory          RLIMIT_AS
"""

import importlib
import resource
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo, available_timezones

ROOT = Path(__file__).resolve().parent.parent

ASKED = struct.Struct(">IHH")
"""Octets of the mail that follows, and its seconds: of processor time, and until the alarm."""

ANSWERED = struct.Struct(">IB")
"""Octets of the answer that follows, and what it is."""

PARSED, FAILED, NO_MEMORY, READY = range(4)

SAMPLE = (
    b"From: =?utf-8?q?Z=C3=A1kazn=C3=ADk?= <charlie@customer.example>\r\nTo: support@example.com\r\n"
    b"Subject: =?iso-8859-2?q?dotaz?=\r\nDate: Mon, 02 Mar 2026 09:30:00 +0100\r\n"
    b"Message-ID: <sample@customer.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nText\r\n"
    b"--b\r\nContent-Type: text/html; charset=windows-1250\r\n\r\n<p>Text \x9a &amp; <b>b</b>\r\n--b--\r\n"
)


def main(function: str, memory: int) -> None:
    """Answer until the pipe is closed, which is when the worker ends, however it ends."""
    sys.path.insert(0, str(ROOT))
    module, _, name = function.partition(":")
    parse = getattr(importlib.import_module(module), name)
    wire = importlib.import_module("mailcore.wire")
    # What is loaded at its first use, while files can still be opened.
    wire.to_bytes(parse(SAMPLE))
    zones = [ZoneInfo(name) for name in available_timezones()]
    _lock_in(memory)
    _answer(sys.stdout.buffer, READY, wire.layout())
    serve(sys.stdin.buffer, sys.stdout.buffer, lambda raw: wire.to_bytes(parse(raw)))
    zones.clear()  # kept until here, as ZoneInfo keeps none itself


def _lock_in(memory: int) -> None:
    """Give everything up that a parser doesn't need; none of it can be had back."""
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    if sys.platform == "linux":  # macOS counts its shared libraries, and has no use for this limit
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def serve(asked: BinaryIO, answers: BinaryIO, work: Callable[[bytes], bytes]) -> None:
    """Answer each mail in order."""
    while head := asked.read(ASKED.size):
        size, cpu_seconds, seconds = ASKED.unpack(head)
        raw = asked.read(size)
        if len(raw) < size:
            return
        _limit(cpu_seconds, seconds)
        _answer(answers, *_worked(work, raw))


def _limit(cpu_seconds: int, seconds: int) -> None:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    until = int(spent.ru_utime + spent.ru_stime) + cpu_seconds + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))
    signal.alarm(seconds)


def _worked(work: Callable[[bytes], bytes], raw: bytes) -> tuple[int, bytes]:
    try:
        return PARSED, work(raw)
    except MemoryError:
        return NO_MEMORY, b""
    except Exception as error:  # noqa: BLE001 - the edge: the worker marks the row and logs
        return FAILED, f"{_where(error)}: {type(error).__name__}: {error}"[:500].encode("utf-8", "replace")
    finally:
        signal.alarm(0)


def _where(error: Exception) -> str:
    """The line of ours that failed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


def _answer(answers: BinaryIO, kind: int, data: bytes) -> None:
    answers.write(ANSWERED.pack(len(data), kind))
    answers.write(data)
    answers.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)
