"""The numbers of the desk. They are counted no further than the desk tells them, however many wait."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, IntegerField, OuterRef, QuerySet

from agents.rights import Person, agent_of
from queues import mentioned
from queues.access import conversations_for, queues_for
from queues.models import Conversation

State = Conversation.State
MOST = 1000  # of one state in one queue; told as "999+"


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Open conversations of one queue."""

    waiting: int = 0
    assigned: int = 0
    pending: int = 0
    snoozed: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers beside the views and the queues."""

    mine: int = 0
    unassigned: int = 0
    pending: int = 0
    snoozed: int = 0
    held: int = 0
    spam: int = 0
    mentions: int = 0
    queues: dict[int, QueueCounts] = field(default_factory=dict)


def counts(user: Person) -> Counts:
    """All numbers of the desk in two queries."""
    agent = agent_of(user)
    own = Conversation.objects.filter(agent=agent, state=State.ASSIGNED)
    found = list(
        queues_for(user)
        .order_by()
        .values("pk")
        .annotate(
            waiting=_few(state=State.WAITING),
            assigned=_few(state=State.ASSIGNED),
            pending=_few(state=State.PENDING),
            snoozed=_few(state=State.SNOOZED),
            held=_few(state=State.HELD),
            spam=_few(spam_at__isnull=False),
            mine=_counted(own.filter(queue=OuterRef("pk"))),
        )
    )
    by_queue = {
        row["pk"]: QueueCounts(row["waiting"], row["assigned"], row["pending"], row["snoozed"])
        for row in found
    }
    return Counts(
        mine=sum(row["mine"] for row in found) if agent else 0,
        unassigned=sum(row["waiting"] for row in found),
        pending=sum(row["pending"] for row in found),
        snoozed=sum(row["snoozed"] for row in found),
        held=sum(row["held"] for row in found),
        spam=sum(row["spam"] for row in found),
        mentions=mentioned.unseen(agent, conversations_for(user)) if agent else 0,
        queues=by_queue,
    )


def _few(**wanted: Any) -> Func:
    return _counted(Conversation.objects.filter(queue=OuterRef("pk"), **wanted))


def _counted(rows: QuerySet[Any]) -> Func:
    first = ArraySubquery(rows.order_by().values("pk")[:MOST])
    return Func(first, function="cardinality", output_field=IntegerField())


def capped(count: int) -> str:
    """As the desk writes it: "" for none, and no more than "999+"."""
    return "" if not count else str(count) if count < MOST else f"{MOST - 1}+"
