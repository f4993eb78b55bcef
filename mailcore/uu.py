"""Files written as text: uuencode, alone or in the middle of a letter."""

import binascii
import re
from dataclasses import dataclass

MOST = 100
_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{0,300})\r?\n", re.MULTILINE)
_END = re.compile(rb"^end[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_LINE = re.compile(rb"[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Block:
    """A file at ``data[start:end]`` of the text around it."""

    start: int
    end: int
    name: bytes
    data: bytes


def decode_uu(body: bytes) -> tuple[bytes, bool]:
    """Decode a part with the transfer encoding uuencode, with or without its begin line.

    Returns:
        The bytes, and whether that went without damage.
    """
    begin = _BEGIN.search(body)
    data, sound = _decode(body, begin.end() if begin else 0, len(body))
    if not data and not begin:
        return body, False
    return data, sound


def blocks(text: bytes) -> list[Block]:
    """Return the uuencoded files in a text: from "begin 644 name" to "end", every line of it sound."""
    found: list[Block] = []
    position = 0
    end = _END.search(text)
    for _ in range(MOST):
        begin = _BEGIN.search(text, position)
        if begin and end and end.start() < begin.end():
            end = _END.search(text, begin.end())
        if begin is None or end is None:
            break
        position = begin.end()
        data, sound = _decode(text, begin.end(), end.start())
        if sound and data:
            found.append(Block(begin.start(), end.end(), begin[1].strip(), data))
            position = end.end()
    return found


def _decode(text: bytes, start: int, end: int) -> tuple[bytes, bool]:
    out: list[bytes] = []
    for match in _LINE.finditer(text, start, end):
        line = match[0]
        if line.strip() in (b"end", b"`", b""):
            break
        decoded = _line(line)
        if decoded is None:
            return b"".join(out), False
        out.append(decoded)
    return b"".join(out), True


def _line(line: bytes) -> bytes | None:
    # Some encoders write one character too many, and mail systems cut spaces off: go by the length byte.
    count = (((line[0] - 32) & 63) + 2) // 3 * 4 + 1
    if not 32 <= line[0] <= 96 or len(line.rstrip()) > count + 1:
        return None
    try:
        return binascii.a2b_uu(line[:count])
    except binascii.Error:
        return None
