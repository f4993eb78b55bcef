"""Whatever agents, customers and time do, in any order: the invariants hold."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agents.models import Agent
from crm.models import Communication
from queues import actions, tasks
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_agent, make_mail, make_queue, make_supervisor, receive

State = Conversation.State
people = st.sampled_from(["alice", "dora", "bob"])
which = st.integers(0, 3)


class Desk(RuleBasedStateMachine):
    """Two agents and a supervisor, a push and a pick queue, and a customer who keeps writing.

    Conversations are merged and split, mails are moved between them; what was merged is never chosen again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all_of_it = transaction.atomic()
        self.all_of_it.__enter__()
        agents = [make_agent("alice", capacity=2), make_agent("dora"), make_supervisor("bob")]
        self.queues = [make_queue(agents), make_queue(agents, mode=EmailQueue.Mode.PUSH)]
        self.outsiders = make_queue()
        self.token = 0

    def user(self, name: str) -> Any:
        return Agent.objects.select_related("user").get(user__username=name).user

    def row(self, number: int) -> Conversation | None:
        rows = list(Conversation.objects.filter(merged_into=None).order_by("pk"))
        return rows[number % len(rows)] if rows else None

    def act(self, name: str, number: int, action: Any) -> None:
        row = self.row(number)
        if row is None:
            return
        before = Conversation.objects.filter(pk=row.pk).values().get()
        try:
            action(self.user(name), row)
        except ActionRefused:
            assert Conversation.objects.filter(pk=row.pk).values().get() == before

    @rule(queue=st.integers(0, 1))
    def a_mail_comes(self, queue: int) -> None:
        receive(self.queues[queue])

    @rule(number=which)
    def the_customer_answers(self, number: int) -> None:
        row = self.row(number)
        if row:
            last = row.messages.latest("pk")
            message = receive(row.queue, make_mail("More.", References=f"<{last.message_id}>"))
            assert message.conversation_id == row.pk
            before = row.state
            row.refresh_from_db()
            assert row.state in ((State.HELD,) if before == State.HELD else (State.WAITING, State.ASSIGNED))

    @rule(number=which)
    def a_machine_answers(self, number: int) -> None:
        row = self.row(number)
        if row:
            last = row.messages.latest("pk")
            headers = {"References": f"<{last.message_id}>", "Auto_Submitted": "auto-replied"}
            receive(row.queue, make_mail("Away.", **headers))
            assert Conversation.objects.get(pk=row.pk).state == row.state

    @rule(name=people, number=which, take_over=st.booleans())
    def take(self, name: str, number: int, take_over: bool) -> None:
        self.act(name, number, lambda user, row: actions.take(user, row, take_over=take_over))

    @rule(name=people)
    def take_next(self, name: str) -> None:
        try:
            actions.take_next(self.user(name))
        except ActionRefused:
            agent = Agent.objects.get(user__username=name)
            assert agent.conversations.filter(state=State.ASSIGNED).count() >= agent.capacity

    @rule(name=people, number=which, close=st.booleans())
    def reply(self, name: str, number: int, close: bool) -> None:
        self.token += 1
        answer = Reply(text=f"Answer {self.token}", close=close, token=str(self.token))
        self.act(name, number, lambda user, row: actions.reply(user, row, answer))

    @rule(name=people, number=which)
    def undo(self, name: str, number: int) -> None:
        def last(user: Any, row: Conversation) -> None:
            sent = row.messages.filter(direction="out").last()
            if sent:
                actions.undo(user, sent)

        self.act(name, number, last)

    @rule(
        name=people,
        number=which,
        action=st.sampled_from([actions.release, actions.close, actions.reopen]),
    )
    def move(self, name: str, number: int, action: Any) -> None:
        self.act(name, number, action)

    @rule(name=people, to=people, number=which)
    def assign(self, name: str, to: str, number: int) -> None:
        agent = Agent.objects.select_related("user").get(user__username=to)
        self.act(name, number, lambda user, row: actions.assign(user, row, agent))

    @rule(name=people, number=which, queue=st.integers(0, 1))
    def transfer(self, name: str, number: int, queue: int) -> None:
        row = self.row(number)
        due = row.due_at if row else None
        self.act(name, number, lambda user, row: actions.transfer(user, row, self.queues[queue]))
        if row and due:
            assert Conversation.objects.get(pk=row.pk).due_at == due

    @rule(name=people, number=which)
    def snooze(self, name: str, number: int) -> None:
        until = timezone.now() + timedelta(hours=1)
        self.act(name, number, lambda user, row: actions.snooze(user, row, until))

    @rule(queue=st.integers(0, 1))
    def a_mail_too_many_comes(self, queue: int) -> None:
        row = receive(self.queues[queue]).conversation
        Conversation.objects.filter(pk=row.pk, state=State.WAITING).update(
            state=State.HELD, due_at=None, due_tick=None, waiting_since=None
        )

    @rule(name=people, number=which)
    def let_go(self, name: str, number: int) -> None:
        self.act(name, number, actions.let_go)

    @rule(name=people, number=which, into=which)
    def merge(self, name: str, number: int, into: int) -> None:
        other = self.row(into)
        due = [row.due_at for row in (self.row(number), other) if row and row.due_at]
        before = Message.objects.count()

        def merge(user: Any, row: Conversation) -> None:
            assert other is not None
            merged = actions.merge(user, row, other)
            if row.state == State.HELD:  # its clock begins now, and may be the earlier one
                assert merged.due_at is not None
                assert not due or merged.due_at <= min(due)
            else:
                assert merged.due_at == (min(due) if due else None)
            assert merged.messages.count() >= 1

        self.act(name, number, merge)
        assert Message.objects.count() == before

    @rule(name=people, number=which, place=which)
    def split(self, name: str, number: int, place: int) -> None:
        def split(user: Any, row: Conversation) -> None:
            messages = list(row.messages.order_by("pk"))
            new = actions.split(user, row, [messages[place % len(messages)].pk])
            assert (new.messages_count, new.queue) == (1, row.queue)

        self.act(name, number, split)

    @rule(name=people, number=which, place=which, into=which)
    def move_a_mail(self, name: str, number: int, place: int, into: int) -> None:
        other = self.row(into)

        def move(user: Any, row: Conversation) -> None:
            messages = list(row.messages.order_by("pk"))
            assert other is not None
            actions.move_message(user, messages[place % len(messages)], other)

        self.act(name, number, move)

    @rule(name=people, presence=st.sampled_from(Agent.Presence.values))
    def presence(self, name: str, presence: str) -> None:
        actions.set_presence(self.user(name), presence)

    @rule(wake=st.booleans())
    def time_passes(self, wake: bool) -> None:
        if wake:
            Conversation.objects.filter(state=State.SNOOZED).update(snoozed_until=timezone.now())
        tasks.sweep()
        push = Conversation.objects.filter(state=State.WAITING, queue__mode=EmailQueue.Mode.PUSH)
        for agent in Agent.objects.filter(presence="available") if push.exists() else []:
            assert agent.conversations.filter(state=State.ASSIGNED).count() >= agent.capacity

    @invariant()
    def states_are_whole(self) -> None:
        for row in Conversation.objects.all():
            assert (row.agent_id is not None) >= (row.state == State.ASSIGNED)
            assert (row.agent_id is None) >= (row.state == State.WAITING)
            assert (row.snoozed_until is not None) == (row.state == State.SNOOZED)
            assert (row.closed_at is not None) == (row.state == State.CLOSED)
            assert (row.due_at is None) == (row.due_tick is None) == (row.waiting_since is None)
            if row.state == State.WAITING:
                assert row.due_at is not None
            if row.state in (State.PENDING, State.CLOSED, State.HELD):
                assert row.due_at is None
            if row.merged_into is not None:
                assert row.state == State.CLOSED
                assert not row.messages.exists()
                assert not row.notes.exists()
                assert not row.drafts.exists()

    @invariant()
    def counts_are_right(self) -> None:
        for row in Conversation.objects.all():
            kept = row.messages.exclude(outgoing__state="cancelled")
            assert row.messages_count == kept.count()
            last = kept.filter(automatic="no").last()
            if last is not None:
                assert row.last_direction == last.direction
        sent = Message.objects.exclude(outgoing__state="cancelled")
        assert Communication.objects.count() == sent.count()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.all_of_it.__exit__(None, None, None)


@pytest.mark.django_db
def test_the_desk_keeps_its_invariants() -> None:
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],  # shrinking a story takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
