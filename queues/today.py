"""What was answered since this morning: how much, how much of it in time, how long it took.

Each answer's event keeps where the conversation was before it, so nothing is computed anew. What was taken
back doesn't count, nor what came here with a mail from another conversation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

FIGURES = """
WITH answered AS MATERIALIZED (
    SELECT e.conversation_id, e.user_id, e.at, s.data -> 'message' AS message,
           (s.data #>> '{before,due_at}')::timestamptz AS due_at,
           (s.data #>> '{before,assigned_at}')::timestamptz AS assigned_at
    FROM queues_event e
    -- Without the text of the answer, and so unpacked once, not for each of these.
    CROSS JOIN LATERAL (SELECT e.data - 'typed' AS data OFFSET 0) s
    WHERE e.kind = 'replied' AND e.at >= %s AND NOT s.data ? 'moved_from'
      AND (%s::bigint IS NULL OR e.user_id = %s)
), found AS (
    -- Looked up one by one: joined, all the conversations that there are would be read.
    SELECT a.*, (SELECT c.queue_id FROM queues_conversation c WHERE c.id = a.conversation_id) AS queue_id
    FROM answered a
    WHERE NOT EXISTS (SELECT FROM queues_event u WHERE u.conversation_id = a.conversation_id
                      AND u.kind = 'undone' AND u.data -> 'message' = a.message)
)
SELECT grouping(user_id) = 1, coalesce(queue_id, user_id), count(*), count(due_at),
       count(*) FILTER (WHERE at <= due_at), count(assigned_at),
       extract(epoch FROM coalesce(sum(at - assigned_at), interval '0')), max(at)
FROM found WHERE %s::bigint[] IS NULL OR queue_id = ANY(%s)
GROUP BY GROUPING SETS ((queue_id), (user_id))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers of a time.

    :param judged: those that had a due time; :param in_time: those of them that met it.
    :param timed: those that had been in somebody's hands; :param seconds: how long, all together.
    """

    answered: int = 0
    judged: int = 0
    in_time: int = 0
    timed: int = 0
    seconds: float = 0.0
    last_at: datetime | None = None

    @property
    def in_time_share(self) -> float | None:
        """0 to 1; None when nothing had a due time."""
        return self.in_time / self.judged if self.judged else None

    @property
    def handling(self) -> float | None:
        """Seconds from taking to answering, on average."""
        return self.seconds / self.timed if self.timed else None


NOTHING = Figures()


@dataclass(frozen=True, slots=True)
class Answered:
    """The same figures twice: by queue, and by user; None are those whom nobody gave."""

    by_queue: dict[int, Figures]
    by_user: dict[int | None, Figures]


def morning(now: datetime | None = None) -> datetime:
    """The midnight with which today began, in the product's time zone, whoever reads the figures."""
    local = timezone.localtime(now, timezone.get_default_timezone())
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def figures(since: datetime, *, queues: Iterable[int] | None = None, user_id: int | None = None) -> Answered:
    """The figures by queue and by user, in one query.

    :param queues: only of these; :param user_id: only of that user.
    """
    wanted = None if queues is None else list(queues)
    found = Answered({}, {})
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, [since, user_id, user_id, wanted, wanted])
        for is_queue, pk, answered, judged, in_time, timed, seconds, last_at in cursor.fetchall():
            place: dict[Any, Figures] = found.by_queue if is_queue else found.by_user
            place[pk] = Figures(answered, judged, in_time, timed, float(seconds), last_at)
    return found
