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
from django.utils.translation import gettext as _

from agents.models import Agent
from queues import lines, prepared
from queues.lines_sql import EFFECTIVE, HEADS, OF_AGENT, START, TYPES
from queues.models import AgentKind, EmailQueue
from queues.prepared import Statement

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_OWN = 500
LARGEST = 2**62

EFFECTIVE_IN_LINE = EFFECTIVE.format(
    due="c.due_tick",
    tick="line.tick",
    target="greatest(line.target, 1)",
    halving="line.halving",
    stretch="line.stretch",
)

OWN_AND_KEPT = EFFECTIVE.format(
    due="c.due_tick",
    tick="queue.tick",
    target="greatest(c.target, 1)",
    halving="queue.halving",
    stretch="(coalesce(mine.stretch, 1) * CASE WHEN c.answered_by_id = %(agent)s"
    " THEN power(%(own)s::float8, queue.exponent) ELSE 1 END)",
)

IN_LINE = """
    c.kind_id = line.kind_id AND c.target = line.target AND c.state = 'waiting' AND c.reserved_for_id IS NULL
    AND c.answered_by_id IS DISTINCT FROM %(agent)s
    AND c.due_tick >= line.first AND c.due_tick < line.last
    AND (line.after = 0 OR c.due_tick <= line.tick + line.target - line.after)"""

AFTER = "({effective}, c.due_tick, c.id) > (%(from)s, %(tick)s, %(last)s)"
IN_LINE_AFTER = f"{IN_LINE} AND {AFTER.format(effective=EFFECTIVE_IN_LINE)}"

OF_FIRST_PAGE = """,
line AS (
    SELECT foremost.kind_id, foremost.target, mine.tick, mine.stretch, mine.halving, mine.ratio, mine.eased,
           mine.after, mine.lacks,
           CASE WHEN is_late THEN -%(largest)s ELSE tick + %(savable)s END AS first,
           CASE WHEN NOT is_late THEN tick + 2 + floor(least(most.effective / stretch, 1e15))::bigint
                WHEN most.effective >= worst THEN tick + %(savable)s
                ELSE tick + 2 - floor(halving * greatest(target, 1)
                                      * ln(worst / greatest(most.effective, 1e-290)) / ln(2::float8))::bigint
           END AS last
    FROM foremost JOIN mine ON mine.id = foremost.kind_id CROSS JOIN most
    CROSS JOIN LATERAL (SELECT 10::float8 * greatest(target, 1) * stretch AS worst) late
)"""
"""Nothing that counts more minutes than the last of the foremost heads is on the first page."""

OF_LATER_PAGES = f"""
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
),
half AS (
    SELECT pairs.kind_id, pairs.target, mine.*, is_late,
           10::float8 * greatest(pairs.target, 1) * mine.stretch AS most
    FROM pairs JOIN mine ON mine.id = pairs.kind_id
    CROSS JOIN (VALUES (TRUE), (FALSE)) AS late(is_late)
    WHERE pairs.target IS NOT NULL
),
part AS (
    SELECT half.*, CASE
            WHEN NOT is_late
            THEN greatest(tick + %(savable)s, tick - 1 + floor(least(%(from)s / stretch, 1e15))::bigint)
            WHEN %(from)s <= 0 THEN 0
            WHEN %(from)s > most THEN tick + %(savable)s
            ELSE tick - 1 + floor(halving * greatest(target, 1) * log(2, (%(from)s / most)::numeric))::bigint
        END AS first,
        CASE WHEN is_late THEN tick + %(savable)s ELSE %(largest)s END AS last
    FROM half
),
line AS (
    SELECT line.*, head.effective FROM part line CROSS JOIN LATERAL (
        SELECT {EFFECTIVE_IN_LINE} AS effective FROM queues_conversation c
        WHERE {IN_LINE_AFTER} ORDER BY c.due_tick, c.id LIMIT 1
    ) head
    ORDER BY head.effective LIMIT %(lines)s
)"""  # noqa: S608 - of constants

FOUND = f"""
SELECT * FROM (
    SELECT row.*, line.ratio, line.eased, line.lacks, FALSE AS kept
    FROM line CROSS JOIN LATERAL (
        SELECT c.id, c.due_tick, {EFFECTIVE_IN_LINE} AS effective, FALSE AS own, c.kind_id
        FROM queues_conversation c WHERE {IN_LINE_AFTER} ORDER BY c.due_tick, c.id LIMIT %(lines)s
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
    JOIN queue ON queue.id = c.queue_id LEFT JOIN mine ON mine.id = c.kind_id
) found
WHERE (effective, due_tick, id) > (%(from)s, %(tick)s, %(last)s)
ORDER BY effective, due_tick, id LIMIT %(lines)s
"""  # noqa: S608 - of constants

PAGE_TYPES = TYPES | {"from": "float8", "tick": "bigint", "last": "bigint", "largest": "bigint"}
MINE = START.format(mine=OF_AGENT)
FIRST_PAGE = Statement("first_page", MINE + HEADS + OF_FIRST_PAGE + FOUND, PAGE_TYPES)
LATER_PAGE = Statement("later_page", MINE + OF_LATER_PAGES + FOUND, PAGE_TYPES)


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
        """Why it stands here, in few words."""
        if self.is_kept:
            return _("Kept for you.")
        if self.lacks:
            return _("You may help: you lack %(lacking)s.") % {"lacking": ", ".join(self.lacks)}
        if self.is_own:
            return _("You answered it last.")
        return _("You fit it best.") if self.ratio <= 1 else _("Others fit it better.")


def page(agent: Agent, mark: Mark, limit: int) -> list[Place]:
    """What comes after the mark, in order, at most so many; one statement."""
    where = lines.places(EmailQueue.objects.filter(members=agent.pk), mark.at)
    values = lines.values_of(agent.pk, where) | {
        "from": mark.effective,
        "tick": mark.due_tick,
        "last": mark.last,
        "lines": limit,
        "largest": LARGEST,
    }
    statement = FIRST_PAGE if mark.effective < 0 else LATER_PAGE
    return [_place(row) for row in prepared.rows(statement, values)]


def _place(row: Sequence[Any]) -> Place:
    pk, due_tick, effective, is_own, kind, ratio, _stretch, lacks, is_kept = row
    return Place(pk, effective, due_tick, ratio, is_own, is_kept, tuple(json.loads(lacks)), kind)


def able_kinds(agent: Agent) -> Q:
    """What the agent could get, as a condition on conversations, where the order is another one."""
    there = AgentKind.objects.filter(kind=OuterRef("kind"), eased=False).exclude(agent__presence="offline")
    rows = AgentKind.objects.filter(agent=agent)
    mine = rows.filter(eased=False) | rows.filter(after__gt=0) | rows.filter(~Exists(there))
    free = Q(reserved_for=None) | Q(reserved_for=agent)
    return free & Q(kind__in=list(mine.values_list("kind", flat=True)))
