"""A worker's hold on a move: a lease that it renews, and a fence that tells when it has lost it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from movein.models import Move

AT_WORK = (Move.State.SCANNING, Move.State.RUNNING)


class Stopped(Exception):
    """It was paused or cancelled, or is in other hands."""


class Later(Exception):
    """Another system can't be asked now; the text says why."""

    def __init__(self, sentence: str, seconds: int = 0) -> None:
        self.seconds = seconds
        super().__init__(sentence)


@dataclass(slots=True)
class Job:
    """The move as it was when it was claimed; its counts in the database are the true ones."""

    move: Move
    fence: int
    held: float = field(default_factory=time.monotonic)

    @property
    def rows(self) -> QuerySet[Move]:
        """The row, while it is ours."""
        return Move.objects.filter(pk=self.move.pk, fence=self.fence, state=self.move.state)

    @contextmanager
    def portion(self) -> Iterator[None]:
        """One transaction, in which nobody else can take or stop the move.

        :raises Stopped: somebody has.
        """
        with transaction.atomic():
            if not self.rows.select_for_update().exists():
                raise Stopped
            yield

    def hold(self) -> None:
        """Hold it for longer while a portion is being fetched, which may take many answers.

        :raises Stopped: somebody has taken or stopped it.
        """
        if time.monotonic() - self.held < settings.LEASE / 4:
            return
        if not self.rows.update(lease_until=self._until()):
            raise Stopped

    def _until(self) -> datetime:
        self.held = time.monotonic()
        return timezone.now() + timedelta(seconds=settings.LEASE)

    def note(self, **changes: Any) -> None:
        """Write how far it got, and hold it for longer; call it at the end of a portion."""
        self.rows.update(lease_until=self._until(), tries=0, error="", **changes)
        self.move.tries = 0  # what is asked next has not been asked in vain


def claim(pk: int) -> Job | None:
    """Take a move that nobody is at work on; None if somebody is, or there is nothing to do."""
    now = timezone.now()
    free = Move.objects.filter(pk=pk, state__in=AT_WORK, lease_until__lte=now)
    if not free.update(lease_until=now + timedelta(seconds=settings.LEASE), fence=F("fence") + 1):
        return None
    move = Move.objects.select_related("queue").get(pk=pk)
    return Job(move, move.fence) if move.state in AT_WORK else None  # it was paused just now
