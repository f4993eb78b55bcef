"""What agents do with conversations, and what they are refused."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, Language
from queues import actions, tasks
from queues.actions import ActionRefused
from queues.models import Conversation, EmailQueue
from tests.make import (
    make_administrator,
    make_agent,
    make_conversation,
    make_queue,
    make_supervisor,
    receive,
)

pytestmark = pytest.mark.django_db

State = Conversation.State


def last_event(conversation: Conversation) -> tuple[str, str]:
    event = conversation.events.latest("pk")
    return event.kind, event.sentence


class TestTaking:
    """Free work is for everybody able; a colleague's is not."""

    def test_taking_makes_it_mine_and_keeps_due(self) -> None:
        alice = make_agent("alice")
        waiting = make_conversation(make_queue([alice]))
        row = actions.take(alice.user, waiting)
        assert (row.state, row.agent, row.due_at) == (State.ASSIGNED, alice, waiting.due_at)
        assert row.assigned_at is not None
        assert last_event(row) == ("taken", "Alice took it.")
        assert actions.take(alice.user, row).assigned_at == row.assigned_at

    def test_a_colleagues_is_refused_naming_the_colleague(self) -> None:
        alice, dora = make_agent("alice"), make_agent("dora")
        row = actions.take(alice.user, make_conversation(make_queue([alice, dora])))
        with pytest.raises(ActionRefused, match="is with Alice"):
            actions.take(dora.user, row)
        taken = actions.take(dora.user, row, take_over=True)
        assert taken.agent == dora
        assert last_event(row) == ("taken", "Dora took it over from Alice.")

    def test_a_supervisor_takes_over_without_asking(self) -> None:
        alice, bob = make_agent("alice"), make_supervisor("bob")
        row = actions.take(alice.user, make_conversation(make_queue([alice, bob])))
        assert actions.take(bob.user, row).agent == bob

    def test_who_lacks_a_skill_is_refused_by_name_of_it(self) -> None:
        alice = make_agent("alice", skills={"billing": 2})
        queue = make_queue([alice], skills={"billing": 3}, wait_rule=EmailQueue.WaitRule.OFF)
        with pytest.raises(ActionRefused, match="needs billing ≥ 3, which Alice doesn't have"):
            actions.take(alice.user, make_conversation(queue))

    def test_who_lacks_the_language_is_refused_but_a_supervisor_is_recorded(self) -> None:
        Language.objects.create(tag="cs")
        alice, bob = make_agent("alice", languages={"cs": 2}), make_supervisor("bob")
        queue = make_queue([alice, bob], language_level=3, wait_rule=EmailQueue.WaitRule.OFF)
        row = make_conversation(queue, language="cs")
        with pytest.raises(ActionRefused, match="cs ≥ 3"):
            actions.take(alice.user, row)
        actions.take(bob.user, row)
        assert last_event(row) == ("taken", "Bob took it without cs ≥ 3.")

    def test_uncovered_lets_a_reader_help_until_somebody_able_is_on_duty(self) -> None:
        alice = make_agent("alice", languages={"cs": 2})
        dora = make_agent("dora", languages={"cs": 5}, presence=Agent.Presence.AWAY)
        row = make_conversation(make_queue([alice, dora]), language="cs")
        with pytest.raises(ActionRefused, match="cs ≥ 3"):
            actions.take(alice.user, row)
        Agent.objects.filter(pk=dora.pk).update(presence=Agent.Presence.OFFLINE)
        assert actions.take(alice.user, row).agent == alice

    def test_strangers_are_refused(self) -> None:
        charlie = make_agent("charlie")
        row = make_conversation(make_queue())
        for act in (actions.take, actions.release, actions.close, actions.reopen):
            with pytest.raises(ActionRefused, match="You don't work in the email queue"):
                act(charlie.user, row)

    def test_an_administrator_without_a_profile_gets_one_by_working(self) -> None:
        root = make_administrator()
        row = actions.take(root, make_conversation())
        assert row.agent is not None
        assert (row.agent.user, row.agent.role) == (root, Agent.Role.ADMINISTRATOR)

    def test_next_is_what_is_due_first_in_all_my_queues(self) -> None:
        alice = make_agent("alice", capacity=5)
        slow, fast = make_queue([alice], first_response=600), make_queue([alice], first_response=5)
        later, first = make_conversation(slow), make_conversation(fast)
        make_conversation(make_queue(first_response=1))  # not hers
        assert actions.take_next(alice.user) == first
        assert actions.take_next(alice.user, fast) is None
        assert actions.take_next(alice.user) == later
        kind, sentence = last_event(first)
        assert kind == "taken"
        assert re.match(r"Alice got it: due in \d min\. Alice is the best for Support \d+", sentence)
        assert f"Next in line was “{slow.name}”" in sentence

    def test_next_stops_at_the_capacity(self) -> None:
        alice = make_agent("alice")
        queue = make_queue([alice])
        mine = make_conversation(queue)
        make_conversation(queue)
        assert actions.take_next(alice.user) == mine
        with pytest.raises(ActionRefused, match="You have 1 open, and your capacity is 1"):
            actions.take_next(alice.user)
        actions.snooze(alice.user, mine, timezone.now() + timedelta(hours=1))
        assert actions.take_next(alice.user) is not None


class TestMoving:
    """Release, assign, transfer, close, reopen, snooze: the due time survives them all."""

    @pytest.fixture
    def alice(self) -> Agent:
        return make_agent("alice")

    @pytest.fixture
    def bob(self) -> Agent:
        return make_supervisor("bob")

    @pytest.fixture
    def row(self, alice: Agent, bob: Agent) -> Conversation:
        waiting = make_conversation(make_queue([alice, bob]))
        return actions.take(alice.user, waiting)

    def test_release(self, alice: Agent, row: Conversation) -> None:
        back = actions.release(alice.user, row)
        assert (back.state, back.agent, back.last_agent) == (State.WAITING, None, alice)
        assert (back.due_at, back.waiting_since) == (row.due_at, row.waiting_since)
        with pytest.raises(ActionRefused, match="not in anybody's hands"):
            actions.release(alice.user, row)

    def test_assign_by_a_supervisor(self, bob: Agent, row: Conversation) -> None:
        dora = make_agent("dora", queues=[row.queue])
        assert actions.assign(bob.user, row, dora).agent == dora
        assert last_event(row) == ("assigned", "Bob gave it to Dora.")
        with pytest.raises(ActionRefused, match="don't work in the email queue"):
            actions.assign(bob.user, row, make_agent("charlie"))

    def test_an_agent_hands_on_only_what_is_theirs(self, alice: Agent, row: Conversation) -> None:
        dora = make_agent("dora", queues=[row.queue])
        with pytest.raises(ActionRefused, match="Only a supervisor"):
            actions.assign(dora.user, row, dora)
        assert actions.assign(alice.user, row, dora).agent == dora

    def test_transfer(self, alice: Agent, row: Conversation) -> None:
        other = make_queue(hours="Mo-Fr 08:00-16:00", name="Billing")
        moved = actions.transfer(alice.user, row, other, "They ask for an invoice.")
        assert (moved.queue, moved.state, moved.agent) == (other, State.WAITING, None)
        assert (moved.due_at, moved.created_at) == (row.due_at, row.created_at)
        assert moved.due_tick != row.due_tick
        assert [note.text for note in moved.notes.all()] == ["They ask for an invoice."]
        assert last_event(moved)[1].endswith("to Billing.")

    def test_close_and_reopen(self, alice: Agent, row: Conversation) -> None:
        closed = actions.close(alice.user, row)
        assert (closed.state, closed.due_at) == (State.CLOSED, None)
        assert closed.closed_at is not None
        for act in (actions.take, lambda user, row: actions.transfer(user, row, make_queue())):
            with pytest.raises(ActionRefused, match="is closed: reopen it first"):
                act(alice.user, row)
        opened = actions.reopen(alice.user, row)
        assert (opened.state, opened.agent, opened.closed_at) == (State.WAITING, None, None)
        assert opened.due_at is not None
        with pytest.raises(ActionRefused, match="is not closed"):
            actions.reopen(alice.user, row)

    def test_snoozed_wakes_to_its_agent(self, alice: Agent, row: Conversation) -> None:
        actions.snooze(alice.user, row, timezone.now() + timedelta(hours=1))
        row.refresh_from_db()
        assert (row.state, row.agent) == (State.SNOOZED, alice)
        tasks.sweep()
        row.refresh_from_db()
        assert row.state == State.SNOOZED
        due = row.due_at
        Conversation.objects.update(snoozed_until=timezone.now())
        tasks.sweep()
        row.refresh_from_db()
        assert (row.state, row.agent, row.snoozed_until, row.due_at) == (State.ASSIGNED, alice, None, due)
        assert last_event(row) == ("woke", "It woke, as snoozed; it is with Alice again.")

    def test_snoozed_wakes_for_all_when_its_agent_is_gone(self, alice: Agent, row: Conversation) -> None:
        actions.snooze(alice.user, row, timezone.now() + timedelta(hours=1))
        Conversation.objects.update(snoozed_until=timezone.now())
        Agent.objects.update(presence=Agent.Presence.OFFLINE)
        tasks.sweep()
        row.refresh_from_db()
        assert (row.state, row.agent) == (State.WAITING, None)

    def test_snoozing_into_the_past_is_refused(self, alice: Agent, row: Conversation) -> None:
        with pytest.raises(ActionRefused, match="choose one in the future"):
            actions.snooze(alice.user, row, timezone.now() - timedelta(seconds=1))

    def test_notes(self, alice: Agent, row: Conversation) -> None:
        note = actions.note(alice.user, row, " Call her back.\0 ")
        assert (note.text, note.user) == ("Call her back.", alice.user)
        with pytest.raises(ActionRefused, match="The note is empty"):
            actions.note(alice.user, row, " \n")

    def test_an_erased_conversation_is_told(self, alice: Agent, row: Conversation) -> None:
        Conversation.objects.filter(pk=row.pk).delete()
        with pytest.raises(ActionRefused, match="was erased"):
            actions.close(alice.user, row)


class TestPresence:
    """Going away gives back what was pushed and not begun."""

    def test_offline_returns_unbegun_pushed_work_only(self) -> None:
        alice = make_agent("alice", capacity=3)
        queue = make_queue([alice], mode=EmailQueue.Mode.PUSH)
        pushed, begun = receive(queue).conversation, receive(queue).conversation
        tasks.dispatch(queue.pk)
        taken = actions.take(alice.user, make_conversation(make_queue([alice])))
        actions.save_draft(alice.user, begun, "Dear Charlie,")
        actions.set_presence(alice.user, "offline")
        states = {row.pk: row.state for row in Conversation.objects.all()}
        assert states == {pushed.pk: State.WAITING, begun.pk: State.ASSIGNED, taken.pk: State.ASSIGNED}
        assert last_event(pushed)[0] == "returned"

    def test_a_lost_heartbeat_does_the_same_by_the_sweep(self) -> None:
        alice = make_agent("alice", seen_at=timezone.now() - timedelta(seconds=91))
        queue = make_queue([alice], mode=EmailQueue.Mode.PUSH)
        row = receive(queue).conversation
        tasks.dispatch(queue.pk)
        row.refresh_from_db()
        assert row.state == State.ASSIGNED
        tasks.sweep()
        row.refresh_from_db()
        alice.refresh_from_db()
        assert (row.state, alice.presence) == (State.WAITING, Agent.Presence.OFFLINE)

    def test_nonsense_is_refused(self) -> None:
        with pytest.raises(ActionRefused, match="is not a presence"):
            actions.set_presence(make_agent("alice").user, "lunch")
