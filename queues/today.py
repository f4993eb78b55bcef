"""What was answered since this morning: how much, how much of it in time, how long it took.

Each answer's event keeps where the conversation was before it, so nothing is computed anew. What was taken
back doesn't count, nor what came here with a mail from another conversation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

FIGURES = """
SELECT c.queue_id, e.user_id, count(*), count(b.due_at), count(*) FILTER (WHERE e.at <= b.due_at),
       count(b.assigned_at), coalesce(sum(extract(epoch FROM e.at - b.assigned_at)), 0), max(e.at)
FROM queues_event e
JOIN queues_conversation c ON c.id = e.conversation_id,
-- Without the text of the answer, and so unpacked once, not for each of these.
LATERAL (SELECT e.data - 'typed' AS data OFFSET 0) s,
LATERAL (SELECT (s.data #>> '{before,due_at}')::timestamptz AS due_at,
                (s.data #>> '{before,assigned_at}')::timestamptz AS assigned_at) b
WHERE e.kind = 'replied' AND e.at >= %s AND NOT s.data ? 'moved_from'
  AND (%s::bigint IS NULL OR e.user_id = %s) AND (%s::bigint[] IS NULL OR c.queue_id = ANY(%s))
  AND NOT EXISTS (SELECT FROM queues_event u WHERE u.conversation_id = e.conversation_id
                  AND u.kind = 'undone' AND u.data -> 'message' = s.data -> 'message')
GROUP BY c.queue_id, e.user_id
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

    def __add__(self, other: "Figures") -> "Figures":
        times = [at for at in (self.last_at, other.last_at) if at]
        return Figures(
            self.answered + other.answered,
            self.judged + other.judged,
            self.in_time + other.in_time,
            self.timed + other.timed,
            self.seconds + other.seconds,
            max(times, default=None),
        )

    @property
    def in_time_share(self) -> float | None:
        """0 to 1; None when nothing had a due time."""
        return self.in_time / self.judged if self.judged else None

    @property
    def handling(self) -> float | None:
        """Seconds from taking to answering, on average."""
        return self.seconds / self.timed if self.timed else None


NOTHING = Figures()


def morning(now: datetime | None = None) -> datetime:
    """The midnight with which today began, in the product's time zone."""
    local = timezone.localtime(now)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def figures(
    since: datetime, *, queues: Iterable[int] | None = None, user_id: int | None = None
) -> dict[tuple[int, int | None], Figures]:
    """The figures by queue and user, in one query.

    :param queues: only of these; :param user_id: only of that user.
    """
    wanted = None if queues is None else list(queues)
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, [since, user_id, user_id, wanted, wanted])
        return {
            (queue_id, user): Figures(answered, judged, in_time, timed, float(seconds), last_at)
            for queue_id, user, answered, judged, in_time, timed, seconds, last_at in cursor.fetchall()
        }


def total(found: Iterable[Figures]) -> Figures:
    """All of them together."""
    return sum(found, NOTHING)
