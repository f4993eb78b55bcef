"""Agents × skills and languages, and above them what queues demand: where nobody can, or one alone.

A fixed number of queries, whatever is in the table.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Q, QuerySet

from agents.levels import LANGUAGE, SKILL
from agents.models import Agent, AgentLanguage, AgentSkill, Language
from agents.rights import Person
from agents.skills import assignable
from queues.models import EmailQueue
from reports.rights import members_of, people_of, supervised

PEOPLE = 60
MORE_PEOPLE = 300
MOST_DEMANDS = 8
"""Queues whose demands stand there when none is chosen: those with gaps first."""

DEMANDS = """
SELECT d.queue_id, d.kind, d.name, d.level, count(l.agent_id),
       count(l.agent_id) FILTER (WHERE a.presence <> 'offline'), min(a.id)
FROM (
    SELECT qs.queue_id, 'skill' AS kind, s.name, qs.level
    FROM queues_queueskill qs JOIN agents_skill s ON s.id = qs.skill_id
    UNION ALL
    SELECT ql.emailqueue_id, 'language', ql.language_id, q.language_level
    FROM queues_emailqueue_languages ql JOIN queues_emailqueue q ON q.id = ql.emailqueue_id
) d
LEFT JOIN (
    queues_emailqueue_members m
    JOIN agents_agent a ON a.id = m.agent_id
    JOIN auth_user u ON u.id = a.user_id AND u.is_active
    JOIN (
        SELECT x.agent_id, 'skill' AS kind, s.name, x.level
        FROM agents_agentskill x JOIN agents_skill s ON s.id = x.skill_id
        UNION ALL
        SELECT agent_id, 'language', language_id, level FROM agents_agentlanguage
    ) l ON l.agent_id = a.id
) ON m.emailqueue_id = d.queue_id AND l.kind = d.kind AND l.name = d.name AND l.level >= d.level
WHERE d.queue_id = ANY(%s)
GROUP BY d.queue_id, d.kind, d.name, d.level
"""

Column = tuple[str, str]
"""Kind (skill or language) and name."""


@dataclass(frozen=True, slots=True)
class Demanded:
    """What a queue demands in one column; `alone` is the agent if one alone can."""

    level: int
    able: int
    here: int
    alone: int | None = None

    @property
    def gap(self) -> str:
        """nobody, gone (nobody on duty now), one, or "" when it is covered."""
        if not self.able:
            return "nobody"
        if not self.here:
            return "gone"
        return "one" if self.able == 1 else ""


@dataclass(frozen=True, slots=True)
class QueueDemands:
    """A queue's row: its demands by column."""

    queue: EmailQueue
    cells: dict[Column, Demanded]

    @property
    def gaps(self) -> int:
        """How many of its demands are not well covered."""
        return sum(bool(cell.gap) for cell in self.cells.values())


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole table; `levels` by agent and column, without those that are 0."""

    columns: list[Column]
    people: list[Agent]
    people_count: int
    levels: dict[int, dict[Column, int]]
    demands: list[QueueDemands] = field(default_factory=list)
    demands_hidden: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose people, of which queue alone, with which letters in their names, and how many of them."""

    user: Person
    queue: int | None = None
    text: str = ""
    people: int = PEOPLE


def read(scope: Scope) -> Matrix:
    """Read the table."""
    queues = supervised(scope.user)
    if scope.queue is not None:
        queues = queues.filter(pk=scope.queue)
    people = _people(scope, queues)
    demands = _demands(list(queues.only("name")))
    shown = sorted(demands, key=lambda row: (-row.gaps, row.queue.name.casefold()))[:MOST_DEMANDS]
    first = list(people[: scope.people])
    return Matrix(
        columns=_columns(demands if scope.queue is not None else None, [agent.pk for agent in first]),
        people=first,
        people_count=people.count(),
        levels=levels_of([agent.pk for agent in first]),
        demands=shown,
        demands_hidden=len(demands) - len(shown),
    )


def everybody(scope: Scope) -> tuple[list[Agent], list[Column], dict[int, dict[Column, int]]]:
    """All people with all columns, for the export."""
    queues = supervised(scope.user)
    if scope.queue is not None:
        queues = queues.filter(pk=scope.queue)
    people = list(_people(scope, queues))
    return people, _columns(None, []), levels_of([agent.pk for agent in people])


def _people(scope: Scope, queues: QuerySet[EmailQueue]) -> QuerySet[Agent]:
    rows = people_of(scope.user)
    if scope.queue is not None:
        rows = members_of(rows, queues)
    if scope.text:
        name = Q(user__username__icontains=scope.text) | Q(user__email__icontains=scope.text)
        full = Q(user__first_name__icontains=scope.text) | Q(user__last_name__icontains=scope.text)
        rows = rows.filter(name | full)
    names = ("user__first_name", "user__last_name", "user__username")
    return rows.select_related("user").defer("signature", "user__password").order_by(*names)


def _columns(demands: Sequence[QueueDemands] | None, people: list[int]) -> list[Column]:
    """All skills and languages; of a chosen queue what it demands and what its people can."""
    skills = [(SKILL, name) for name in assignable().order_by("name").values_list("name", flat=True)]
    tags = [(LANGUAGE, tag) for tag in Language.objects.order_by("tag").values_list("tag", flat=True)]
    every = skills + tags
    if demands is None:
        return every
    used = {column for row in demands for column in row.cells}
    used |= {column for levels in levels_of(people).values() for column in levels}
    return [column for column in every if column in used]


def levels_of(ids: Sequence[int]) -> dict[int, dict[Column, int]]:
    """The levels of these agents, in two queries."""
    found: dict[int, dict[Column, int]] = defaultdict(dict)
    skills = AgentSkill.objects.filter(agent__in=ids).values_list("agent", "skill__name", "level")
    for agent_id, name, level in skills:
        found[agent_id][SKILL, name] = level
    tags = AgentLanguage.objects.filter(agent__in=ids).values_list("agent", "language", "level")
    for agent_id, tag, level in tags:
        found[agent_id][LANGUAGE, tag] = level
    return found


def _demands(queues: Sequence[EmailQueue]) -> list[QueueDemands]:
    cells: dict[int, dict[Column, Demanded]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(DEMANDS, [[queue.pk for queue in queues]])
        for queue_id, kind, name, level, able, here, first in cursor.fetchall():
            cells[queue_id][kind, name] = Demanded(level, able, here, first if able == 1 else None)
    return [QueueDemands(queue, cells[queue.pk]) for queue in queues if cells[queue.pk]]
