"""Mails leave a conversation, and what answers them follows."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent
from crm.models import Communication
from mailsenders.models import OutgoingMail
from queues import actions
from queues.actions import ActionRefused, Reply
from queues.demands import demanded
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_agent, make_conversation, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db

State = Conversation.State
DANA = "Dana Novak <dana@customer.example>"


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=9)


@pytest.fixture
def queue(alice: Agent) -> EmailQueue:
    return make_queue([alice], name="Orders")


@pytest.fixture
def mails(queue: EmailQueue) -> list[Message]:
    """Three mails of one thread: Charlie's, Dana's with another matter, Charlie's again."""
    first = receive(queue, make_mail(Cc=DANA), at=timezone.now() - timedelta(hours=2))
    thread = f"<{first.message_id}>"
    other = receive(queue, make_mail("My invoice?", From=DANA, Subject="Invoice", References=thread))
    return [first, other, receive(queue, make_mail("Hello?", References=thread))]


def answer(agent: Agent, row: Conversation, text: str = "On its way.", **more: Any) -> Message:
    return actions.reply(agent.user, row, Reply(text=text, **more))


def respond(sent: Message, text: str = "Thank you.", **headers: str) -> bytes:
    return make_mail(text, In_Reply_To=f"<{sent.message_id}>", Subject=f"Re: {sent.subject}", **headers)


def sentence(row: Conversation, kind: str) -> str:
    return str(row.events.get(kind=kind).sentence)


class TestSplit:
    """A new conversation of some mails."""

    def test_it_is_its_writers_and_waits(self, alice: Agent, mails: list[Message]) -> None:
        row = mails[0].conversation
        new = actions.split(alice.user, row, [mails[1].pk])
        row.refresh_from_db()
        assert (new.queue, new.subject, new.state, new.messages_count) == (
            row.queue,
            "Invoice",
            State.WAITING,
            1,
        )
        assert new.contact.name == "Dana Novak"
        assert (new.preview, new.number > row.number) == ("My invoice?", True)
        assert new.due_at is not None
        assert (row.messages_count, row.state, row.preview) == (2, State.WAITING, "Hello?")
        assert sentence(row, "split") == f"Alice split a mail off: #{new.number} “Invoice”."
        assert sentence(new, "split") == f"Alice split it off #{row.number} “{row.subject}”."
        record = Communication.objects.get(message_ref=f"message-{mails[1].pk}")
        assert (record.conversation_id, record.conversation_number) == (new.pk, new.number)

    def test_it_demands_what_the_whole_demanded(self, alice: Agent, mails: list[Message]) -> None:
        row = mails[0].conversation
        dora = make_agent("dora", {"billing": 4}, capacity=9, queues=[row.queue])
        actions.demand(alice.user, row, {"billing": 3})
        new = actions.split(make_supervisor("bob", queues=[row.queue]).user, row, [mails[1].pk])
        assert demanded(new) == demanded(row) == {"billing": 3}
        assert actions.take_next(alice.user) is None  # neither of them
        assert {actions.take_next(dora.user), actions.take_next(dora.user)} == {row, new}
        actions.demand(dora.user, new, {})
        assert demanded(row) == {"billing": 3}

    def test_answers_follow_their_mail(self, alice: Agent, queue: EmailQueue, mails: list[Message]) -> None:
        row = mails[0].conversation
        sent = answer(alice, row)
        back = receive(queue, respond(sent, From=DANA))
        new = actions.split(alice.user, row, [mails[1].pk, back.pk, sent.pk], "Dana's invoice")
        assert new.subject == "Dana's invoice"
        later = receive(queue, respond(sent, "Still nothing.", From=DANA))
        assert later.conversation == new
        assert receive(queue, make_mail(References=f"<{mails[0].message_id}>")).conversation == row
        ours = answer(alice, new)
        assert receive(queue, respond(ours, From=DANA)).conversation == new

    def test_who_only_takes_part_in_the_old_one_is_a_stranger_to_the_new(
        self, alice: Agent, queue: EmailQueue, mails: list[Message]
    ) -> None:
        new = actions.split(alice.user, mails[0].conversation, [mails[1].pk])
        eve = make_mail(From="eve@elsewhere.example", In_Reply_To=f"<{mails[1].message_id}>")
        assert receive(queue, eve).conversation not in (new, mails[0].conversation)

    def test_the_clock_goes_with_who_waits(self, alice: Agent, queue: EmailQueue) -> None:
        first = receive(queue, make_mail(Cc=DANA))
        row = first.conversation
        sent = answer(alice, row)
        back = receive(queue, respond(sent, From=DANA))
        due = back.conversation.due_at
        new = actions.split(alice.user, row, [back.pk])
        row.refresh_from_db()
        assert (row.state, row.due_at) == (State.PENDING, None)
        assert (new.state, new.due_at) == (State.WAITING, due)

    def test_what_waited_goes_on_waiting_and_the_new_one_is_due_from_now(
        self, alice: Agent, mails: list[Message]
    ) -> None:
        row = mails[0].conversation
        new = actions.split(alice.user, row, [mails[1].pk])
        due = row.due_at
        row.refresh_from_db()
        assert due is not None
        assert new.due_at is not None
        assert row.due_at == due < new.due_at

    def test_our_answer_alone_waits_for_who_got_it(self, alice: Agent, mails: list[Message]) -> None:
        row = mails[0].conversation
        sent = answer(alice, row, to=("dana@customer.example",))
        new = actions.split(alice.user, row, [sent.pk])
        row.refresh_from_db()
        assert (new.state, new.agent, new.due_at) == (State.PENDING, alice, None)
        assert new.contact.addresses.get().email == "dana@customer.example"
        assert (row.state, row.agent) == (State.ASSIGNED, alice)
        assert row.due_at is not None
        assert OutgoingMail.objects.get().order_key == new.pk

    def test_a_held_answer_can_be_taken_back_where_it_went(self, alice: Agent, mails: list[Message]) -> None:
        row = mails[0].conversation
        sent = answer(alice, row, undo_seconds=60)
        new = actions.split(alice.user, row, [mails[1].pk, sent.pk])
        assert actions.undo(alice.user, sent)
        new.refresh_from_db()
        assert (new.drafts.get().text, new.messages_count) == ("On its way.", 1)
        assert new.state == State.ASSIGNED

    def test_the_same_call_again_gives_the_same_one(self, alice: Agent, mails: list[Message]) -> None:
        row = mails[0].conversation
        new = actions.split(alice.user, row, [mails[1].pk, mails[2].pk])
        assert actions.split(alice.user, row, [mails[2].pk, mails[1].pk]) == new
        assert Conversation.objects.count() == 2

    def test_what_was_merged_can_be_split_again(self, alice: Agent, queue: EmailQueue) -> None:
        gone, stays = make_conversation(queue), make_conversation(queue)
        mail = gone.messages.get()
        actions.merge(alice.user, gone, stays)
        moved = gone.events.get(kind="merged").data["messages"]
        assert moved == [mail.pk]
        new = actions.split(alice.user, stays, moved)
        assert receive(queue, make_mail(References=f"<{mail.message_id}>")).conversation == new

    def test_what_makes_no_sense_is_refused(self, alice: Agent, mails: list[Message]) -> None:
        row, foreign = mails[0].conversation, make_conversation().messages.get()
        for chosen, words in (
            ([], "Choose the mails"),
            ([mail.pk for mail in mails], "all mails of"),
            ([mails[0].pk, foreign.pk], "not in #"),
            ([foreign.pk], "not in #"),
        ):
            with pytest.raises(ActionRefused, match=words):
                actions.split(alice.user, row, chosen)
        charlie = make_agent("charlie")
        with pytest.raises(ActionRefused, match="You don't work"):
            actions.split(charlie.user, row, [mails[1].pk])
        actions.take(alice.user, row)
        dora = make_agent("dora", queues=[row.queue])
        with pytest.raises(ActionRefused, match="is with Alice"):
            actions.split(dora.user, row, [mails[1].pk])


class TestMove:
    """One mail into another conversation."""

    def test_it_goes_and_both_know(self, alice: Agent, queue: EmailQueue, mails: list[Message]) -> None:
        row, target = mails[0].conversation, make_conversation(queue)
        actions.move_message(alice.user, mails[1], target)
        row.refresh_from_db()
        target.refresh_from_db()
        assert (row.messages_count, target.messages_count) == (2, 2)
        assert sentence(row, "moved") == (
            f"Alice moved a mail of Dana Novak to #{target.number} “{target.subject}”."
        )
        assert sentence(target, "moved") == (
            f"Alice moved a mail of Dana Novak here from #{row.number} “{row.subject}”."
        )
        back = receive(queue, make_mail(From=DANA, References=f"<{mails[1].message_id}>"))
        assert back.conversation == target

    def test_twice_is_once(self, alice: Agent, queue: EmailQueue, mails: list[Message]) -> None:
        target = make_conversation(queue)
        actions.move_message(alice.user, mails[1], target)
        assert actions.move_message(alice.user, mails[1], target) == target
        assert target.events.filter(kind="moved").count() == 1

    def test_a_closed_one_comes_back_only_if_somebody_waits(
        self, alice: Agent, queue: EmailQueue, mails: list[Message]
    ) -> None:
        target = make_conversation(queue)
        answer(alice, target, close=True)
        actions.move_message(alice.user, mails[1], target)
        target.refresh_from_db()
        assert target.state == State.CLOSED  # Charlie waits where the mail came from
        row = mails[0].conversation
        answer(alice, row)
        back = receive(queue, make_mail("Again.", References=f"<{mails[0].message_id}>"))
        back.conversation.refresh_from_db()
        due = back.conversation.due_at
        actions.move_message(alice.user, back, target)
        target.refresh_from_db()
        row.refresh_from_db()
        assert (target.state, target.due_at) == (State.ASSIGNED, due)
        assert (row.state, row.due_at) == (State.PENDING, None)

    def test_what_makes_no_sense_is_refused(
        self, alice: Agent, queue: EmailQueue, mails: list[Message]
    ) -> None:
        row, target, gone = mails[0].conversation, make_conversation(queue), make_conversation(queue)
        only = target.messages.get()
        with pytest.raises(ActionRefused, match=f"merge #{target.number} into #{row.number} instead"):
            actions.move_message(alice.user, only, row)
        actions.merge(alice.user, gone, target)
        with pytest.raises(ActionRefused, match=f"merged into #{target.number} already"):
            actions.move_message(alice.user, mails[1], gone)
        elsewhere = make_conversation(make_queue([make_supervisor("bob")], name="Billing"))
        with pytest.raises(ActionRefused, match="You don't work in the email queue “Billing”"):
            actions.move_message(alice.user, mails[1], elsewhere)
