"""Mail of forwarding sources that arrives in a mailbox instead of being handed over to us.

    support-mzxw6ytboi4dqmrq@inbound.example.com    a mailbox that catches all mail of that domain
    info+support-mzxw6ytboi4dqmrq@example.com       a mailbox whose server knows plus-addresses

The mailbox is an email source with its own ledger, where such a mail is *skipped*: its bytes go to the
forwarding source that it names, in the same transaction, and from there on it is forwarded mail. Only the
random part counts, whatever stands before and behind it, as servers and people rewrite the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailcore.headers import HeaderBlock, read_headers
from mailsources import addressing
from mailsources.batch import Batch, Ready
from mailsources.listing import Arrived, Envelope, Listed, TooBig
from mailsources.models import EmailSource, SourceState
from mailstore.models import RawMail

LONGEST_LOOK = 64 * 1024
MOST_HEADERS = 20  # of one name
MOST_SOURCES = 5  # of one mail: a circle of forwarding rules must not multiply it

# What the server noted about the envelope tells more than what the writer put there.
ENVELOPE = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-real-to")
WRITTEN = ("x-forwarded-to", "to", "cc", "resent-to")

_ADDRESS = re.compile(
    rf"[^\s<>,;:\"]{{0,100}}({addressing.RANDOM})(?:\+[^@\s<>\"]{{0,100}})?\"?@[^\s<>,;\"]{{1,253}}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A forwarding source that a mail names, and by which address."""

    source: EmailSource
    envelope: Envelope


def targets(mailbox: EmailSource, ready: Iterable[Ready]) -> dict[str, list[Target]]:
    """Content of a mail → whose it is, for those that aren't the mailbox's own; reads the database once."""
    mails = [one for one in ready if one.content]
    if not mails:
        return {}
    collected = EmailSource.objects.filter(collected_by=mailbox, is_active=True).defer("password")
    by_random = {(source.forwarding_token or "")[-addressing.RANDOM_LENGTH :]: source for source in collected}
    found = {one.content: _named(by_random, one) for one in mails} if by_random else {}
    return {content: named for content, named in found.items() if named}


def reason(named: Sequence[Target]) -> str:
    """Why the mailbox itself has no use for a mail."""
    names = ", ".join(f"“{target.source}”" for target in named)
    return f"It was forwarded: its bytes are with the email source {names}."


def hand_on(batch: Batch, wanted: dict[str, list[Target]]) -> list[int]:
    """Write the mails that a batch has left out where they belong; call it in the batch's transaction.

    :return: the rows to be delivered.
    """
    by_source: dict[int, tuple[EmailSource, list[Ready]]] = {}
    for one in batch.handed_on:
        for target in wanted[one.content]:
            _, theirs = by_source.setdefault(target.source.pk, (target.source, []))
            theirs.append(_handed(one, target.envelope))
    waiting: list[int] = []
    for pk in sorted(by_source):  # in the order of their locks
        source, ready = by_source[pk]
        state = SourceState.objects.select_for_update().get(source=pk)
        waiting += Batch(source, state, ready, note_repeats=False).write().waiting
        state.last_success_at = batch.now
        state.save(update_fields=["last_mail_at", "last_success_at"])
    return waiting


def _handed(one: Ready, envelope: Envelope) -> Ready:
    """The mail as a server would have handed it over; its bytes are kept for each source anew."""
    assert isinstance(one.seen, Arrived | TooBig)
    assert one.raw is not None
    seen = replace(one.seen, listed=Listed(size=one.listed.size), envelope=envelope)
    raw = RawMail(sha256=one.raw.sha256, size=one.raw.size, data=one.raw.data)
    return replace(one, seen=seen, raw=raw)


def _named(by_random: dict[str, EmailSource], one: Ready) -> list[Target]:
    assert isinstance(one.seen, Arrived | TooBig)
    look = one.seen.raw if isinstance(one.seen, Arrived) else one.seen.headers
    block = read_headers(look, 0, min(len(look), LONGEST_LOOK))
    for names in (ENVELOPE, WRITTEN):
        found = dict(_addresses(block, names))
        named = [(by_random[random], found[random]) for random in found if random in by_random]
        if named:
            sender = _return_path(block)
            return [Target(source, Envelope(sender, address)) for source, address in named[:MOST_SOURCES]]
    return []


def _addresses(block: HeaderBlock, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The random part and the whole of each address that may be one of a forwarding source."""
    for name in names:
        for text in block.texts(name)[:MOST_HEADERS]:
            for match in _ADDRESS.finditer(text):
                yield match[1].lower(), match[0]


def _return_path(block: HeaderBlock) -> str:
    """The envelope sender as the mailbox's server noted it; "<>" is a machine's."""
    noted = block.text("return-path")
    return "<>" if noted.replace(" ", "") == "<>" else noted.strip("<> ")
