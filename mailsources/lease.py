"""Who may look at a mailbox now: one owner at a time, for a while, with a number that only rises.

    free ──claim──▶ held ──hold (extends)──▶ held ──finish──▶ free, next look planned
                      └──owner died: time runs out──▶ claim by another, higher fence

A holder whose lease was taken over can't write any more, because its fence is too low. This module is the
only writer of SourceState, beside the cursor in mailsources/ledger.py and `watched_until` in
mailsources/watched.py.
"""

import os
import random
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from mailsources import schedule, watched
from mailsources.faults import MailboxError
from mailsources.models import EmailSource, FetchedMail, SourceState
from sso.hearing import Hearing

ANNOUNCED = timedelta(seconds=30)
"""A look that nobody has begun after this time is announced again."""

GIVEN_BACK_SECONDS = (5.0, 20.0)

FINISH_GOOD = """
UPDATE mailsources_sourcestate AS state SET
    last_success_at = %s, last_error = '', last_cause = '', failures = 0, on_server = seen.on_server,
    lease_owner = '', lease_until = NULL,
    next_attempt_at = CASE
        WHEN state.next_attempt_at IS NULL THEN NULL
        WHEN state.watched_until > %s THEN seen.if_watched
        ELSE seen.next_look
    END
FROM (VALUES {rows}) AS seen (id, fence, on_server, next_look, if_watched)
WHERE state.id = seen.id AND state.fence = seen.fence
RETURNING state.source_id, state.next_attempt_at IS NULL
"""
"""A null next_attempt_at stays: somebody asked for another look while this one was under way."""

COUNT_FAILURE = """
INSERT INTO mailsources_mailboxday AS known (source_id, day, failures, last_error) VALUES (%s, %s, 1, %s)
ON CONFLICT (source_id, day) DO UPDATE
SET failures = known.failures + 1, last_error = excluded.last_error
"""

_LIFE = secrets.token_hex(4)


class LeaseLost(Exception):
    """Another has taken the mailbox over; what we know of it may be old."""


@dataclass(slots=True)
class Lease:
    """The right to look at one mailbox. `state` is as it was when claimed, and as we wrote it since.

    `has_leftovers`: mails that an earlier look has stored but not settled, or could not read.
    `was_asked_for`: by a person, or by a hint that there is new mail.
    """

    source: EmailSource
    state: SourceState
    has_leftovers: bool = False
    was_asked_for: bool = False

    @property
    def fence(self) -> int:
        return self.state.fence


@dataclass(slots=True)
class Fetched:
    """What one look at a mailbox brought.

    `count` mails were stored to be delivered; `skipped` ones are noted but not imported; `unreadable` ones
    the server could not hand over. `error` is the sentence when it went wrong, after what came before.
    `stored` are the rows of the mails, `hearing` has what was said.
    """

    source: EmailSource
    count: int = 0
    skipped: int = 0
    unreadable: int = 0
    settled: int = 0
    on_server: int | None = None
    more: bool = False
    busy: bool = False
    failure: MailboxError | None = None
    stored: list[int] = field(default_factory=list)
    hearing: Hearing | None = None

    def __str__(self) -> str:
        if self.busy:
            return "another process is looking at this mailbox just now"
        parts = [f"{self.count} new mails" if self.count != 1 else "1 new mail"]
        parts += [f"{self.skipped} not imported"] if self.skipped else []
        parts += [f"{self.unreadable} that could not be read"] if self.unreadable else []
        parts += ["there is more to fetch"] if self.more else []
        return f"{', '.join(parts)} ({self.on_server} on the server)"

    @property
    def has_news(self) -> bool:
        """Whether the look found, did or suffered anything."""
        return bool(self.count or self.skipped or self.unreadable or self.settled or self.failure)

    @property
    def error(self) -> str:
        """The sentence for the administrator, or ""."""
        return self.failure.sentence if self.failure else ""


def owner() -> str:
    """This life of this process: host, process, and a number that tells it from a former process."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{_LIFE}"


def due(limit: int) -> list[int]:
    """Sources whose time has come and that nobody holds, noted as announced so that others pass them over."""
    now = timezone.now()
    with transaction.atomic():
        found = list(
            _free(now)
            .filter(Q(next_attempt_at=None) | Q(next_attempt_at__lte=now), source__is_active=True)
            .order_by(F("next_attempt_at").asc(nulls_first=True))
            .select_for_update(skip_locked=True, of=("self",))
            .values_list("pk", "source_id")[:limit]
        )
        pks = [pk for pk, _ in found]
        SourceState.objects.filter(pk__in=pks).update(next_attempt_at=now + ANNOUNCED)
    return [source_id for _, source_id in found]


def make_due(source_ids: Iterable[int]) -> None:
    """Have sources looked at as soon as possible; also when a look is under way, for it may be too late."""
    for source_id in source_ids:  # one by one: a statement over many rows could lock them in another's way
        SourceState.objects.filter(source_id=source_id).update(next_attempt_at=None)


def claim(source_ids: Iterable[int], *, early: bool = False) -> list[Lease]:
    """Take the mailboxes that are free; those that were looked at since they were announced are passed over.

    :param early: take them even if their time has not come.
    """
    now = timezone.now()
    timely = Q() if early else Q(next_attempt_at=None) | Q(next_attempt_at__lte=now + ANNOUNCED)
    with transaction.atomic():
        states = list(
            _free(now)
            .filter(timely, source_id__in=list(source_ids))
            .order_by("pk")
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("source", "source__queue")
            .annotate(leftovers=Exists(_leftovers()))
        )
        SourceState.objects.filter(pk__in=[state.pk for state in states]).update(
            lease_owner=owner(),
            lease_until=now + timedelta(seconds=settings.LEASE),
            fence=F("fence") + 1,
            next_attempt_at=now + timedelta(seconds=settings.LEASE),
        )
    for state in states:
        state.fence += 1
    return [Lease(state.source, state, state.leftovers, state.next_attempt_at is None) for state in states]


def hold(lease: Lease) -> SourceState:
    """Lock the state for this transaction and extend the lease; save the returned row.

    :raises LeaseLost: another holds the mailbox now.
    """
    state = SourceState.objects.select_for_update().filter(pk=lease.state.pk, fence=lease.fence).first()
    if state is None:
        raise LeaseLost(f"the lease {lease.fence} of source {lease.source.pk} is over")
    state.lease_until = timezone.now() + timedelta(seconds=settings.LEASE)
    return state


def finish(outcomes: Iterable[tuple[Lease, Fetched]]) -> list[int]:
    """Give leases back and plan the next looks; returns sources that somebody wants seen again at once."""
    sure = list(outcomes)
    with transaction.atomic():
        for held, fetched in sorted(sure, key=lambda one: one[0].state.pk):
            if fetched.failure:
                _finish_failed(held, fetched.failure)
        return _finish_good([one for one in sure if not one[1].failure])


def give_back(leases: Iterable[Lease]) -> None:
    """Let mailboxes go that nobody has looked at for want of a free hand; they are due again in a moment."""
    now = timezone.now()
    asked_meanwhile = When(next_attempt_at__isnull=True, then=Value(None))
    for held in sorted(leases, key=lambda lease: lease.state.pk):
        later = now + timedelta(seconds=random.uniform(*GIVEN_BACK_SECONDS))
        SourceState.objects.filter(pk=held.state.pk, fence=held.fence).update(
            lease_owner="",
            lease_until=None,
            next_attempt_at=Case(asked_meanwhile, default=Value(later), output_field=DateTimeField()),
        )


def free_the_dead() -> int:
    """End the leases of processes of this machine that are gone; those of others run out by themselves."""
    host, me, _ = owner().rsplit(":", 2)
    freed = 0
    for state in SourceState.objects.filter(lease_owner__startswith=f"{host}:", lease_until__isnull=False):
        _, process, life = state.lease_owner.rsplit(":", 2)
        alive = life == _LIFE if process == me else _runs(int(process))
        if alive:
            continue
        freed += SourceState.objects.filter(pk=state.pk, fence=state.fence).update(
            lease_owner="", lease_until=None, next_attempt_at=None
        )
    return freed


def _free(now: datetime) -> QuerySet[SourceState]:
    """Mailboxes that nobody holds; mail that is forwarded to us comes by itself."""
    mailboxes = SourceState.objects.filter(source__stage=EmailSource.Stage.ACTIVE)
    mailboxes = mailboxes.exclude(source__server_type=EmailSource.ServerType.FORWARDING)
    return mailboxes.filter(Q(lease_until=None) | Q(lease_until__lt=now))


def _leftovers() -> QuerySet[FetchedMail]:
    return FetchedMail.objects.filter(
        source=OuterRef("source"), epoch=OuterRef("epoch"), settled_at__isnull=True
    )


def _finish_good(outcomes: list[tuple[Lease, Fetched]]) -> list[int]:
    """One statement for all, as there are many of them each second."""
    if not outcomes:
        return []
    now = timezone.now()
    values: list[Any] = [now, now]
    for held, fetched in outcomes:
        values += [held.state.pk, held.fence, fetched.on_server, *_next_looks(held, fetched, now)]
    rows = ", ".join(
        ["(%s::bigint, %s::bigint, %s::integer, %s::timestamptz, %s::timestamptz)"] * len(outcomes)
    )
    with connection.cursor() as cursor:
        cursor.execute(FINISH_GOOD.format(rows=rows), values)
        return [source_id for source_id, at_once in cursor.fetchall() if at_once]


def _next_looks(held: Lease, fetched: Fetched, now: datetime) -> tuple[datetime, datetime]:
    """When to look again, and when if somebody waits on the mailbox: then polls are the safety net.

    Not for mail of which the server has said nothing: such a one is polled as usual until it is quiet.
    """
    if fetched.more:
        return now, now
    interval = fetched.source.poll_interval or settings.POLL_INTERVAL
    unannounced = fetched.count > 0 and not held.was_asked_for
    seldom = interval if unannounced else max(interval, watched.POLL_SECONDS)
    chance = random.random()
    return schedule.after_success(now, interval, chance), schedule.after_success(now, seldom, chance)


def _finish_failed(held: Lease, failure: MailboxError) -> None:
    now = timezone.now()
    failures = held.state.failures + 1
    later = schedule.after_failure(now, failures, random.random(), retry=failure.retry, wait=failure.wait)
    asked_meanwhile = When(next_attempt_at__isnull=True, then=Value(None))
    SourceState.objects.filter(pk=held.state.pk, fence=held.fence).update(
        last_error=failure.sentence,
        last_cause=failure.cause.name,
        last_error_at=now,
        failures=failures,
        lease_owner="",
        lease_until=None,
        next_attempt_at=Case(asked_meanwhile, default=Value(later), output_field=DateTimeField()),
    )
    _count_failure(held.source.pk, failure.sentence)


def _count_failure(source_id: int, sentence: str) -> None:
    """For the picture of the last days; a good look costs nothing here."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_FAILURE, [source_id, timezone.localdate(), sentence])


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
