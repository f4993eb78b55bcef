"""Who gets which conversation.

The rule, for now: of the conversations whose demands an agent meets, the one that is due first. `choose` and
`choose_agent` decide and are pure; `next_for` (pick) and `dispatch` (push) put a claim around them:

    lock the agent's row → still free? → heads of the queues → first that nobody else holds → assign, Event

Two dispatchers, a retry or a crash can't give a conversation away twice: the row is claimed with SKIP LOCKED
while it waits. All dispatchers are equal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from queues import states
from queues.abilities import Candidate, Fit, Team, languages_of, teams
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue
from queues.reasons import explain, replay

__all__ = ["AtCapacity", "choose", "choose_agent", "dispatch", "explain", "next_for", "offer", "replay"]

RULE = "due-first-1"
HEADS = 10  # read from each queue: as many dispatchers can be busy with one queue at once
ROUNDS = 3
State = Conversation.State


class AtCapacity(Exception):
    """The agent has as many conversations open as they may be given."""

    def __init__(self, agent: Candidate) -> None:
        self.agent = agent
        super().__init__(f"{agent.name} has {agent.open} of {agent.capacity} conversations open")


@dataclass(frozen=True, slots=True)
class Head:
    """A waiting conversation that the agent may get."""

    conversation_id: int
    number: int
    queue_id: int
    language: str
    due_at: datetime
    fit: Fit


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: everything the decision looked at, so that it can be replayed and told."""

    agent: Candidate
    head: Head
    team: Team
    minutes_left: int
    others: int
    runner_up: Head | None = None

    def sentence(self) -> str:
        """For the agent and the supervisor."""
        due = (
            f"due in {self.minutes_left} min" if self.minutes_left >= 0 else f"{-self.minutes_left} min late"
        )
        parts = [f"{self.agent.name} got it: first of {self.others + 1} by due time ({due})."]
        if self.head.fit.lacks:
            parts.append(
                f"No able agent is on duty; {self.agent.name} lacks {', '.join(self.head.fit.lacks)}."
            )
        if self.runner_up:
            parts.append(f"Next in line was #{self.runner_up.number}.")
        return " ".join(parts)

    def data(self) -> dict[str, Any]:
        """The inputs, as they are stored."""
        demand = self.team.demand(self.head.language)
        return {
            "rule": RULE,
            "agent": self.agent.agent_id,
            "queue": self.team.queue_id,
            "skills": dict(demand.skills),
            "language": demand.language,
            "language_level": demand.language_level,
            "due_at": self.head.due_at.isoformat(),
            "minutes_left": self.minutes_left,
            "open": self.agent.open,
            "capacity": self.agent.capacity,
            "uncovered": list(self.head.fit.lacks),
            "considered": self.others + 1,
            "runner_up": self.runner_up.conversation_id if self.runner_up else None,
        }


def choose(heads: Sequence[Head]) -> list[Head]:
    """The order in which an agent gets these: due first, then the oldest."""
    return sorted(heads, key=lambda head: (head.due_at, head.conversation_id))


def choose_agent(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The order in which free agents are given something: idle longest first."""
    far = datetime.max.replace(tzinfo=UTC)
    return sorted(
        (candidate for candidate in candidates if candidate.is_free),
        key=lambda candidate: (candidate.open, candidate.idle_since or far, candidate.agent_id),
    )


def next_for(
    agent: Agent, queue_ids: Iterable[int], kind: Kind = Kind.TAKEN, user: User | None = None
) -> Conversation | None:
    """Give the agent the next conversation of these queues, if there is one that they can handle.

    :param kind: how the history calls it: taken (asked for) or offered (pushed).

    Raises:
        AtCapacity: they have enough open already.
    """
    with transaction.atomic():
        locked = Agent.objects.select_for_update(of=("self",), no_key=True).get(pk=agent.pk)
        found = teams(queue_ids)
        members = [team.member(locked.pk) for team in found.values()]
        me = next((member for member in members if member is not None), None)
        if me is None:
            return None
        if me.open >= me.capacity:
            raise AtCapacity(me)
        return _first_claimed(locked, me, list(found.values()), kind, user)


def offer(agent_id: int) -> Conversation | None:
    """Push the next conversation to an agent who is available and below capacity."""
    with transaction.atomic():
        rows = Agent.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        agent = rows.filter(pk=agent_id, presence=Agent.Presence.AVAILABLE, user__is_active=True).first()
        if agent is None:  # not there, or another dispatcher is serving them now
            return None
        push = agent.queues.filter(mode=EmailQueue.Mode.PUSH).values_list("pk", flat=True)
        try:
            return next_for(agent, list(push), Kind.OFFERED)
        except AtCapacity:
            return None


def dispatch(queue_id: int) -> int:
    """Give what waits in a push queue to its free members; return how many conversations were given."""
    given = 0
    while Conversation.objects.filter(queue=queue_id, state=State.WAITING).exists():
        team = teams([queue_id]).get(queue_id)
        free = choose_agent(team.members) if team else []
        round_ = sum(offer(candidate.agent_id) is not None for candidate in free)
        given += round_
        if not round_:
            break
    return given


def _first_claimed(
    agent: Agent, me: Candidate, found: list[Team], kind: Kind, user: User | None
) -> Conversation | None:
    for _ in range(ROUNDS):  # all heads can be in the hands of others for a moment
        heads = choose([head for team in found for head in _heads(me, team)])
        for place, head in enumerate(heads):
            conversation = _claim(head)
            if conversation is not None:
                runner_up = heads[place + 1] if place + 1 < len(heads) else None
                team = next(team for team in found if team.queue_id == head.queue_id)
                _give(conversation, agent, _reason(me, head, team, len(heads) - 1, runner_up), kind, user)
                return conversation
        if not heads:
            break
    return None


def _heads(me: Candidate, team: Team) -> list[Head]:
    fits = languages_of(me, team)
    rows = Conversation.objects.filter(queue=team.queue_id, state=State.WAITING, language__in=list(fits))
    fields = ("pk", "number", "queue_id", "language", "due_at", "created_at")
    return [
        Head(pk, number, queue_id, language, due_at or created_at, fits[language])
        for pk, number, queue_id, language, due_at, created_at in rows.order_by("due_tick", "pk").values_list(
            *fields
        )[:HEADS]
    ]


def _claim(head: Head) -> Conversation | None:
    row = states.lock_free(head.conversation_id)
    if row is None or row.state != State.WAITING or row.queue_id != head.queue_id:
        return None
    return row if row.language == head.language else None


def _reason(me: Candidate, head: Head, team: Team, others: int, runner_up: Head | None) -> Reason:
    left = (head.due_at - timezone.now()) // timedelta(minutes=1)
    return Reason(me, head, team, left, others, runner_up)


def _give(conversation: Conversation, agent: Agent, reason: Reason, kind: Kind, user: User | None) -> None:
    states.hand_to(conversation, agent, timezone.now())
    note_event(conversation, kind, reason.sentence(), user, reason.data())
