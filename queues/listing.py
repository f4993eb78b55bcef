"""Which conversations a list shows, in which order, and where a page of it ended.

Pages are read by keyset: a mark says after which row the next one begins, so the hundredth costs what
the first does.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet

from queues.models import NEVER, Conversation

PAGE = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class View(StrEnum):
    """The lists of the desk."""

    MINE = "mine"  # assigned to me, due first
    WAITING = "waiting"  # what I can handle, in the order in which it is offered
    QUEUE = "queue"  # all that is open in one queue
    UNASSIGNED = "unassigned"  # all that waits, able or not
    PENDING = "pending"
    SNOOZED = "snoozed"
    HELD = "held"  # until a person has looked
    CLOSED = "closed"
    SPAM = "spam"  # what a person said is spam
    MENTIONS = "mentions"  # of me, in notes
    ALL = "all"


class Sort(StrEnum):
    """The orders of a list; without one it has that of its view."""

    DUE = "due"
    NEWEST = "newest"
    OLDEST = "oldest"


ORDERS = {
    Sort.DUE: ("due", "pk"),
    Sort.NEWEST: ("-last_message_at", "-pk"),
    Sort.OLDEST: ("last_message_at", "pk"),
}
DUE_FIRST = {View.MINE, View.WAITING, View.UNASSIGNED}


class BadCursor(ValueError):
    """A page mark that we didn't make."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which conversations a list shows; `after` is the `next` of the page before."""

    view: View = View.MINE
    queue: int | None = None
    text: str = ""
    state: str = ""
    agent: int | None = None
    contact: int | None = None
    after: str = ""
    limit: int = PAGE
    sort: str = ""

    @property
    def order(self) -> Sort:
        """In which order it is, unless that is the one of routing."""
        usual = Sort.DUE if self.view in DUE_FIRST else Sort.NEWEST
        return Sort(self.sort) if self.sort in ORDERS else usual


def mark_of(row: Conversation, order: Sort) -> str:
    """The mark of the page that follows this row."""
    at = (row.due_at or NEVER) if order == Sort.DUE else row.last_message_at
    return f"{(at - EPOCH) // timedelta(microseconds=1)}_{row.pk}"


def after(rows: QuerySet[Any], mark: str, order: Sort) -> QuerySet[Any]:
    """What follows the mark.

    Raises:
        BadCursor: it isn't one of ours.
    """
    if not mark:
        return rows
    stamp, _, pk = mark.partition("_")
    try:
        at, last = EPOCH + timedelta(microseconds=int(stamp)), int(pk)
    except (ValueError, OverflowError) as error:
        raise BadCursor(f"“{mark[:50]}” is not a page of this list.") from error
    if order == Sort.NEWEST:
        return rows.filter(Q(last_message_at__lte=at) & (Q(last_message_at__lt=at) | Q(pk__lt=last)))
    name = "due" if order == Sort.DUE else "last_message_at"
    return rows.filter(Q(**{f"{name}__gte": at}) & (Q(**{f"{name}__gt": at}) | Q(pk__gt=last)))
