"""What supervisors asked to be played, with all its inputs, and what came out.

waiting ──claimed by a worker──▶ running ──▶ done
   │                              │ │ └────▶ failed, in words
   └────────── cancelled ◀────────┘ └──────▶ stopped: the worker went away, and its lease ran out
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from reports.sayings import told
from simulation.changes import Change, restored, sentences

LIMIT = timedelta(minutes=2)
"""So long may a run take; it ends itself then."""
LEASE = timedelta(minutes=1)
"""So long may a worker say nothing while it plays; it says something every half second but when it reads."""

ODD = timedelta(seconds=15)
"""From so long a silence on, whoever waits is told of it."""


class WhatIf(models.Model):
    """A question: the last days of these queues, changed in this way."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for a worker"
        RUNNING = "running", "Playing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        STOPPED = "stopped", "Stopped: worker went away"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    queues = models.ManyToManyField("queues.EmailQueue", related_name="+")
    is_example = models.BooleanField(default=False, help_text="Of the reference team, not of these queues.")
    days = models.PositiveSmallIntegerField(default=28)
    until = models.DateTimeField(help_text="The end of the days that are played.")
    change = models.JSONField(default=dict, help_text="What is otherwise, see `simulation.changes`.")
    with_peers = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    done_runs = models.PositiveSmallIntegerField(default=0)
    all_runs = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="Until when the worker is taken to be there.")
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    result = models.JSONField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["user", "-id"], name="whatif_mine")]

    def __str__(self) -> str:
        return "; ".join(self.sentences) or told("as it is")

    @property
    def changes(self) -> Change:
        """What is otherwise."""
        return restored(self.change)

    @property
    def sentences(self) -> list[str]:
        """The same in words."""
        return [told(sentence) for sentence in sentences(self.changes)]

    @property
    def is_open(self) -> bool:
        """Something may still come."""
        return self.state in (self.State.WAITING, self.State.RUNNING)

    @property
    def silence(self) -> int:
        """Seconds without a sign of a worker, where that is odd, else 0."""
        is_waiting = self.state == self.State.WAITING
        since = self.created_at if is_waiting else self.lease_until and self.lease_until - LEASE
        silent = timezone.now() - since if self.is_open and since else timedelta(0)
        return int(silent.total_seconds()) if silent > ODD else 0

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def figures(self) -> dict[str, Any]:
        """What came out; empty until then."""
        return self.result or {}
