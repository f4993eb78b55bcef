"""The proof that the ledger knows every mail of a mailbox: all that the server shows, beside our rows.

Once a night, when the first import is complete, and whenever a person asks or the server shows more mails
than the ledger has. A look does it (mailsources/fetch.py), with the look's lease and connection:

    list all names ─▶ beside the ledger ─▶ fetch what is missing ─▶ list again ─▶ note
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from mailsources import lease as leases
from mailsources import schedule
from mailsources.batch import GONE
from mailsources.lease import Lease
from mailsources.listing import Listed
from mailsources.mailbox import Mailbox
from mailsources.models import FetchedMail, SourceState

COMPARED_AT_ONCE = 5000
MOST_MISSING = 5000
"""So many are fetched before the listing is made anew; the names are kept in memory meanwhile."""

MOST_EXAMPLES = 5
NOT_OFTENER = timedelta(hours=1)
"""A server that counts otherwise than it lists would have us compare at each look."""

STATES = """
SELECT asked.name, row.state FROM unnest(%s::{kind}[]) AS asked (name)
CROSS JOIN LATERAL (
    SELECT state, reason FROM mailsources_fetchedmail
    WHERE source_id = %s AND epoch = %s AND {column} = asked.name
    OFFSET 0
) AS row
WHERE NOT (row.state = %s AND row.reason = %s)
"""
"""Each name is looked up by itself: whoever takes the table for small, as before its first ANALYZE, would
read all rows of the source for each portion."""

State = FetchedMail.State


@dataclass(slots=True)
class Proof:
    """A mailbox beside the ledger.

    `server` mails were listed; `known` of them have a row, by its state; `missing` ones have none, the first
    of them by name in `names`. `unnamed` ones can't be compared (POP3 without UIDL). `gone` rows are of mails
    that are no longer there, which is normal. `fetched`: were missing, and are in the ledger now.
    """

    server: int = 0
    known: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    unnamed: int = 0
    gone: int = 0
    fetched: int = 0
    names: list[Listed] = field(default_factory=list)

    @property
    def ours(self) -> int:
        """Mails on the server that have a row."""
        return self.known.total()

    def as_json(self) -> dict[str, Any]:
        """As it is kept in the source's state."""
        return {
            "server": self.server,
            "ours": self.ours,
            **{state: self.known[state] for state in State.values},
            "missing": self.missing,
            "unnamed": self.unnamed,
            "gone": self.gone,
            "fetched": self.fetched,
            "examples": [_shown(one) for one in self.names[:MOST_EXAMPLES]],
        }


def is_due(state: SourceState, on_server: int, now: datetime) -> bool:
    """Whether to compare at this look: its time has come, or the server shows more than we know of."""
    if state.imported_at is None:
        return False
    if state.proof_due_at is None or state.proof_due_at <= now:
        return True
    fresh = state.proved_at is not None and state.proved_at > now - NOT_OFTENER
    return on_server > state.in_ledger and not fresh and not state.proof.get("unnamed")


def compare(lease: Lease, mailbox: Mailbox) -> Proof:
    """List the whole mailbox in portions, and look each portion up: memory stays flat however many there are.

    :raises MailboxError: the listing broke off.
    """
    proof = Proof()
    for portion in mailbox.names():
        for start in range(0, len(portion), COMPARED_AT_ONCE):
            _compare_some(proof, lease, portion[start : start + COMPARED_AT_ONCE])
    proof.gone = max(0, _named(lease) - proof.ours)
    return proof


def note(lease: Lease, proof: Proof) -> None:
    """Keep the result, and plan the next one. Raises LeaseLost."""
    with transaction.atomic():
        state = leases.hold(lease)
        state.proof, state.proved_at = proof.as_json(), timezone.now()
        state.proof_due_at = next_proof(state, state.proved_at)
        state.on_server, state.in_ledger = proof.server, proof.ours
        state.save(
            update_fields=["proof", "proved_at", "proof_due_at", "on_server", "in_ledger", "lease_until"]
        )
    lease.state = state


def next_proof(state: SourceState, now: datetime) -> datetime:
    """This mailbox's own minute of the coming night."""
    place = state.source_id * 0.618033988749895 % 1  # neighbours are far apart
    return schedule.next_night(timezone.localtime(now), place)


def make_due(source_ids: Sequence[int]) -> None:
    """Have mailboxes compared at their next look."""
    SourceState.objects.filter(source_id__in=source_ids).update(proof_due_at=None)


def _compare_some(proof: Proof, lease: Lease, listed: list[Listed]) -> None:
    proof.server += len(listed)
    states = dict(_states(lease, listed))
    for one in listed:
        name = one.uid if one.uid is not None else one.uidl
        if name is None:
            proof.unnamed += 1
        elif name in states:
            proof.known[states[name]] += 1
        else:
            proof.missing += 1
            if len(proof.names) < MOST_MISSING:
                proof.names.append(one)


def _states(lease: Lease, listed: list[Listed]) -> Iterator[tuple[int | str, str]]:
    for column, kind in (("uid", "bigint"), ("uidl", "text")):
        names = [name for one in listed if (name := getattr(one, column)) is not None]
        if names:
            with connection.cursor() as cursor:
                of_source: list[Any] = [lease.source.pk, lease.state.epoch, State.SKIPPED, GONE]
                cursor.execute(STATES.format(column=column, kind=kind), [names, *of_source])
                yield from cursor.fetchall()


def _named(lease: Lease) -> int:
    return _rows(lease).filter(Q(uid__isnull=False) | Q(uidl__isnull=False)).count()


def _rows(lease: Lease) -> QuerySet[FetchedMail]:
    """Of this epoch, without those noted as gone: what the server shows again was not gone."""
    rows = FetchedMail.objects.filter(source=lease.source, epoch=lease.state.epoch)
    return rows.exclude(state=State.SKIPPED, reason=GONE)


def _shown(one: Listed) -> str:
    return f"UID {one.uid}" if one.uid is not None else f"UIDL {(one.uidl or '')[:70]}"
