"""E-mail queues and the conversations in them.

Conversations are written by `queues/intake.py` (mail from outside) and `queues/actions.py` (agents) alone.

    waiting ──take/offer──▶ assigned ──reply──▶ pending (customer's turn) ──close──▶ closed
       ▲                        │                    │                                 │
       ├────────release─────────┘                    │                                 │
       └─────────────── the customer answers, a person reopens ◀───────────────────────┘
    any open state ──snooze until──▶ snoozed ──time or customer──▶ waiting / assigned
    too many at once from one sender ──▶ held ──a person lets it go──▶ waiting
    merged into another ──▶ closed for good, `merged_into` says where everything is
"""

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import ProtectedError, Q
from django.db.models.deletion import Collector
from django.utils import timezone

from agents.models import LEVEL, Agent, Language, Skill
from crm.models import Contact
from mailsenders.models import EmailSender, OutgoingMail
from mailstore.models import RawMail
from queues.drafted import Draft, DraftFile, FirstDraft
from queues.macro_models import Macro
from queues.promises import ESCALATION_INDEX, Clock, EscalationStep, Notice, Promise, Turn
from queues.routed import (
    WAITING_INDEXES,
    AgentKind,
    ConversationSkill,
    Kind,
    RoutedConversation,
    RoutedQueue,
)
from queues.snippet_models import Snippet, SnippetUse
from queues.tagged import Tag
from queues.texts import check_acknowledgement, check_signature

__all__ = [
    "AcknowledgementText", "AgentKind", "Attachment", "Conversation", "ConversationSkill", "Draft",
    "DraftFile", "EmailQueue", "EscalationStep", "Event", "FirstDraft", "Kind", "Macro", "Message", "Note",
    "Notice", "QueueSkill", "Snippet", "SnippetUse", "Tag", "Turn",
]  # fmt: skip


class EmailQueue(Promise, RoutedQueue):
    """Where conversations wait for the agents who can handle them."""

    class ReplyToClosed(models.TextChoices):
        REOPEN = "reopen", "Reopens the conversation"
        NEW = "new", "Begins a new conversation"

    class ChangedSubject(models.TextChoices):
        JOIN = "join", "Stays in the conversation"
        NEW = "new", "Begins a new conversation"

    class FromName(models.TextChoices):
        SENDER = "sender", "The sender's: Example Support"
        AGENT = "agent", "The agent's: Alice"
        BOTH = "both", "Both: Alice at Example Support"

    class Quoted(models.TextChoices):
        NONE = "none", "Nothing"
        LAST = "last", "The mail that is answered"
        THREAD = "thread", "The whole conversation"

    name = models.CharField(max_length=200, unique=True)
    sender = models.ForeignKey(
        EmailSender, null=True, blank=True, on_delete=models.PROTECT, related_name="queues"
    )
    members = models.ManyToManyField(Agent, blank=True, related_name="queues")
    skills = models.ManyToManyField(Skill, through="QueueSkill", blank=True)
    languages = models.ManyToManyField(
        Language, blank=True, help_text="The first one is assumed when in doubt."
    )
    default_language = models.ForeignKey(
        Language, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    language_level = models.PositiveSmallIntegerField(
        "wanted language proficiency", default=3, validators=LEVEL
    )
    reply_to_closed = models.CharField(
        "an answer to a closed conversation",
        max_length=10,
        choices=ReplyToClosed,
        default=ReplyToClosed.REOPEN,
    )
    changed_subject = models.CharField(
        "an answer with another subject", max_length=10, choices=ChangedSubject, default=ChangedSubject.JOIN
    )
    from_name = models.CharField(
        "name in From", max_length=10, choices=FromName, default=FromName.SENDER, db_default=FromName.SENDER
    )
    quoted = models.CharField(
        "quoted below an answer", max_length=10, choices=Quoted, default=Quoted.LAST, db_default=Quoted.LAST
    )
    undo_seconds = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(3600)],
        help_text="How long an answer can be taken back; empty for the usual time, 0 for not at all.",
    )
    signature = models.TextField(blank=True, validators=[check_signature])
    acknowledgement = models.TextField(
        blank=True,
        validators=[check_acknowledgement],
        help_text="Sent once to who opens a conversation; empty for none.",
    )
    acknowledgement_outside = models.TextField(
        "acknowledgement outside the opening hours",
        blank=True,
        default="",
        db_default="",
        validators=[check_acknowledgement],
        help_text="Instead of the other one, while the queue is closed; empty for the same.",
    )
    acknowledgement_limit = models.PositiveIntegerField(
        "most acknowledgements in an hour",
        default=100,
        help_text="Beyond it none is sent, as two machines may be answering each other.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "email queue"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class QueueSkill(models.Model):
    """A skill that the conversations of a queue demand."""

    queue = models.ForeignKey(EmailQueue, on_delete=models.CASCADE, related_name="skill_demands")
    skill = models.ForeignKey(Skill, on_delete=models.PROTECT)
    level = models.PositiveSmallIntegerField("wanted level", default=1, validators=LEVEL)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "skill"], name="queue_skill_once")]

    def __str__(self) -> str:
        return f"{self.skill} {self.level}"


class AcknowledgementText(models.Model):
    """The acknowledgements of a queue in one language; in all others the queue's own texts are sent."""

    queue = models.ForeignKey(EmailQueue, on_delete=models.CASCADE, related_name="acknowledgement_texts")
    language = models.ForeignKey(Language, on_delete=models.CASCADE)
    text = models.TextField(blank=True, validators=[check_acknowledgement])
    outside_text = models.TextField(
        "outside the opening hours",
        blank=True,
        validators=[check_acknowledgement],
        help_text="Empty for the same.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "language"], name="acknowledgement_language_once")
        ]

    def __str__(self) -> str:
        return f"acknowledgement in {self.language_id}"


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
        PENDING = "pending", "Customer's turn"
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
    last_message_at = models.DateTimeField()
    last_direction = models.CharField(max_length=3, default="in")
    preview = models.CharField(max_length=200, blank=True)
    messages_count = models.PositiveIntegerField(default=0)
    has_attachments = models.BooleanField(default=False)
    has_outside = models.BooleanField(
        default=False, db_default=False, help_text="Somebody else was asked about it."
    )

    class Meta:
        ordering = ["-last_message_at", "-id"]
        indexes = [
            models.Index(fields=["queue", "state", "-last_message_at", "-id"], name="conversation_list"),
            models.Index(
                fields=["queue", "due_tick", "id"], name="conversation_waiting", condition=Q(state="waiting")
            ),
            *WAITING_INDEXES,
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
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    compose_token = models.CharField(max_length=200, null=True, help_text="Sending twice gives one mail.")
    search = SearchVectorField(null=True, editable=False)
    sent_at = models.DateTimeField(help_text="The date the mail itself gives.")
    created_at = models.DateTimeField(help_text="When we got it or wrote it.")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["message_id"], name="message_by_message_id"),
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


class Attachment(models.Model):
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

    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    """What colleagues tell each other; it has no recipients, so it can't leave the house."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField()
    search = SearchVectorField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [GinIndex(fields=["search"], name="note_found", fastupdate=False)]

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
