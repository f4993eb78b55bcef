"""What routing must hold after every step, told a second time: from levels and rows alone, without kinds."""

from typing import Any

from django.utils import timezone

from agents import presence
from agents.models import Agent
from queues import gaps, history
from queues.models import AgentKind, Conversation, EmailQueue, Event, Kind
from queues.reasons import explain, replay
from tests.queues.routing_world import Fit, World, scarcity

State = Conversation.State
Presence = Agent.Presence


def check_capacity(before: World, after: World) -> None:
    """Routing filled nobody beyond their capacity; a first one may be larger than all of it."""
    for agent in after.agents.values():
        taken, had = after.taken[agent.pk], sum(before.taken[agent.pk])
        assert sum(taken) <= max(had, agent.capacity) or len(taken) == 1, (agent, taken)


def check_reason(event: Event, world: World, *, is_fresh: bool) -> None:
    """What was stored gives the same choice and sentence, and who got it may have it."""
    data = event.data
    replayed = replay(data)
    assert replayed.conversation_id == event.conversation_id
    assert replayed.agent_id in (None, data["agent"])
    assert event.sentence == explain(data)
    if is_fresh:
        check_may_have(world, world.agents[data["agent"]], world.rows[event.conversation_id], data)


def check_may_have(world: World, agent: Agent, row: Conversation, data: dict[str, Any]) -> None:
    """Able; or under the wait rule, or by a supervisor's decision, and then the reason says so."""
    assert agent in world.members(row.queue_id)
    if world.is_able(agent, row):
        assert "lacks" not in data
        return
    assert data["lacks"]
    if data.get("despite"):
        assert data["despite"] == "Bob"
        assert data["reserved"]
        return
    after = world.eased_after(agent, row)
    assert after is not None
    assert data["eased"] == after <= world.waited(row)


def check_due(before: World, after: World) -> None:
    """Since when and until when it is our turn stays as it was, merging aside."""
    for pk, row in before.rows.items():
        if row.due_at is not None and row.merged_into_id is None:
            assert _clock(after.rows[pk]) == _clock(row), row


def _clock(row: Conversation) -> tuple[Any, ...]:
    return row.due_at, row.due_tick, row.waiting_since, row.target


def check_rows(world: World | None = None) -> None:
    """Nothing is in two hands, offered to nobody, or kept for somebody who is gone."""
    world = world or World()
    for row in world.rows.values():
        if row.accept_by is not None:
            assert row.state == State.ASSIGNED
        if row.state == State.WAITING:
            assert row.agent_id is None
            assert row.target is not None
        if row.state == State.ASSIGNED:
            assert row.agent_id is not None
        if row.reserved_for_id is not None:
            assert row.state == State.WAITING
            assert row.reserved_until is not None
            assert world.agents[row.reserved_for_id].presence != Presence.OFFLINE


def check_kinds() -> None:
    """After a look at what has changed, kinds are what levels, members, demands and wait rules make them."""
    world = World()
    found = {kind.pk: kind for kind in Kind.objects.all()}
    staff: dict[int, set[Fit]] = {pk: set() for pk in found}
    for each in AgentKind.objects.all():
        fit = Fit(each.agent_id, each.ratio, each.level, each.eased, each.after, tuple(each.lacks))
        staff[each.kind_id].add(fit)
    among = [kind.able for kind in found.values() if kind.is_live]
    for row in world.waiting():
        kind = found[row.kind_id or 0]
        assert kind.is_live
        assert (kind.queue_id, kind.language) == (row.queue_id, row.language)
        language = [kind.language, kind.language_level]
        assert {name: level for name, level in (*kind.demands, language) if name} == world.wanted(row)
        assert staff[kind.pk] == world.staff(row), row
        assert kind.able == sum(not fit.eased for fit in staff[kind.pk])
    for kind in found.values():
        assert not kind.is_live or kind.scarcity == scarcity(kind.able, among)


def check_taken(before: World, agent: Agent, given: Conversation | None, *, is_refused: bool) -> None:
    """Who asks gets what is first for them by the rule, of all that there is room for; or hears why not.

    Scarcities are those that the decision saw: it has brought the kinds of these queues up to date.
    """
    is_in_a_team = any(agent.pk in team for team in before.teams.values())
    if not before.has_room_for(agent, 1) and is_in_a_team:
        assert is_refused, agent
    rows = before.for_agent(agent)
    fitting = [row for row in rows if before.has_room(agent, row)]
    if any(not before.may_get(agent, row) for row in rows):
        return  # kept for them, and has demanded more since: `check_may_have` says what holds then
    if before.ticks(before.at) != before.ticks(timezone.now()):
        return  # a minute has passed since
    is_full = is_in_a_team and not before.has_room_for(agent, 1)
    assert is_refused == (given is None and (bool(rows) or is_full)), agent
    scarcities = dict(Conversation.objects.values_list("pk", "kind__scarcity"))
    first = before.first(agent, fitting, scarcities)
    if given is None:
        assert not first, agent
    else:
        assert given.pk in first, (agent, given)


def check_came_back(before: World, pk: int) -> None:
    """It is our turn again: to who had it if they have room, else kept for them for a while, else for all.

    Only for who is on duty, works in its queue, and can do it; or a supervisor gave it to them all the same.
    """
    row, after = before.rows[pk], World()
    now = after.rows[pk]
    if row.state in (State.ASSIGNED, State.WAITING) or now.state not in (State.ASSIGNED, State.WAITING):
        return
    agent = before.agents.get(row.agent_id or 0)
    hands = (now.agent_id, now.reserved_for_id)
    if agent is None or agent.presence == Presence.OFFLINE or agent not in before.members(row.queue_id):
        assert hands == (None, None), now
        return
    if not after.is_able(agent, now):
        is_decided = now.events.filter(
            kind=history.Kind.KEPT, data__despite="Bob", at__gte=before.at
        ).exists()
        assert is_decided or hands == (None, None), now
        return
    share = int(now.queue.own_share * (now.target or 0))
    if agent.presence == Presence.AVAILABLE and before.has_room(agent, row):
        assert hands == (agent.pk, None), now
    elif after.waited(now) < share - 1:
        assert hands == (None, agent.pk), now
    elif after.waited(now) > share:
        assert hands == (None, None), now


def check_swept() -> None:
    """After a sweep: nothing is overdue for it, nobody waits for who is free, and each lack has its name."""
    now, world = timezone.now(), World()
    found = {gap.kind_id for gap in gaps.current()}
    for row in world.rows.values():
        for at in (row.accept_by, row.reserved_until):
            assert at is None or at > now, row
        if row.state == State.SNOOZED:
            assert row.snoozed_until is None or row.snoozed_until > now, row
        if row.state == State.ASSIGNED:
            assert row.agent_id in [each.pk for each in world.members(row.queue_id)]
    for agent in world.agents.values():
        is_lost = agent.seen_at is not None and agent.seen_at < now - presence.HEARTBEAT_LOST
        assert agent.presence == Presence.OFFLINE or not is_lost, agent
    for row in world.waiting():
        assert row.kind_id is not None
        is_pushed = world.queues[row.queue_id].mode == EmailQueue.Mode.PUSH
        if row.reserved_for_id is not None:
            keeper = world.agents[row.reserved_for_id]
            assert keeper in world.members(row.queue_id)
            assert not (is_pushed and world.is_able(keeper, row) and _sits_free(world, keeper, row)), row
            continue
        assert (row.kind_id in found) == (not world.is_covered(row))
        if is_pushed:
            for agent in world.members(row.queue_id):
                assert not _sits_free(world, agent, row), (agent, row)


def _sits_free(world: World, agent: Agent, row: Conversation) -> bool:
    """Could have it, and is free, and did not miss it."""
    if agent.presence != Presence.AVAILABLE or agent.pk in row.missed_by:
        return False
    if not world.has_room(agent, row):
        return False
    if world.is_able(agent, row):
        return True
    after = world.eased_after(agent, row)
    return after is not None and world.waited(row) > after
