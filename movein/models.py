"""Moves: where old mail lies, what was found there, and what became of each piece of it.

    draft ──scan──▶ scanning ──▶ scanned ──start──▶ running ──▶ done
                       └────────────┴─────────────────┴─▶ paused, failed: both go on; cancelled

A scan writes a row for each mail (of files) or ticket (of another system) and changes nothing else. Running
brings them in, the oldest first. `Moved` outlives its move: what was taken once is never taken again.
"""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from queues.models import EmailQueue
from sso.fields import SecretField


class Move(models.Model):
    """One place that mail is moved in from, and how far that got."""

    class Kind(models.TextChoices):
        MBOX = "mbox", "mbox files"
        MAILDIR = "maildir", "Maildir"
        EML = "eml", "Folder or zip of .eml files"
        ZAMMAD = "zammad", "Zammad"
        FREESCOUT = "freescout", "FreeScout"

    class State(models.TextChoices):
        DRAFT = "draft", "Not scanned yet"
        SCANNING = "scanning", "Being scanned"
        SCANNED = "scanned", "Scanned"
        RUNNING = "running", "Being moved in"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        FAILED = "failed", "Stopped"
        CANCELLED = "cancelled", "Cancelled"

    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind)
    place = models.CharField(
        "path or address",
        max_length=1000,
        blank=True,
        help_text="Of files: below the folder “imports”. Of Zammad and FreeScout: https://help.example.com",
    )
    token = SecretField("API token", blank=True)
    part = models.CharField(
        "only this group or mailbox",
        max_length=200,
        blank=True,
        help_text="Of Zammad the name of a group, of FreeScout the number of a mailbox; empty for all.",
    )
    queue = models.ForeignKey(
        EmailQueue, verbose_name="email queue", on_delete=models.PROTECT, related_name="+"
    )
    own_addresses = models.TextField(
        "more addresses of ours",
        blank=True,
        help_text="Addresses, or domains such as @example.com, one in a line: mail from these was sent by "
        "us. Those of sources and senders are known.",
    )
    open_days = models.PositiveIntegerField(
        "days that stay open",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Where the customer had the last word within so many days, the conversation waits in the "
        "queue when all is in. Empty: everything is closed.",
    )
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    before_pause = models.CharField(max_length=10, blank=True, editable=False)
    is_uploaded = models.BooleanField(default=False, editable=False)
    found = models.PositiveIntegerField(default=0, editable=False)
    octets = models.BigIntegerField(default=0, editable=False)
    ours = models.PositiveIntegerField(default=0, editable=False, help_text="Mails that we had sent.")
    foreseen_known = models.PositiveIntegerField(default=0, editable=False)
    first_at = models.DateTimeField(null=True, editable=False)
    last_at = models.DateTimeField(null=True, editable=False)
    taken = models.PositiveIntegerField(default=0, editable=False)
    known = models.PositiveIntegerField(default=0, editable=False)
    skipped = models.PositiveIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    messages = models.PositiveIntegerField(default=0, editable=False)
    opened = models.PositiveIntegerField(default=0, editable=False, help_text="Conversations left open.")
    cursor = models.JSONField(default=dict, editable=False, help_text="Where the scan, or the end, goes on.")
    error = models.TextField(blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    fence = models.PositiveIntegerField(default=0, editable=False)
    tries = models.PositiveIntegerField(default=0, editable=False, help_text="In vain, one after the other.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "move"
        verbose_name_plural = "moves"
        indexes = [
            models.Index(
                fields=["lease_until"], name="move_at_work", condition=Q(state__in=["scanning", "running"])
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name = self.name or f"{self.get_kind_display()} {self.place}".strip()[:200]
        super().save(*args, **kwargs)

    @property
    def is_system(self) -> bool:
        """It is asked over its API; else it is files."""
        return self.kind in (self.Kind.ZAMMAD, self.Kind.FREESCOUT)

    @property
    def is_at_work(self) -> bool:
        """A worker has it, or is to have it."""
        return self.state in (self.State.SCANNING, self.State.RUNNING)

    @property
    def done(self) -> int:
        """How many of what was found are dealt with."""
        return self.taken + self.known + self.skipped + self.failures

    @property
    def percent(self) -> int:
        """The same, of a hundred."""
        return self.done * 100 // self.found if self.found else 0

    @property
    def origin(self) -> str:
        """Under which names what it takes is remembered: files of one queue, or one system."""
        return f"{self.kind}:{self.place.rstrip('/').lower()}" if self.is_system else f"files:{self.queue_id}"


class MoveItem(models.Model):
    """One mail in a file, or one ticket of another system; `at` is when it began."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waits"
        TAKEN = "taken", "Moved in"
        KNOWN = "known", "Here already"
        SKIPPED = "skipped", "Left out"
        FAILED = "failed", "Failed"

    move = models.ForeignKey(Move, on_delete=models.CASCADE, related_name="items")
    file = models.TextField(blank=True, help_text="Below the place, percent-encoded where it is no text.")
    offset = models.BigIntegerField(default=0, help_text="Octets into an mbox; the place in a zip.")
    size = models.BigIntegerField(default=0)
    key = models.CharField(max_length=200, help_text="The number of a ticket.", blank=True)
    at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    why = models.TextField(blank=True)
    messages = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["move", "at", "id"], name="move_item_next", condition=Q(state="waiting")),
            models.Index(
                fields=["move", "id"], name="move_item_trouble", condition=Q(state__in=["failed", "skipped"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file} {self.offset}".strip() if self.file else f"ticket {self.key}"


class Moved(models.Model):
    """What was taken: kept for good, also when the conversation is gone, as then nobody wants it back."""

    origin = models.CharField(max_length=1020)
    key = models.CharField(max_length=200, help_text="ticket/12, article/34, or the hash of a mail.")
    conversation_id = models.BigIntegerField()
    move = models.ForeignKey(Move, null=True, on_delete=models.SET_NULL, related_name="+")
    was_closed = models.BooleanField(default=False, help_text="The other system said so.")

    class Meta:
        verbose_name_plural = "moved"
        constraints = [models.UniqueConstraint(fields=["origin", "key"], name="moved_once")]

    def __str__(self) -> str:
        return f"{self.origin} {self.key}"
