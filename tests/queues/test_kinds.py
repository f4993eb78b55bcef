"""Kinds: what is demanded, worked out ahead, and never stale for longer than a sweep."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, Language, Skill
from mailstore.batch import batch
from queues import actions, kinds, marks, steps, tasks
from queues.actions import ActionRefused
from queues.models import AgentKind, Conversation, EmailQueue, Kind, StaleQueue
from tests.make import make_agent, make_conversation, make_queue

pytestmark = pytest.mark.django_db
Wait = EmailQueue.WaitRule


def rows(kind: Kind | None) -> dict[str, tuple[float, int, bool, int]]:
    assert kind is not None
    found = AgentKind.objects.filter(kind=kind).select_related("agent__user")
    return {str(row.agent): (row.ratio, row.level, row.eased, row.after) for row in found}


def kind_of(row: Conversation) -> Kind | None:
    row.refresh_from_db()
    return row.kind


def test_who_can_do_it_and_how_well() -> None:
    alice = make_agent("alice", {"billing": 5}, {"pl": 5})
    dora = make_agent("dora", {"billing": 3}, {"pl": 4})
    make_agent("eve", {"billing": 5})
    queue = make_queue(Agent.objects.all(), {"billing": 2}, name="Bills")
    row = make_conversation(queue, language="pl")
    assert kinds.fill([queue.pk]) == 1
    kind = kind_of(row)
    assert rows(kind) == {"Alice": (1.0, 5, False, 0), "Dora": (1.24, 3, False, 0)}
    assert (str(kind), kind and kind.able, kind and kind.wanted) == (
        "billing in Polish", 2, ("billing ≥ 2", "pl ≥ 3"),
    )  # fmt: skip
    assert {alice.pk, dora.pk} == set(AgentKind.objects.values_list("agent", flat=True))


def test_the_second_mail_has_its_kind_from_the_first_moment() -> None:
    queue = make_queue([make_agent()])
    first = make_conversation(queue)
    assert first.kind is None
    kinds.fill()
    assert make_conversation(queue).kind == kind_of(first)


@pytest.mark.parametrize(
    "change",
    [
        lambda alice, queue: alice.skill_levels.update(level=1),
        lambda alice, queue: alice.queues.clear(),
        lambda alice, queue: type(alice.user).objects.filter(pk=alice.user_id).update(is_active=False),
        lambda alice, queue: queue.skill_demands.update(level=5),
        lambda alice, queue: alice.skill_levels.all().delete(),
    ],
)
def test_whoever_changes_what_the_sweep_finds_it(change) -> None:  # type: ignore[no-untyped-def]
    alice = make_agent("alice", {"billing": 3})
    queue = make_queue([alice], {"billing": 2}, wait_rule=Wait.OFF)
    row = make_conversation(queue)
    kinds.fill()
    assert rows(kind_of(row))
    assert kinds.refresh() == [queue.pk]
    assert kinds.refresh() == []
    change(alice, queue)
    tasks.sweep()
    assert rows(kind_of(row)) == {}
    assert kinds.refresh() == []


def test_a_queue_that_demands_less_takes_what_waits_along() -> None:
    alice = make_agent("alice")
    queue = make_queue([alice], {"billing": 2}, wait_rule=Wait.OFF)
    row = make_conversation(queue)
    kinds.refresh()
    assert rows(kind_of(row)) == {}
    queue.skill_demands.all().delete()
    kinds.refresh()
    assert rows(kind_of(row)) == {"Alice": (1.0, 5, False, 0)}


def test_a_new_language_of_a_conversation_is_a_new_kind() -> None:
    queue = make_queue([make_agent("alice", languages={"pl": 5, "cs": 5})])
    row = make_conversation(queue, language="pl")
    kinds.fill()
    Conversation.objects.filter(pk=row.pk).update(language="cs")
    assert kinds.unfit() == 1
    kinds.fill()
    kind = kind_of(row)
    assert kind is not None
    assert kind.language == "cs"


class TestWaitRule:
    """Who may help is written down as well, marked, with what they lack."""

    def test_uncovered(self) -> None:
        make_agent("alice", {"billing": 3}, {"cs": 4})
        make_agent("eve", {}, {"cs": 2})
        make_agent("frank", {"billing": 5}, {"cs": 1})
        row = make_conversation(make_queue(Agent.objects.all(), {"billing": 2}), language="cs")
        kinds.fill()
        kind = kind_of(row)
        assert rows(kind) == {"Alice": (1.0, 3, False, 0), "Eve": (1.2903, 0, True, 0)}
        assert AgentKind.objects.get(eased=True).lacks == ["billing ≥ 2", "cs ≥ 3"]
        assert kind is not None
        assert kind.able == 1

    def test_steps(self) -> None:
        make_agent("alice", {"billing": 4})
        make_agent("dora", {"billing": 2})
        make_agent("eve")
        wanted = [
            {"after_minutes": 90, "skills": {"billing": 0}},
            {"after_minutes": 30, "skills": {"billing": 2}},
        ]
        queue = make_queue(Agent.objects.all(), {"billing": 4}, wait_rule=Wait.STEPS, steps=wanted)
        row = make_conversation(queue)
        kinds.fill()
        found = {name: (eased, after) for name, (_, _, eased, after) in rows(kind_of(row)).items()}
        assert found == {"Alice": (False, 0), "Dora": (True, 30), "Eve": (True, 90)}
        assert steps.sentences(wanted) == [
            "After 30 minutes of waiting: billing ≥ 2 is enough.",
            "After 90 minutes of waiting: no billing is enough.",
        ]

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ({}, "no list"),
            ([1], "Step 1 can't be read"),
            ([{"after_minutes": 0}], "needs “after_minutes”"),
            ([{"after_minutes": True}], "needs “after_minutes”"),
            ([{"after_minutes": 5, "skills": {"billing": 6}}], "need levels"),
            ([{"after_minutes": 5, "language_level": "2"}], "language level"),
            ([{"after_minutes": 5}, {"after_minutes": 5}], "same number"),
            ([{"after_minutes": 5, "skill": {}}], "can't be read"),
        ],
    )
    def test_steps_that_make_no_sense_are_refused(self, value: object, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            steps.parse(value)


class TestDemand:
    """One conversation may demand more than its queue."""

    def test_it_counts_and_is_recorded(self) -> None:
        alice = make_agent("alice")
        make_agent("dora", {"returns": 4})
        queue = make_queue(Agent.objects.all(), wait_rule=Wait.OFF)
        row, other = make_conversation(queue), make_conversation(queue)
        actions.demand(alice.user, row, {"returns": 3})
        kinds.fill()
        assert set(rows(kind_of(row))) == {"Dora"}
        assert set(rows(kind_of(other))) == {"Alice", "Dora"}
        event = row.events.latest("pk")
        assert (event.sentence, event.data["skills"]) == ("Alice demands returns ≥ 3 for it.", {"returns": 3})
        assert actions.demanded(row) == {"returns": 3}
        actions.demand(alice.user, row, {})
        kinds.fill()
        assert kind_of(row) == kind_of(other)

    @pytest.mark.parametrize(
        ("wanted", "words"), [({"knitting": 3}, "no skill"), ({"returns": 6}, "no level")]
    )
    def test_what_is_none_is_refused(self, wanted: dict[str, int], words: str) -> None:
        Skill.objects.create(name="returns")
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        with pytest.raises(ActionRefused, match=words):
            actions.demand(alice.user, row, wanted)


def test_scarce_kinds_come_forward_whoever_is_rebuilt() -> None:
    few = [make_agent(f"few{number}") for number in range(2)]
    many = [make_agent(f"many{number}") for number in range(8)]
    rare, usual = make_queue(few), make_queue(many)
    one, other = make_conversation(rare), make_conversation(usual)
    kinds.fill()
    first, second = kind_of(one), kind_of(other)
    assert first is not None
    assert second is not None
    assert (first.scarcity, second.scarcity) == (0.6325, 1.2649)


def test_demanded_and_taken_back_at_the_desk(client: Client) -> None:
    Skill.objects.create(name="returns")
    alice = make_agent("alice")
    row = make_conversation(make_queue([alice]))
    client.force_login(alice.user)
    page = client.post(f"/conversations/{row.pk}/demand", {"skill": "returns", "level": "4"}).content.decode()
    assert "returns ≥ 4" in page
    assert "Also needs" in page
    assert actions.demanded(row) == {"returns": 4}
    refused = client.post(f"/conversations/{row.pk}/demand", {"skill": "knitting", "level": "2"})
    assert refused.status_code == 409
    client.post(f"/conversations/{row.pk}/demand", {"skill": "returns", "level": "0"})
    assert actions.demanded(row) == {}


def test_a_batch_asks_once_for_a_kind_even_when_there_is_none() -> None:
    queue = make_queue()
    with batch():
        assert kinds.usual(queue.pk, "cs") is None
        with CaptureQueriesContext(connection) as caught:
            assert kinds.usual(queue.pk, "cs") is None
    assert len(caught) == 0


class TestNoted:
    """What may change who can do what is noted by the database, in the transaction of whoever wrote it."""

    @pytest.fixture
    def queue(self) -> EmailQueue:
        alice = make_agent("alice", {"billing": 3}, {"cs": 3})
        queue = make_queue([alice], {"billing": 2})
        make_queue([alice])
        kinds.refresh()
        assert not StaleQueue.objects.exists()
        return queue

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE agents_agentskill SET level = 1",
            "DELETE FROM agents_agentskill",
            "UPDATE agents_agentlanguage SET level = 1",
            "INSERT INTO agents_agentlanguage (agent_id, language_id, level)"
            " SELECT id, 'en', 3 FROM agents_agent",
            "DELETE FROM queues_emailqueue_members",
            "UPDATE queues_queueskill SET level = 4",
            "DELETE FROM queues_queueskill",
            "UPDATE queues_emailqueue SET wait_rule = 'off'",
            "UPDATE queues_emailqueue SET language_level = 5",
            "UPDATE queues_emailqueue SET name = name || '.'",
            "UPDATE agents_skill SET name = 'invoices'",
            "UPDATE auth_user SET is_active = false",
        ],
    )
    def test_whoever_writes_it(self, queue: EmailQueue, change: str) -> None:
        Language.objects.get_or_create(tag="en")
        with connection.cursor() as cursor:
            cursor.execute(change)
        assert kinds.refresh([queue.pk]) == [queue.pk]
        assert kinds.refresh([queue.pk]) == []
        assert not any(mark.is_stale for mark in marks.of([queue.pk]))

    def test_nothing_else_is(self, queue: EmailQueue) -> None:
        agent = Agent.objects.get()
        agent.capacity = 5
        agent.save()
        agent.user.last_login = timezone.now()
        agent.user.save()
        queue.weight = 3
        queue.save()
        make_conversation(queue)
        actions.take_next(agent.user)
        assert not StaleQueue.objects.exists()

    def test_when_nothing_was_it_costs_next_to_nothing(self, queue: EmailQueue) -> None:
        with CaptureQueriesContext(connection) as caught:
            kinds.refresh([queue.pk])
        assert [each["sql"].split("FROM ")[1].split()[0] for each in caught] == [
            '"queues_stalequeue"', '"queues_conversation"',
        ]  # fmt: skip

    def test_taking_the_next_sees_what_has_just_changed(self, queue: EmailQueue) -> None:
        EmailQueue.objects.update(wait_rule=Wait.OFF)
        alice = Agent.objects.get()
        make_conversation(queue)
        alice.skill_levels.update(level=1)
        assert actions.take_next(alice.user) is None
        alice.skill_levels.update(level=2)
        assert actions.take_next(alice.user) is not None

    def test_the_sweep_finds_what_no_trigger_saw(self, queue: EmailQueue) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # as when a backup is loaded
            cursor.execute("UPDATE agents_agentskill SET level = 1")
            cursor.execute("SET LOCAL session_replication_role = origin")
        assert not StaleQueue.objects.exists()
        assert queue.pk in kinds.refresh()
