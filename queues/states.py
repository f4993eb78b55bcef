"""The moves of a conversation between its states, shared by `intake`, `routing` and `actions`.

Each takes a conversation whose row the caller has locked, writes it, and tells the open desks. Why it moved,
and who moved it, the caller writes to the history.

Locks are taken in one order: contact, conversations by id, agents by id. Routing locks an agent first, but
then only conversations that nobody holds.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import transaction
from django.db.models import Field, QuerySet

from agents.models import Agent
from agents.rights import is_administrator
from mailcore.moments import written
from queues import feeding, hours, kinds, live, nudges, overriding, policy
from queues.abilities import fits, open_units
from queues.clocks import CLOCK, change_queue, plan, start_clock, stop_clock, take_back_turn
from queues.finding_filed import refile
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue

__all__ = [
    "MOVED", "await_customer", "claim", "come_back", "finish", "give_back", "hand_to", "junk", "let_go",
    "lock", "lock_agents", "lock_following", "lock_free", "lock_together", "move", "put_back", "save",
    "sleep", "snapshot", "start_clock", "stop_clock",
]  # fmt: skip

State = Conversation.State

MOVED = [
    "queue",
    "state",
    "agent",
    "last_agent",
    *CLOCK,
    "snoozed_until",
    "assigned_at",
    "closed_at",
    "spam_at",
    "kind",
    "answered_by",
    "reserved_for",
    "reserved_until",
    "offered_at",
    "accept_by",
    "accepted_at",
    "missed_by",
]


def lock(pk: int) -> Conversation:
    """Lock the row until the end of the transaction and return it as it is now.

    Raises:
        Conversation.DoesNotExist: it was erased in the meantime.
    """
    Conversation.objects.select_for_update(no_key=True).only("pk").get(pk=pk)
    return _read(pk)


def lock_together(pks: Iterable[int]) -> list[Conversation]:
    """The same for several, in the one order; without those that were merged or erased meanwhile."""
    rows = Conversation.objects.select_for_update(no_key=True).filter(pk__in=list(pks), merged_into=None)
    found = list(rows.order_by("pk").values_list("pk", flat=True))
    return list(_whole().filter(pk__in=found)) if found else []


def lock_free(pk: int) -> Conversation | None:
    """The same, but None if somebody else holds it or it is gone."""
    rows = Conversation.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=pk).order_by()
    return _read(pk) if rows.values_list("pk", flat=True).first() else None


def claim(pk: int) -> Conversation | None:
    """The same for what waits for anybody, in one query, with its queue alone.

    Nothing is waited for, so nothing joined can be older than the row: what was moved to another queue a
    moment ago meets no queue, and is None.
    """
    rows = Conversation.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    waiting = rows.select_related("queue__calendar").filter(pk=pk, state=State.WAITING).order_by()
    return next(iter(waiting), None)


def lock_following(pk: int) -> Conversation:
    """The same, but of a conversation that was merged, the one where everything of it is.

    Each lock on the way is let go again, so that the order of locks holds.

    Raises:
        Conversation.DoesNotExist: it was erased in the meantime.
    """
    while True:
        try:
            with transaction.atomic():
                row = lock(pk)
                if row.merged_into_id is None:
                    return row
                raise _Merged(row.merged_into_id)
        except _Merged as merged:
            pk = merged.into


class _Merged(Exception):
    """Rolls back to before the lock."""

    def __init__(self, into: int) -> None:
        self.into = into
        super().__init__(into)


def lock_agents(*conversations: Conversation) -> None:
    """Lock the agents of conversations that are about to change together, in the one order."""
    pks = {row.agent_id for row in conversations if row.agent_id is not None}
    rows = Agent.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=pks).order_by("pk")
    list(rows.values_list("pk", flat=True))


def _read(pk: int) -> Conversation:
    # A query of its own: one that locks and joins at once would, after waiting for the lock, give the row as
    # it is now beside the agent that it had before.
    return _whole().get(pk=pk)


def _whole() -> QuerySet[Conversation]:
    return Conversation.objects.select_related("queue__sender", "queue__calendar", "contact", "agent__user")


def give_back(conversation: Conversation, now: datetime) -> None:
    """→ waiting, with the due time it had."""
    freed = conversation.agent_id
    conversation.last_agent_id = freed or conversation.last_agent_id
    conversation.state, conversation.agent = State.WAITING, None
    _begin_anew(conversation)
    conversation.snoozed_until = conversation.assigned_at = conversation.closed_at = None
    conversation.kind_id = kinds.of(conversation)
    start_clock(conversation, now, conversation.queue.next_response)
    save(conversation, MOVED)
    _idle(now, freed=freed)
    nudges.calls(conversation)


def let_go(conversation: Conversation, now: datetime) -> None:
    """held → waiting, due from now."""
    start_clock(conversation, now, conversation.queue.first_response)
    give_back(conversation, now)


def hand_to(
    conversation: Conversation, agent: Agent, now: datetime, accept_within: timedelta | None = None
) -> None:
    """→ assigned to this agent.

    :param accept_within: routing pushed it: how long the agent has to open it, zero for no limit; None when
        the agent asked for it or a person decided.
    """
    freed = conversation.agent_id if conversation.agent_id != agent.pk else None
    conversation.last_agent_id = freed or conversation.last_agent_id
    conversation.state, conversation.agent, conversation.assigned_at = State.ASSIGNED, agent, now
    conversation.snoozed_until = conversation.closed_at = None
    _begin_anew(conversation)
    if accept_within is not None:
        conversation.offered_at, conversation.accepted_at = now, None
        conversation.accept_by = now + accept_within if accept_within else None
    start_clock(conversation, now, conversation.queue.next_response)
    save(conversation, MOVED)
    _idle(now, freed=freed, busy=agent.pk)


def _begin_anew(conversation: Conversation) -> None:
    conversation.spam_at = None
    conversation.reserved_for = conversation.reserved_until = None
    conversation.offered_at = conversation.accept_by = conversation.accepted_at = None


def come_back(conversation: Conversation, now: datetime) -> None:
    """→ assigned to the agent it had if that one has room, else → waiting, kept for them for a while.

    Who is away or has enough to do may come to it in time: that is worth a part of the target, as nobody else
    knows the matter. Who is offline keeps nothing, nor who lacks what it demands, unless a supervisor gave it
    to them all the same: the history says so again.
    """
    agent = conversation.agent
    if agent is None or agent.presence == Agent.Presence.OFFLINE or not _works_in(agent, conversation.queue):
        give_back(conversation, now)
        return
    fitness = overriding.fitness(agent, conversation)
    if not fitness.may_have:
        give_back(conversation, now)
        return
    lock_agents(conversation)
    agent.refresh_from_db(fields=["presence"])
    if agent.presence == Agent.Presence.AVAILABLE and has_room(agent, conversation.queue):
        hand_to(conversation, agent, now)
    else:
        give_back(conversation, now)
        _keep(conversation, agent, now)
    if fitness.lacks and agent.pk in (conversation.agent_id, conversation.reserved_for_id):
        _tell_despite(conversation, agent, fitness)


def _tell_despite(conversation: Conversation, agent: Agent, fitness: overriding.Fitness) -> None:
    sentence = f"It comes back to {agent} without {', '.join(fitness.lacks)}, as {fitness.despite} decided."
    data = {"agent": agent.pk, "lacks": list(fitness.lacks), "despite": fitness.despite}
    note_event(conversation, Kind.KEPT, sentence, data=data)


def _works_in(agent: Agent, queue: EmailQueue) -> bool:
    if not agent.user.is_active:
        return False
    return is_administrator(agent.user) or queue.members.filter(pk=agent.pk).exists()


def has_room(agent: Agent, queue: EmailQueue) -> bool:
    """Whether routing may give the agent one more conversation of this queue; the agent should be locked."""
    return fits(agent.capacity, open_units([agent.pk]).get(agent.pk, 0), queue.weight)


def _keep(conversation: Conversation, agent: Agent, now: datetime) -> None:
    """Let it wait for one agent alone, for a part of the target."""
    queue, target = conversation.queue, conversation.target or 0
    on_duty = agent.presence != Agent.Presence.OFFLINE
    if conversation.due_tick is None or not target:
        return
    opening = hours.of(queue)
    passed = opening.tick(now) - (conversation.due_tick - target)
    if not policy.is_reserved(passed, target, on_duty=on_duty, share=queue.own_share):
        return
    until = opening.at(conversation.due_tick - target + int(queue.own_share * target))
    if until > now:
        conversation.reserved_for, conversation.reserved_until = agent, until
        save(conversation, ["reserved_for", "reserved_until"])


def where(conversation: Conversation) -> str:
    """In whose hands it is now, as the history says it after a semicolon."""
    if conversation.agent is not None:
        return f"it is with {conversation.agent}"
    if conversation.reserved_for is None or conversation.reserved_until is None:
        return f"it waits in {conversation.queue}"
    return f"it is kept for {conversation.reserved_for} until {written(conversation.reserved_until)}"


def await_customer(conversation: Conversation, now: datetime) -> None:
    """→ pending: we have answered."""
    conversation.snoozed_until = conversation.closed_at = None
    conversation.missed_by = []
    stop_clock(conversation)
    _rest(conversation, State.PENDING, now)


def finish(conversation: Conversation, now: datetime) -> None:
    """→ closed."""
    conversation.snoozed_until, conversation.closed_at = None, now
    conversation.missed_by = []
    stop_clock(conversation)
    _rest(conversation, State.CLOSED, now)


def junk(conversation: Conversation, now: datetime) -> None:
    """→ closed, as spam."""
    finish(conversation, now)
    conversation.spam_at = now
    save(conversation, ["spam_at"])


def sleep(conversation: Conversation, until: datetime, now: datetime) -> None:
    """→ snoozed; a due time is kept, as the customer waits on."""
    conversation.snoozed_until, conversation.closed_at = until, None
    _rest(conversation, State.SNOOZED, now)


def _rest(conversation: Conversation, state: Conversation.State, now: datetime) -> None:
    """A state that takes none of the agent's capacity; the agent stays who it comes back to."""
    conversation.state = state
    _begin_anew(conversation)
    conversation.last_agent_id = conversation.agent_id or conversation.last_agent_id
    save(conversation, MOVED)
    _idle(now, freed=conversation.agent_id)


def move(conversation: Conversation, queue: EmailQueue, now: datetime) -> None:
    """→ waiting in another queue; arrival and due time stay, only counted in that queue's hours."""
    left = conversation.queue_id
    conversation.queue = queue
    change_queue(conversation)
    give_back(conversation, now)
    refile(conversation.pk, queue.pk)
    live.changed(conversation.pk, left)
    feeding.tell_of_move(conversation, left)


def snapshot(conversation: Conversation) -> dict[str, Any]:
    """Where it is, as plain values, for `put_back`."""
    return {name: _plain(getattr(conversation, name)) for name in _attributes()}


def _attributes() -> "dict[str, Field[Any, Any]]":
    fields = (cast("Field[Any, Any]", Conversation._meta.get_field(name)) for name in MOVED)
    return {field.attname: field for field in fields}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def put_back(conversation: Conversation, before: dict[str, Any], now: datetime) -> None:
    """→ where it was at `snapshot`; the caller has made sure that nothing happened to it since."""
    queue, freed = conversation.queue_id, conversation.agent_id
    for name, field in _attributes().items():
        value = before[name]
        setattr(conversation, name, value if field.is_relation else field.to_python(value))
    take_back_turn(conversation)
    plan(conversation)
    save(conversation, MOVED)
    if conversation.queue_id != queue:
        refile(conversation.pk, conversation.queue_id)
        live.changed(conversation.pk, queue)
        feeding.tell_of_move(conversation, queue)
    if conversation.state == State.WAITING:
        nudges.calls(conversation)
    is_in_hand = conversation.state == State.ASSIGNED
    _idle(now, freed=freed, busy=conversation.agent_id if is_in_hand else None)


def save(conversation: Conversation, fields: list[str]) -> None:
    """Write these fields and tell the open desks after the commit."""
    conversation.save(update_fields=fields)
    live.changed(conversation.pk, conversation.queue_id, conversation.agent_id)


def _idle(now: datetime, freed: int | None = None, busy: int | None = None) -> None:
    changes = {freed: now, busy: None}
    for agent_id in sorted(pk for pk in changes if pk is not None):
        Agent.objects.filter(pk=agent_id).update(idle_since=changes[agent_id])
