"""Agents, what they can do, and whether they are there."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from agents.calendars import Calendar, CalendarDay, validate_zone
from agents.interface import LANGUAGES
from agents.opening import validate, validate_day
from agents.skillwords import BELOW, HAS, TOP_LEVEL, level_words, shown
from mailcore.placeholders import PlaceholderError, check

__all__ = [
    "HAS", "LEVEL", "SKILL_LEVELS", "TOP_LEVEL", "Absence", "Agent", "AgentLanguage", "AgentSkill",
    "Calendar", "CalendarDay", "Language", "Skill", "SkillLevel",
]  # fmt: skip

LEVEL = [MinValueValidator(1), MaxValueValidator(TOP_LEVEL)]
SKILL_LEVELS = [*((level, str(level)) for level in range(1, TOP_LEVEL + 1)), (HAS, "yes")]


PLACES = ("agent.name", "agent.first_name", "agent.email")


def check_signature(text: str) -> None:
    """Refuse an agent's signature with a place that nothing is known for: a field validator."""
    try:
        check(text, PLACES)
    except PlaceholderError as error:
        raise ValidationError(str(error)) from error


class Skill(models.Model):
    """Something that some agents can do and some queues demand; see `skillwords` for its kinds."""

    class Kind(models.TextChoices):
        LEVEL = "level", "Level 1 to 5"
        YES_NO = "yes_no", "Yes or no"
        CHOICE = "choice", "Choice"

    name = models.SlugField(max_length=80, unique=True, allow_unicode=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.LEVEL, db_default=Kind.LEVEL)
    of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="choices",
        help_text="Of a choice: the skill that it is one of.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(of=None) | models.Q(kind="choice"), name="only_choices_are_below_a_skill"
            )
        ]

    def __str__(self) -> str:
        return shown(self.name)

    @property
    def is_firm(self) -> bool:
        """Whether one has it or hasn't, instead of a level."""
        return self.kind != self.Kind.LEVEL

    @property
    def has_choices(self) -> bool:
        """Whether only its choices are had and demanded."""
        return self.kind == self.Kind.CHOICE and self.of_id is None

    @property
    def choice(self) -> str:
        """Of a choice: its word, such as “red”."""
        return self.name.partition(BELOW)[2]


class SkillLevel(models.Model):
    """That a skill is had or demanded, at a level; HAS for what one has or hasn't."""

    class Meta:
        abstract = True

    def clean(self) -> None:
        """A level for skills with levels; for others it is said by the row being there."""
        row: Any = self
        skill: Skill | None = Skill.objects.filter(pk=row.skill_id).first()
        if skill is None:
            return
        if skill.has_choices:
            raise ValidationError({"skill": f"{skill} is a choice: choose one below it, such as {skill}: …."})
        if skill.is_firm:
            row.level = HAS
        elif row.level == HAS:
            raise ValidationError({"level": f"{skill} has levels: choose 1 to {TOP_LEVEL}."})


class Language(models.Model):
    """A language that agents speak, by its ISO 639-1 tag."""

    tag = models.CharField(
        max_length=2,
        primary_key=True,
        validators=[RegexValidator(r"^[a-z]{2}$", "Give the two-letter language code, such as cs or en.")],
    )

    class Meta:
        ordering = ["tag"]

    def __str__(self) -> str:
        return self.tag


class Agent(models.Model):
    """The work profile of a user."""

    class Role(models.TextChoices):
        AGENT = "agent", "Agent"
        SUPERVISOR = "supervisor", "Supervisor"
        ADMINISTRATOR = "administrator", "Administrator"

    class Presence(models.TextChoices):
        AVAILABLE = "available", "Available"
        AWAY = "away", "Away"
        OFFLINE = "offline", "Offline"

    class Writes(models.TextChoices):
        RICH = "rich", "With formatting"
        PLAIN = "plain", "Plain text"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="agent")
    role = models.CharField(max_length=20, choices=Role, default=Role.AGENT)
    capacity = models.PositiveSmallIntegerField(
        default=1,
        help_text="Conversations offered at the same time. 1 is best: each further one lies unbegun "
        "while a colleague might have answered it.",
    )
    signature = models.TextField(
        blank=True,
        default="",
        db_default="",
        validators=[check_signature],
        help_text="Stands where a queue's signature says {{ agent.signature }}, or alone if it has none.",
    )
    writes = models.CharField(
        "begins an answer",
        max_length=10,
        choices=Writes,
        default=Writes.RICH,
        db_default=Writes.RICH,
        help_text="Each answer can be switched over; what leaves has a plain text in any case.",
    )
    interface = models.CharField(
        "language of the pages",
        max_length=10,
        choices=LANGUAGES,
        blank=True,
        default="",
        db_default="",
        help_text="Empty: the one that the browser asks for. Agents choose it on their account page, too.",
    )
    follows_mentions = models.BooleanField(
        "follows where mentioned",
        default=True,
        db_default=True,
        help_text="Whoever is mentioned in a note is told of what happens then; each can be left again.",
    )
    presence = models.CharField(max_length=20, choices=Presence, default=Presence.OFFLINE, editable=False)
    presence_at = models.DateTimeField(null=True, blank=True, editable=False)
    away_reason = models.CharField(
        max_length=100, blank=True, default="", db_default="", editable=False, help_text="Such as lunch."
    )
    missed_offers = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, help_text="In a row, not opened in time."
    )
    seen_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Last sign of life of the agent's browser."
    )
    presence_by_program = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="No browser has to give signs of life."
    )
    presence_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the word of a program runs out, if it does."
    )
    idle_since = models.DateTimeField(null=True, blank=True, editable=False)
    shifts = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        validators=[validate],
        help_text="Such as Mo-Fr 08:00-16:30; empty: on duty whenever they say so.",
    )
    time_zone = models.CharField(
        "time zone of the shifts",
        max_length=60,
        blank=True,
        default="",
        db_default="",
        validators=[validate_zone],
        help_text="Such as Europe/Prague; empty for the installation's.",
    )
    calendar = models.ForeignKey(
        Calendar,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="agents",
        verbose_name="holidays",
        help_text="The calendar whose exceptional days shorten the shifts, or are free.",
    )
    skills = models.ManyToManyField(Skill, through="AgentSkill")
    languages = models.ManyToManyField(Language, through="AgentLanguage")

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return self.user.get_full_name() or self.user.get_username()


class AgentSkill(SkillLevel):
    """How well an agent does something, 1 to 5, or that the agent has it; no row means not at all."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="skill_levels")
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE)
    level = models.PositiveSmallIntegerField(default=3, choices=SKILL_LEVELS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "skill"], name="agent_skill_once"),
            models.CheckConstraint(
                condition=models.Q(level__range=(1, HAS)), name="skill_level_1_to_5_or_has"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.skill_id} {self.level}"

    @property
    def words(self) -> str:
        """Such as “billing 3”, or “certified”."""
        return level_words(self.skill.name, self.level)


class AgentLanguage(models.Model):
    """How well an agent writes a language, 1 to 5; no row means not at all."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="language_levels")
    language = models.ForeignKey(Language, on_delete=models.CASCADE)
    level = models.PositiveSmallIntegerField("proficiency", default=3, validators=LEVEL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "language"], name="agent_language_once"),
            models.CheckConstraint(condition=models.Q(level__range=(1, 5)), name="language_level_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.language_id} {self.level}"


class Absence(models.Model):
    """Days on which an agent doesn't work the usual shift: away, or at other hours."""

    class Kind(models.TextChoices):
        HOLIDAY = "holiday", "Holiday"
        SICK = "sick", "Sick"
        TRAINING = "training", "Training"
        CHANGED = "changed", "Other hours"
        OTHER = "other", "Away"

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="absences")
    first_date = models.DateField("from")
    last_date = models.DateField("until")
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.HOLIDAY)
    hours = models.CharField(
        max_length=100,
        blank=True,
        default="",
        validators=[validate_day],
        help_text="Worked on these days instead, such as 10:00-14:00; empty: none.",
    )

    class Meta:
        ordering = ["first_date", "pk"]
        indexes = [models.Index(fields=["last_date", "first_date"], name="absence_by_time")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last_date__gte=models.F("first_date")), name="absence_ends_after_it_begins"
            )
        ]

    def __str__(self) -> str:
        days = (
            f"{self.first_date}"
            if self.first_date == self.last_date
            else f"{self.first_date} to {self.last_date}"
        )
        return f"{self.get_kind_display().lower()} {days}"

    def clean(self) -> None:
        """The end isn't before the beginning; other hours are given."""
        if self.first_date and self.last_date and self.last_date < self.first_date:
            raise ValidationError({"last_date": "It ends before it begins: choose a later day."})
        if self.kind == self.Kind.CHANGED and not self.hours:
            raise ValidationError({"hours": "Give the hours that are worked instead, such as 10:00-14:00."})


class AwayReason(models.Model):
    """Why agents may be away; who is away keeps their work and gets none."""

    name = models.CharField(max_length=60, unique=True, help_text="As agents and supervisors read it: Lunch.")
    place = models.PositiveSmallIntegerField(
        default=10, db_default=10, help_text="Small numbers stand first in the menu."
    )

    class Meta:
        verbose_name = "away reason"
        ordering = ["place", "name"]

    def __str__(self) -> str:
        return self.name
