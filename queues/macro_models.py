"""Macros: an answer and what is to happen with it, under one name."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from agents.models import Agent
from mailcore import authored
from queues.snippet_models import check_places

LONGEST_SNOOZE = 24 * 366  # hours


class Macro(models.Model):
    """What an agent does again and again; without queues it is for all."""

    class Then(models.TextChoices):
        STAY = "stay", "Stays as an answer leaves it"
        CLOSE = "close", "Is closed"
        SNOOZE = "snooze", "Sleeps for some hours"
        TRANSFER = "transfer", "Moves to a queue"
        ASSIGN = "assign", "Goes to an agent"

    name = models.CharField(max_length=100, unique=True)
    html = models.TextField(
        "answer",
        blank=True,
        default="",
        validators=[check_places],
        help_text="Put into the editor, and sent when the agent sends it; empty for none.",
    )
    note = models.TextField(blank=True, default="", help_text="An internal note.")
    tags = models.ManyToManyField("queues.Tag", blank=True, related_name="+", help_text="Put on.")
    then = models.CharField("the conversation", max_length=10, choices=Then, default=Then.STAY)
    snooze_hours = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_SNOOZE)]
    )
    to_queue = models.ForeignKey(
        "queues.EmailQueue", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    to_agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    queues = models.ManyToManyField(
        "queues.EmailQueue", blank=True, related_name="macros", help_text="Empty for all queues."
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What shall happen says what it needs, and nothing else."""
        needed = {"snooze": "snooze_hours", "transfer": "to_queue", "assign": "to_agent"}
        for then, name in needed.items():
            if self.then == then and getattr(self, name) is None:
                raise ValidationError({name: "Choose one, or let something else happen."})
            if self.then != then and getattr(self, name) is not None:
                raise ValidationError({name: "Leave it empty, or let it happen."})

    @property
    def text(self) -> str:
        """The answer without formatting."""
        return authored.plain(self.html)
