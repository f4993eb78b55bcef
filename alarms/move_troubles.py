"""Conversations that could not follow their source to another queue."""

from collections.abc import Iterator

from django.urls import reverse

from alarms.trouble import Trouble
from mailsources import following


def move_troubles() -> Iterator[Trouble]:
    """One for each move that has left some behind; its page names them, and has the way out."""
    for each in following.left_behind():
        source = each.move.source
        yield Trouble(
            f"source:{source.pk}:left-behind",
            f"source {source.name}",
            f"{each}: let them follow again, or stay.",
            reverse("admin:mailsources_emailsource_move", args=[source.pk]),
            is_urgent=False,
        )
