"""Views that people save: a list with what was searched in it, under a name."""

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

NAME = RegexValidator(r"^\S(.*\S)?$", "A name has no blanks at its ends.")


def shared_stay(collector: Any, field: Any, rows: Any, using: str) -> None:
    """When a person is deleted, what they shared stays their team's; what was theirs alone goes."""
    models.SET_NULL(collector, field, rows.exclude(team=None), using)
    models.CASCADE(collector, field, rows.filter(team=None), using)


shared_stay.staying = lambda rows: rows.exclude(team=None)  # type: ignore[attr-defined]
"""For the audit log: which rows stay."""


class SavedView(models.Model):
    """A list of the desk that somebody saved: private, or shared with who works in `team`.

    `view` and `queue` say which list, `text` what was searched in it, `sort` in which order.
    """

    class Icon(models.TextChoices):
        BOOKMARK = "bookmark", "Bookmark"
        STAR = "star", "Star"
        FLAG = "flag", "Flag"
        BELL = "bell", "Bell"
        CLOCK = "waiting", "Clock"
        TAG = "tag", "Tag"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=shared_stay,
        related_name="saved_views",
        help_text="Who made it; nobody, if that one was deleted and it is shared.",
    )
    team = models.ForeignKey(
        "queues.EmailQueue",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="shared_views",
        help_text="Shared with who works in this queue; empty for a private one.",
    )
    name = models.CharField(max_length=60, validators=[NAME])
    icon = models.CharField(max_length=10, choices=Icon, default=Icon.BOOKMARK)
    view = models.CharField(max_length=12, default="all")
    queue = models.ForeignKey(
        "queues.EmailQueue", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    text = models.CharField(max_length=200, blank=True, default="")
    sort = models.CharField(max_length=10, blank=True, default="")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], condition=Q(team__isnull=True), name="own_view_once"
            ),
            models.UniqueConstraint(
                fields=["team", "name"], condition=Q(team__isnull=False), name="shared_view_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StartView(models.Model):
    """Which list the desk of somebody opens with."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="start_view")
    saved = models.ForeignKey(SavedView, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    view = models.CharField(max_length=12, blank=True, default="")

    def __str__(self) -> str:
        return self.saved.name if self.saved else self.view
