"""The append-only history of a conversation: who did what, and why routing chose an agent."""

from typing import Any

from django.contrib.auth.models import User
from django.db import models

from queues.models import Conversation, Event


class Kind(models.TextChoices):
    """What can happen to a conversation; the words are kept for ever, as reports will count them."""

    OPENED = "opened", "Opened"
    RECEIVED = "received", "Mail came"
    HINT = "hint", "May belong to another conversation"
    CONTINUES = "continues", "Goes on with a conversation"
    CONTINUED = "continued", "Goes on in a new conversation"
    HELD = "held", "Held back"
    LET_GO = "let_go", "Let go"
    MERGED = "merged", "Merged"
    SPLIT = "split", "Split"
    MOVED = "moved", "Mail moved"
    ANSWERED_ELSEWHERE = "answered_there", "Answered in a sibling"
    ACKNOWLEDGED = "acknowledged", "Acknowledgement sent"
    BOUNCED = "bounced", "Could not be delivered"
    OFFERED = "offered", "Given by routing"
    TAKEN = "taken", "Taken"
    ASSIGNED = "assigned", "Assigned"
    RELEASED = "released", "Given back"
    RETURNED = "returned", "Returned to the queue"
    TRANSFERRED = "transferred", "Moved to another queue"
    REPLIED = "replied", "Answered"
    UNDONE = "undone", "Answer taken back"
    RESENT = "resent", "Sent again"
    MARKED_SENT = "marked_sent", "Noted as sent"
    CLOSED = "closed", "Closed"
    REOPENED = "reopened", "Reopened"
    SNOOZED = "snoozed", "Snoozed"
    WOKE = "woke", "Woke"


ASSIGNMENTS = (Kind.OFFERED, Kind.TAKEN, Kind.ASSIGNED)


def note_event(
    conversation: Conversation,
    kind: Kind,
    sentence: str,
    user: User | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Append to the history; `user` is None when nobody but the system did it."""
    return Event.objects.create(
        conversation=conversation, kind=kind, sentence=sentence, user=user, data=data or {}
    )
