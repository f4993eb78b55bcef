"""What an agent may get, read with one statement however much waits.

A *line* is what waits of one kind with one target, in order of due time: within a line the order never
changes, so the only candidates are the first that can still be in time and the first that can't, and of
these the first few, as others may be taking them at this moment. Beside the lines stand what is kept for the
agent, and what the agent answered last.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from agents import shifts
from queues import hours, policy
from queues.models import AgentKind, Conversation, EmailQueue
from queues.policy import Head, Knobs
from queues.reasons import Line

MOST_OWN = 20
MOST_KEPT = 20

OF_AGENT = """
    SELECT k.id, k.queue_id, k.words, k.scarcity, a.ratio, a.level, a.eased, a.after, a.lacks, queue.tick
    FROM queues_agentkind a
    JOIN queues_kind k ON k.id = a.kind_id
    JOIN queue ON queue.id = k.queue_id
    WHERE a.agent_id = %(agent)s AND (NOT a.eased OR a.after > 0 OR NOT EXISTS (
        SELECT 1 FROM queues_agentkind b JOIN agents_agent c ON c.id = b.agent_id
        WHERE b.kind_id = k.id AND NOT b.eased AND c.presence <> 'offline'))"""

OF_QUEUES = """
    SELECT k.id, k.queue_id, k.words, k.scarcity, 1::float8 AS ratio, 5 AS level, FALSE AS eased, 0 AS after,
           '[]'::jsonb AS lacks, queue.tick
    FROM queues_kind k JOIN queue ON queue.id = k.queue_id WHERE k.is_live"""

START = """
WITH RECURSIVE
queue AS (SELECT * FROM unnest(%(queues)s::bigint[], %(ticks)s::bigint[]) AS queue(id, tick)),
mine AS ({mine}),
pairs AS (
    SELECT mine.id AS kind_id, (
        SELECT c.target FROM queues_conversation c
        WHERE c.kind_id = mine.id AND c.state = 'waiting' AND c.reserved_for_id IS NULL
        ORDER BY c.target LIMIT 1) AS target
    FROM mine
    UNION ALL
    SELECT pairs.kind_id, (
        SELECT c.target FROM queues_conversation c
        WHERE c.kind_id = pairs.kind_id AND c.state = 'waiting' AND c.reserved_for_id IS NULL
          AND c.target > pairs.target
        ORDER BY c.target LIMIT 1)
    FROM pairs WHERE pairs.target IS NOT NULL
)"""
"""`pairs` steps from target to target through the index, and never over the rows between."""

FIELDS = "c.id, c.due_tick, c.due_at, c.waiting_since, c.answered_by_id, c.missed_by, c.target"

IN_LINE = f"""
    SELECT {FIELDS} FROM queues_conversation c
    WHERE c.kind_id = mine.id AND c.target = pairs.target AND c.state = 'waiting'
      AND c.reserved_for_id IS NULL AND c.due_tick {{compared}} mine.tick + %(savable)s
      AND (mine.after = 0 OR c.due_tick <= mine.tick + pairs.target - mine.after)
      AND NOT c.missed_by @> %(missed)s::jsonb
    ORDER BY c.due_tick, c.id LIMIT %(depth)s"""  # noqa: S608 - of constants

OF_LINES = f"""
SELECT head.*, mine.*, FALSE AS kept FROM pairs JOIN mine ON mine.id = pairs.kind_id
CROSS JOIN LATERAL (({IN_LINE.format(compared=">=")}) UNION ALL ({IN_LINE.format(compared="<")})) head
WHERE pairs.target IS NOT NULL"""  # noqa: S608 - of constants

BESIDE = f"""
UNION ALL
SELECT {FIELDS}, mine.*, FALSE FROM (
    SELECT * FROM queues_conversation c
    WHERE c.answered_by_id = %(agent)s AND c.state = 'waiting' AND c.reserved_for_id IS NULL
      AND NOT c.missed_by @> %(missed)s::jsonb
    ORDER BY c.due_tick LIMIT {MOST_OWN}
) c JOIN mine ON mine.id = c.kind_id AND (mine.after = 0 OR c.due_tick <= mine.tick + c.target - mine.after)
UNION ALL
SELECT {FIELDS},
       coalesce(mine.id, c.kind_id), queue.id, coalesce(mine.words, k.words, ''), coalesce(mine.scarcity, 1),
       coalesce(mine.ratio, 1), coalesce(mine.level, 5), FALSE, 0, '[]'::jsonb, queue.tick, TRUE
FROM (
    SELECT * FROM queues_conversation c
    WHERE c.reserved_for_id = %(agent)s AND c.state = 'waiting' AND NOT c.missed_by @> %(missed)s::jsonb
    LIMIT {MOST_KEPT}
) c
JOIN queue ON queue.id = c.queue_id LEFT JOIN mine ON mine.id = c.kind_id
LEFT JOIN queues_kind k ON k.id = c.kind_id"""  # noqa: S608 - of constants

FOR_AGENT = START.format(mine=OF_AGENT) + OF_LINES + BESIDE
FOR_QUEUES = START.format(mine=OF_QUEUES) + OF_LINES


@dataclass(frozen=True, slots=True)
class Place:
    """A queue at one moment: `tick` are the minutes that it was open until now."""

    queue_id: int
    tick: int
    knobs: Knobs
    weight: int = 1


def places(queues: Iterable[EmailQueue], now: datetime) -> dict[int, Place]:
    """These queues now, by id."""
    found = {}
    for queue in queues:
        tick = hours.of(queue).tick(now)
        found[queue.pk] = Place(queue.pk, tick, queue.knobs, queue.weight)
    return found


class Waiting(NamedTuple):
    """A conversation that waits, and its kind as one agent fits it: what the statements give, in order."""

    conversation: int
    due_tick: int
    due_at: datetime
    waiting_since: datetime | None
    answered_by: int | None
    missed_by: str
    target: int
    kind: int | None
    queue: int
    words: str
    scarcity: float
    ratio: float
    level: int
    eased: bool
    after: int
    lacks: str
    tick: int
    kept: bool


def heads(
    agent_id: int, where: Mapping[int, Place], now: datetime, depth: int = 1, *, is_push: bool = False
) -> list[Line]:
    """What the agent may get now, in the order of the rule.

    :param depth: how many of each line and half, late or not.
    :param is_push: without what the agent was given and didn't open; who asks gets that as well.
    """
    found: dict[int, Waiting] = {}
    for row in _read(FOR_AGENT, where, depth, agent_id, without_missed=is_push):
        if row.conversation not in found or row.kept:
            found[row.conversation] = row
    lines = {row.conversation: line_of(row, where[row.queue], agent_id) for row in _admitted(found, now)}
    return [lines[head.conversation_id] for head in policy.choose(line.head for line in lines.values())]


def pressing(where: Mapping[int, Place], depth: int = 1) -> list[Waiting]:
    """What waits in these queues for anybody, in the order of the rule as the best of each team sees it."""
    rows = {row.conversation: row for row in _read(FOR_QUEUES, where, depth)}
    lines = policy.choose(line_of(row, where[row.queue], 0).head for row in rows.values())
    return [rows[head.conversation_id] for head in lines]


def waiting(conversation: Conversation, place: Place) -> Waiting | None:
    """One conversation that waits as the statements give it; None without a kind or a due time."""
    kind = conversation.kind
    if kind is None or conversation.due_tick is None or conversation.due_at is None:
        return None
    return Waiting(
        conversation.pk,
        conversation.due_tick,
        conversation.due_at,
        conversation.waiting_since,
        conversation.answered_by_id,
        json.dumps(conversation.missed_by),
        conversation.target or 0,
        kind.pk,
        conversation.queue_id,
        kind.words,
        kind.scarcity,
        *(1.0, policy.TOP_LEVEL, False, 0, "[]"),
        place.tick,
        False,
    )


def _read(
    statement: str,
    where: Mapping[int, Place],
    depth: int,
    agent_id: int = 0,
    *,
    without_missed: bool = False,
) -> list[Waiting]:
    values: dict[str, Any] = {
        "agent": agent_id,
        "missed": str(agent_id if without_missed else 0),
        "queues": list(where),
        "ticks": [place.tick for place in where.values()],
        "savable": policy.SAVABLE,
        "depth": depth,
    }
    return [Waiting(*row) for row in in_line(statement, values)]


def in_line(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement that reads the heads of lines, in the order of their index.

    How long a line is differs by thousands, and the planner knows the mean alone: with bitmaps it would read
    all of a long line to sort it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL enable_bitmapscan = off; {statement}", values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def line_of(row: Waiting, place: Place, agent_id: int) -> Line:
    """What waits, as one agent sees it."""
    is_own = row.answered_by == agent_id
    since = row.waiting_since.replace(microsecond=0) if row.waiting_since else policy.NEVER
    return Line(
        head=Head(
            row.conversation,
            row.due_tick - row.tick,
            row.target,
            policy.ratio(row.ratio, 1.0, is_own=is_own),
            row.scarcity,
            since,
            place.knobs,
        ),
        kind_id=row.kind or 0,
        words=row.words,
        queue_id=row.queue,
        level=row.level,
        is_own=is_own,
        is_reserved=row.kept,
        is_eased=row.eased,
        after=row.after,
        lacks=tuple(json.loads(row.lacks)),
    )


def _admitted(found: Mapping[int, Waiting], now: datetime) -> Iterator[Waiting]:
    """Without what somebody able comes on duty for in time; nobody able is there for these now."""
    for row in found.values():
        if not row.eased or row.after or not is_awaited(row, now):
            yield row


def is_awaited(row: Waiting, now: datetime) -> bool:
    """Whether somebody able comes on duty before it is due."""
    if row.due_at <= now:
        return False
    able = AgentKind.objects.filter(kind=row.kind, eased=False).values_list("agent", flat=True)
    return bool(shifts.on_duty_between(list(able), now, row.due_at))
