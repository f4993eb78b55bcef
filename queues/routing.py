"""Who gets which conversation: the rule *time left* (`policy`), with a claim around it.

    lock the agent's row → still free? → heads of the lines → fewest effective minutes first
    → the first that nobody else holds → assign, count, Event → commit

An agent who gets free takes what `lines.heads` puts first (`offer`, `next_for`). A conversation that has come
goes to who fits nearly best and is idle longest (`dispatch`). Two dispatchers, a retry or a crash can't give
a conversation away twice: its row is claimed with SKIP LOCKED while it waits, and the locked row of the agent
holds the capacity. All dispatchers are equal, and everything is one transaction, so a dead one leaves nothing
behind. The clock is the database's.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet

from agents.models import Agent
from agents.retelling import in_english
from queues import kinds, lines, offers, overriding, standing, states
from queues.abilities import fits
from queues.history import Kind, note_event
from queues.lines import Part, Place, Seen
from queues.models import Conversation, EmailQueue
from queues.policy import choose, choose_agent
from queues.reasons import Line, Reason, explain, replay
from queues.standing import Arrival

__all__ = [
    "AtCapacity", "TooHeavy", "Wish", "choose", "choose_agent", "clock", "dispatch", "explain", "next_for",
    "offer", "replay", "too_heavy", "waiting_for",
]  # fmt: skip

DEPTHS = (1, 3, 12, 50)  # of each line: others can hold all that was looked at, for a moment
State = Conversation.State


class AtCapacity(Exception):
    """The agent has as much open as they may be given."""

    def __init__(self, agent: Agent, taken: int) -> None:
        self.agent, self.taken = agent, taken
        super().__init__(f"{agent} has {taken} of {agent.capacity} open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who gets something, out of which queues, and how the history calls it.

    :param queue_ids: None for every push queue that the agent is a member of.
    :param kind: taken (the agent asked for it) or offered (pushed).
    :param arrival: a conversation that has come, and who was free for it: the agent first.
    """

    agent: Agent
    queue_ids: Sequence[int] | None
    kind: Kind = Kind.TAKEN
    user: User | None = None
    arrival: Arrival | None = None


def clock() -> datetime:
    """Now, as the database has it: dispatchers on several machines must agree."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    moment: datetime = now
    return moment


def next_for(
    agent: Agent, queue_ids: Iterable[int], kind: Kind = Kind.TAKEN, user: User | None = None
) -> Conversation | None:
    """Give the agent what is first for them in these queues, if there is anything.

    Raises:
        AtCapacity: they have enough open already.
    """
    wanted = list(queue_ids)
    kinds.refresh(wanted)
    with transaction.atomic():
        locked = _locked(agent.pk).get()
        return _serve(Wish(agent=locked, queue_ids=wanted, kind=kind, user=user))


def offer(agent_id: int, arrival: Arrival | None = None) -> Conversation | None:
    """Push the next conversation to an agent who is available and below capacity.

    :param arrival: why this agent: a conversation that waited while they were free.
    """
    with transaction.atomic():
        rows = _locked(agent_id, skip_locked=True)
        agent = rows.filter(presence=Agent.Presence.AVAILABLE, user__is_active=True).first()
        if agent is None:  # not there, or another dispatcher is serving them now
            return None
        try:
            return _serve(Wish(agent=agent, queue_ids=None, kind=Kind.OFFERED, arrival=arrival))
        except AtCapacity:
            return None


def _locked(agent_id: int, *, skip_locked: bool = False) -> QuerySet[Agent]:
    rows = Agent.objects.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)
    return rows.select_related("user").filter(pk=agent_id)


def dispatch(queue_id: int) -> int:
    """Give what waits in a push queue to its free members; return how many conversations were given.

    Of those who are free, the one for whom it is meant gets what is first for *them*, which may be another
    conversation that waits: nobody passes over a more pressing one because a new one came.
    """
    kinds.fill()
    queue = (
        EmailQueue.objects.select_related("calendar").filter(pk=queue_id, mode=EmailQueue.Mode.PUSH).first()
    )
    given = 0
    busy: set[int] = set()  # with another dispatcher, or nothing for them could be claimed
    while queue is not None:
        arrival = standing.first_to_give(queue, clock(), busy)
        if arrival is None:
            if offers.begin_anew(standing.missed(queue, clock())):
                continue
            return given + _behind_missed(queue, busy)
        agent_id = arrival.free[0].agent_id
        if offer(agent_id, arrival) is None:
            busy.add(agent_id)
        else:
            given += 1
    return given


def _behind_missed(queue: EmailQueue, busy: Collection[int]) -> int:
    """Serve those who missed what is first in line, and may get what lies behind it."""
    missed = {agent_id for _, by in standing.missed(queue, clock()).values() for agent_id in by}
    given = 0
    for agent_id in sorted(missed - set(busy)):
        while offer(agent_id) is not None:
            given += 1
    return given


def waiting_for(agent: Agent, queue_ids: Iterable[int], depth: int = 1) -> Sequence[Line]:
    """What the agent would get next in these queues, in order; nothing is locked or given."""
    now = clock()
    where = lines.places(EmailQueue.objects.filter(pk__in=list(queue_ids)), now)
    return lines.heads(agent.pk, where, now, depth)


@dataclass(frozen=True, slots=True)
class TooHeavy:
    """What waits for an agent takes more of the capacity than is free."""

    queue: EmailQueue
    free: int


def too_heavy(agent: Agent, queue_ids: Iterable[int]) -> TooHeavy | None:
    """The queue of what the agent would get next if there were room for it; nothing is locked or given."""
    now, taken = standing.room(agent.pk)
    queues = EmailQueue.objects.filter(members=agent.pk, pk__in=list(queue_ids))
    where = lines.places(queues, now)
    heavy = {pk: place for pk, place in where.items() if not fits(agent.capacity, taken, place.weight)}
    found = lines.heads(agent.pk, heavy, now) if heavy else []
    if not found:
        return None
    return TooHeavy(EmailQueue.objects.get(pk=found[0].queue_id), max(agent.capacity - taken, 0))


def _serve(wish: Wish) -> Conversation | None:
    """Give the first that can be claimed; the agent's row is locked."""
    agent = wish.agent
    now, taken = standing.room(agent.pk)
    queues = EmailQueue.objects.filter(members=agent.pk)
    if wish.queue_ids is None:
        queues = queues.filter(mode=EmailQueue.Mode.PUSH)
    else:
        queues = queues.filter(pk__in=wish.queue_ids)
    where = lines.places(queues, now)
    if where and not fits(agent.capacity, taken):
        raise AtCapacity(agent, taken)
    where = {pk: place for pk, place in where.items() if fits(agent.capacity, taken, place.weight)}
    is_push = wish.kind == Kind.OFFERED
    for depth in DEPTHS if where else ():
        found = lines.seen(agent.pk, where, now, Part(depth, is_push=is_push))
        for at, line in enumerate(found.lines):
            conversation = _claim(line, agent, is_push=is_push)
            held = _as_it_is(line, agent, conversation) if conversation is not None else None
            if conversation is not None and held is not None:
                left = Seen([held, *found.lines[at + 1 :]], found.looked_at - at)
                _give(wish, conversation, left, where, now)
                return conversation
        if not found.lines:
            break
    return None


def _claim(line: Line, agent: Agent, *, is_push: bool) -> Conversation | None:
    row = states.claim(line.head.conversation_id)
    if row is None or (row.kind_id or 0) != line.kind_id:
        return None
    if row.queue_id != line.queue_id or row.reserved_for_id not in (None, agent.pk):
        return None
    return None if is_push and agent.pk in row.missed_by else row


def _give(
    wish: Wish, conversation: Conversation, found: Seen, where: dict[int, Place], now: datetime
) -> None:
    line, *others = found.lines
    rank, fit_better = standing.rank(line, others[0] if others else None)
    is_arrival = wish.arrival is not None and wish.arrival.conversation_id == conversation.pk
    reason = Reason(
        agent_id=wish.agent.pk,
        name=str(wish.agent),
        tick=where[line.queue_id].tick,
        line=line,
        others=others,
        considered=found.looked_at,
        rank=rank,
        fit_better=fit_better,
        free=wish.arrival.free if wish.arrival and is_arrival else (),
    )
    is_pushed = wish.kind == Kind.OFFERED
    within = timedelta(seconds=conversation.queue.accept_seconds) if is_pushed else None
    states.hand_to(conversation, wish.agent, now, within)
    data = reason.data()
    with in_english():
        sentence = explain(data)
    note_event(conversation, wish.kind, sentence, wish.user, data)


def _as_it_is(line: Line, agent: Agent, conversation: Conversation) -> Line | None:
    """What is kept for an agent looks at nobody's levels: what they lack, and who gave it to them in spite.

    If they lack something that nobody decided on, as levels or demands have changed since, it is kept no
    longer: None.
    """
    if not line.is_reserved:
        return line
    found = overriding.fitness(agent, conversation)
    if not found.may_have:
        conversation.reserved_for = conversation.reserved_until = None
        states.save(conversation, ["reserved_for", "reserved_until"])
        return None
    return replace(line, lacks=found.lacks, despite=found.despite) if found.lacks else line
