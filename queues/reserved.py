"""Ids and numbers for the conversations and messages of a batch, so that their rows can be written together.

A number is public, so only those that are surely used are fetched ahead; the others one by one.
"""

from collections.abc import Iterator

from django.db import connection

from mailstore.batch import is_open, note, noted, write
from queues.models import Conversation, Message

CONVERSATIONS = """
SELECT nextval(pg_get_serial_sequence('queues_conversation', 'id')), nextval('queues_conversation_number')
FROM generate_series(1, %s)
"""
MESSAGES = "SELECT nextval(pg_get_serial_sequence('queues_message', 'id')) FROM generate_series(1, %s)"
EXPECTED = "queues.reserved: conversations, messages"
IDS = "queues.reserved: ids of "

Ids = Iterator[tuple[int, ...]]


def expect(conversations: int, messages: int) -> None:
    """How many of each a batch will surely make."""
    note(EXPECTED, (conversations, messages))


def add_conversation(row: Conversation) -> None:
    """Write a new conversation, now or with the rest of the batch; it has its id and number at once."""
    if is_open():
        row.pk, row.number = _next(CONVERSATIONS, 0)
        write(row)
    else:
        row.save(force_insert=True)


def add_message(row: Message) -> None:
    """Write a new message in the same way."""
    if is_open():
        (row.pk,) = _next(MESSAGES, 1)
        write(row)
    else:
        row.save(force_insert=True)


def _next(statement: str, which: int) -> tuple[int, ...]:
    ids: Ids | None = noted(IDS + statement)
    found = next(ids, None) if ids is not None else None
    if found is None:
        expected = noted(EXPECTED)
        count = max(expected[which], 1) if expected and ids is None else 1
        with connection.cursor() as cursor:
            cursor.execute(statement, [count])
            ids = iter(cursor.fetchall())
        note(IDS + statement, ids)
        found = next(ids)
    return found
