"""Mailboxes that somebody waits on in IDLE are polled seldom: a poll is then only the safety net.

The watch says, every few seconds and for all its mailboxes at once, until when they count as watched. When it
stops saying so, for whatever reason, its mailboxes are polled at their usual interval again.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from mailsources.models import SourceState

POLL_SECONDS = 270
"""With the spread of a tenth, a watched mailbox is looked at every five minutes at least."""

BEAT_SECONDS = 15.0
HOLD_SECONDS = 40.0
"""Two beats may be late."""

NOTE = """
UPDATE mailsources_sourcestate SET watched_until = %s WHERE id IN (
    SELECT id FROM mailsources_sourcestate WHERE source_id = ANY(%s)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
"""
"""A row that is locked is being polled: the next beat will find it free."""

LAPSE = """
UPDATE mailsources_sourcestate SET
    watched_until = NULL,
    next_attempt_at = CASE WHEN failures = 0 THEN LEAST(next_attempt_at, due.latest) ELSE next_attempt_at END
FROM (
    SELECT state.id, %s + random() * coalesce(source.poll_interval, %s) * interval '1 second' AS latest
    FROM mailsources_sourcestate AS state
    JOIN mailsources_emailsource AS source ON source.id = state.source_id
    WHERE state.watched_until < %s AND (state.lease_until IS NULL OR state.lease_until < %s)
        AND state.next_attempt_at IS NOT NULL
    ORDER BY state.id FOR NO KEY UPDATE OF state SKIP LOCKED
) AS due
WHERE mailsources_sourcestate.id = due.id
"""
"""One that fails waits as long as its server asked for, watched or not."""


def note(source_ids: Iterable[int]) -> None:
    """Somebody waits on these mailboxes now, and will say so again soon."""
    _say(source_ids, HOLD_SECONDS)


def let_go(source_ids: Iterable[int]) -> None:
    """Nobody waits on these any more."""
    _say(source_ids, -1)


def back_to_polls() -> int:
    """Give mailboxes that were let go their usual interval, spread over one; returns how many."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(LAPSE, [now, settings.POLL_INTERVAL, now, now])
        return int(cursor.rowcount)


def is_watched(state: SourceState) -> bool:
    """Whether somebody waits on this mailbox, as far as this row knows."""
    return state.watched_until is not None and state.watched_until > timezone.now()


def _say(source_ids: Iterable[int], seconds: float) -> None:
    until = timezone.now() + timedelta(seconds=seconds)
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [until, sorted(source_ids)])
