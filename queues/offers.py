"""What routing pushed has to be opened in time, or it goes to somebody else.

    offered ──opened, or begun──▶ accepted
       └──not in time──▶ waiting again, with the due time it had; a second one in a row: the agent is away

Who missed it isn't offered it again before everybody else on duty was; then the round begins anew.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents import presence
from agents.models import Agent
from queues import live, states
from queues.history import Kind, note_event
from queues.models import AgentKind, Conversation

State = Conversation.State
MOST_MISSED = 2  # in a row; who misses so many isn't there, whatever the browser says
MISSED_REASON = "did not answer offers"
BATCH = 200


def accept(conversation: Conversation, agent: Agent) -> bool:
    """Note that the agent has opened, or begun, what routing gave; True if it had not been noted."""
    if conversation.accept_by is None or conversation.agent_id != agent.pk:
        return False
    now = timezone.now()
    rows = Conversation.objects.filter(pk=conversation.pk, agent=agent, accept_by__isnull=False)
    if not rows.update(accept_by=None, accepted_at=now):
        return False
    conversation.accept_by, conversation.accepted_at = None, now
    Agent.objects.filter(pk=agent.pk, missed_offers__gt=0).update(missed_offers=0)
    live.changed(conversation.pk, conversation.queue_id, agent.pk)
    return True


def expire(now: datetime | None = None) -> int:
    """Take back what was not opened in time; return how many."""
    now = now or timezone.now()
    due = Conversation.objects.filter(accept_by__lte=now).order_by("accept_by")
    return sum(_expire(pk, now) for pk in due.values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _expire(pk: int, now: datetime) -> bool:
    row = states.lock_free(pk)
    if row is None or row.accept_by is None or row.accept_by > now or row.state != State.ASSIGNED:
        return False
    agent = row.agent
    if agent is None:
        return False
    row.missed_by = _round(row, [*row.missed_by, agent.pk])
    states.give_back(row, now)
    told = f"{agent} did not open it in time: it waits in {row.queue} again."
    data: dict[str, Any] = {"agent": agent.pk, "name": str(agent)}
    if _miss(agent, now):
        told += f" {agent} is away now."
        data["away"] = True
    note_event(row, Kind.MISSED, told, data=data)
    return True


def _round(row: Conversation, missed: list[int]) -> list[int]:
    """Who missed it in this round; nobody when everybody on duty had the chance."""
    able = AgentKind.objects.filter(kind=row.kind, eased=False).exclude(agent__in=missed)
    others = able.filter(agent__presence=Agent.Presence.AVAILABLE)
    return missed if others.exists() else []


def begin_anew(missed: Mapping[int, tuple[int, set[int]]]) -> int:
    """Let everybody have again what nobody else on duty can be given, as they have gone since.

    :param missed: the kind, and by whom it was missed, by conversation.
    :returns: how many conversations it was.
    """
    kinds = {kind for kind, _ in missed.values()}
    there: dict[int, set[int]] = defaultdict(set)
    able = AgentKind.objects.filter(kind__in=kinds, eased=False, agent__presence=Agent.Presence.AVAILABLE)
    for kind_id, agent_id in able.values_list("kind", "agent"):
        there[kind_id].add(agent_id)
    done = 0
    for pk, (kind_id, by) in missed.items():
        if there[kind_id] and not there[kind_id] - by:
            rows = Conversation.objects.filter(pk=pk, state=State.WAITING).exclude(missed_by=[])
            done += rows.update(missed_by=[])
    return done


def _miss(agent: Agent, now: datetime) -> bool:
    """Count it; True when it was one too many."""
    locked = Agent.objects.select_for_update(of=("self",), no_key=True).get(pk=agent.pk)
    locked.missed_offers += 1
    if locked.missed_offers < MOST_MISSED or locked.presence != Agent.Presence.AVAILABLE:
        locked.save(update_fields=["missed_offers"])
        return False
    presence.set_away(locked, MISSED_REASON, now)
    live.presence_changed(locked)
    return True
