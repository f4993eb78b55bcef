"""How a kind of mail stands: who is free for it, who fits it better, what of it is most pressing."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from queues import lines, policy, prepared
from queues.lines import Place, Waiting
from queues.models import Conversation, EmailQueue
from queues.policy import Free
from queues.prepared import Statement
from queues.reasons import Line, Rank

DEPTH = 3

TAKEN = """
(SELECT coalesce(sum(q.weight), 0) FROM queues_conversation c JOIN queues_emailqueue q ON q.id = c.queue_id
 WHERE c.agent_id = a.id AND c.state = 'assigned')"""

RANK = Statement(
    "rank",
    f"""
SELECT count(*), count(*) FILTER (WHERE free), count(*) FILTER (WHERE better AND there AND NOT free),
       count(*) FILTER (WHERE better AND presence = 'away'), count(*) FILTER (WHERE better AND free),
       (SELECT count(*) FROM queues_agentkind
        WHERE kind_id = %(second)s AND NOT eased AND ratio < %(second_ratio)s)
FROM (
    SELECT a.presence, s.ratio < %(ratio)s AS better, a.presence = 'available' AS there,
           a.presence = 'available' AND (taken = 0 OR taken + own.weight <= a.capacity) AND a.capacity > 0
               AS free
    FROM queues_agentkind s JOIN agents_agent a ON a.id = s.agent_id
    JOIN queues_kind k ON k.id = s.kind_id JOIN queues_emailqueue own ON own.id = k.queue_id
    CROSS JOIN LATERAL (SELECT CASE WHEN a.presence = 'available' THEN {TAKEN} END AS taken) t
    WHERE s.kind_id = %(kind)s AND NOT s.eased
) able""",  # noqa: S608 - of constants
    {"kind": "bigint", "ratio": "float8", "second": "bigint", "second_ratio": "float8"},
)

ROOM = f"SELECT clock_timestamp(), {TAKEN} FROM agents_agent a WHERE a.id = %s"  # noqa: S608 - of constants

FREE = f"""
SELECT s.kind_id, s.agent_id, s.ratio, s.eased, s.after, a.idle_since
FROM queues_agentkind s
JOIN queues_kind k ON k.id = s.kind_id
JOIN queues_emailqueue own ON own.id = k.queue_id
JOIN agents_agent a ON a.id = s.agent_id AND a.presence = 'available' AND a.capacity > 0
CROSS JOIN LATERAL (SELECT {TAKEN} AS taken) t
WHERE s.kind_id = ANY(%(kinds)s) AND s.agent_id <> ALL(%(without)s)
  AND (taken = 0 OR taken + own.weight <= a.capacity)
  AND (NOT s.eased OR s.after > 0 OR NOT EXISTS (
      SELECT 1 FROM queues_agentkind b JOIN agents_agent c ON c.id = b.agent_id
      WHERE b.kind_id = s.kind_id AND NOT b.eased AND c.presence <> 'offline'))
"""  # noqa: S608 - of constants


def rank(line: Line, second: Line | None = None) -> tuple[Rank, int]:
    """Where the agent of a line stands among those who can do its kind, before it is given.

    :param second: what stands next for the agent; also returned is how many able members fit that better.
    """
    values = {"kind": line.kind_id, "ratio": line.base_ratio, "second": None, "second_ratio": None}
    if second is not None:
        values |= {"second": second.kind_id, "second_ratio": second.base_ratio}
    ((*counts, fit_better),) = prepared.rows(RANK, values)
    return Rank(*counts), fit_better


def room(agent_id: int) -> tuple[datetime, int]:
    """Now by the database's clock, and how many units the agent has open; their row should be locked."""
    with connection.cursor() as cursor:
        cursor.execute(ROOM, [agent_id])
        now, taken = cursor.fetchone()
    return now, int(taken)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A conversation that waits although somebody is free, and who: in the order of the rule."""

    conversation_id: int
    free: Sequence[Free]


def first_to_give(queue: EmailQueue, now: datetime, without: Collection[int] = ()) -> Arrival | None:
    """The most pressing conversation of a queue for which somebody is free, and who.

    :param without: agents to leave out.
    """
    where = lines.places([queue], now)
    waiting = lines.pressing(where, DEPTH)
    able = _free({row.kind for row in waiting if row.kind}, without) if waiting else {}
    for row in waiting:
        free = _for(row, where[queue.pk], able.get(row.kind or 0, ()), now)
        if free:
            return Arrival(row.conversation, policy.choose_agent(free))
    return None


def missed(queue: EmailQueue, now: datetime) -> dict[int, tuple[int, set[int]]]:
    """What is first in a queue and was missed: its kind, and by whom, by conversation."""
    rows = lines.pressing(lines.places([queue], now), DEPTH)
    found = {row.conversation: (row.kind or 0, set(json.loads(row.missed_by))) for row in rows}
    return {pk: (kind, by) for pk, (kind, by) in found.items() if by}


def free_for(conversation: Conversation, now: datetime) -> list[Free]:
    """Who is free for one conversation that waits, in the order of the rule; its queue should be loaded."""
    place = lines.places([conversation.queue], now)[conversation.queue_id]
    row = lines.waiting(conversation, place)
    if row is None or row.kind is None:
        return []
    able = _free([row.kind], ())
    return policy.choose_agent(_for(row, place, able.get(row.kind, ()), now))


class _Able(NamedTuple):
    kind: int
    agent: int
    ratio: float
    eased: bool
    after: int
    idle_since: datetime | None


def _free(kinds: Iterable[int], without: Collection[int]) -> dict[int, list[_Able]]:
    found: dict[int, list[_Able]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(FREE, {"kinds": list(kinds), "without": list(without)})
        for row in map(_Able._make, cursor.fetchall()):
            found[row.kind].append(row)
    return found


def _for(row: Waiting, place: Place, able: Iterable[_Able], now: datetime) -> list[Free]:
    """Who of the free ones may get this conversation."""
    missed = set(json.loads(row.missed_by))
    waited = row.target - (row.due_tick - place.tick)
    found: list[Free] = []
    helpers: list[Free] = []
    for each in able:
        if each.agent in missed or each.after > waited:
            continue
        idle = each.idle_since.replace(microsecond=0) if each.idle_since else None
        ratio = policy.ratio(each.ratio, 1.0, is_own=each.agent == row.answered_by)
        (helpers if each.eased and not each.after else found).append(Free(each.agent, ratio, idle))
    if found or not helpers:
        return found
    return [] if lines.is_awaited(row, now) else helpers
