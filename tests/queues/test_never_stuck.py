"""What waits is never out of everybody's reach, and never in the hands of who can't do it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Agent, Skill
from queues import actions, escalation, hours, kinds, routing, tasks
from queues.actions import Reply
from queues.models import AgentKind, Conversation, EmailQueue, Kind
from queues.reasons import explain
from tests.make import (
    make_administrator,
    make_agent,
    make_conversation,
    make_mail,
    make_queue,
    make_supervisor,
    receive,
)

pytestmark = pytest.mark.django_db
State = Conversation.State
Presence = Agent.Presence
PUSH = EmailQueue.Mode.PUSH
Wait = EmailQueue.WaitRule


def answered(agent: Agent, row: Conversation) -> Conversation:
    actions.reply(agent.user, row, Reply(text="Hello."))
    row.refresh_from_db()
    return row


def follow_up(row: Conversation) -> Conversation:
    sent = row.messages.filter(direction="out").latest("pk")
    receive(row.queue, make_mail(References=f"<{sent.message_id}>"))
    row.refresh_from_db()
    return row


class TestGone:
    """Who can't take it any more keeps nothing."""

    def test_a_follow_up_leaves_who_goes_offline_though_they_once_chose_the_conversation(self) -> None:
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        actions.take(alice.user, row)
        follow_up(answered(alice, row))
        assert (row.state, row.agent) == (State.ASSIGNED, alice)
        actions.set_presence(alice.user, Presence.OFFLINE)
        row.refresh_from_db()
        assert row.state == State.WAITING

    @pytest.mark.parametrize("why", ["left the queue", "switched off"])
    def test_nothing_is_kept_for_who_may_not_take_it(self, why: str) -> None:
        alice, dora = make_agent("alice"), make_agent("dora")
        queue = make_queue([alice, dora], mode=PUSH)
        row = answered(alice, make_conversation(queue))
        actions.set_presence(alice.user, Presence.AWAY)
        follow_up(row)
        assert row.reserved_for == alice
        if why == "left the queue":
            queue.members.remove(alice)
        else:
            type(alice.user).objects.filter(pk=alice.user_id).update(is_active=False)
        tasks.sweep()
        row.refresh_from_db()
        assert (row.state, row.agent) == (State.ASSIGNED, dora)

    @pytest.mark.parametrize("why", ["left the queue", "switched off"])
    def test_what_was_chosen_leaves_who_can_answer_it_no_longer(self, why: str) -> None:
        alice, dora = make_agent("alice"), make_agent("dora")
        queue = make_queue([alice, dora], mode=PUSH, name="Support")
        row = make_conversation(queue)
        actions.take(alice.user, row)
        actions.save_draft(alice.user, row, "Hello")
        tasks.sweep()
        row.refresh_from_db()
        assert row.agent == alice
        if why == "left the queue":
            queue.members.remove(alice)
        else:
            type(alice.user).objects.filter(pk=alice.user_id).update(is_active=False)
        tasks.sweep()
        row.refresh_from_db()
        assert row.agent == dora
        told = {"left the queue": "works in Support no longer", "switched off": "was switched off"}[why]
        assert row.events.filter(sentence=f"Alice {told}: it waits in Support again.").exists()

    def test_who_has_something_in_hand_is_not_deleted(self, client: Client) -> None:
        alice = make_agent("alice")
        row = make_conversation(make_queue([alice]))
        actions.take(alice.user, row)
        client.force_login(make_administrator())
        path = f"/admin/agents/agent/{alice.pk}/delete/"
        assert f"#{row.number}" in client.post(path, {"post": "yes"}).content.decode()
        assert Agent.objects.filter(pk=alice.pk).exists()
        answered(alice, row)
        assert client.post(path, {"post": "yes"}).status_code == 302
        row.refresh_from_db()
        assert (row.state, row.agent) == (State.PENDING, None)


class TestMissed:
    """Who missed it has it again when there is nobody else."""

    def test_when_the_others_have_gone(self) -> None:
        alice = make_agent("alice")
        dora = make_agent("dora", capacity=0)
        queue = make_queue([alice, dora], mode=PUSH)
        row = make_conversation(queue)
        Conversation.objects.filter(pk=row.pk).update(missed_by=[alice.pk])
        tasks.sweep()
        row.refresh_from_db()
        assert row.agent is None  # Dora is there, and may have room soon
        actions.set_presence(dora.user, Presence.OFFLINE)
        tasks.sweep()
        row.refresh_from_db()
        assert row.agent == alice

    def test_what_was_missed_hides_nothing_behind_it(self) -> None:
        alice, dora = make_agent("alice"), make_agent("dora", capacity=0)
        queue = make_queue([alice, dora], mode=PUSH)
        rows = [make_conversation(queue) for _ in range(5)]
        kinds.fill()
        Conversation.objects.filter(pk__in=[row.pk for row in rows[:4]]).update(missed_by=[alice.pk])
        tasks.sweep()
        rows[4].refresh_from_db()
        assert rows[4].agent == alice

    def test_who_asks_for_the_next_gets_what_they_missed(self) -> None:
        alice = make_agent("alice")
        make_agent("dora")
        row = make_conversation(make_queue(Agent.objects.all()), missed_by=[alice.pk])
        assert actions.take_next(alice.user) == row


class TestKinds:
    """Who can do a kind is true whenever something waits of it."""

    def test_a_kind_that_rested_is_worked_out_anew(self) -> None:
        alice, bob = make_agent("alice", {"billing": 4}), make_supervisor("bob")
        queue = make_queue([alice, bob], wait_rule=Wait.OFF)
        first, second = make_conversation(queue), make_conversation(queue)
        for row in (first, second):
            actions.demand(bob.user, row, {"billing": 3})
        actions.close(bob.user, second)
        assert actions.take_next(alice.user) == first
        alice.skill_levels.all().delete()
        kinds.refresh()
        actions.reopen(bob.user, second)
        actions.close(alice.user, first)
        kinds.refresh()
        assert actions.take_next(alice.user) is None

    def test_what_got_a_kind_while_it_was_laid_down_is_found_by_the_sweep(self) -> None:
        alice = make_agent("alice")
        queue = make_queue([alice], mode=PUSH)
        row = make_conversation(queue)
        kinds.refresh()
        old = Kind.objects.get()
        Kind.objects.update(is_live=False, is_usual=False)
        AgentKind.objects.all().delete()
        Conversation.objects.filter(pk=row.pk).update(kind=old)  # by who had begun before
        tasks.sweep()
        row.refresh_from_db()
        assert row.agent == alice

    def test_what_is_demanded_meanwhile_is_not_passed_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        alice, bob = make_agent("alice"), make_supervisor("bob")
        Skill.objects.create(name="billing")
        queue = make_queue([alice, bob], wait_rule=Wait.OFF)
        kinds.refresh()
        row = make_conversation(queue)
        put = kinds._put

        def late(*values: object) -> int:
            monkeypatch.setattr(kinds, "_put", put)
            actions.demand(bob.user, row, {"billing": 3})
            return put(*values)  # type: ignore[arg-type]

        monkeypatch.setattr(kinds, "_put", late)
        kinds.fill()
        assert actions.take_next(alice.user) is None

    def test_a_skill_by_another_name_is_the_same_skill(self) -> None:
        alice, bob = make_agent("alice", {"billing": 4}), make_supervisor("bob")
        row = make_conversation(make_queue([alice, bob], wait_rule=Wait.OFF))
        actions.demand(bob.user, row, {"billing": 3})
        kinds.refresh()
        Skill.objects.filter(name="billing").update(name="invoices")
        tasks.sweep()
        assert actions.take_next(alice.user) == row


def test_what_was_due_before_targets_were_kept_can_be_given() -> None:
    alice = make_agent("alice")
    queue = make_queue([alice])
    row = make_conversation(queue)
    kinds.refresh()
    actions.take(alice.user, row)
    Conversation.objects.filter(pk=row.pk).update(target=None, kind=None)  # as an earlier version left it
    actions.release(alice.user, row)
    assert actions.take_next(alice.user) == row
    row.refresh_from_db()
    assert row.target == queue.next_response


class TestReasons:
    """What is told is what is true."""

    def test_what_is_kept_for_who_lacks_something_says_so(self) -> None:
        bob = make_supervisor("bob", capacity=1)
        queue = make_queue([bob], {"billing": 3}, mode=PUSH, wait_rule=Wait.OFF)
        row, other = make_conversation(queue), make_conversation(queue)
        answered(bob, row)
        actions.take(bob.user, other)
        follow_up(row)
        assert row.reserved_for == bob
        actions.close(bob.user, other)
        assert routing.offer(bob.pk) == row
        event = row.events.filter(kind="offered").latest("pk")
        assert event.data["lacks"] == ["billing ≥ 3"]
        assert "It was kept for Bob, who answered last; Bob lacks billing ≥ 3." in explain(event.data)
        assert "5 of 5" not in event.sentence

    def test_free_is_who_has_room_for_this_one(self) -> None:
        alice = make_agent("alice")
        dora = make_agent("dora", {}, {}, capacity=2)
        light, heavy = make_queue([dora]), make_queue([alice, dora], weight=2)
        actions.take(dora.user, make_conversation(light))
        make_conversation(heavy)
        row = actions.take_next(alice.user)
        assert row is not None
        assert row.events.latest("pk").data["able"]["free"] == 1


class TestSteps:
    """Each step is done once in a turn, wherever the conversation has been."""

    def test_two_queues_do_not_throw_it_to_and_fro(self) -> None:
        one, other = make_queue(), make_queue()
        for queue, to in ((one, other), (other, one)):
            queue.escalation.create(when="after", amount=0, act="move", to_queue=to)
        row = make_conversation(one)
        past = timezone.now() - timedelta(minutes=1)
        Conversation.objects.filter(pk=row.pk).update(due_at=past, escalate_at=past)
        for _ in range(5):
            escalation.run_due()
        assert row.events.filter(kind="escalated").count() == 2

    def test_steps_of_the_queue_that_it_left_are_left_there(self) -> None:
        one, other = make_queue(), make_queue()
        one.escalation.create(when="before", amount=10, act="move", to_queue=other)
        one.escalation.create(when="before", amount=5, act="note", text="Hurry.")
        row = make_conversation(one)
        soon = timezone.now() + timedelta(minutes=1)
        tick = hours.of(one).tick(soon)
        Conversation.objects.filter(pk=row.pk).update(due_at=soon, due_tick=tick, escalate_at=timezone.now())
        escalation.run_due()
        row.refresh_from_db()
        assert row.queue == other
        assert not row.notes.exists()


def test_a_moved_mail_brings_all_of_its_clock() -> None:
    alice = make_agent("alice")
    queue = make_queue([alice])
    now = timezone.now()
    target = make_conversation(queue)
    home = make_conversation(queue, at=now - timedelta(hours=1))
    first = home.messages.get()
    answered(alice, home)
    follow_up(home)
    soon = now + timedelta(minutes=30)
    Conversation.objects.filter(pk=home.pk).update(due_at=soon)
    mail = home.messages.exclude(pk=first.pk).filter(direction="in").get()
    actions.move_message(alice.user, mail, target)
    target.refresh_from_db()
    assert target.due_at == soon
    assert target.is_due_kept
    assert target.escalate_at == soon


class TestSweep:
    """One thing that breaks keeps nothing else from happening."""

    def test_the_other_steps_are_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks() -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr("queues.offers.expire", breaks)
        row = make_conversation(make_queue([make_agent("alice")], mode=PUSH))
        tasks.sweep()
        row.refresh_from_db()
        assert row.state == State.ASSIGNED

    def test_a_conversation_whose_steps_break_is_put_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks(*_: object) -> None:
            raise RuntimeError("broken")

        row = make_conversation(make_queue())
        past = timezone.now() - timedelta(minutes=1)
        Conversation.objects.update(escalate_at=past)
        monkeypatch.setattr("queues.escalation._walk", breaks)
        assert escalation.run_due() == 0
        row.refresh_from_db()
        assert row.escalate_at is not None
        assert row.escalate_at > timezone.now()
