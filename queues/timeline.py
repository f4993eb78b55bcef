"""The story of a conversation, line by line: its mails, notes and events, all of them or the newest."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from agents.rights import Person
from mailsenders.models import OutgoingMail
from queues import audiences
from queues.access import conversations_for, one
from queues.history import ASSIGNMENTS, MOVED_FROM, Kind
from queues.models import Conversation, Event, Message, Note

SILENT = frozenset({Kind.OPENED, Kind.RECEIVED, Kind.REPLIED, Kind.ASKED, Kind.ANSWERED_OUTSIDE})
"""Events of which the mail itself stands there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a conversation's story: a message, a note or an event."""

    kind: str
    at: datetime
    item: Message | Note | Event


@dataclass(frozen=True, slots=True)
class Length:
    """How many things a story tells, and the id of its newest mail, 0 if there is none."""

    told: int
    newest: int


def timeline(user: Person, conversation: Conversation, newest: int | None = None) -> list[Entry]:
    """Messages, notes and events in the order in which they happened; mails taken back are left out.

    :param newest: only the last of the story: at least so many of what is told, if there are so many.

    Raises:
        Http404: the user may not see the conversation.
    """
    one(conversations_for(user).filter(pk=conversation.pk))
    messages = (
        _mails(conversation)
        .defer("search")  # as large as the mail itself
        .select_related("outgoing", "agent__user")
        .prefetch_related("attachments", "outgoing__recipients")
    )
    notes = _notes(user, conversation).select_related("user").prefetch_related("mentions__agent__user")
    events = conversation.events.select_related("user")
    if newest is not None:
        events = events.filter(_is_told())
    entries = [Entry("message", row.created_at, row) for row in _last(messages, "created_at", newest)]
    entries += [Entry("note", row.created_at, row) for row in _last(notes, "created_at", newest)]
    entries += [Entry("event", row.at, row) for row in _last(events, "at", newest)]
    found = sorted(entries, key=lambda entry: (entry.at, entry.kind != "message", entry.item.pk))
    return found if newest is None else found[-newest:] if newest else []


def length(user: Person, conversation: Conversation) -> Length:
    """Count what `timeline` tells, without reading it."""
    mails = _mails(conversation).aggregate(told=Count("pk"), newest=Max("pk"))
    notes = _notes(user, conversation).count()
    events = conversation.events.filter(_is_told()).count()
    return Length(mails["told"] + notes + events, mails["newest"] or 0)


def last_assignment(conversation: Conversation) -> Event | None:
    """Why it went to whom it went last; nothing of what came along from another conversation."""
    rows = conversation.events.filter(kind__in=ASSIGNMENTS).exclude(data__has_key=MOVED_FROM)
    return rows.order_by("-at", "-pk").first()


def _mails(conversation: Conversation) -> QuerySet[Message]:
    return conversation.messages.exclude(outgoing__state=OutgoingMail.State.CANCELLED)


def _notes(user: Person, conversation: Conversation) -> QuerySet[Note]:
    return conversation.notes.filter(audiences.readable(user))


def _is_told() -> Q:
    return ~Q(kind__in=SILENT) & ~Q(sentence="")


def _last(rows: QuerySet[Any], when: str, newest: int | None) -> QuerySet[Any]:
    return rows if newest is None else rows.order_by(f"-{when}", "-pk")[:newest]
