"""What an agent may get, read with one statement however much waits.

A *line* is what waits of one kind with one target, in order of due time: within a line the order never
changes, so the only candidates are the first that can still be in time and the first that can't, and of
these the first few, as others may be taking them at this moment. Beside the lines stand what is kept for the
agent, and what the agent answered last.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from agents import shifts
from agents.calendars import Calendar, opening_of
from agents.opening import Opening
from queues import hours, policy, prepared
from queues.lines_sql import FOR_AGENT, FOR_QUEUES
from queues.models import AgentKind, Conversation, EmailQueue
from queues.policy import Head, Knobs
from queues.reasons import Line

EVERY = 100_000
FOREMOST = 32
"""So many leave the database, of which the rule makes one the first; others may hold some at this moment."""


@dataclass(frozen=True, slots=True)
class Place:
    """A queue at one moment: `tick` are the minutes that it was open until now."""

    queue_id: int
    tick: int
    knobs: Knobs
    weight: int = 1


OF_CALENDAR = ("calendar__pk", "calendar__version", "calendar__hours", "calendar__time_zone")
PLACED = ("pk", "weight", "exponent", "own_share", "late_halving", "hours", *OF_CALENDAR)


def places(queues: Iterable[EmailQueue], now: datetime) -> dict[int, Place]:
    """These queues now, by id; of a query, only what is needed is read, and no rows are made of it."""
    found = {}
    ticks: dict[Opening, int] = {}
    for pk, weight, knobs, opening in _placed(queues):
        if opening not in ticks:
            ticks[opening] = opening.tick(now)
        found[pk] = Place(pk, ticks[opening], knobs, weight)
    return found


def _placed(queues: Iterable[EmailQueue]) -> Iterator[tuple[int, int, Knobs, Opening]]:
    if not isinstance(queues, QuerySet):
        for queue in queues:
            yield queue.pk, queue.weight, queue.knobs, hours.of(queue)
        return
    for pk, weight, exponent, own_share, halving, text, *calendar in queues.order_by().values_list(*PLACED):
        opening = hours.calendar(text) if calendar[0] is None else opening_of(_calendar(*calendar))
        yield pk, weight, Knobs(exponent, own_share, halving), opening


def _calendar(pk: int, version: UUID, text: str, zone: str) -> Calendar:
    return Calendar(pk=pk, version=version, hours=text, time_zone=zone)


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
    looked_at: int = 0


class Seen(NamedTuple):
    """What the agent may get, in the order of the rule, and how many heads there were to compare."""

    lines: Sequence[Line]
    looked_at: int


@dataclass(frozen=True, slots=True)
class Part:
    """How much is read.

    :param depth: how many of each line and half, late or not.
    :param lines: how many of these at most, of those that stand first.
    :param is_push: without what the agent was given and didn't open; who asks gets that as well.
    """

    depth: int = 1
    lines: int = FOREMOST
    is_push: bool = False


def heads(agent_id: int, where: Mapping[int, Place], now: datetime, depth: int = 1) -> Sequence[Line]:
    """What an agent who asks may get now, the foremost in the order of the rule."""
    return seen(agent_id, where, now, Part(depth)).lines


def seen(agent_id: int, where: Mapping[int, Place], now: datetime, part: Part) -> Seen:
    """What the agent may get now, the foremost in the order of the rule."""
    rows = _read(FOR_AGENT, where, part, agent_id)
    found: dict[int, Waiting] = {}
    for row in rows:
        if row.conversation not in found or row.kept:
            found[row.conversation] = row
    admitted = list(_admitted(found, now))
    lost = len(found) - len(admitted)
    looked_at = max((row.looked_at for row in rows), default=0)
    if lost and looked_at > part.lines * part.depth:  # who comes on duty gets the foremost: what is behind?
        return seen(agent_id, where, now, replace(part, lines=16 * part.lines))
    lines = {row.conversation: line_of(row, where[row.queue], agent_id) for row in admitted}
    order = policy.choose(line.head for line in lines.values())
    beside = sum(not row.looked_at for row in found.values())
    return Seen([lines[head.conversation_id] for head in order], looked_at + beside - lost)


def pressing(where: Mapping[int, Place], depth: int = 1) -> list[Waiting]:
    """What waits in these queues for anybody, in the order of the rule as the best of each team sees it."""
    rows = {row.conversation: row for row in _read(FOR_QUEUES, where, Part(depth, EVERY))}
    order = policy.choose(head_of(row, where[row.queue], 0) for row in rows.values())
    return [rows[head.conversation_id] for head in order]


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


def values_of(agent_id: int, where: Mapping[int, Place]) -> dict[str, Any]:
    """What every statement about lines asks for."""
    return {
        "agent": agent_id,
        "missed": "0",
        "queues": list(where),
        "ticks": [place.tick for place in where.values()],
        "exponents": [place.knobs.exponent for place in where.values()],
        "halvings": [place.knobs.halving for place in where.values()],
        "savable": policy.SAVABLE,
        "own": policy.OWN,
    }


def _read(
    statement: prepared.Statement, where: Mapping[int, Place], part: Part, agent_id: int = 0
) -> list[Waiting]:
    values = values_of(agent_id, where) | {"depth": part.depth, "lines": part.lines * part.depth}
    if part.is_push:
        values["missed"] = str(agent_id)
    return [Waiting._make(row) for row in prepared.rows(statement, values)]


def head_of(row: Waiting, place: Place, agent_id: int) -> Head:
    """What waits, as the rule compares it for one agent."""
    return Head(
        row.conversation,
        row.due_tick - row.tick,
        row.target,
        policy.ratio(row.ratio, 1.0, is_own=row.answered_by == agent_id),
        row.scarcity,
        row.waiting_since.replace(microsecond=0) if row.waiting_since else policy.NEVER,
        place.knobs,
    )


def line_of(row: Waiting, place: Place, agent_id: int) -> Line:
    """What waits, as one agent sees it."""
    return Line(
        head=head_of(row, place, agent_id),
        kind_id=row.kind or 0,
        words=row.words,
        queue_id=row.queue,
        level=row.level,
        is_own=row.answered_by == agent_id,
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
