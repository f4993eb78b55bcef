"""E-mail queues: what each demands of its agents, and how its mails are answered."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.models import LEVEL, SKILL_LEVELS, Agent, Language, Skill, SkillLevel
from mailsenders.models import EmailSender
from queues.promises import Promise
from queues.routed import RoutedQueue
from queues.texts import check_acknowledgement, check_signature


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

    class PaymentCards(models.TextChoices):
        OFF = "off", "Not looked for"
        FLAG = "flag", "Marked"
        MASK = "mask", "Masked, also in what is stored"
        REJECT = "reject", "Refused, and the sender is told"

    class KeptThen(models.TextChoices):
        ANONYMISE = "anonymise", "Take the people and words out, keep the figures"
        DELETE = "delete", "Delete the conversation"

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
    pci = models.CharField(
        "numbers of payment cards",
        max_length=10,
        choices=PaymentCards,
        default=PaymentCards.OFF,
        db_default="off",
    )
    keep_days = models.PositiveIntegerField(
        "days to keep",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(36500)],
        help_text="After a conversation was closed; empty for ever. See System → Privacy for what would go.",
    )
    kept_then = models.CharField(
        "and then",
        max_length=10,
        choices=KeptThen,
        default=KeptThen.ANONYMISE,
        db_default="anonymise",
        help_text="At night, a few at a time. Conversations on legal hold stay.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "email queue"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class QueueSkill(SkillLevel):
    """A skill that the conversations of a queue demand."""

    queue = models.ForeignKey(EmailQueue, on_delete=models.CASCADE, related_name="skill_demands")
    skill = models.ForeignKey(Skill, on_delete=models.PROTECT)
    level = models.PositiveSmallIntegerField("wanted level", default=1, choices=SKILL_LEVELS)

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
