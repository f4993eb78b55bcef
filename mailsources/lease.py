"""Who may look at a mailbox now: one owner at a time, for a while, with a number that only rises.

    free ──claim──▶ held ──hold (extends)──▶ held ──finish──▶ free, next look planned
                      └──owner died: time runs out──▶ claim by another, higher fence

A holder whose lease was taken over can't write any more, because its fence is too low. This module is the
only writer of SourceState, beside the cursor in mailsources/ledger.py.
"""

import os
import random
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from mailsources import schedule
from mailsources.faults import MailboxError
from mailsources.models import EmailSource, FetchedMail, SourceState

ANNOUNCED = timedelta(seconds=30)
"""A look that nobody has begun after this time is announced again."""

_LIFE = secrets.token_hex(4)


class LeaseLost(Exception):
    """Another has taken the mailbox over; what we know of it may be old."""


@dataclass(slots=True)
class Lease:
    """The right to look at one mailbox. `state` is as it was when claimed, and as we wrote it since.

    `has_leftovers`: mails that an earlier look has stored but not settled, or could not read.
    """

    source: EmailSource
    state: SourceState
    has_leftovers: bool = False

    @property
    def fence(self) -> int:
        return self.state.fence


@dataclass(slots=True)
class Fetched:
    """What one look at a mailbox brought.

    `count` mails were stored to be delivered; `skipped` ones are noted but not imported; `unreadable` ones
    the server could not hand over. `error` is the sentence when it went wrong, after what came before.
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

    def __str__(self) -> str:
        if self.busy:
            return "another process is looking at this mailbox just now"
        parts = [f"{self.count} new mails" if self.count != 1 else "1 new mail"]
        parts += [f"{self.skipped} not imported"] if self.skipped else []
        parts += [f"{self.unreadable} that could not be read"] if self.unreadable else []
        parts += ["there is more to fetch"] if self.more else []
        return f"{', '.join(parts)} ({self.on_server} on the server)"

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
    SourceState.objects.filter(source_id__in=list(source_ids)).update(next_attempt_at=None)


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
    return [Lease(state.source, state, state.leftovers) for state in states]


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
    finished = []
    with transaction.atomic():
        for lease, fetched in sorted(outcomes, key=lambda one: one[0].state.pk):
            mine = SourceState.objects.filter(pk=lease.state.pk, fence=lease.fence)
            changes = _failure(lease, fetched.failure) if fetched.failure else _success(fetched)
            # Null means: somebody asked for another look while this one was under way.
            changes["next_attempt_at"] = Case(
                When(next_attempt_at__isnull=True, then=Value(None)),
                default=Value(changes["next_attempt_at"]),
                output_field=DateTimeField(),
            )
            if mine.update(lease_owner="", lease_until=None, **changes):
                finished.append(lease.state.pk)
        wanted = SourceState.objects.filter(pk__in=finished, next_attempt_at=None)
        return list(wanted.values_list("source_id", flat=True))


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
    return SourceState.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now))


def _leftovers() -> QuerySet[FetchedMail]:
    return FetchedMail.objects.filter(
        source=OuterRef("source"), epoch=OuterRef("epoch"), settled_at__isnull=True
    )


def _success(fetched: Fetched) -> dict[str, Any]:
    now = timezone.now()
    interval = fetched.source.poll_interval or settings.POLL_INTERVAL
    return {
        "last_success_at": now,
        "last_error": "",
        "failures": 0,
        "on_server": fetched.on_server,
        "next_attempt_at": now if fetched.more else schedule.after_success(now, interval, random.random()),
    }


def _failure(lease: Lease, failure: MailboxError) -> dict[str, Any]:
    now = timezone.now()
    failures = lease.state.failures + 1
    return {
        "last_error": failure.sentence,
        "last_error_at": now,
        "failures": failures,
        "next_attempt_at": schedule.after_failure(
            now, failures, random.random(), retry=failure.retry, wait=failure.wait
        ),
    }


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
