"""The event feed: one row for each fact that programs outside may want to know, written with the fact itself.

    written (no number yet) ──commit, then `webhooks.sequence`──▶ numbered, and readable

Ids of rows come from a sequence, so a transaction that commits late leaves rows with low ids behind those
that readers have seen already. Numbers are given after the commit, one after the other and by one process at
a time: who has read up to a number has missed nothing before it.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone


class FeedEvent(models.Model):
    """One fact: what happened to which mail, conversation or contact. It holds ids, and no words of anybody.

    The ids are plain numbers: the rows behind them live on floors above, and may be erased before the event.
    """

    class Type(models.TextChoices):
        MAIL_RECEIVED = "mail.received"
        MAIL_SENT = "mail.sent"
        MAIL_FAILED = "mail.failed"
        MAIL_UNCERTAIN = "mail.uncertain"
        MAIL_RETURNED = "mail.returned"
        CREATED = "conversation.created"
        ASSIGNED = "conversation.assigned"
        RELEASED = "conversation.released"
        MOVED = "conversation.moved"
        PENDING = "conversation.pending"
        SNOOZED = "conversation.snoozed"
        WOKE = "conversation.woke"
        CLOSED = "conversation.closed"
        REOPENED = "conversation.reopened"
        HELD = "conversation.held"
        LET_GO = "conversation.let_go"
        MERGED = "conversation.merged"
        SPLIT = "conversation.split"
        TAGGED = "conversation.tagged"
        LATE = "conversation.late"
        CONTACT_CREATED = "contact.created"
        CONTACT_MERGED = "contact.merged"
        CONTACT_SEPARATED = "contact.separated"

    number = models.BigIntegerField(null=True, editable=False, help_text="Its place in the feed.")
    type = models.CharField(max_length=40, choices=Type)
    at = models.DateTimeField(default=timezone.now)
    queue_id = models.BigIntegerField(null=True, help_text="Where the conversation was, or came to.")
    conversation_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    outgoing_id = models.BigIntegerField(null=True, help_text="Of mail that leaves: its row in the outbox.")
    contact_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict, help_text="Ids and states alone.")

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["id"], name="feed_not_numbered", condition=Q(number=None))]
        constraints = [
            models.UniqueConstraint(fields=["number"], name="feed_number", condition=~Q(number=None)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.number or ''}".strip()

    @property
    def public_id(self) -> str:
        """What receivers know it by, so that they see when it comes twice."""
        return f"evt_{self.pk}"
