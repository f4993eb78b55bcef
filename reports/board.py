"""The live board as data: the state of queues and agents now, read in a fixed number of queries.

Figures come from the rows themselves, so an empty Redis or a restart changes nothing. People are listed by
who needs a look first: late work, then available, away, offline.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, When, Window
from django.db.models.functions import RowNumber

from agents.models import Agent
from agents.rights import Person
from queues.history import ASSIGNMENTS
from queues.models import Conversation, EmailQueue, Event
from queues.today import NOTHING, Answered, Figures, figures, morning
from reports.rights import members_of, people_of, supervised

State = Conversation.State
MOST_PEOPLE = 60
"""Shown at first; the others after “Show all”."""

MOST_OPEN = 5
"""Conversations shown below an agent; the count tells of all."""

DECISIONS = 50
LOOKED_THROUGH = 5_000
"""Decisions that are looked through for those of one's own queues, so that the answer never takes long."""

COUNTS = """
SELECT queue_id, sum(waiting)::bigint, sum(assigned)::bigint, sum(late)::bigint, min(oldest), min(next)
FROM (
    SELECT queue_id, count(*) AS waiting, 0 AS assigned, count(*) FILTER (WHERE due_at < %(now)s) AS late,
           min(waiting_since) AS oldest, min(due_at) FILTER (WHERE due_at >= %(now)s) AS next
    FROM queues_conversation WHERE state = 'waiting' AND queue_id = ANY(%(queues)s) GROUP BY queue_id
    UNION ALL
    SELECT queue_id, 0, count(*), count(*) FILTER (WHERE due_at < %(now)s), NULL,
           min(due_at) FILTER (WHERE due_at >= %(now)s)
    FROM queues_conversation WHERE state = 'assigned' AND queue_id = ANY(%(queues)s) GROUP BY queue_id
) counts
GROUP BY queue_id
"""
"""What waits is counted in its index alone, which has all of this (`conversation_waiting`)."""

ORDER = (Agent.Presence.AVAILABLE, Agent.Presence.AWAY, Agent.Presence.OFFLINE)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a board shows: whose, which queue alone, whose name has these letters, and how many people."""

    user: Person
    queue: int | None = None
    text: str = ""
    people: int = MOST_PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNow:
    """One queue: what waits and is worked on, and how many of its members are here."""

    queue: EmailQueue
    waiting: int = 0
    assigned: int = 0
    late: int = 0
    oldest_at: datetime | None = None
    next_due_at: datetime | None = None
    available: int = 0
    away: int = 0
    members: int = 0
    today: Figures = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNow:
    """One agent; `shown` are the first of their open conversations, those due first, in one's own queues."""

    agent: Agent
    open: int = 0
    late: int = 0
    shown: Sequence[Conversation] = ()
    today: Figures = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything on it."""

    now: datetime
    queues: list[QueueNow] = field(default_factory=list)
    people: list[AgentNow] = field(default_factory=list)
    people_count: int = 0
    available: int = 0
    away: int = 0
    decisions: list[Event] = field(default_factory=list)


def read(scope: Scope, now: datetime) -> Board:
    """Read the board; the number of queries doesn't depend on what is on it."""
    every = list(supervised(scope.user).only("name", "mode"))
    chosen = [queue for queue in every if scope.queue in (None, queue.pk)]
    ids = [queue.pk for queue in chosen]
    today = figures(morning(now), queues=ids)
    people = _people(scope)
    numbers = _numbers(people)
    return Board(
        now=now,
        queues=_queues(chosen, today, now),
        people=_with_work(_first(people, scope.people, now), [queue.pk for queue in every], today, now),
        people_count=numbers["count"],
        available=numbers["available"],
        away=numbers["away"],
        decisions=_decisions(ids),
    )


def _queues(chosen: Sequence[EmailQueue], today: Answered, now: datetime) -> list[QueueNow]:
    ids = [queue.pk for queue in chosen]
    counts, here = _counts(ids, now), _here(ids)
    found = []
    for queue in chosen:
        waiting, assigned, late, oldest_at, next_due_at = counts.get(queue.pk, (0, 0, 0, None, None))
        there = here.get(queue.pk, {})
        found.append(
            QueueNow(
                queue=queue,
                waiting=waiting,
                assigned=assigned,
                late=late,
                oldest_at=oldest_at,
                next_due_at=next_due_at,
                available=there.get(Agent.Presence.AVAILABLE, 0),
                away=there.get(Agent.Presence.AWAY, 0),
                members=sum(there.values()),
                today=today.by_queue.get(queue.pk, NOTHING),
            )
        )
    return found


def _counts(ids: list[int], now: datetime) -> dict[int, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"now": now, "queues": ids})
        return {pk: tuple(rest) for pk, *rest in cursor.fetchall()}


def _here(ids: list[int]) -> dict[int, dict[str, int]]:
    rows = EmailQueue.members.through.objects.filter(emailqueue__in=ids, agent__user__is_active=True)
    found: dict[int, dict[str, int]] = defaultdict(dict)
    counted = rows.order_by().values_list("emailqueue", "agent__presence").annotate(number=Count("pk"))
    for queue_id, presence, number in counted:
        found[queue_id][presence] = number
    return found


def _people(scope: Scope) -> QuerySet[Agent]:
    rows = people_of(scope.user)
    if scope.queue is not None:
        rows = members_of(rows, supervised(scope.user).filter(pk=scope.queue))
    if scope.text:
        name = Q(user__username__icontains=scope.text) | Q(user__email__icontains=scope.text)
        full = Q(user__first_name__icontains=scope.text) | Q(user__last_name__icontains=scope.text)
        rows = rows.filter(name | full)
    return rows.order_by()


def _numbers(people: QuerySet[Agent]) -> dict[str, int]:
    return people.aggregate(
        count=Count("pk"),
        available=Count("pk", filter=Q(presence=Agent.Presence.AVAILABLE)),
        away=Count("pk", filter=Q(presence=Agent.Presence.AWAY)),
    )


def _first(people: QuerySet[Agent], most: int, now: datetime) -> list[Agent]:
    """Who needs a look first; sorted by the database, so that a thousand others needn't be read."""
    overdue = Conversation.objects.filter(agent=OuterRef("pk"), state=State.ASSIGNED, due_at__lt=now)
    here = Case(*(When(presence=presence, then=place) for place, presence in enumerate(ORDER)))
    rows = people.annotate(is_late=Exists(overdue), here=here).select_related("user")
    names = ("user__first_name", "user__last_name", "user__username")
    return list(rows.defer("signature", "user__password").order_by("-is_late", "here", *names)[:most])


def _with_work(people: list[Agent], visible: list[int], today: Answered, now: datetime) -> list[AgentNow]:
    work = Conversation.objects.filter(agent__in=[agent.pk for agent in people], state=State.ASSIGNED)
    late = Count("pk", filter=Q(due_at__lt=now))
    rows = work.order_by().values_list("agent").annotate(number=Count("pk"), overdue=late)
    counts = {pk: (number, overdue) for pk, number, overdue in rows}
    found = []
    for agent in people:
        number, overdue = counts.get(agent.pk, (0, 0))
        answered = today.by_user.get(agent.user_id, NOTHING)
        found.append(AgentNow(agent=agent, open=number, late=overdue, today=answered))
    return _with_open(found, visible)


def _with_open(rows: list[AgentNow], visible: list[int]) -> list[AgentNow]:
    busy = [row.agent.pk for row in rows if row.open]
    number = Window(RowNumber(), partition_by=F("agent"), order_by=[F("due_at").asc(nulls_last=True), "pk"])
    work = Conversation.objects.filter(agent__in=busy, state=State.ASSIGNED, queue__in=visible)
    first = work.annotate(place=number).filter(place__lte=MOST_OPEN).order_by("place")
    found: dict[int | None, list[Conversation]] = defaultdict(list)
    for each in first.select_related("queue").defer("preview"):
        found[each.agent_id].append(each)
    return [
        AgentNow(agent=row.agent, open=row.open, late=row.late, today=row.today, shown=found[row.agent.pk])
        for row in rows
    ]


def _decisions(ids: Iterable[int]) -> list[Event]:
    recent = Event.objects.filter(kind__in=["offered", "taken", "assigned"]).order_by("-pk")
    oldest = recent.values("pk")[LOOKED_THROUGH : LOOKED_THROUGH + 1]
    rows = recent.filter(conversation__queue__in=list(ids)).exclude(pk__lte=_one(oldest))
    return list(
        rows.select_related("conversation__queue", "conversation__agent__user", "user").order_by("-pk")[
            :DECISIONS
        ]
    )


def _one(rows: Any) -> int:
    found = rows.first()
    return found["pk"] if found else 0


assert {"offered", "taken", "assigned"} == {str(kind) for kind in ASSIGNMENTS}  # the index is made for these
