"""Held conversations: kept, offered to nobody, until a person has looked."""

import pytest
from django.utils import timezone

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues import actions, inbox, routing, tasks
from queues.actions import ActionRefused, Reply
from queues.holding import Held
from queues.inbox import Listing, View
from queues.models import Conversation, EmailQueue
from tests.make import make_agent, make_conversation, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db

State = Conversation.State


def hold(queue: EmailQueue) -> Conversation:
    return make_conversation(queue, state=State.HELD, due_at=None, due_tick=None, waiting_since=None)


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=9)


@pytest.fixture
def queue(alice: Agent) -> EmailQueue:
    return make_queue([alice], first_response=60)


def test_it_is_offered_to_nobody(alice: Agent, queue: EmailQueue) -> None:
    queue.mode = EmailQueue.Mode.PUSH
    queue.save()
    row = hold(queue)
    routing.dispatch(queue.pk)
    tasks.sweep()
    assert actions.take_next(alice.user) is None
    row.refresh_from_db()
    assert (row.state, row.due_at) == (State.HELD, None)


def test_it_has_a_view_and_a_number_of_its_own(alice: Agent, queue: EmailQueue) -> None:
    row, other = hold(queue), make_conversation(queue)
    assert inbox.counts(alice.user).held == 1
    for view, expected in (
        (View.HELD, [row]),
        (View.QUEUE, [other]),
        (View.UNASSIGNED, [other]),
        (View.ALL, [other, row]),
    ):
        assert inbox.page(alice.user, Listing(view=view)).rows == expected
    assert inbox.page(alice.user, Listing(view=View.ALL, state="held")).rows == [row]
    assert inbox.page(alice.user, Listing(view=View.ALL, text=f"#{row.number}")).rows == [row]


def test_letting_it_go_makes_it_wait_from_now(alice: Agent, queue: EmailQueue) -> None:
    row = hold(queue)
    before = timezone.now()
    gone = actions.let_go(alice.user, row)
    assert (gone.state, gone.agent) == (State.WAITING, None)
    assert gone.waiting_since is not None
    assert gone.waiting_since >= before
    assert gone.due_at is not None
    assert gone.events.get(kind="let_go").sentence == "Alice let it go."
    with pytest.raises(ActionRefused, match="is not held"):
        actions.let_go(alice.user, row)


def test_it_can_be_closed_but_not_worked_on(alice: Agent, queue: EmailQueue) -> None:
    row = hold(queue)
    for act in (
        lambda: actions.take(alice.user, row),
        lambda: actions.reply(alice.user, row, Reply(text="x")),
        lambda: actions.snooze(alice.user, row, timezone.now()),
        lambda: actions.transfer(alice.user, row, make_queue([alice])),
    ):
        with pytest.raises(ActionRefused, match=f"#{row.number} is held: let it go first"):
            act()
    assert actions.close(alice.user, row).state == State.CLOSED
    assert not OutgoingMail.objects.exists()


def test_writing_more_does_not_free_it(queue: EmailQueue) -> None:
    row = hold(queue)
    mail = receive(queue, make_mail("Hello?", References=f"<{row.messages.get().message_id}>"))
    assert mail.conversation == row
    assert (mail.conversation.state, mail.conversation.due_at) == (State.HELD, None)


def test_all_of_a_sender_or_a_queue_at_once(alice: Agent, queue: EmailQueue) -> None:
    bob = make_supervisor("bob", queues=[queue])
    mine = [hold(queue) for _ in range(3)]
    eve = receive(queue, make_mail(From="eve@elsewhere.example")).conversation
    Conversation.objects.filter(pk=eve.pk).update(state=State.HELD, due_at=None, due_tick=None)
    foreign = hold(make_queue())
    with pytest.raises(ActionRefused, match="Only a supervisor"):
        actions.close_all(alice.user, Held())
    done = actions.let_all_go(alice.user, Held(contact=mine[0].contact))
    assert (done.count, done.left) == (3, 0)
    assert actions.close_all(bob.user, Held(queue=queue)).count == 1
    states = dict(Conversation.objects.values_list("pk", "state"))
    assert [states[row.pk] for row in mine] == [State.WAITING] * 3
    assert (states[eve.pk], states[foreign.pk]) == (State.CLOSED, State.HELD)


def test_merged_into_it_lets_it_go(alice: Agent, queue: EmailQueue) -> None:
    stays, gone = hold(queue), make_conversation(queue)
    assert actions.merge(alice.user, gone, stays).state == State.WAITING
    other = hold(queue)
    merged = actions.merge(alice.user, other, stays)
    assert (merged.state, merged.due_at) == (State.WAITING, gone.due_at)
