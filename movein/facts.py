"""What is to be known of a mail before it is parsed: when it came, who wrote it, whether it is here."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone

from agents.models import Agent
from mailcore.headers import HeaderBlock, read_date, read_headers
from mailcore.heading import read_heading
from mailsources.models import FetchedMail
from mailstore.models import RawMail
from movein.models import Move, Moved
from queues.models import Message
from queues.recipients import own_addresses

LOOK = 256 * 1024
"""Octets in which the headers must stand."""

OLDEST = datetime(1980, 1, 1, tzinfo=UTC)
LONGEST_ID = 1000


@dataclass(frozen=True, slots=True)
class Facts:
    """`digest` is the hash of the bytes; an id of "" says nothing. `is_local`: no server ever received it."""

    digest: str
    message_id: str
    sender: str
    at: datetime
    is_local: bool = False


def facts(raw: bytes, posted: datetime | None) -> Facts:
    """Read them out of the headers.

    :param posted: when the store says that it came.
    """
    heading = read_heading(raw)
    digest = hashlib.sha256(raw).hexdigest()
    block = read_headers(raw, 0, min(len(raw), LOOK))
    is_local = not block.texts("received")
    return Facts(digest, heading.message_id[:LONGEST_ID], heading.sender, _when(block, posted), is_local)


def _when(block: HeaderBlock, posted: datetime | None) -> datetime:
    """When it came: what the last server wrote, else its own date, else what the store says."""
    received = block.texts("received")
    last = read_date(received[0].rpartition(";")[2].strip()) if received else None
    found = last or read_date(block.text("date")) or posted or timezone.now()
    return min(max(found, OLDEST), timezone.now())


class Ours:
    """Whose mail is ours: the addresses of sources and senders, those typed at the move, and the agents."""

    def __init__(self, move: Move) -> None:
        typed = [each.strip().lower() for each in move.own_addresses.split() if each.strip()]
        self._domains = frozenset(each for each in typed if each.startswith("@"))
        self._addresses = own_addresses() | frozenset(typed)
        self._agents = {
            each.user.email.strip().lower(): each
            for each in Agent.objects.select_related("user").order_by("-pk")
            if each.user.email
        }

    def wrote(self, sender: str, recipients: Iterable[str], *, is_local: bool) -> bool:
        """Whether we sent it: to somebody else, or as a copy in a Sent folder, which no server received.

        What only went round among us, such as a form of our web site, is taken for a customer's.
        """
        return self.has(sender) and (is_local or any(not self.has(each) for each in recipients))

    def has(self, email: str) -> bool:
        """Whether the address is ours."""
        low = email.lower()
        return low in self._addresses or f"@{low.rpartition('@')[2]}" in self._domains

    def agent(self, *emails: str) -> Agent | None:
        """Whose address one of these is."""
        return next((found for each in emails if (found := self._agents.get(each.strip().lower()))), None)


@dataclass(frozen=True, slots=True)
class Known:
    """What is here of some mails: hashes of those surely here, and messages by ids that some of them have."""

    digests: frozenset[str]
    by_id: dict[str, list[Message]]


def known(move: Move, found: Sequence[Facts]) -> Known:
    """Look up once which of these mails the queue has, over whichever way they came."""
    digests = [each.digest for each in found]
    there = set(Moved.objects.filter(origin=move.origin, key__in=digests).values_list("key", flat=True))
    raws = RawMail.objects.filter(sha256__in=digests)
    mine = raws.filter(messages__conversation__queue=move.queue_id)
    there |= set(mine.values_list("sha256", flat=True))
    fetched = FetchedMail.objects.filter(raw__sha256__in=digests, source__queue=move.queue_id)
    there |= set(fetched.values_list("raw__sha256", flat=True))
    ids = [each.message_id for each in found if each.message_id]
    rows = Message.objects.filter(message_id__in=ids, conversation__queue=move.queue_id)
    by_id = defaultdict[str, list[Message]](list)
    for row in rows.only("message_id", "from_email", "subject", "sent_at", "text"):
        by_id[row.message_id].append(row)
    return Known(frozenset(there), dict(by_id))
