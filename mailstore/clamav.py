"""ClamAV's daemon, spoken to over TCP or a socket (clamd(8), INSTREAM); used for mail in both directions.

A conversation is one command: lengths in network order before each piece, a length of nought at the end, one
answer. The daemon hangs up in the middle when its StreamMaxLength is passed, having said so.
"""

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_SECONDS = 5.0
SCAN_SECONDS = 60.0
PIECE = 256 * 1024
LONGEST_ANSWER = 4096
_LENGTH = struct.Struct(">I")


class ScannerAway(Exception):
    """The virus scanner did not answer, or not as one; the text is a sentence for the administrator."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scanner found: the name of a `virus`, "" for none; or that it can't take so much."""

    virus: str = ""
    is_too_large: bool = False


def is_on() -> bool:
    """Whether files are scanned."""
    return bool(settings.CLAMAV)


def scan(data: bytes) -> Verdict:
    """Let some bytes be scanned, and wait for it.

    :raises ScannerAway: no verdict; it is worth another try.
    """
    try:
        with _connect() as line:
            answer = _ask(line, data)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ScannerAway(
            f"The virus scanner at {settings.CLAMAV} does not answer ({reason}): start ClamAV's clamd there, "
            "or correct UCS_CLAMAV."
        ) from error
    return _read(answer)


def _connect() -> socket.socket:
    parts = urlsplit(settings.CLAMAV)
    if parts.scheme == "unix":
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(CONNECT_SECONDS)
        try:
            line.connect(parts.path)
        except OSError:
            line.close()
            raise
    else:
        line = socket.create_connection((parts.hostname or "", parts.port or 0), CONNECT_SECONDS)
    line.settimeout(SCAN_SECONDS)
    return line


def _ask(line: socket.socket, data: bytes) -> str:
    # Its last word may come before all was sent; then sending fails, and reading does not.
    with suppress(ConnectionError):
        line.sendall(b"zINSTREAM\0")
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            line.sendall(_LENGTH.pack(len(piece)) + piece)
        line.sendall(_LENGTH.pack(0))
    answer = b""
    while len(answer) < LONGEST_ANSWER and (more := line.recv(LONGEST_ANSWER)):
        answer += more
        if answer.endswith(b"\0"):
            break
    return answer.decode("utf-8", "replace").strip("\0\n ")


def _read(answer: str) -> Verdict:
    said = answer.removeprefix("stream: ")
    if said == "OK":
        return Verdict()
    if said.endswith(" FOUND"):
        return Verdict(virus=said.removesuffix(" FOUND")[:200])
    if "size limit exceeded" in said:
        return Verdict(is_too_large=True)
    raise ScannerAway(
        f"The virus scanner at {settings.CLAMAV} says “{said[:200]}”: look into the log of ClamAV's clamd."
        if said
        else f"The virus scanner at {settings.CLAMAV} hung up without a word: look into its log."
    )
