"""Whose turn it is to deliver the mails of a source: one worker's at a time, so that they stay in order.

A turn is an advisory lock of a database session, so that of a worker that dies ends at once. It only keeps
the order: that no mail is delivered twice, claims see to (`mailsources.claims`).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.db import connection

logger = logging.getLogger(__name__)

MARK = 0x756373 << 32
"""Tells these locks from others in the database; below it stands the id of the source."""


@contextmanager
def turn(source_id: int) -> Iterator[bool]:
    """Say whether it is ours now, until the end of the block; nobody waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [MARK + source_id])
        (is_ours,) = cursor.fetchone()
    try:
        yield is_ours
    finally:
        if is_ours:
            _end(source_id)


def _end(source_id: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MARK + source_id])
    except DatabaseError as error:
        logger.warning("the turn of source %s ends with its session: %s", source_id, error)
        connection.close()
