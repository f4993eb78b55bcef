"""All that an agent could get, in the order in which routing would give it, a page at a time.

Within a line (one kind, one target, late or not) the order by due time is the order of the rule, so a page is
a merge of lines: the lines whose heads come first, then as many of each as fit on the page. However much
waits, two index reads for each line and a page of rows from the foremost ones is all that is looked at. A
mark of a page holds the moment of the first one, as effective minutes pass, and where that page ended.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q

from agents.models import Agent
from queues import lines, policy
from queues.lines import OF_AGENT, START
from queues.models import AgentKind, EmailQueue

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_OWN = 500
LARGEST = 2**62

STRETCH = "power({ratio}, knob.exponent) * {scarcity}"
LATE = "10.0 * {target} * power(0.5, least(greatest({tick} - {due}, 0) / (knob.halving * {target}), 1000))"
EFFECTIVE = f"""
CASE WHEN {{due}} - {{tick}} >= %(savable)s THEN greatest({{due}} - {{tick}}, 3)
     ELSE {LATE} END * {STRETCH}"""

OF_LINE = EFFECTIVE.format(
    due="c.due_tick",
    tick="line.tick",
    target="greatest(line.target, 1)",
    ratio="line.ratio",
    scarcity="line.scarcity",
)

OWN_AND_KEPT = EFFECTIVE.format(
    due="c.due_tick",
    tick="queue.tick",
    target="greatest(c.target, 1)",
    ratio="(coalesce(mine.ratio, 1) * CASE WHEN c.answered_by_id = %(agent)s THEN %(own)s ELSE 1 END)",
    scarcity="coalesce(mine.scarcity, 1)",
)

IN_LINE = """
    c.kind_id = line.kind_id AND c.target = line.target AND c.state = 'waiting' AND c.reserved_for_id IS NULL
    AND c.answered_by_id IS DISTINCT FROM %(agent)s
    AND c.due_tick >= line.first AND c.due_tick < line.last
    AND (line.after = 0 OR c.due_tick <= line.tick + line.target - line.after)"""

AFTER = "({effective}, c.due_tick, c.id) > (%(from)s, %(tick)s, %(last)s)"
IN_LINE_AFTER = f"{IN_LINE} AND {AFTER.format(effective=OF_LINE)}"

PAGE = f"""
{START.format(mine=OF_AGENT)},
knob AS (SELECT * FROM unnest(%(queues)s::bigint[], %(exponents)s::float8[], %(halvings)s::float8[])
         AS knob(id, exponent, halving)),
half AS (
    SELECT pairs.kind_id, pairs.target, mine.*, stretch.stretch, knob.halving, is_late,
           10 * greatest(pairs.target, 1) * stretch.stretch AS most
    FROM pairs JOIN mine ON mine.id = pairs.kind_id JOIN knob ON knob.id = mine.queue_id
    CROSS JOIN (VALUES (TRUE), (FALSE)) AS late(is_late)
    CROSS JOIN LATERAL (
        SELECT {STRETCH.format(ratio="mine.ratio", scarcity="mine.scarcity")} AS stretch) stretch
    WHERE pairs.target IS NOT NULL
),
line AS (
    SELECT half.*, CASE
            WHEN NOT is_late
            THEN greatest(tick + %(savable)s, tick - 1 + floor(least(%(from)s / stretch, 1e15))::bigint)
            WHEN %(from)s <= 0 THEN 0
            WHEN %(from)s > most THEN tick + %(savable)s
            ELSE tick - 1 + floor(halving * greatest(target, 1) * log(2, (%(from)s / most)::numeric))::bigint
        END AS first,
        CASE WHEN is_late THEN tick + %(savable)s ELSE 9223372036854775807 END AS last
    FROM half
),
foremost AS (
    SELECT line.*, head.effective FROM line JOIN knob ON knob.id = line.queue_id CROSS JOIN LATERAL (
        SELECT {OF_LINE} AS effective FROM queues_conversation c
        WHERE {IN_LINE_AFTER} ORDER BY c.due_tick, c.id LIMIT 1
    ) head
    ORDER BY head.effective LIMIT %(limit)s
)
SELECT * FROM (
    SELECT row.*, line.ratio, line.eased, line.lacks, FALSE AS kept
    FROM foremost line JOIN knob ON knob.id = line.queue_id CROSS JOIN LATERAL (
        SELECT c.id, c.due_tick, {OF_LINE} AS effective, FALSE AS own, c.kind_id
        FROM queues_conversation c WHERE {IN_LINE_AFTER} ORDER BY c.due_tick, c.id LIMIT %(limit)s
    ) row
    UNION ALL
    SELECT c.id, c.due_tick, {OWN_AND_KEPT}, c.answered_by_id = %(agent)s, c.kind_id,
           coalesce(mine.ratio, 1), coalesce(mine.eased, FALSE), coalesce(mine.lacks, '[]'::jsonb),
           c.reserved_for_id IS NOT NULL
    FROM (
        (SELECT * FROM queues_conversation WHERE reserved_for_id = %(agent)s AND state = 'waiting'
             LIMIT {MOST_OWN})
        UNION ALL
        (SELECT * FROM queues_conversation WHERE answered_by_id = %(agent)s AND state = 'waiting'
             AND reserved_for_id IS NULL AND kind_id IN (SELECT id FROM mine)
             ORDER BY due_tick LIMIT {MOST_OWN})
    ) c
    JOIN queue ON queue.id = c.queue_id JOIN knob ON knob.id = c.queue_id
    LEFT JOIN mine ON mine.id = c.kind_id
) found
WHERE (effective, due_tick, id) > (%(from)s, %(tick)s, %(last)s)
ORDER BY effective, due_tick, id LIMIT %(limit)s
"""  # noqa: S608 - of constants


class Mark(NamedTuple):
    """Where a page ended."""

    at: datetime
    effective: float = -1.0
    due_tick: int = 0
    last: int = 0

    def __str__(self) -> str:
        micro = (self.at - EPOCH) // timedelta(microseconds=1)
        return f"{micro}_{self.effective.hex()}_{self.due_tick}_{self.last}"


def read_mark(text: str) -> Mark:
    """The mark of a page.

    Raises:
        ValueError: it is none.
    """
    micro, effective, due_tick, last = text.split("_")
    try:
        at = EPOCH + timedelta(microseconds=int(micro))
        mark = Mark(at, float.fromhex(effective), int(due_tick), int(last))
    except OverflowError as error:
        raise ValueError(text) from error
    if not isfinite(mark.effective) or max(abs(mark.due_tick), abs(mark.last)) > LARGEST:
        raise ValueError(text)
    return mark


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation in the agent's order, and how the agent fits it."""

    conversation_id: int
    effective: float
    due_tick: int
    ratio: float
    is_own: bool
    is_kept: bool
    lacks: tuple[str, ...]
    kind_id: int | None

    @property
    def sentence(self) -> str:
        """Why it stands here, in few words; "" where there is nothing to it."""
        if self.is_kept:
            return "Kept for you."
        if self.lacks:
            return f"You may help: you lack {', '.join(self.lacks)}."
        if self.is_own:
            return "You answered it last."
        return "You fit it best." if self.ratio <= 1 else ""


def page(agent: Agent, mark: Mark, limit: int) -> list[Place]:
    """What comes after the mark, in order, at most so many; one statement."""
    queues = list(EmailQueue.objects.select_related("calendar").filter(members=agent.pk))
    where = lines.places(queues, mark.at)
    values: dict[str, Any] = {
        "agent": agent.pk,
        "queues": list(where),
        "ticks": [place.tick for place in where.values()],
        "exponents": [place.knobs.exponent for place in where.values()],
        "halvings": [place.knobs.halving for place in where.values()],
        "savable": policy.SAVABLE,
        "own": policy.OWN,
        "from": mark.effective,
        "tick": mark.due_tick,
        "last": mark.last,
        "limit": limit,
    }
    return [_place(row) for row in lines.in_line(PAGE, values)]


def _place(row: Sequence[Any]) -> Place:
    pk, due_tick, effective, is_own, kind, ratio, _, lacks, is_kept = row
    return Place(pk, effective, due_tick, ratio, is_own, is_kept, tuple(json.loads(lacks)), kind)


def able_kinds(agent: Agent) -> Q:
    """What the agent could get, as a condition on conversations, where the order is another one."""
    there = AgentKind.objects.filter(kind=OuterRef("kind"), eased=False).exclude(agent__presence="offline")
    rows = AgentKind.objects.filter(agent=agent)
    mine = rows.filter(eased=False) | rows.filter(after__gt=0) | rows.filter(~Exists(there))
    free = Q(reserved_for=None) | Q(reserved_for=agent)
    return free & Q(kind__in=list(mine.values_list("kind", flat=True)))
