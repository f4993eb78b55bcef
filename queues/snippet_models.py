"""Snippets and who has used them."""

import re

from django.core.exceptions import ValidationError
from django.db import models

from agents.models import Agent, Language
from mailcore import authored
from mailcore.placeholders import PlaceholderError, check
from queues.texts import OF_AGENT, OF_MATTER

_OF_AGENT_TO_FILL = re.compile(r"\{\{\s*\?[^{}\n]{1,99}\}\}")


def check_places(html: str) -> None:
    """Refuse a place that nothing is known for, unless the agent is to fill it in: a field validator."""
    try:
        check(_OF_AGENT_TO_FILL.sub("", authored.plain(html)), (*OF_MATTER, *OF_AGENT))
    except PlaceholderError as error:
        raise ValidationError(f"{error} {{{{ ?some words }}}} is for the agent to fill in.") from error


class Snippet(models.Model):
    """A text to be inserted while writing; without an owner it is shared, without queues it is for all."""

    LONGEST_NAME = 100

    name = models.CharField(max_length=LONGEST_NAME)
    html = models.TextField("text", validators=[check_places])
    language = models.ForeignKey(
        Language,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Offered first for conversations in it; empty for any.",
    )
    queues = models.ManyToManyField(
        "queues.EmailQueue", blank=True, related_name="snippets", help_text="Empty for all queues."
    )
    owner = models.ForeignKey(
        Agent,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="snippets",
        help_text="Only this agent sees it; empty for everybody.",
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "language", "owner"], name="snippet_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        """The same without formatting."""
        return authored.plain(self.html)


class SnippetUse(models.Model):
    """When an agent inserted a snippet last, so that the list begins with it."""

    snippet = models.ForeignKey(Snippet, on_delete=models.CASCADE, related_name="uses")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    used_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snippet", "agent"], name="snippet_use_once")]

    def __str__(self) -> str:
        return f"{self.snippet_id} by {self.agent_id}"
