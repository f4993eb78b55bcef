"""What a mailbox shows: plain values that IMAP and POP3 have in common."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

LONGEST_HEADERS = 256 * 1024
"""Octets; what is taken of a mail that is too big."""

BATCH_MAILS = 50
BATCH_OCTETS = 4 * 1024 * 1024
_MOST_OCTETS = 2**62  # a column holds


@dataclass(frozen=True, slots=True)
class Shown:
    """A mailbox at first sight: how many mails it holds, and which UIDs are valid (None: POP3 or unknown)."""

    total: int
    uidvalidity: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail on the server, not read yet: IMAP names it by `uid`, POP3 by `uidl`.

    `number` is POP3's, and means something within one session only. `size` is in octets, 0 when unknown.
    """

    uid: int | None = None
    uidl: str | None = None
    number: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom and to whom a mail was handed over to us (RFC 5321); "<>" is the null path of machines."""

    mail_from: str
    rcpt_to: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail that was read. `received_at` is when the server got it, if the server tells."""

    listed: Listed
    raw: bytes
    received_at: datetime | None = None
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A mail that the server shows but can't hand over; the others can be read."""

    listed: Listed
    reason: str


@dataclass(frozen=True, slots=True)
class Vanished:
    """A mail that was gone when it was asked for: somebody deleted or moved it."""

    listed: Listed


@dataclass(frozen=True, slots=True)
class TooBig:
    """A mail above settings.LARGEST_MAIL, of which only the headers were read."""

    listed: Listed
    headers: bytes
    received_at: datetime | None = None
    envelope: Envelope | None = None


Answer = Arrived | Unreadable | Vanished
Seen = Answer | TooBig


def octets(said: object) -> int:
    """A size as a server gave it; 0 for what can't be one."""
    return min(said, _MOST_OCTETS) if isinstance(said, int) and said > 0 else 0


def batches(listed: Iterable[Listed]) -> Iterator[list[Listed]]:
    """Portions that are bounded by number and by octets; a big mail comes alone."""
    batch: list[Listed] = []
    octets = 0
    for one in listed:
        if batch and (len(batch) >= BATCH_MAILS or octets + one.size > BATCH_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(one)
        octets += one.size
    if batch:
        yield batch
