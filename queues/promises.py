"""What a queue promises, the clock of a conversation, and what becomes of a promise.

    our turn ──start_clock──▶ running ──target used, due, late──▶ steps of escalation, breach
        ▲                       │
        └──the customer wrote───┴──we answered, or it was closed──▶ a `Turn` is written, the clock is empty

`queues/clocks.py` alone starts and stops clocks, `queues/escalation.py` alone walks the steps.
"""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from agents.models import Agent, Calendar
from agents.opening import duration, validate

USUAL_PERCENT = {"urgent": 25, "high": 50, "low": 200}
"""Of a target, by priority; a normal one has all of it."""

PERCENT = [MinValueValidator(1), MaxValueValidator(1000)]


class Promise(models.Model):
    """The part of a queue that says when answers are due; all times in minutes of opening hours."""

    calendar = models.ForeignKey(
        Calendar,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="queues",
        help_text="Opening hours that several queues share; empty: the queue's own.",
    )
    hours = models.CharField(
        "own opening hours",
        max_length=200,
        default="Mo-Su 00:00-24:00",
        help_text="Such as Mo-Fr 08:00-18:00; they count while no calendar is chosen.",
        validators=[validate],
    )
    first_response = models.PositiveIntegerField(default=240, help_text="Minutes of opening hours.")
    next_response = models.PositiveIntegerField(default=480, help_text="Minutes of opening hours.")
    resolution = models.PositiveIntegerField(
        null=True, blank=True, help_text="Minutes of opening hours on our side; empty for no such promise."
    )
    urgent_percent = models.PositiveSmallIntegerField(
        "of the target when urgent, in percent", default=25, db_default=25, validators=PERCENT
    )
    high_percent = models.PositiveSmallIntegerField(
        "when high", default=50, db_default=50, validators=PERCENT
    )
    low_percent = models.PositiveSmallIntegerField(
        "when low", default=200, db_default=200, validators=PERCENT
    )
    counted_as = models.CharField(
        max_length=300,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="With which opening hours and steps the due times of its conversations were counted.",
    )
    recounted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    def percent(self, priority: int) -> int:
        """How much of a target a priority leaves: 1 urgent, 2 high, 3 normal, 4 low."""
        return {1: self.urgent_percent, 2: self.high_percent, 4: self.low_percent}.get(priority, 100)


class Clock(models.Model):
    """The part of a conversation that says since when, and until when, it is our turn."""

    waiting_since = models.DateTimeField(null=True, blank=True, help_text="When it became our turn.")
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When our answer is due; none on their turn."
    )
    due_tick = models.BigIntegerField(
        null=True, blank=True, help_text="The same in minutes of opening hours."
    )
    is_due_kept = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The due time came from another queue or conversation: other opening hours don't move it.",
    )
    breached_at = models.DateTimeField(
        null=True, blank=True, help_text="When it became late; empty again with the next turn of ours."
    )
    escalate_at = models.DateTimeField(
        null=True, blank=True, help_text="When the next step of escalation, or the breach, is."
    )
    escalated = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        help_text="Steps done in this turn.",
    )
    resolve_at = models.DateTimeField(null=True, blank=True, help_text="When the matter is to be settled.")
    resolve_left = models.IntegerField(
        null=True,
        blank=True,
        help_text="Minutes of that which are left while it isn't our turn.",
    )

    class Meta:
        abstract = True


class EscalationStep(models.Model):
    """What a queue does by itself when an answer threatens to be late, or is; once in each turn of ours."""

    class When(models.TextChoices):
        USED = "used", "percent of the target used"
        BEFORE = "before", "minutes before it is due"
        AFTER = "after", "minutes after it was due"

    class Act(models.TextChoices):
        PRIORITY = "priority", "Raise the priority"
        MEMBERS = "members", "Tell the members on duty"
        SUPERVISOR = "supervisor", "Tell the supervisors"
        MOVE = "move", "Move to another queue"
        NOTE = "note", "Add a note"

    queue = models.ForeignKey("queues.EmailQueue", on_delete=models.CASCADE, related_name="escalation")
    amount = models.PositiveIntegerField(default=80, help_text="Minutes of opening hours, or percent.")
    when = models.CharField(max_length=10, choices=When, default=When.USED)
    act = models.CharField("then", max_length=10, choices=Act, default=Act.SUPERVISOR)
    to_queue = models.ForeignKey(
        "queues.EmailQueue",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Where it is moved.",
    )
    text = models.CharField(max_length=500, blank=True, help_text="Of the note.")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        times = {
            self.When.USED: _("when %(amount)s %% of the target are used") % {"amount": self.amount},
            self.When.BEFORE: _("%(duration)s before it is due") % {"duration": duration(self.amount)},
            self.When.AFTER: _("%(duration)s after it was due") % {"duration": duration(self.amount)}
            if self.amount
            else _("when it is late"),
        }
        return f"{times[self.When(self.when)]}: {self.doing}"

    @property
    def doing(self) -> str:
        """What it does, as a part of a sentence."""
        return {
            self.Act.PRIORITY: _("raise the priority"),
            self.Act.MEMBERS: _("tell the members on duty"),
            self.Act.SUPERVISOR: _("tell the supervisors"),
            self.Act.MOVE: _("move to %(queue)s") % {"queue": self.to_queue},
            self.Act.NOTE: _("note “%(note)s”") % {"note": self.text},
        }[self.Act(self.act)]

    def clean(self) -> None:
        """What the act needs is there."""
        if self.act == self.Act.MOVE and self.to_queue is None:
            raise ValidationError({"to_queue": "Choose the queue to move to."})
        if self.act == self.Act.MOVE and self.to_queue_id == self.queue_id:
            raise ValidationError({"to_queue": "It is there already: choose another queue."})
        if self.act == self.Act.NOTE and not self.text.strip():
            raise ValidationError({"text": "Write what the note says."})
        if self.when == self.When.USED and not 1 <= self.amount <= 100:
            raise ValidationError(
                {"amount": "Give 1 to 100 percent; later steps are minutes after it was due."}
            )


class Turn(models.Model):
    """One time that it was our turn, over now: what reports of promises count."""

    class Kind(models.TextChoices):
        FIRST = "first", "First answer"
        NEXT = "next", "Next answer"
        RESOLUTION = "resolution", "Resolution"

    queue = models.ForeignKey("queues.EmailQueue", on_delete=models.CASCADE, related_name="turns")
    conversation = models.ForeignKey("queues.Conversation", on_delete=models.CASCADE, related_name="turns")
    agent = models.ForeignKey(Agent, null=True, on_delete=models.SET_NULL, related_name="turns")
    kind = models.CharField(max_length=10, choices=Kind)
    priority = models.PositiveSmallIntegerField()
    language = models.CharField(max_length=2, blank=True)
    began_at = models.DateTimeField()
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    minutes = models.IntegerField(help_text="Of opening hours that it took.")
    is_answered = models.BooleanField(help_text="By an answer; else it was closed without one.")

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["queue", "ended_at"], name="turn_by_time")]
        constraints = [
            # An answer that is taken back takes its turn with it; the same turn never ends twice.
            models.UniqueConstraint(fields=["conversation", "kind", "began_at"], name="turn_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.began_at}"


ESCALATION_INDEX = models.Index(
    fields=["escalate_at"], name="conversation_escalates", condition=Q(escalate_at__isnull=False)
)


class Notice(models.Model):
    """What one agent is told about a conversation: data, of which `queues/notices_worded.py` makes words."""

    class Kind(models.TextChoices):
        STEP = "step", "A step of escalation"
        MENTION = "mention", "Somebody wrote their name in a note"
        FOLLOW = "follow", "Something happened to what they follow"
        TAKEN = "taken", "Somebody else has it now"

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="notices")
    conversation = models.ForeignKey("queues.Conversation", on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.STEP, db_default=Kind.STEP)
    by = models.ForeignKey(
        Agent, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Who did it; empty: time."
    )
    data = models.JSONField(
        default=dict,
        db_default=models.Value({}, output_field=models.JSONField()),
        help_text="What the words need beside the conversation.",
    )
    sentence = models.CharField(
        max_length=500, default="", db_default="", help_text="Of notices from before there were kinds."
    )
    at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["agent", "-id"], name="notice_unseen", condition=Q(seen_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.agent_id} about {self.conversation_id}"
