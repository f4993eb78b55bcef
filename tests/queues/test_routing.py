"""Who is able, who comes first, and what the reason says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models import Agent, Language
from queues import routing, tasks
from queues.abilities import Candidate, Demand, Fit, Team, able, fit, gap, lacks
from queues.models import Conversation, EmailQueue
from queues.routing import Head, choose, choose_agent
from tests.make import make_agent, make_conversation, make_queue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
State = Conversation.State
Wait = EmailQueue.WaitRule


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
            (2, "offline", Wait.UNCOVERED, Fit(("billing ≥ 3", "cs ≥ 3"))),
            (1, "offline", Wait.UNCOVERED, None),  # can't even read it
            (2, "offline", Wait.OFF, None),
            (2, "away", Wait.UNCOVERED, None),  # the able colleague is on duty
            (2, "available", Wait.UNCOVERED, None),
        ],
    )
    def test_uncovered(self, level: int, presence: str, rule: str, expected: Fit | None) -> None:
        reader = candidate(1, languages={"cs": level})
        expert = candidate(2, skills={"billing": 3}, languages={"cs": 3}, presence=presence)
        assert fit(reader, "cs", team(reader, expert, wait_rule=rule)) == expected
        assert fit(expert, "cs", team(reader, expert, wait_rule=rule)) == Fit()

    def test_the_gap_names_what_is_missing(self) -> None:
        expert = candidate(skills={"billing": 3}, languages={"cs": 3}, presence="offline")
        assert gap("cs", team(expert)) == "Needs billing ≥ 3, cs ≥ 3; no agent on duty has it."
        assert gap("de", team(expert)) == "Needs billing ≥ 3, de ≥ 3; no member of Support has it."
        assert gap("cs", team(candidate(skills={"billing": 4}, languages={"cs": 3}))) == ""


class TestOrder:
    """Due first; idle longest first."""

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 1000)), unique_by=lambda pair: pair[1]))
    def test_due_first_then_oldest_whatever_the_order_of_reading(self, pairs: list[tuple[int, int]]) -> None:
        heads = [Head(pk, pk, 1, "", NOON + timedelta(minutes=due), Fit()) for due, pk in pairs]
        chosen = [(head.due_at, head.conversation_id) for head in choose(heads)]
        assert chosen == sorted(chosen)
        assert chosen == [(head.due_at, head.conversation_id) for head in choose(heads[::-1])]

    def test_agents(self) -> None:
        agents = [
            candidate(1, idle_since=NOON),
            candidate(2, idle_since=NOON - timedelta(minutes=5)),
            candidate(3),
            candidate(4, presence="away", idle_since=NOON - timedelta(hours=1)),
            candidate(5, open=1, idle_since=NOON - timedelta(hours=1)),
            candidate(6, open=1, capacity=2, idle_since=NOON - timedelta(hours=1)),
        ]
        assert [agent.agent_id for agent in choose_agent(agents)] == [2, 1, 3, 6]


@pytest.mark.django_db
class TestPush:
    """Given to free agents, with the reason."""

    def test_to_the_one_idle_longest_with_the_reason(self) -> None:
        alice = make_agent("alice", idle_since=NOON)
        dora = make_agent("dora", idle_since=NOON - timedelta(minutes=1))
        queue = make_queue([alice, dora], mode=EmailQueue.Mode.PUSH)
        row = make_conversation(queue)
        assert routing.dispatch(queue.pk) == 1
        row.refresh_from_db()
        assert (row.state, row.agent) == (State.ASSIGNED, dora)
        event = row.events.latest("pk")
        assert (event.kind, event.user) == ("offered", None)
        assert event.data["rule"] == routing.RULE
        assert event.data["agent"] == dora.pk
        dora.refresh_from_db()
        assert dora.idle_since is None

    def test_not_to_who_is_away_full_or_not_able(self) -> None:
        Language.objects.create(tag="cs")
        away = make_agent("alice", presence=Agent.Presence.AWAY, languages={"cs": 5})
        full = make_agent("dora", capacity=0, languages={"cs": 5})
        unable = make_agent("eve", languages={"cs": 2})
        queue = make_queue([away, full, unable], mode=EmailQueue.Mode.PUSH)
        make_conversation(queue, language="cs")
        assert routing.dispatch(queue.pk) == 0

    def test_uncovered_goes_to_a_reader_and_says_so(self) -> None:
        Language.objects.create(tag="cs")
        reader = make_agent("eve", languages={"cs": 2})
        make_agent("alice", languages={"cs": 5}, presence=Agent.Presence.OFFLINE)
        queue = make_queue(Agent.objects.all(), mode=EmailQueue.Mode.PUSH)
        row = make_conversation(queue, language="cs")
        assert routing.dispatch(queue.pk) == 1
        row.refresh_from_db()
        assert row.agent == reader
        event = row.events.latest("pk")
        assert "Eve lacks cs ≥ 3" in event.sentence
        assert event.data["uncovered"] == ["cs ≥ 3"]

    def test_nothing_is_pushed_from_a_pick_queue(self) -> None:
        alice = make_agent("alice")
        make_conversation(make_queue([alice]))
        tasks.sweep()
        tasks.offer(agent_id=alice.pk)
        assert Conversation.objects.get().state == State.WAITING

    def test_the_sweep_alone_gives_everything_away(self) -> None:
        alice = make_agent("alice", capacity=2)
        queue = make_queue([alice], mode=EmailQueue.Mode.PUSH)
        for _ in range(3):
            make_conversation(queue)
        tasks.sweep()
        assert Conversation.objects.filter(agent=alice).count() == 2

    def test_due_first_over_all_push_queues(self) -> None:
        alice = make_agent("alice")
        slow = make_queue([alice], mode=EmailQueue.Mode.PUSH, first_response=500)
        fast = make_queue([alice], mode=EmailQueue.Mode.PUSH, first_response=5)
        make_conversation(slow)
        first = make_conversation(fast)
        assert routing.dispatch(slow.pk) == 1
        first.refresh_from_db()
        assert first.agent == alice
