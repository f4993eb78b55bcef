"""Promises: targets by priority, the clock, breaches, steps of escalation, and other opening hours."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from agents.models import Agent, Calendar
from crm.models import Contact
from mailsenders.models import OutgoingMail
from queues import actions, clocks, escalation, hours, ladder, notices, notices_mail, recounting, sla
from queues.history import Kind
from queues.letters import Reply
from queues.models import Conversation, EmailQueue, EscalationStep, Notice, Turn
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db

MONDAY = datetime(2031, 3, 3, 9, tzinfo=UTC)
Act, When = EscalationStep.Act, EscalationStep.When


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def make_step(queue: EmailQueue, when: str, amount: int, act: str, **overrides: Any) -> EscalationStep:
    return EscalationStep.objects.create(queue=queue, when=when, amount=amount, act=act, **overrides)


def conversation_with(priority: int, queue: EmailQueue) -> Conversation:
    """A second one with the same person, who is more important, or less, since the first."""
    Contact.objects.filter(pk=make_conversation(queue).contact_id).update(priority=priority)
    return make_conversation(queue)


def fresh(row: Conversation) -> Conversation:
    return Conversation.objects.select_related("queue", "contact").get(pk=row.pk)


def kinds(row: Conversation) -> list[str]:
    return list(row.events.values_list("kind", flat=True))


class TestTargets:
    @pytest.mark.parametrize(("priority", "minutes"), [(1, 60), (2, 120), (3, 240), (4, 480)])
    def test_each_priority_has_its_part(self, priority: int, minutes: int) -> None:
        queue = make_queue(first_response=240)
        with time_machine.travel(MONDAY, tick=False):
            row = conversation_with(priority, queue)
        assert row.due_at == MONDAY + timedelta(minutes=minutes)
        assert (row.priority, row.target) == (priority, minutes)

    def test_the_parts_are_the_queues(self) -> None:
        queue = make_queue(first_response=240, urgent_percent=10)
        with time_machine.travel(MONDAY, tick=False):
            row = conversation_with(Contact.Priority.URGENT, queue)
        assert row.due_at == MONDAY + timedelta(minutes=24)


class TestTurns:
    def test_answers_are_counted_as_first_and_next_in_time_and_late(self) -> None:
        queue = make_queue(first_response=60, next_response=60)
        alice = make_agent(queues=[queue])
        with time_machine.travel(at(0), tick=False) as clock:
            row = make_conversation(queue)
            clock.move_to(at(0.5))
            actions.reply(alice.user, row, Reply(text="Good morning.", token="1"))
            assert fresh(row).due_at is None
            assert sla.attainment(queue, at(0)) == sla.Attainment(1, 0, 0)
            other = make_conversation(queue)
            clock.move_to(at(3))
            assert sla.attainment(queue, at(0)) == sla.Attainment(1, 0, 1)
            actions.reply(alice.user, other, Reply(text="Sorry.", token="2"))
            assert sla.attainment(queue, at(0)).words == "50 %"
        turns = list(Turn.objects.values_list("kind", "minutes", "is_answered"))
        assert turns == [("first", 30, True), ("first", 150, True)]

    def test_an_answer_taken_back_takes_its_turn_with_it_and_the_clock_runs_on(self) -> None:
        queue = make_queue(first_response=60)
        alice = make_agent(queues=[queue])
        row = make_conversation(queue)
        before = fresh(row)
        message = actions.reply(alice.user, row, Reply(text="Oops.", token="1", undo_seconds=60))
        assert message.outgoing is not None
        assert message.outgoing.state == OutgoingMail.State.HELD
        assert actions.undo(alice.user, message)
        after = fresh(row)
        assert (after.due_at, after.due_tick, after.target) == (before.due_at, before.due_tick, before.target)
        assert after.escalate_at == before.escalate_at
        assert not Turn.objects.exists()

    def test_what_was_closed_without_an_answer_is_no_answer(self) -> None:
        queue = make_queue()
        alice = make_agent(queues=[queue])
        row = make_conversation(queue)
        actions.close(alice.user, row)
        assert list(Turn.objects.values_list("is_answered", flat=True)) == [False]
        assert sla.attainment(queue, timezone.now() - timedelta(hours=1)).share is None

    def test_settling_counts_our_side_alone(self) -> None:
        queue = make_queue(first_response=60, resolution=120)
        alice = make_agent(queues=[queue])
        with time_machine.travel(at(0), tick=False) as clock:
            row = make_conversation(queue)
            assert row.resolve_at == at(2)
            clock.move_to(at(0.5))
            actions.reply(alice.user, row, Reply(text="Which one?", token="1"))
            row = fresh(row)
            assert (row.resolve_at, row.resolve_left) == (None, 90)
            clock.move_to(at(10))
            clocks.start_clock(row, at(10), queue.next_response)
            assert row.resolve_at == at(11.5)


class TestBreach:
    def test_it_is_told_once_and_stored_once(self) -> None:
        queue = make_queue(first_response=60)
        with time_machine.travel(at(0), tick=False):
            row = make_conversation(queue)
        with time_machine.travel(at(2), tick=False):
            assert escalation.run_due() == 1
            assert escalation.run_due() == 0
        row = fresh(row)
        assert row.breached_at == at(1)
        assert kinds(row).count(Kind.BREACHED) == 1
        assert row.escalate_at is None

    def test_nothing_happens_on_the_customers_turn(self) -> None:
        queue = make_queue(first_response=60)
        alice = make_agent(queues=[queue])
        with time_machine.travel(at(0), tick=False):
            row = make_conversation(queue)
            actions.reply(alice.user, row, Reply(text="Hello.", token="1"))
        with time_machine.travel(at(5), tick=False):
            assert escalation.run_due() == 0


class TestSteps:
    def test_each_is_done_once_at_its_time(self) -> None:
        queue = make_queue(first_response=100, members=[make_supervisor()])
        make_step(queue, When.USED, 50, Act.PRIORITY)
        make_step(queue, When.BEFORE, 10, Act.SUPERVISOR)
        make_step(queue, When.AFTER, 20, Act.NOTE, text="Call them.")
        with time_machine.travel(MONDAY, tick=False) as clock:
            row = make_conversation(queue)
            ahead = [each.at for each in ladder.ahead(fresh(row))]
            assert ahead == [MONDAY + timedelta(minutes=minutes) for minutes in (50, 90, 100, 120)]
            for minutes, priority, told, noted in (
                (49, 3, 0, 0),
                (51, 2, 0, 0),
                (91, 2, 1, 0),
                (121, 2, 1, 1),
            ):
                clock.move_to(MONDAY + timedelta(minutes=minutes))
                escalation.run_due()
                escalation.run_due()
                row = fresh(row)
                assert (row.priority, Notice.objects.count(), row.notes.count()) == (priority, told, noted)
        assert row.due_at == MONDAY + timedelta(minutes=100)  # what was promised stays
        sentences = list(row.events.filter(kind=Kind.ESCALATED).values_list("sentence", flat=True))
        assert sentences[0] == "When 50 % of the target are used: Its priority is high now."
        assert sentences[1] == "10 min before it is due: Bob was told."

    def test_what_a_pause_of_the_sweep_left_is_done_in_order(self) -> None:
        queue = make_queue(first_response=60, members=[make_supervisor()])
        make_step(queue, When.AFTER, 10, Act.SUPERVISOR)
        make_step(queue, When.BEFORE, 10, Act.PRIORITY)
        with time_machine.travel(at(0), tick=False):
            row = make_conversation(queue)
        with time_machine.travel(at(5), tick=False):
            escalation.run_due()
        assert kinds(row)[-3:] == [Kind.ESCALATED, Kind.BREACHED, Kind.ESCALATED]

    def test_what_waits_is_moved_and_what_is_in_hand_stays(self) -> None:
        queue, other = make_queue(first_response=60), make_queue()
        alice = make_agent(queues=[queue])
        make_step(queue, When.AFTER, 0, Act.MOVE, to_queue=other)
        with time_machine.travel(at(0), tick=False):
            waits, held = make_conversation(queue), make_conversation(queue)
            actions.take(alice.user, held)
        with time_machine.travel(at(2), tick=False):
            escalation.run_due()
        assert fresh(waits).queue == other
        assert fresh(waits).due_at == at(1)
        assert fresh(held).queue == queue

    def test_the_next_turn_has_them_all_again(self) -> None:
        queue = make_queue(first_response=60, next_response=60)
        alice = make_agent(queues=[queue])
        make_step(queue, When.AFTER, 5, Act.NOTE, text="Late.")
        with time_machine.travel(at(0), tick=False) as clock:
            row = make_conversation(queue)
            clock.move_to(at(2))
            escalation.run_due()
            actions.reply(alice.user, row, Reply(text="Hello.", token="1"))
            actions.close(alice.user, row)
            actions.reopen(alice.user, row)
            row = fresh(row)
            assert row.breached_at is None
            assert row.escalated == []
            clock.move_to(at(4))
            escalation.run_due()
        assert row.notes.count() == 2

    def test_nobody_to_tell_is_said(self) -> None:
        queue = make_queue(first_response=60)
        make_step(queue, When.AFTER, 0, Act.MEMBERS)
        with time_machine.travel(at(0), tick=False):
            row = make_conversation(queue)
        with time_machine.travel(at(2), tick=False):
            escalation.run_due()
        assert "nobody was told" in row.events.get(kind=Kind.ESCALATED).sentence

    def test_mails_are_gathered(self) -> None:
        queue = make_queue(first_response=60)
        bob: Agent = make_supervisor(queues=[queue])
        bob.user.email = "bob@example.com"
        bob.user.save()
        make_step(queue, When.AFTER, 0, Act.SUPERVISOR)
        with time_machine.travel(at(0), tick=False):
            rows = [make_conversation(queue) for _ in range(3)]
        with time_machine.travel(at(2), tick=False) as clock:
            escalation.run_due()
            assert notices_mail.mail_due() == 1
            assert notices_mail.mail_due() == 0
            notices.tell([bob], Notice.Kind.STEP, rows[0])
            assert notices_mail.mail_due() == 0
            clock.move_to(at(2.5))
            assert notices_mail.mail_due() == 1
        assert OutgoingMail.objects.filter(order_key__lt=0).count() == 2


class TestOtherHours:
    def test_a_changed_calendar_moves_what_waits_and_says_so(self) -> None:
        office = Calendar.objects.create(name="Office", time_zone="UTC", hours="Mo-Fr 08:00-17:00")
        queue = make_queue(first_response=120, calendar=office)
        with time_machine.travel(at(7), tick=False):  # 16:00
            row = make_conversation(queue)
            assert row.due_at == at(24)
            recounting.recount_stale()
            office.days.create(date=date(2031, 3, 4), name="Holiday")
            office.renew()
            assert recounting.recount_stale() == 1
            row = fresh(row)
            assert row.due_at == at(48)
            assert "instead of 04 Mar 2031 09:00 UTC." in row.events.get(kind=Kind.RECOUNTED).sentence
            assert recounting.recount_stale() == 0
            assert row.events.filter(kind=Kind.RECOUNTED).count() == 1

    def test_a_due_time_from_elsewhere_stays_and_its_tick_is_true(self) -> None:
        queue = make_queue(first_response=60)
        other = make_queue(first_response=600, hours="Mo-Fr 09:15-17:00")
        alice = make_agent(queues=[queue, other])
        with time_machine.travel(at(0), tick=False):
            row = make_conversation(queue)
            row = actions.transfer(alice.user, row, other)
            assert row.due_at == at(1)
            recounting.recount_stale()
            EmailQueue.objects.filter(pk=other.pk).update(hours="Mo-Fr 09:30-17:00")
            recounting.recount_stale()
            row = fresh(row)
            assert row.due_at == at(1)
            assert row.due_tick == hours.of(row.queue).tick(at(1))

    def test_steps_that_are_added_later_count_too(self) -> None:
        queue = make_queue(first_response=60)
        with time_machine.travel(at(0), tick=False):
            row = make_conversation(queue)
            make_step(queue, When.BEFORE, 30, Act.PRIORITY)
            recounting.recount_stale()
            assert fresh(row).escalate_at == at(0.5)

    def test_a_second_pass_follows_and_then_it_is_quiet(self) -> None:
        queue = make_queue()
        with time_machine.travel(at(0), tick=False) as clock:
            recounting.recount_stale()
            assert list(recounting.stale()) == []
            clock.move_to(at(0.1))
            assert list(recounting.stale()) == [queue]
            recounting.recount_stale()
            assert list(recounting.stale()) == []
