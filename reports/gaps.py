"""What waits and nobody on duty can do, by name: "Nobody on duty has cs ≥ 3: 4 wait, oldest 25 min"."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Exists, Min, OuterRef

from agents.models import Agent
from queues.models import AgentKind, Conversation, Kind
from queues.presentation import age


def gaps_of(queue_ids: Sequence[int], now: datetime) -> dict[int, list[str]]:
    """The gaps of these queues in sentences, in three queries however much waits."""
    waiting = Conversation.objects.filter(state=Conversation.State.WAITING)
    able = AgentKind.objects.filter(kind=OuterRef("pk"), eased=False, agent__user__is_active=True)
    kinds = Kind.objects.filter(Exists(waiting.filter(kind=OuterRef("pk"))), queue__in=queue_ids)
    open_ = list(kinds.exclude(Exists(able.exclude(agent__presence=Agent.Presence.OFFLINE))))
    counts = waiting.filter(kind__in=open_).order_by().values_list("kind")
    numbers = {
        pk: (count, oldest)
        for pk, count, oldest in counts.annotate(count=Count("pk"), oldest=Min("waiting_since"))
    }
    rows = Agent.objects.exclude(presence=Agent.Presence.OFFLINE).filter(user__is_active=True)
    staffed = set(rows.values_list("queues", flat=True))
    found: dict[int, list[str]] = defaultdict(list)
    alone: dict[int, list[tuple[int, datetime | None]]] = defaultdict(list)
    for kind in open_:
        if kind.pk not in numbers:  # somebody has taken it between the two
            continue
        if kind.able and kind.queue_id not in staffed:  # one line for all of these
            alone[kind.queue_id].append(numbers[kind.pk])
        else:
            found[kind.queue_id].append(_sentence(kind, *numbers[kind.pk], now))
    for queue_id, lines in alone.items():
        oldest = min((since for _, since in lines if since), default=None)
        found[queue_id].append(_told("Nobody is on duty", sum(count for count, _ in lines), oldest, now))
    return found


def _sentence(kind: Kind, count: int, oldest: datetime | None, now: datetime) -> str:
    wanted = ", ".join(kind.wanted)
    if kind.able and wanted:
        who = f"Nobody on duty has {wanted}"
    elif wanted:
        who = f"No member has {wanted}"
    else:
        who = "Nobody is on duty" if kind.able else "There is no member"
    return _told(who, count, oldest, now)


def _told(who: str, count: int, oldest: datetime | None, now: datetime) -> str:
    waits = f"{count} {'waits' if count == 1 else 'wait'}"
    return f"{who}: {waits}, oldest {age(oldest, now)}." if oldest else f"{who}: {waits}."
