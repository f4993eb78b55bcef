"""Agents, what they can do, and whether they are there."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from mailcore.placeholders import PlaceholderError, check

TOP_LEVEL = 5
LEVEL = [MinValueValidator(1), MaxValueValidator(TOP_LEVEL)]


PLACES = ("agent.name", "agent.first_name", "agent.email")


def check_signature(text: str) -> None:
    """Refuse an agent's signature with a place that nothing is known for: a field validator."""
    try:
        check(text, PLACES)
    except PlaceholderError as error:
        raise ValidationError(str(error)) from error


class Skill(models.Model):
    """Something that some agents can do and some queues demand."""

    name = models.SlugField(max_length=80, unique=True, allow_unicode=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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
    idle_since = models.DateTimeField(null=True, blank=True, editable=False)
    skills = models.ManyToManyField(Skill, through="AgentSkill")
    languages = models.ManyToManyField(Language, through="AgentLanguage")

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return self.user.get_full_name() or self.user.get_username()


class AgentSkill(models.Model):
    """How well an agent does something, 1 to 5; no row means not at all."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="skill_levels")
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE)
    level = models.PositiveSmallIntegerField(default=3, validators=LEVEL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "skill"], name="agent_skill_once"),
            models.CheckConstraint(condition=models.Q(level__range=(1, 5)), name="skill_level_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.skill_id} {self.level}"


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
