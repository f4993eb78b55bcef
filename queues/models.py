"""E-mail queues and the conversations in them.

Conversations are written by `queues/intake.py` (mail from outside) and `queues/actions.py` (agents) alone.

    waiting ──take/offer──▶ assigned ──reply──▶ pending (customer's turn) ──close──▶ closed
       ▲                        │                    │                                 │
       ├────────release─────────┘                    │                                 │
       └─────────────── the customer answers, a person reopens ◀───────────────────────┘
    any open state ──snooze until──▶ snoozed ──time or customer──▶ waiting / assigned
    too many at once from one sender ──▶ held ──a person lets it go──▶ waiting
    spam, says a person ──▶ closed, and more from its sender is held ──not spam──▶ waiting
    merged into another ──▶ closed for good, `merged_into` says where everything is
"""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, ProtectedError, Q
from django.db.models.deletion import Collector
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from agents.models import Agent
from crm.models import Contact
from mailsenders.models import OutgoingMail
from mailstore.models import RawMail
from queues.attention import Follower, Mention
from queues.bulk_models import BulkAct, BulkItem
from queues.drafted import Draft, DraftFile, FirstDraft, FirstDraftFile, NoteDraft
from queues.macro_models import Macro
from queues.picture_models import Picture, PictureTrust
from queues.promises import ESCALATION_INDEX, Clock, EscalationStep, Notice, Turn
from queues.queue_models import AcknowledgementText, EmailQueue, QueueSkill
from queues.routed import (
    WAITING_INDEXES,
    AgentKind,
    ConversationSkill,
    Kind,
    RoutedConversation,
    StaleQueue,
)
from queues.scanned import Scanned
from queues.snippet_models import Snippet, SnippetUse
from queues.tagged import Tag
from queues.view_models import SavedView, StartView

__all__ = [
    "AcknowledgementText", "AgentKind", "Attachment", "BulkAct", "BulkItem", "Conversation",
    "ConversationSkill", "Draft", "DraftFile", "EmailQueue", "EscalationStep", "Event", "FirstDraft",
    "FirstDraftFile", "Follower", "Kind", "Macro", "Mention", "Message", "Note", "NoteDraft", "Notice",
    "Picture", "PictureTrust", "QueueSkill", "SavedView", "Snippet", "SnippetUse", "StaleQueue", "StartView",
    "Tag", "Turn",
]  # fmt: skip

NOT_STRIPPED = (
    Q(stripped_at=None) | Q(stripped_at__lt=F("closed_at")) | Q(stripped_at__lt=F("last_message_at"))
)
"""What holds anybody's words: never emptied, or in use again since."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # when that is due which has no due time, for lists


def protect_open(collector: Collector, field: Any, rows: Any, using: str) -> None:
    """What happens to the conversations of an agent who is deleted: nobody's, but not those in hand.

    Raises:
        ProtectedError: some are in the agent's hands.
    """
    in_hand = list(rows.filter(state="assigned")[:20])
    if in_hand:
        numbers = ", ".join(f"#{row.number}" for row in in_hand)
        raise ProtectedError(
            f"{numbers} are in hand: give them to somebody else, or switch the agent off instead.",
            set(in_hand),
        )
    models.SET_NULL(collector, field, rows, using)


protect_open.lazy_sub_objs = True  # type: ignore[attr-defined]  # a query, not all of the rows


class Conversation(Clock, RoutedConversation):
    """Everything that one contact and we say about one matter."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        ASSIGNED = "assigned", "Assigned"
        PENDING = "pending", "Customer’s turn"
        SNOOZED = "snoozed", "Snoozed"
        CLOSED = "closed", "Closed"
        HELD = "held", "Held"

    class Priority(models.IntegerChoices):
        URGENT = 1, "Urgent"
        HIGH = 2, "High"
        NORMAL = 3, "Normal"
        LOW = 4, "Low"

    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=models.Func(models.Value("queues_conversation_number"), function="nextval"),
        help_text="Public; a number whose conversation was never committed stays unused.",
    )
    queue = models.ForeignKey(EmailQueue, on_delete=models.PROTECT, related_name="conversations")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NORMAL)
    agent = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=protect_open, related_name="conversations"
    )
    last_agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    language = models.CharField(max_length=2, blank=True)
    language_confidence = models.FloatField(default=0)
    created_at = models.DateTimeField()
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    assigned_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    spam_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person said so; more from this sender is held."
    )
    last_message_at = models.DateTimeField()
    last_direction = models.CharField(max_length=3, default="in")
    preview = models.CharField(max_length=200, blank=True)
    messages_count = models.PositiveIntegerField(default=0)
    has_attachments = models.BooleanField(default=False)
    has_outside = models.BooleanField(
        default=False, db_default=False, help_text="Somebody else was asked about it."
    )
    has_cards = models.BooleanField(
        default=False, db_default=False, help_text="A mail of it held the number of a payment card."
    )
    legal_hold = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Neither time nor erasing deletes it."
    )
    # What has come or was closed since is still there.
    stripped_at = models.DateTimeField(
        null=True, editable=False, help_text="When its people and words were taken out."
    )
    has_followers = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Somebody is told what happens to it."
    )

    class Meta:
        ordering = ["-last_message_at", "-id"]
        indexes = [
            models.Index(fields=["queue", "state", "-last_message_at", "-id"], name="conversation_list"),
            models.Index(
                fields=["queue", "due_tick", "id"],
                include=("due_at", "waiting_since"),
                name="conversation_waiting",
                condition=Q(state="waiting"),
            ),
            *WAITING_INDEXES,
            models.Index(
                "queue",
                Coalesce("due_at", models.Value(NEVER, models.DateTimeField())),
                "id",
                name="conversation_due_first",
                condition=Q(state="waiting"),
            ),
            models.Index(fields=["agent", "state", "due_at"], name="conversation_mine"),
            models.Index(fields=["contact", "-last_message_at"], name="conversation_contact"),
            models.Index(fields=["snoozed_until"], name="conversation_snoozed", condition=Q(state="snoozed")),
            models.Index(fields=["-last_message_at", "-id"], name="conversation_newest"),
            models.Index(
                fields=["queue", "-last_message_at", "-id"],
                name="conversation_open",
                condition=~Q(state="closed"),
            ),
            ESCALATION_INDEX,
            models.Index(
                fields=["queue", "closed_at"],
                name="conversation_kept_until",
                condition=Q(state="closed") & NOT_STRIPPED,
            ),
            models.Index(
                fields=["-last_message_at", "-id"],
                name="conversation_spam",
                condition=Q(spam_at__isnull=False),
            ),
            models.Index(
                fields=["contact"], name="conversation_spam_contact", condition=Q(spam_at__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="assigned") | Q(agent__isnull=False), name="assigned_has_an_agent"
            ),
            models.CheckConstraint(
                condition=~Q(state="waiting") | Q(agent__isnull=True), name="waiting_has_no_agent"
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(agent__isnull=True, due_at__isnull=True),
                name="held_is_offered_to_nobody",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | Q(state="closed") & ~Q(merged_into=models.F("pk")),
                name="merged_is_closed",
            ),
            models.CheckConstraint(
                condition=Q(spam_at__isnull=True) | Q(state="closed"), name="spam_is_closed"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.subject}"


class Message(models.Model):
    """One mail of a conversation, in or out."""

    class Direction(models.TextChoices):
        IN = "in", "In"
        OUT = "out", "Out"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    direction = models.CharField(max_length=3, choices=Direction)
    automatic = models.CharField(
        max_length=12,
        default="no",
        help_text="no, auto-reply, bounce, list or report: machine mail moves no state.",
    )
    from_name = models.CharField(max_length=300, blank=True)
    from_email = models.CharField(max_length=320, blank=True)
    reply_to = models.JSONField(default=list, help_text='[{"name": …, "email": …}], as are to and cc.')
    to = models.JSONField(default=list)
    cc = models.JSONField(default=list)
    subject = models.CharField(max_length=1000, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True, help_text="Sanitised.")
    quote_at = models.PositiveIntegerField(default=0, help_text="Where the quoted part of the text begins.")
    signature_at = models.PositiveIntegerField(
        null=True, help_text="Where the signature before the quoted part begins; empty when there is none."
    )
    forwarded = models.JSONField(
        default=dict,
        help_text='Of a mail forwarded by hand, who wrote it: {"name": …, "email": …, "subject": …}.',
    )
    invitations = models.JSONField(default=list, help_text="Calendar invitations, read.")
    protection = models.CharField(
        max_length=20, blank=True, help_text="signed or encrypted, by S/MIME or PGP, as it came."
    )
    authentication = models.JSONField(
        default=dict,
        db_default={},
        help_text="What the mail server found out about the sender; see queues/genuine.py.",
    )
    message_id = models.CharField("Message-ID", max_length=1000, blank=True)
    in_reply_to = models.CharField("In-Reply-To", max_length=1000, blank=True)
    references = models.JSONField(default=list)
    defects = models.JSONField(default=list)
    raw = models.ForeignKey(RawMail, null=True, on_delete=models.PROTECT, related_name="messages")
    outgoing = models.OneToOneField(OutgoingMail, null=True, on_delete=models.PROTECT, related_name="message")
    is_outside = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Between us and somebody who was asked about the matter; the customer never sees it.",
    )
    has_cards = models.BooleanField(
        default=False,
        db_default=False,
        help_text="It held the number of a payment card when it came or was sent.",
    )
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    compose_token = models.CharField(max_length=200, null=True, help_text="Sending twice gives one mail.")
    search = SearchVectorField(null=True, editable=False)
    sent_at = models.DateTimeField(help_text="The date the mail itself gives.")
    created_at = models.DateTimeField(help_text="When we got it or wrote it.")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["message_id"], name="message_by_message_id"),
            models.Index(Lower("from_email"), name="message_from", condition=Q(direction="in")),
            models.Index(
                fields=["created_at"],
                name="message_acknowledgement",
                condition=Q(direction="out", automatic="auto_reply"),
            ),
            models.Index(fields=["created_at"], name="message_by_date"),
            # Searches walk from span to span: a list of what is pending would be read again in each.
            GinIndex(fields=["search"], name="message_found", fastupdate=False),
        ]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "compose_token"], name="message_composed_once"),
            # A new conversation begins with its message, so its token must be one of a kind everywhere.
            models.UniqueConstraint(
                fields=["compose_token"],
                condition=Q(compose_token__startswith="start:"),  # noqa: S106 - no password
                name="conversation_started_once",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} {self.direction}"


class Attachment(Scanned):
    """A file in a message: a pointer into its raw mail, whose bytes are read when someone opens it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    part = models.CharField(max_length=200)
    name = models.CharField(max_length=300)
    type = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    inline = models.BooleanField(default=False)
    content_id = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], name="attachment_unscanned", condition=Q(scan="waiting")),
        ]

    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    """What colleagues tell each other; it has no recipients, so it can't leave the house.

    A whisper is a supervisor's word to whoever holds the conversation: `audiences` says who reads it.
    """

    class Audience(models.TextChoices):
        ALL = "all", "Everybody in the queue"
        HOLDER = "holder", "Only who holds it, and supervisors"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField()
    audience = models.CharField(
        max_length=10, choices=Audience, default=Audience.ALL, db_default=Audience.ALL
    )
    token = models.UUIDField(
        null=True, editable=False, help_text="Of its form: what is added twice is one note."
    )
    search = SearchVectorField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [GinIndex(fields=["search"], name="note_found", fastupdate=False)]
        constraints = [
            models.UniqueConstraint(fields=["token"], name="note_once", condition=Q(token__isnull=False))
        ]

    def __str__(self) -> str:
        return f"note {self.pk}"


class Event(models.Model):
    """Append-only history of a conversation: who did what, and why routing chose an agent."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=30)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    sentence = models.TextField(blank=True, help_text="For people.")
    data = models.JSONField(default=dict, help_text="For replaying.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["at"], name="event_answered", condition=Q(kind="replied")),
            models.Index(
                fields=["-id"], name="event_decided", condition=Q(kind__in=["offered", "taken", "assigned"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at}"
