"""Tell the world outside what happened: the only place that writes new rows of the event feed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mailstore.batch import write
from mailstore.feed_models import FeedEvent

Type = FeedEvent.Type

TELL_SENT = """
INSERT INTO mailstore_feedevent (type, at, conversation_id, outgoing_id, data)
SELECT 'mail.sent', %s, order_key, id, '{}' FROM sent WHERE order_key > 0
"""
"""For a statement that has just marked mails as sent: their `id` and `order_key` stand in `sent`.

A key below zero is no conversation's: alarms, notices and tests of our own are no events.
"""

TELL_NEW_CONTACTS = """
INSERT INTO mailstore_feedevent (type, at, contact_id, data)
SELECT 'contact.created', %s, id, '{}' FROM contact WHERE %s
"""
"""For a statement that has just made contacts: their `id` stands in `contact`. Then whether `is_told`."""

_is_told: ContextVar[bool] = ContextVar("feed_is_told", default=True)


@contextmanager
def untold() -> Iterator[None]:
    """What is written in here happened long ago: nobody outside is told of it."""
    token = _is_told.set(False)
    try:
        yield
    finally:
        _is_told.reset(token)


def is_told() -> bool:
    """Whether what is written now is told to programs outside."""
    return _is_told.get()


def tell(type_: Type, data: dict[str, Any] | None = None, **ids: int | None) -> None:
    """Write an event, in the transaction of the fact or not at all.

    :param ids: whom it is about: queue_id, conversation_id, message_id, outgoing_id, contact_id.
    """
    if is_told():
        write(FeedEvent(type=type_, data=data or {}, **ids))


def tell_of_contacts(type_: Type, contact_ids: Iterable[int]) -> None:
    """The same for many contacts at once."""
    FeedEvent.objects.bulk_create(FeedEvent(type=type_, contact_id=pk) for pk in contact_ids)
