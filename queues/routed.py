"""What routing reads and writes: the rules of a queue, the state of a conversation, who can do which kind.

waiting ──kept for who answered last, for a part of the target──▶ waiting for everybody
   │ ▲
offered (push) ──opened or begun in time──▶ accepted
   │ └──────not opened in time: back, and not to the same agent again──────┘
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from agents.models import SKILL_LEVELS, Agent, Skill, SkillLevel
from agents.skillwords import demand_words
from queues import policy, steps


class RoutedQueue(models.Model):
    """How the conversations of a queue come to its members."""

    class Mode(models.TextChoices):
        PUSH = "push", "Push: conversations are given to free agents"
        PICK = "pick", "Pick: agents take the next one from the list"
        NOTIFY = "notify", "Notify: free agents are told, and take the next one"

    class WaitRule(models.TextChoices):
        OFF = "off", "Off: wait for an able agent"
        UNCOVERED = (
            "uncovered",
            "Uncovered: when no able agent is on duty, readers of the language may answer",
        )
        STEPS = "steps", "Steps: the longer it waits, the less is demanded"

    mode = models.CharField(max_length=10, choices=Mode, default=Mode.PICK)
    allow_picking = models.BooleanField(
        "agents may choose from the list",
        default=True,
        db_default=True,
        help_text="Else they get what routing puts first; supervisors may always choose.",
    )
    accept_seconds = models.PositiveIntegerField(
        "seconds to open what was given",
        default=120,
        db_default=120,
        validators=[MaxValueValidator(86_400)],
        help_text="Not opened by then, it goes to somebody else; 0 for no limit.",
    )
    wait_rule = models.CharField(max_length=20, choices=WaitRule, default=WaitRule.UNCOVERED)
    steps = models.JSONField(
        "steps of the wait rule",
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        blank=True,
        validators=[steps.validate],
        help_text="For the wait rule “steps”: what is demanded less after how many minutes of opening hours.",
    )
    own_share = models.FloatField(
        "kept for who answered last",
        default=0.4,
        db_default=0.4,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="For which part of the target a customer's answer waits for the agent who answered last.",
    )
    exponent = models.FloatField(
        "speed ↔ skill",
        default=3,
        db_default=3,
        validators=[MinValueValidator(2), MaxValueValidator(12)],
        help_text="2: whoever is free; 12: only who fits best. 3 is the usual.",
    )
    late_halving = models.FloatField(
        default=1,
        db_default=1,
        validators=[MinValueValidator(0.1), MaxValueValidator(10)],
        help_text="In targets: ½ is kinder to what is late, 2 keeps more in time when there is too much.",
    )
    weight = models.PositiveSmallIntegerField(
        "takes of the capacity",
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="How much of an agent's capacity one conversation takes.",
    )
    kinds_mark = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)

    class Meta:
        abstract = True

    @property
    def knobs(self) -> policy.Knobs:
        """What the rule is turned to here."""
        return policy.Knobs(self.exponent, self.own_share, self.late_halving)


class RoutedConversation(models.Model):
    """Where routing keeps what it needs of a conversation, so that deciding reads nothing else."""

    kind = models.ForeignKey(
        "queues.Kind", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    target = models.PositiveIntegerField(
        null=True, blank=True, help_text="Minutes of opening hours that our answer may take."
    )
    answered_by = models.ForeignKey(
        Agent,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="Who answered last.",
    )
    reserved_for = models.ForeignKey(
        Agent,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reserved",
        db_index=False,
        help_text="For whom it waits, until then.",
    )
    reserved_until = models.DateTimeField(null=True, blank=True)
    offered_at = models.DateTimeField(null=True, blank=True, help_text="When routing gave it.")
    accept_by = models.DateTimeField(
        null=True, blank=True, help_text="Until when who was given it has to open it; empty when they have."
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    missed_by = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        blank=True,
        help_text="Agents who didn't open it in time; not given to them again until it is answered.",
    )

    class Meta:
        abstract = True


WAITING_INDEXES = [
    models.Index(
        fields=["kind", "target", "due_tick", "id"],
        name="conversation_line",
        condition=Q(state="waiting", reserved_for__isnull=True),
    ),
    models.Index(
        fields=["reserved_for", "reserved_until"],
        name="conversation_reserved",
        condition=Q(reserved_for__isnull=False),
    ),
    models.Index(
        fields=["answered_by", "due_tick"],
        name="conversation_own",
        condition=Q(state="waiting", answered_by__isnull=False),
    ),
    models.Index(
        fields=["queue", "id"],
        name="conversation_unkinded",
        condition=Q(state="waiting", kind__isnull=True),
    ),
    models.Index(fields=["accept_by"], name="conversation_offered", condition=Q(accept_by__isnull=False)),
]
"""All partial: they hold what waits, not what was ever answered."""


class Kind(models.Model):
    """One demand that conversations of a queue make: routing looks at kinds, of which there are hundreds.

    `demands`: [[skill, level], …] sorted by name. `is_usual`: what the queue demands of every conversation in
    that language. `is_live`: its agents are kept up to date. `able` counts active members.
    `gap_since`: since when something waits that nobody on duty can do.
    """

    queue = models.ForeignKey("queues.EmailQueue", on_delete=models.CASCADE, related_name="kinds")
    language = models.CharField(max_length=2, blank=True)
    language_level = models.PositiveSmallIntegerField(default=0)
    demands = models.JSONField(default=list)
    words = models.CharField(max_length=500, blank=True, help_text="Such as “billing in Czech”.")
    is_usual = models.BooleanField(default=False)
    is_live = models.BooleanField(default=False)
    able = models.PositiveIntegerField(default=0)
    scarcity = models.FloatField(default=1)
    gap_since = models.DateTimeField(null=True, blank=True)
    agents: models.Manager["AgentKind"]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "language", "language_level", "demands"], name="kind_once"
            ),
            models.UniqueConstraint(
                fields=["queue", "language"], condition=Q(is_usual=True), name="one_usual_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.words

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it demands, such as ("billing ≥ 2", "cs ≥ 3")."""
        names = [demand_words(name, level) for name, level in self.demands]
        return (*names, f"{self.language} ≥ {self.language_level}") if self.language else tuple(names)


class AgentKind(models.Model):
    """That an agent can do a kind, and how well; who can't has no row. Written by `kinds` alone.

    `ratio`: work beside the best able member, 1 is the best. `level`: the lowest that counts.
    `eased`: not able, but the wait rule may let them, `after` minutes of waiting, or with 0 when nobody able
    is or comes on duty in time; `lacks` says what they are short of.
    """

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="kinds", db_index=False)
    kind = models.ForeignKey(Kind, on_delete=models.CASCADE, related_name="agents")
    ratio = models.FloatField()
    level = models.PositiveSmallIntegerField(default=5)
    eased = models.BooleanField(default=False)
    after = models.PositiveIntegerField(default=0)
    lacks = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "kind"], name="agent_kind_once")]

    def __str__(self) -> str:
        return f"agent {self.agent_id} × kind {self.kind_id}"

    @property
    def stretch(self) -> float:
        """What minutes of this kind are multiplied by in the agent's eyes; `kind.queue` should be loaded."""
        return policy.stretch(self.ratio, self.kind.scarcity, self.kind.queue.exponent)


class StaleQueue(models.Model):
    """That something was written that may change who can do what in a queue; by triggers, for `marks`.

    No foreign key: it is written in the transactions of others, and the queue may be deleted in one.
    """

    queue_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"queue {self.queue_id}"


class ConversationSkill(SkillLevel):
    """A skill that one conversation demands, beyond what its queue demands."""

    conversation = models.ForeignKey(
        "queues.Conversation", on_delete=models.CASCADE, related_name="skill_demands"
    )
    skill = models.ForeignKey(Skill, on_delete=models.PROTECT, related_name="+")
    level = models.PositiveSmallIntegerField("wanted level", default=1, choices=SKILL_LEVELS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "skill"], name="conversation_skill_once")
        ]

    def __str__(self) -> str:
        return f"{self.skill} {self.level}"
