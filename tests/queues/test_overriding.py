"""A follow-up respects abilities, unless a supervisor decided otherwise."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, AgentSkill
from queues import actions, routing, tasks
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, EmailQueue
from tests.make import make_agent, make_conversation, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db
State = Conversation.State
Presence = Agent.Presence
PUSH = EmailQueue.Mode.PUSH
Wait = EmailQueue.WaitRule


def follow_up(agent: Agent, row: Conversation) -> Conversation:
    """The agent answers, and the customer writes back."""
    actions.reply(agent.user, row, Reply(text="Hello."))
    sent = row.messages.filter(direction="out").latest("pk")
    receive(row.queue, make_mail(References=f"<{sent.message_id}>"))
    row.refresh_from_db()
    return row


def wake(agent: Agent, row: Conversation) -> Conversation:
    """The agent sleeps over it, and the morning comes."""
    actions.snooze(agent.user, row, timezone.now() + timedelta(hours=1))
    Conversation.objects.filter(pk=row.pk).update(snoozed_until=timezone.now())
    tasks.sweep()
    row.refresh_from_db()
    return row


def level(agent: Agent, value: int) -> None:
    AgentSkill.objects.filter(agent=agent).update(level=value)


@pytest.mark.parametrize("back", [follow_up, wake])
def test_who_can_do_it_no_longer_gets_it_back_no_more(back) -> None:  # type: ignore[no-untyped-def]
    eve = make_agent("eve", {"billing": 3})
    row = make_conversation(make_queue([eve], {"billing": 3}, wait_rule=Wait.OFF))
    actions.take(eve.user, row)
    level(eve, 2)
    back(eve, row)
    assert (row.state, row.agent, row.reserved_for) == (State.WAITING, None, None)


def test_a_customer_who_writes_in_another_language_is_for_who_reads_it() -> None:
    eve = make_agent("eve", languages={"en": 4})
    make_agent("alice", languages={"cs": 4}, presence=Presence.AWAY)
    row = make_conversation(make_queue(Agent.objects.all(), mode=PUSH), language="en")
    actions.take(eve.user, row)
    Conversation.objects.filter(pk=row.pk).update(language="cs")
    follow_up(eve, row)
    assert (row.state, row.reserved_for) == (State.WAITING, None)
    tasks.sweep()
    row.refresh_from_db()
    assert row.state == State.WAITING  # Alice is on duty


def test_what_the_wait_rule_gave_is_for_the_able_once_they_are_there() -> None:
    eve = make_agent("eve", languages={"cs": 2})
    alice = make_agent("alice", languages={"cs": 5}, presence=Presence.OFFLINE)
    row = make_conversation(make_queue([eve, alice], mode=PUSH), language="cs")
    tasks.sweep()
    assert Conversation.objects.get().agent == eve
    actions.set_presence(alice.user, Presence.AVAILABLE)
    follow_up(eve, row)
    assert row.state == State.WAITING
    tasks.sweep()
    row.refresh_from_db()
    assert row.agent == alice


class TestOnPurpose:
    """Bob gives it to Eve, who can't do billing."""

    @pytest.fixture
    def row(self) -> Conversation:
        eve, bob = make_agent("eve", {"billing": 2}), make_supervisor("bob", capacity=0)
        alice = make_agent("alice", {"billing": 5})
        queue = make_queue([eve, bob, alice], {"billing": 3}, mode=PUSH, wait_rule=Wait.OFF)
        row = make_conversation(queue)
        actions.assign(bob.user, row, eve)
        return row

    def test_it_comes_back_and_says_why_time_and_again(self, row: Conversation) -> None:
        eve = Agent.objects.get(user__username="eve")
        for _ in range(2):
            follow_up(eve, row)
            assert (row.state, row.agent) == (State.ASSIGNED, eve)
            told = row.events.filter(kind="kept").latest("pk")
            assert told.sentence == "It comes back to Eve without billing ≥ 3, as Bob decided."
            assert told.data == {"agent": eve.pk, "lacks": ["billing ≥ 3"], "despite": "Bob"}

    def test_kept_for_her_it_is_given_to_her_with_the_reason(self, row: Conversation) -> None:
        eve = Agent.objects.get(user__username="eve")
        actions.set_presence(eve.user, Presence.AWAY)
        for _ in range(2):
            follow_up(eve, row)
            assert row.reserved_for == eve
            actions.set_presence(eve.user, Presence.AVAILABLE)
            tasks.sweep()
            row.refresh_from_db()
            assert row.agent == eve
            event = row.events.filter(kind="offered").latest("pk")
            assert (event.data["lacks"], event.data["despite"]) == (["billing ≥ 3"], "Bob")
            assert "who answered last; Eve lacks billing ≥ 3. Bob decided so." in event.sentence
            assert event.sentence == routing.explain(event.data)
            actions.set_presence(eve.user, Presence.AWAY)

    def test_she_may_choose_what_is_kept_for_her(self, row: Conversation) -> None:
        eve = Agent.objects.get(user__username="eve")
        actions.set_presence(eve.user, Presence.AWAY)
        follow_up(eve, row)
        assert actions.take(eve.user, row).agent == eve
        actions.release(eve.user, row)
        with pytest.raises(ActionRefused, match="needs billing"):
            actions.take(eve.user, row)

    def test_not_for_more_than_she_lacked_then(self, row: Conversation) -> None:
        eve, bob = (Agent.objects.get(user__username=name) for name in ("eve", "bob"))
        actions.demand(bob.user, row, {"billing": 5})
        follow_up(eve, row)
        assert (row.state, row.agent, row.reserved_for) == (State.WAITING, None, None)

    def test_what_is_kept_is_let_go_when_more_is_demanded(self, row: Conversation) -> None:
        eve, bob, alice = (Agent.objects.get(user__username=name) for name in ("eve", "bob", "alice"))
        actions.set_presence(eve.user, Presence.AWAY)
        follow_up(eve, row)
        actions.demand(bob.user, row, {"billing": 5})
        actions.set_presence(eve.user, Presence.AVAILABLE)
        assert routing.offer(eve.pk) is None
        row.refresh_from_db()
        assert row.reserved_for is None
        tasks.sweep()
        row.refresh_from_db()
        assert row.agent == alice

    def test_an_agent_is_no_supervisor(self, row: Conversation) -> None:
        """A colleague may hand on only what the other can do, so their word is no decision."""
        eve, bob = (Agent.objects.get(user__username=name) for name in ("eve", "bob"))
        Agent.objects.filter(pk=bob.pk).update(role=Agent.Role.AGENT)
        follow_up(eve, row)
        assert row.agent is None


def test_merging_hands_nothing_to_who_can_not_do_it() -> None:
    eve = make_agent("eve")
    light = make_conversation(make_queue([eve]))
    heavy = make_conversation(make_queue([eve], {"billing": 3}, wait_rule=Wait.OFF))
    actions.take(eve.user, light)
    assert actions.merge(eve.user, light, heavy).state == State.WAITING
