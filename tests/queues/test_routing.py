"""Who is able, who gets what, and what the reason says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, Language
from queues import kinds, routing, tasks
from queues.abilities import Candidate, Demand, Team, able, fits, gap, lacks, may_help
from queues.models import Conversation, EmailQueue
from queues.steps import Step
from tests.make import make_agent, make_conversation, make_queue
from tests.product import eventually

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
State = Conversation.State
Wait = EmailQueue.WaitRule
PUSH = EmailQueue.Mode.PUSH


@pytest.fixture
def in_one_minute() -> None:
    """Routing counts in whole minutes: what comes at the end of one is told of in the next."""
    eventually(lambda: timezone.now().second < 55, "another minute begins")


def candidate(agent_id: int = 1, **overrides: object) -> Candidate:
    values: dict[str, object] = {"name": f"Agent {agent_id}", "skills": {}, "languages": {}}
    return Candidate(agent_id=agent_id, **(values | overrides))  # type: ignore[arg-type]


def team(*members: Candidate, wait_rule: str = Wait.UNCOVERED) -> Team:
    return Team(1, "Support", (("billing", 3),), 3, wait_rule, members)


class TestAbility:
    """Every demand met, or the wait rule."""

    @pytest.mark.parametrize(
        ("skills", "languages", "missing"),
        [
            ({"billing": 3}, {"cs": 3}, ()),
            ({"billing": 5, "x": 1}, {"cs": 5}, ()),
            ({"billing": 2}, {"cs": 5}, ("billing ≥ 3",)),
            ({}, {"cs": 3}, ("billing ≥ 3",)),
            ({"billing": 3}, {"en": 5}, ("cs ≥ 3",)),
            ({}, {}, ("billing ≥ 3", "cs ≥ 3")),
        ],
    )
    def test_lacks(self, skills: dict[str, int], languages: dict[str, int], missing: tuple[str, ...]) -> None:
        agent = candidate(skills=skills, languages=languages)
        assert lacks(agent, Demand((("billing", 3),), "cs", 3)) == missing

    def test_no_language_demands_none(self) -> None:
        assert able(candidate(), Demand((), "", 5))

    @pytest.mark.parametrize(
        ("level", "presence", "rule", "expected"),
        [
            (2, "offline", Wait.UNCOVERED, True),
            (1, "offline", Wait.UNCOVERED, False),  # can't even read it
            (2, "offline", Wait.OFF, False),
            (2, "away", Wait.UNCOVERED, False),  # the able colleague is on duty
            (2, "available", Wait.UNCOVERED, False),
        ],
    )
    def test_uncovered(self, level: int, presence: str, rule: str, expected: bool) -> None:
        reader = candidate(1, languages={"cs": level})
        expert = candidate(2, skills={"billing": 3}, languages={"cs": 3}, presence=presence)
        both = team(reader, expert, wait_rule=rule)
        assert may_help(reader, both.demand("cs"), both) is expected

    @pytest.mark.parametrize(("waited", "expected"), [(29, False), (30, True)])
    def test_steps(self, waited: int, expected: bool) -> None:
        helper = candidate(1, skills={"billing": 1}, languages={"cs": 3})
        found = replace(team(helper, wait_rule=Wait.STEPS), steps=(Step(30, {"billing": 1}),))
        assert may_help(helper, found.demand("cs"), found, waited) is expected

    def test_the_gap_names_what_is_missing(self) -> None:
        expert = candidate(skills={"billing": 3}, languages={"cs": 3}, presence="offline")
        assert gap("cs", team(expert)) == "Needs billing ≥ 3, cs ≥ 3; no agent on duty has it."
        assert gap("de", team(expert)) == "Needs billing ≥ 3, de ≥ 3; no member of Support has it."
        assert gap("cs", team(candidate(skills={"billing": 4}, languages={"cs": 3}))) == ""


class TestRoom:
    """Capacity in units; the first conversation may be larger than all of it."""

    @pytest.mark.parametrize(
        ("capacity", "taken", "weight", "expected"),
        [
            (1, 0, 1, True), (1, 1, 1, False), (3, 2, 1, True), (3, 2, 2, False),
            (1, 0, 5, True), (5, 1, 5, False), (0, 0, 1, False),
        ],
    )  # fmt: skip
    def test_fits(self, capacity: int, taken: int, weight: int, expected: bool) -> None:
        assert fits(capacity, taken, weight) is expected


@pytest.mark.django_db
class TestPush:
    """Given to free agents, with the reason."""

    @pytest.mark.usefixtures("in_one_minute")
    def test_to_the_one_idle_longest_with_the_reason(self) -> None:
        alice = make_agent("alice", idle_since=NOON)
        dora = make_agent("dora", idle_since=NOON - timedelta(minutes=1))
        queue = make_queue([alice, dora], mode=PUSH, name="Support")
        row = make_conversation(queue)
        assert routing.dispatch(queue.pk) == 1
        row.refresh_from_db()
        assert (row.state, row.agent) == (State.ASSIGNED, dora)
        event = row.events.latest("pk")
        assert (event.kind, event.user) == ("offered", None)
        assert event.sentence == routing.explain(event.data)
        assert event.sentence == (
            "Dora got it: due in 4 h. Dora is the best for Support (5 of 5). 2 people can do it, 2 were free."
        )
        assert routing.replay(event.data) == (row.pk, dora.pk)
        dora.refresh_from_db()
        assert dora.idle_since is None

    def test_nearly_the_best_and_idle_longest(self) -> None:
        """Oracle 5: 1.00 idle 1 min, 1.08 idle 30 min, 1.12 idle 60 min; levels 5, and by hand the others."""
        idle = {"alice": 1, "dora": 30, "eve": 60}
        for name, minutes in idle.items():
            make_agent(name, idle_since=timezone.now() - timedelta(minutes=minutes))
        queue = make_queue(Agent.objects.all(), mode=PUSH)
        row = make_conversation(queue)
        kinds.refresh()
        for name, ratio in (("dora", 1.08), ("eve", 1.12)):
            Agent.objects.get(user__username=name).kinds.update(ratio=ratio)
        assert routing.dispatch(queue.pk) == 1
        row.refresh_from_db()
        assert str(row.agent) == "Dora"

    def test_the_own_agent_before_a_better_one(self) -> None:
        """Oracle 6: 1.24 × ⅔ against 1.00."""
        alice, dora = make_agent("alice", {"billing": 3}), make_agent("dora", {"billing": 5}, idle_since=NOON)
        queue = make_queue([alice, dora], {"billing": 1}, mode=PUSH)
        row = make_conversation(queue, answered_by=alice)
        assert routing.dispatch(queue.pk) == 1
        row.refresh_from_db()
        assert row.agent == alice
        assert "Alice answered it last" in row.events.latest("pk").sentence

    def test_not_to_who_is_away_full_or_not_able(self) -> None:
        Language.objects.create(tag="cs")
        away = make_agent("alice", presence=Agent.Presence.AWAY, languages={"cs": 5})
        full = make_agent("dora", capacity=0, languages={"cs": 5})
        unable = make_agent("eve", languages={"cs": 2})
        queue = make_queue([away, full, unable], mode=PUSH)
        make_conversation(queue, language="cs")
        assert routing.dispatch(queue.pk) == 0

    def test_uncovered_goes_to_a_reader_and_says_so(self) -> None:
        Language.objects.create(tag="cs")
        reader = make_agent("eve", languages={"cs": 2})
        make_agent("alice", languages={"cs": 5}, presence=Agent.Presence.OFFLINE)
        queue = make_queue(Agent.objects.all(), mode=PUSH)
        row = make_conversation(queue, language="cs")
        assert routing.dispatch(queue.pk) == 1
        row.refresh_from_db()
        assert row.agent == reader
        event = row.events.latest("pk")
        assert "Eve lacks cs ≥ 3" in event.sentence
        assert event.data["lacks"] == ["cs ≥ 3"]

    def test_steps_let_in_who_waited_for(self) -> None:
        reader = make_agent("eve", languages={"cs": 2})
        make_agent("alice", languages={"cs": 5}, capacity=0)
        steps = [{"after_minutes": 30, "language_level": 2}]
        queue = make_queue(Agent.objects.all(), mode=PUSH, wait_rule=Wait.STEPS, steps=steps)
        early = make_conversation(queue, timezone.now() - timedelta(minutes=20), language="cs")
        assert routing.dispatch(queue.pk) == 0
        late = make_conversation(queue, timezone.now() - timedelta(minutes=31), language="cs")
        assert routing.dispatch(queue.pk) == 1
        late.refresh_from_db()
        early.refresh_from_db()
        assert (late.agent, early.agent) == (reader, None)
        assert "It had waited 30 min, so less is demanded" in late.events.latest("pk").sentence

    def test_nothing_is_pushed_from_a_pick_queue(self) -> None:
        alice = make_agent("alice")
        make_conversation(make_queue([alice]))
        tasks.sweep()
        tasks.offer(agent_id=alice.pk)
        assert Conversation.objects.get().state == State.WAITING

    def test_the_sweep_alone_gives_everything_away(self) -> None:
        alice = make_agent("alice", capacity=2)
        queue = make_queue([alice], mode=PUSH)
        for _ in range(3):
            make_conversation(queue)
        tasks.sweep()
        assert Conversation.objects.filter(agent=alice).count() == 2

    @pytest.mark.usefixtures("in_one_minute")
    def test_most_pressing_first_over_all_push_queues(self) -> None:
        alice = make_agent("alice")
        slow = make_queue([alice], mode=PUSH, first_response=500)
        fast = make_queue([alice], mode=PUSH, first_response=6)
        make_conversation(slow)
        first = make_conversation(fast)
        assert routing.dispatch(slow.pk) == 1
        first.refresh_from_db()
        assert first.agent == alice
        assert routing.explain(first.events.latest("pk").data).endswith(f"“{slow.name}”, due in 8 h 20 min.")

    def test_weights_fill_the_capacity(self) -> None:
        alice = make_agent("alice", capacity=3)
        heavy, light = make_queue([alice], mode=PUSH, weight=2), make_queue([alice], mode=PUSH)
        for _ in range(3):
            make_conversation(heavy)
            make_conversation(light)
        tasks.sweep()
        counts = [alice.conversations.filter(queue=queue).count() for queue in (heavy, light)]
        assert counts in ([1, 1], [0, 3])
        assert sum(count * weight for count, weight in zip(counts, (2, 1), strict=True)) == 3


@pytest.mark.django_db
class TestTimeLeft:
    """What an agent gets next."""

    @pytest.mark.usefixtures("in_one_minute")
    def test_fewest_effective_minutes(self) -> None:
        """The fit counts: what is due first may wait for who fits it."""
        alice = make_agent("alice", {"billing": 5, "general": 3})
        make_agent("dora", {"billing": 3, "general": 5})
        billing = make_queue(Agent.objects.all(), {"billing": 1}, exponent=6)
        general = make_queue(Agent.objects.all(), {"general": 1}, exponent=6)
        now = timezone.now()
        mine = make_conversation(billing, now - timedelta(minutes=140))
        make_conversation(general, now - timedelta(minutes=160))
        got = routing.next_for(alice, [billing.pk, general.pk])
        assert got == mine
        event = mine.events.latest("pk")
        assert "Next in line was “general”, due in 1 h 20 min: 1 other fits it better." in event.sentence
        assert event.data["effective"] == pytest.approx(100, abs=1)

    def test_what_cannot_be_saved_waits(self) -> None:
        """Oracle 4: 4 minutes left with a target of 60 count as 600; 300 left come before."""
        alice = make_agent("alice")
        lost = make_queue([alice], first_response=60)
        easy = make_queue([alice], first_response=300)
        make_conversation(lost, timezone.now() - timedelta(minutes=56))
        wanted = make_conversation(easy)
        assert routing.next_for(alice, [lost.pk, easy.pk]) == wanted

    def test_urgent_late_mail_is_seen_behind_older_late_mail(self) -> None:
        """In one kind, what is late with a short target halves sooner than what was due before it."""
        alice = make_agent("alice")
        queue = make_queue([alice], first_response=240)
        now = timezone.now()
        slow = make_conversation(queue, now - timedelta(minutes=480 + 150))
        Conversation.objects.filter(pk=slow.pk).update(target=480)
        urgent = make_conversation(queue, now - timedelta(minutes=260))
        tick = urgent.due_tick
        assert tick is not None
        Conversation.objects.filter(pk=urgent.pk).update(target=60, due_tick=tick - 60)
        assert routing.next_for(alice, [queue.pk]) == urgent

    def test_capacity_one_open_gives_nothing_until_it_is_parked(self) -> None:
        """Oracle 11."""
        alice = make_agent("alice")
        queue = make_queue([alice])
        for _ in range(2):
            make_conversation(queue)
        first = routing.next_for(alice, [queue.pk])
        assert first is not None
        with pytest.raises(routing.AtCapacity):
            routing.next_for(alice, [queue.pk])
        Conversation.objects.filter(pk=first.pk).update(state=State.PENDING)
        assert routing.next_for(alice, [queue.pk]) not in (None, first)

    def test_deciding_moves_no_due_time(self) -> None:
        alice = make_agent("alice")
        queue = make_queue([alice])
        row = make_conversation(queue)
        routing.next_for(alice, [queue.pk])
        after = Conversation.objects.get(pk=row.pk)
        assert (after.due_at, after.due_tick, after.waiting_since) == (
            row.due_at,
            row.due_tick,
            row.waiting_since,
        )
