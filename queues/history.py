"""The append-only history of a conversation: who did what, and why routing chose an agent."""

from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models import QuerySet, Value
from django.db.models.expressions import CombinedExpression

from mailstore.batch import write, write_now
from queues import feeding, following
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
    CARD_FOUND = "card_found", "Card number found"
    BOUNCED = "bounced", "Could not be delivered"
    OFFERED = "offered", "Given by routing"
    TAKEN = "taken", "Taken"
    ASSIGNED = "assigned", "Assigned"
    RELEASED = "released", "Given back"
    RETURNED = "returned", "Returned to the queue"
    MISSED = "missed", "Not opened in time"
    KEPT = "kept", "Kept for who answered last"
    DEMANDED = "demanded", "Skills demanded"
    TRANSFERRED = "transferred", "Moved to another queue"
    REPLIED = "replied", "Answered"
    ASKED = "asked", "Somebody else asked"
    ANSWERED_OUTSIDE = "answered_outside", "Who was asked answered"
    SCHEDULED = "scheduled", "Answer scheduled"
    UNSCHEDULED = "unscheduled", "No longer scheduled"
    UNDONE = "undone", "Answer taken back"
    RESENT = "resent", "Sent again"
    MARKED_SENT = "marked_sent", "Noted as sent"
    FOUND_SENT = "found_sent", "Found in the Sent folder"
    CLOSED = "closed", "Closed"
    REOPENED = "reopened", "Reopened"
    SNOOZED = "snoozed", "Snoozed"
    WOKE = "woke", "Woke"
    BREACHED = "breached", "Became late"
    ESCALATED = "escalated", "Step of escalation"
    LANGUAGE = "language", "Language corrected"
    CONTACT_PRIORITY = "contact_priority", "Priority of the contact set"
    RECOUNTED = "recounted", "Due time counted anew"
    TAGGED = "tagged", "Tags changed"
    MACRO = "macro", "Macro"
    PENDING = "pending", "Customer’s turn"
    SPAM = "spam", "Spam"
    NOT_SPAM = "not_spam", "Not spam"
    PUT_BACK = "put_back", "Put back as it was"
    VIRUS = "virus", "Virus found"
    RULED = "ruled", "Rule applied"
    MOVED_IN = "moved_in", "Moved in from another system"
    RISKED = "risked", "File opened in spite of a warning"


MOVED_FROM = "moved_from"  # in the data of an event that came here with a mail: the conversation it was of
ASSIGNMENTS = (Kind.OFFERED, Kind.TAKEN, Kind.ASSIGNED)


def come_along(events: QuerySet[Event], before: Conversation, after: Conversation) -> None:
    """Let events go with their mails into another conversation, marked with where they happened."""
    mark = Value({MOVED_FROM: before.pk}, output_field=models.JSONField())
    both = CombinedExpression(models.F("data"), "||", mark, output_field=models.JSONField())
    events.exclude(data__has_key=MOVED_FROM).update(data=both)
    events.update(conversation=after)


def note_event(
    conversation: Conversation,
    kind: Kind,
    sentence: str,
    user: User | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Append to the history; `user` is None when nobody but the system did it."""
    event = Event(conversation=conversation, kind=kind, sentence=sentence, user=user, data=data or {})
    following.happened(conversation, kind, user)
    feeding.tell_of_event(conversation, kind, event.data)
    if kind == Kind.CONTINUED:  # the next mail of a batch may ask for it
        write_now(event)
    else:
        write(event)
    return event
