"""The ledger of fetched mail.

(seen on the server) ──raw stored──▶ waiting ──parsed, in its queue──▶ delivered
              │                          └──3 attempts──▶ failed ──retry──▶ waiting
              └──not to be imported──▶ skipped
"""

from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from mailstore.models import RawMail
from queues.models import Message

MAX_ATTEMPTS = 3
CAME = Coalesce("received_at", "fetched_at")
"""When a mail came: by the server's clock, or by ours when the server has none."""


class FetchedMail(models.Model):
    """The ledger: one row for each mail that a mailbox showed us; it outlives the conversation."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"

    # Two other indexes begin with the source.
    source = models.ForeignKey(
        "mailsources.EmailSource", on_delete=models.PROTECT, related_name="fetched", db_index=False
    )
    epoch = models.PositiveIntegerField(default=1)
    folder = models.CharField(max_length=500, blank=True)
    uidvalidity = models.BigIntegerField(null=True, blank=True)
    uid = models.BigIntegerField(null=True, blank=True)
    uidl = models.CharField("UIDL", max_length=200, null=True, blank=True)
    header_id = models.CharField("Message-ID", max_length=1000, blank=True)
    sender = models.CharField(max_length=320, blank=True, help_text="Lower case.")
    subject = models.CharField(max_length=500, blank=True)
    search = SearchVectorField(null=True, editable=False, help_text="Words of sender and subject, folded.")
    envelope_from = models.CharField(max_length=320, blank=True, help_text="Of forwarded mail.")
    envelope_to = models.CharField(max_length=320, blank=True, help_text="Of forwarded mail.")
    is_history = models.BooleanField(default=False, help_text="It was there before us; never acknowledged.")
    is_stub = models.BooleanField(
        default=False, help_text="Too big: its bytes here are only its headers and a notice."
    )
    content_hash = models.CharField(max_length=64, db_index=True, help_text="SHA-256 of the raw mail.")
    size = models.PositiveBigIntegerField(default=0)
    raw = models.OneToOneField(RawMail, null=True, on_delete=models.PROTECT, related_name="fetched")
    message = models.OneToOneField(Message, null=True, on_delete=models.SET_NULL, related_name="fetched")
    received_at = models.DateTimeField(
        null=True, blank=True, help_text="INTERNALDATE, when the server has it."
    )
    fetched_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.TextField(blank=True, help_text="Why it was skipped or failed.")
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(
        null=True, blank=True, help_text="When the after-import choice was done."
    )

    class Meta:
        verbose_name = "fetched mail"
        verbose_name_plural = "fetched mail"
        ordering = ["-id"]
        constraints = [
            # A mail has at most one of the two, so each index holds only those that it is for.
            models.UniqueConstraint(
                fields=["source", "epoch", "uid"], condition=Q(uid__isnull=False), name="each_uid_once"
            ),
            models.UniqueConstraint(
                fields=["source", "epoch", "uidl"], condition=Q(uidl__isnull=False), name="each_uidl_once"
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="fetched_waiting", condition=Q(state="waiting")),
            models.Index(
                fields=["source", "id"], name="fetched_waiting_of_source", condition=Q(state="waiting")
            ),
            models.Index(fields=["source", "id"], name="fetched_failed", condition=Q(state="failed")),
            models.Index(
                fields=["source", "id"], name="fetched_unsettled", condition=Q(settled_at__isnull=True)
            ),
            models.Index(fields=["source", "content_hash"], name="fetched_content"),
            models.Index(fields=["source", "-id"], name="fetched_of_source"),
            models.Index(fields=["source"], name="fetched_stubs", condition=Q(is_stub=True)),
            # A person looks for any mail: by address, Message-ID, words of the subject, day.
            models.Index(fields=["sender", "-id"], name="fetched_sender"),
            models.Index(fields=["header_id", "-id"], name="fetched_header_id"),
            GinIndex(fields=["search"], name="fetched_search"),
            BrinIndex(CAME, name="fetched_came", pages_per_range=16),
        ]

    def __str__(self) -> str:
        return f"fetched mail {self.pk} ({self.state})"
