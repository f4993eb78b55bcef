"""Whether who can do what in a queue has changed since it was worked out; `kinds` asks and works it out.

Two ways lead to the same answer. Triggers of the database note the queue of whatever is written, by whomever
and by what means, in the same transaction (`queues_stalequeue`, migration 0024): to see that nothing was
noted costs next to nothing, so it is asked before each "Take next". A mark over all that counts is compared
by the sweep, which finds what came in with triggers switched off, as when a backup is loaded.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from queues.models import StaleQueue

MARKS = """
WITH skilled AS (
    SELECT l.agent_id, string_agg(s.name || l.level, ',' ORDER BY s.name) AS levels
    FROM agents_agentskill l JOIN agents_skill s ON s.id = l.skill_id GROUP BY 1
), spoken AS (
    SELECT agent_id, string_agg(language_id || level, ',' ORDER BY language_id) AS levels
    FROM agents_agentlanguage GROUP BY 1
), people AS (
    SELECT m.emailqueue_id AS queue_id,
           string_agg(concat_ws(' ', m.agent_id, s.levels, '/', p.levels), ';' ORDER BY m.agent_id) AS able
    FROM queues_emailqueue_members m
    JOIN agents_agent a ON a.id = m.agent_id
    JOIN auth_user u ON u.id = a.user_id AND u.is_active
    LEFT JOIN skilled s ON s.agent_id = a.id
    LEFT JOIN spoken p ON p.agent_id = a.id
    GROUP BY 1
), demanded AS (
    SELECT d.queue_id, string_agg(s.name || d.level, ',' ORDER BY s.name) AS levels
    FROM queues_queueskill d JOIN agents_skill s ON s.id = d.skill_id GROUP BY 1
)
SELECT q.id, q.kinds_mark,
       left(md5(concat_ws('|', q.name, q.language_level, d.levels)), 15),
       left(md5(concat_ws('|', q.wait_rule, q.steps::text, people.able)), 16)
FROM queues_emailqueue q
LEFT JOIN people ON people.queue_id = q.id
LEFT JOIN demanded d ON d.queue_id = q.id
WHERE %s::bigint[] IS NULL OR q.id = ANY(%s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a queue was worked out for, and what it is now."""

    queue_id: int
    stored: str
    demands: str
    people: str

    @property
    def text(self) -> str:
        """As it is stored."""
        return f"{self.demands}:{self.people}"

    @property
    def is_stale(self) -> bool:
        """Something has changed."""
        return self.stored != self.text

    @property
    def demands_changed(self) -> bool:
        """What the queue demands has, not only who can do it."""
        return self.stored.partition(":")[0] != self.demands


def of(queue_ids: Iterable[int] | None) -> list[Mark]:
    """The marks of these queues; None for all."""
    wanted = None if queue_ids is None else list(queue_ids)
    with connection.cursor() as cursor:
        cursor.execute(MARKS, [wanted, wanted])
        return [Mark(*row) for row in cursor.fetchall()]


def is_noted(queue_ids: Iterable[int] | None) -> bool:
    """Whether something was written that may matter to one of these queues; None for all."""
    rows = StaleQueue.objects.all()
    return (rows if queue_ids is None else rows.filter(queue_id__in=list(queue_ids))).exists()


def take_notes(queue_ids: Iterable[int] | None) -> list[int]:
    """Strike out what was noted and return the queues; what is read after this is at least as new."""
    wanted = None if queue_ids is None else list(queue_ids)
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [wanted, wanted])
        return sorted({queue_id for (queue_id,) in cursor.fetchall()})


TAKE = """
DELETE FROM queues_stalequeue WHERE %s::bigint[] IS NULL OR queue_id = ANY(%s::bigint[]) RETURNING queue_id
"""
