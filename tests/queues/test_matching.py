"""Where a mail belongs: what joins, what begins anew, and what nobody can forge."""

import re
from typing import Any

import pytest

from agents.models import Agent
from mailcore.compose import new_message_id
from queues import actions
from queues.matching import CLOSED, Found, Match, decide
from queues.models import Conversation, EmailQueue, Message
from queues.posting import ANCHOR, message_id_key
from queues.subjects import base_subject, is_changed, number_in
from tests.make import make_agent, make_mail, make_queue, receive

State = Conversation.State
NEW_FOR_CLOSED = {"reply_to_closed": EmailQueue.ReplyToClosed.NEW}
NEW_FOR_SUBJECT = {"changed_subject": EmailQueue.ChangedSubject.NEW}


class TestSubjects:
    """What is left of a subject, and what it names."""

    @pytest.mark.parametrize(
        "subject",
        [
            "Parcel 7",
            "Re: Parcel 7",
            "AW: WG: Re: PARCEL  7",
            "Odp: [EXTERNAL] Re: Parcel 7 (fwd)",
            "[Fwd: Parcel 7]",
            "[Ticket #1001] Re: [list] Parcel 7",
            "***SPAM*** RE: Parcel 7",
            "Re[2]: Parcel 7 (Fwd) (fwd)",
        ],
    )
    def test_marks_of_answers_are_no_subject(self, subject: str) -> None:
        assert base_subject(subject) == "parcel 7"
        assert not is_changed(subject, frozenset({"parcel 7"}))

    @pytest.mark.parametrize("subject", ["Invoice", "Re: Parcel 8", "Regards: Parcel 7", "Parcel"])
    def test_other_words_are_another_subject(self, subject: str) -> None:
        assert is_changed(subject, frozenset({"parcel 7", "parcel 70"}))

    def test_a_missing_or_a_cut_subject_has_not_changed(self) -> None:
        long = "The parcel that was to come on Monday has not come on Tuesday either"
        assert not is_changed("Re:", frozenset({"parcel 7"}))
        assert not is_changed("Invoice", frozenset({""}))
        assert not is_changed(f"Re: {long[:50]}", frozenset({base_subject(long)}))

    @pytest.mark.parametrize(
        ("subject", "found"),
        [
            ("Re: [#1001] Parcel", (1001, True)),
            ("[Support #1001]", (1001, True)),
            ("About #1001", (1001, False)),
            ("Order A#1001", (None, False)),
            ("&#1001;", (None, False)),
            ("1001", (None, False)),
        ],
    )
    def test_numbers(self, subject: str, found: tuple[int | None, bool]) -> None:
        assert number_in(subject) == found


def found(number: int, **more: Any) -> Found:
    usual: dict[str, Any] = {"is_here": True, "is_party": True}
    return Found(conversation_id=number, number=1000 + number, **(usual | more))


class TestDeciding:
    """The pure part."""

    def test_the_nearest_that_the_sender_takes_part_in(self) -> None:
        assert decide([found(1, is_party=False), found(2), found(3)]) == Match(conversation_id=2)

    def test_what_has_ended_is_passed_over(self) -> None:
        assert decide([found(1, ended=CLOSED), found(2)]) == Match(conversation_id=2)
        assert decide([found(1, ended=CLOSED)]) == Match(continues_id=1, ended=CLOSED)

    def test_a_stranger_continues_nothing(self) -> None:
        match = decide([found(1, is_party=False, ended=CLOSED)])
        assert (match.continues_id, match.hint_id) == (None, 1)

    def test_nothing_named_is_nothing(self) -> None:
        assert decide([]) == Match()


@pytest.fixture
def alice(db: None) -> Agent:
    return make_agent("alice")


def queue_of(alice: Agent, **settings: Any) -> EmailQueue:
    return make_queue([alice], **settings)


def answer(message: Message, agent: Agent, **more: Any) -> Message:
    return actions.reply(agent.user, message.conversation, actions.Reply(text="On its way.", **more))


def respond(sent: Message, text: str = "Thank you.", **headers: str) -> bytes:
    usual = {"In_Reply_To": f"<{sent.message_id}>", "Subject": f"Re: {sent.subject}"}
    return make_mail(text, **(usual | headers))


def story(conversation: Conversation) -> dict[str, tuple[str, dict[str, Any]]]:
    return {event.kind: (event.sentence, event.data) for event in conversation.events.all()}


class TestClosed:
    """An answer to what is closed: the queue says what it does."""

    def test_it_reopens_by_default(self, alice: Agent) -> None:
        first = receive(queue_of(alice))
        back = receive(first.conversation.queue, respond(answer(first, alice, close=True)))
        assert back.conversation == first.conversation
        assert back.conversation.state == State.ASSIGNED

    def test_or_begins_a_new_one_and_both_name_each_other(self, alice: Agent) -> None:
        queue = queue_of(alice, **NEW_FOR_CLOSED)
        first = receive(queue)
        back = receive(queue, respond(answer(first, alice, close=True)))
        old, new = first.conversation, back.conversation
        assert new != old
        assert new.contact == old.contact
        old.refresh_from_db()
        assert (old.state, old.messages_count, new.state) == (State.CLOSED, 2, State.WAITING)
        assert story(new)["continues"] == (
            f"It goes on with #{old.number}, which is closed.",
            {"conversation": old.pk},
        )
        assert story(old)["continued"] == (
            f"Charlie Stone wrote again: it goes on in #{new.number}.",
            {"conversation": new.pk},
        )

    def test_a_second_answer_goes_to_the_new_one(self, alice: Agent) -> None:
        queue = queue_of(alice, **NEW_FOR_CLOSED)
        sent = answer(receive(queue), alice, close=True)
        new = receive(queue, respond(sent)).conversation
        assert receive(queue, respond(sent, "One more thing.")).conversation == new
        actions.close(alice.user, new)
        third = receive(queue, respond(sent, "And another one.")).conversation
        assert Conversation.objects.count() == 3
        assert (
            story(third)["continues"][0] == f"It goes on with #{sent.conversation.number}, which is closed."
        )

    def test_the_same_answer_over_two_mailboxes_begins_one(self, alice: Agent) -> None:
        queue = queue_of(alice, **NEW_FOR_CLOSED)
        raw = respond(answer(receive(queue), alice, close=True))
        assert receive(queue, raw).conversation == receive(queue, raw).conversation

    def test_a_stranger_begins_without_a_link(self, alice: Agent) -> None:
        queue = queue_of(alice, **NEW_FOR_CLOSED)
        sent = answer(receive(queue), alice, close=True)
        new = receive(queue, respond(sent, From="eve@elsewhere.example")).conversation
        assert new.contact != sent.conversation.contact
        assert set(story(new)) == {"opened", "hint"}
        assert "continued" not in story(sent.conversation)

    def test_machines_stay_where_they_belong(self, alice: Agent) -> None:
        queue = queue_of(alice, **NEW_FOR_CLOSED, **NEW_FOR_SUBJECT)
        first = receive(queue)
        sent = answer(first, alice, close=True)
        away = receive(queue, respond(sent, Auto_Submitted="auto-replied", Subject="Out of office"))
        assert away.conversation == first.conversation


class TestChangedSubject:
    """An answer with another subject: the queue says what it does."""

    def test_it_stays_by_default(self, alice: Agent) -> None:
        first = receive(queue_of(alice))
        back = receive(first.conversation.queue, respond(answer(first, alice), Subject="My invoice"))
        assert back.conversation == first.conversation

    def test_or_begins_a_new_one(self, alice: Agent) -> None:
        queue = queue_of(alice, **NEW_FOR_SUBJECT)
        first = receive(queue)
        sent = answer(first, alice)
        back = receive(queue, respond(sent, Subject="My invoice"))
        assert back.conversation != first.conversation
        assert story(back.conversation)["continues"][0].endswith("under another subject.")
        first.conversation.refresh_from_db()
        assert first.conversation.state == State.PENDING
        again = receive(queue, respond(sent, Subject="Re: my invoice"))
        assert again.conversation == back.conversation
        assert receive(queue, respond(sent)).conversation == first.conversation

    @pytest.mark.parametrize("subject", ["AW: [EXT] Parcel", "", "[Fwd: Parcel]", "PARCEL (fwd)"])
    def test_marks_and_a_missing_subject_change_nothing(self, alice: Agent, subject: str) -> None:
        queue = queue_of(alice, **NEW_FOR_SUBJECT)
        first = receive(queue, make_mail(Subject="Parcel"))
        assert (
            receive(queue, respond(answer(first, alice), Subject=subject)).conversation == first.conversation
        )


class TestNumbers:
    """A number in the subject is a hint for people, and moves nothing."""

    def test_of_who_takes_part(self, alice: Agent) -> None:
        queue = queue_of(alice)
        old = receive(queue).conversation
        new = receive(queue, make_mail(Subject=f"About #{old.number}")).conversation
        assert new != old
        assert story(new)["hint"] == (
            f"May belong to #{old.number}: the subject has its number.",
            {"conversation": old.pk},
        )
        old.refresh_from_db()
        assert old.messages_count == 1

    def test_of_a_stranger_only_as_systems_write_it(self, alice: Agent) -> None:
        queue = queue_of(alice)
        old = receive(queue).conversation
        eve = "eve@elsewhere.example"
        bare = receive(queue, make_mail(From=eve, Subject=f"Order #{old.number}")).conversation
        assert "hint" not in story(bare)
        new = receive(queue, make_mail(From=eve, Subject=f"Re: [#{old.number}] Parcel")).conversation
        assert story(new)["hint"][0].endswith(
            "the subject has its number, but the sender is a stranger to it."
        )
        old.refresh_from_db()
        assert (old.messages_count, old.contact.addresses.count()) == (1, 1)

    def test_a_number_that_nothing_has(self, alice: Agent) -> None:
        new = receive(queue_of(alice), make_mail(Subject="[#999999999999999999]")).conversation
        assert set(story(new)) == {"opened"}


class TestForging:
    """Nobody joins without a signed id of ours, or an id of the thread, and a part in it."""

    @pytest.mark.parametrize("header", ["In_Reply_To", "References"])
    def test_an_id_that_we_did_not_sign(self, alice: Agent, header: str) -> None:
        first = receive(queue_of(alice))
        sent = answer(first, alice)
        signature = sent.message_id.split(".")[3].partition("@")[0]
        other = new_message_id(first.conversation_id, sent.pk, b"another key", "example.com")
        for forged in (
            sent.message_id.replace(signature, "a" * 26),
            sent.message_id.replace(signature, signature[:25]),
            re.sub(r"ucs\.(\d+)\.\d+\.", rf"ucs.\1.{ANCHOR}.", sent.message_id),
            other,
        ):
            mail = receive(first.conversation.queue, make_mail("Hi.", **{header: f"<{forged}>"}))
            assert mail.conversation != first.conversation
        first.conversation.refresh_from_db()
        assert (first.conversation.messages_count, first.conversation.state) == (2, State.PENDING)

    @pytest.mark.parametrize(
        "sender", ["eve@elsewhere.example", "alice@example.com", "support@example.com", ""]
    )
    def test_a_leaked_id_lets_no_stranger_in_nor_who_calls_himself_staff(
        self, alice: Agent, sender: str
    ) -> None:
        alice.user.email = "alice@example.com"
        alice.user.save()
        first = receive(queue_of(alice))
        sent = answer(first, alice)
        mail = receive(first.conversation.queue, respond(sent, From=sender))
        assert mail.conversation != first.conversation
        assert mail.direction == Message.Direction.IN
        assert mail.agent is None
        first.conversation.refresh_from_db()
        assert (first.conversation.messages_count, first.conversation.state) == (2, State.PENDING)
        assert [address.email for address in actions.recipients(first.conversation).to] == [
            "charlie@customer.example"
        ]

    def test_an_address_with_our_id_behind_a_plus_is_only_an_address(self, alice: Agent) -> None:
        first = receive(queue_of(alice))
        local = answer(first, alice).message_id.partition("@")[0]
        mail = receive(first.conversation.queue, make_mail(To=f"support+{local}@example.com"))
        assert mail.conversation != first.conversation

    def test_control_headers_from_outside_mean_nothing(self, alice: Agent) -> None:
        queue = queue_of(alice)
        first = receive(queue)
        sent = answer(first, alice)
        headers = {
            "X_UCS_Conversation": str(first.conversation.number),
            "X_UCS_Message_ID": f"<{sent.message_id}>",
            "X_UCS_State": "closed",
            "X_UCS_Priority": "urgent",
            "X_UCS_Queue": make_queue().name,
            "X_Priority": "1",
        }
        new = receive(queue, make_mail(**headers)).conversation
        assert new != first.conversation
        assert (new.queue, new.state, new.priority) == (queue, State.WAITING, Conversation.Priority.NORMAL)

    def test_a_foreign_mail_with_our_id_as_its_own_draws_no_answer_to_it(self, alice: Agent) -> None:
        queue = queue_of(alice)
        first = receive(queue)
        sent = answer(first, alice)
        trap = make_mail(
            From="eve@elsewhere.example", Cc="charlie@customer.example", Message_ID=f"<{sent.message_id}>"
        )
        assert receive(queue, trap).conversation != first.conversation
        assert receive(queue, respond(sent)).conversation == first.conversation

    def test_a_message_id_used_twice_is_two_mails_and_both_are_our_turn(self, alice: Agent) -> None:
        queue = queue_of(alice)
        first = receive(queue)
        sent = answer(first, alice)
        one = receive(queue, respond(sent, "First.", Message_ID="<same@customer.example>"))
        answer(one, alice)
        other = receive(queue, respond(sent, "Second.", Message_ID="<same@customer.example>"))
        assert one.pk != other.pk
        assert one.conversation == other.conversation == first.conversation
        assert other.conversation.state == State.ASSIGNED

    def test_the_id_of_a_whole_conversation_joins_it(self, alice: Agent) -> None:
        first = receive(queue_of(alice))
        answer(first, alice)
        anchor = new_message_id(first.conversation_id, ANCHOR, message_id_key(), "example.com")
        mail = receive(first.conversation.queue, make_mail(References=f"<{anchor}>"))
        assert mail.conversation == first.conversation
