"""Mails in an mbox file (RFC 4155), found without reading the file into memory.

A mail begins with a line “From …” that has a date, or stands behind an empty line, and before a header. Lines
of the mail that begin so were written with a “>” in front (mboxo and mboxrd), which is taken off again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from mailcore.headers import read_date

PIECE = 64 * 1024
"""Octets of a line that are looked at together: some lines have a hundred million."""

_DATED = re.compile(rb"From .*\d\d?:\d\d.*\d{4}")
_BARE = re.compile(rb"From (?:-.*|\s*)\Z")
_FIELD = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_BARE_END = re.compile(rb"\r?\n")
_MARK = b"\xef\xbb\xbf"
"""Of UTF-8, which some programs put before a whole file."""

_WEEKDAY = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.*")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a mail stands, its separator included; `posted` is the date of that."""

    offset: int
    size: int
    posted: datetime | None = None


@dataclass(slots=True)
class _Candidate:
    offset: int
    line: bytes
    after_blank: bool


def is_mbox(stream: BinaryIO) -> bool:
    """Whether a file begins as an mbox does; an empty one has no mails, but is one."""
    begin = stream.read(PIECE).lstrip(b"\xef\xbb\xbf\r\n")
    return not begin or begin.startswith(b"From ")


def spans(stream: BinaryIO, start: int = 0) -> Iterator[Span]:
    """The mails of a file, from the separator at `start` on.

    The stream is seeked before each read, so its user may read elsewhere meanwhile.
    """
    began: _Candidate | None = None
    for candidate in _separators(stream, start):
        if began is not None:
            yield Span(began.offset, candidate.offset - began.offset, _posted(began.line))
        began = candidate
    end = stream.seek(0, 2)
    if began is not None:
        yield Span(began.offset, end - began.offset, _posted(began.line))


def read(stream: BinaryIO, span: Span) -> bytes:
    """The mail itself, as it came over the wire: lines end with CR LF, and no quoted “From ”."""
    stream.seek(span.offset)
    data = stream.read(span.size).partition(b"\n")[2]
    for end in (b"\r\n\r\n", b"\n\n"):  # the empty line belongs to the next separator
        if data.endswith(end):
            data = data[: -(len(end) // 2)]
            break
    return on_the_wire(_QUOTED.sub(rb"\1", data) if b"From " in data else data)


def on_the_wire(data: bytes) -> bytes:
    """With CR LF at the end of each line, as mail is sent and stored."""
    return data.replace(b"\n", b"\r\n") if b"\r" not in data else _BARE_END.sub(b"\r\n", data)


def _separators(stream: BinaryIO, start: int) -> Iterator[_Candidate]:
    waiting: _Candidate | None = None
    is_blank, is_line, offset = True, True, start
    while True:
        stream.seek(offset)
        chunk = _lines(stream)
        if not chunk:
            break
        for line in chunk:
            if is_line:
                if waiting is not None and _is_separator(waiting, line):
                    yield waiting
                begin = line if offset else line.removeprefix(_MARK)
                waiting = _Candidate(offset, begin, is_blank) if begin.startswith(b"From ") else None
                is_blank = not line.strip()
            is_line = line.endswith(b"\n")
            offset += len(line)
    if waiting is not None and _is_separator(waiting, b""):
        yield waiting


def _lines(stream: BinaryIO) -> list[bytes]:
    """Some whole lines, or pieces of a very long one."""
    found, octets = [], 0
    while octets < PIECE * 16 and (line := stream.readline(PIECE)):
        found.append(line)
        octets += len(line)
    return found


def _is_separator(candidate: _Candidate, following: bytes) -> bool:
    is_headed = bool(_FIELD.match(following)) or following.startswith(b">From ")
    if _DATED.match(candidate.line):
        return is_headed or (candidate.after_blank and not following.strip())
    return is_headed and candidate.after_blank and bool(_BARE.match(candidate.line))


def _posted(line: bytes) -> datetime | None:
    date = _WEEKDAY.search(line.decode("ascii", "replace"))
    return read_date(date[0]) if date else None
