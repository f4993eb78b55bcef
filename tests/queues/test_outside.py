"""Asking somebody else: what goes there, what comes back, and that the customer learns nothing of it."""

import pytest

from agents.models import Agent
from crm.models import Communication
from mailcore.compose import OutFile
from mailsenders.models import OutgoingMail
from queues import actions
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, Draft, Message
from queues.notices_worded import worded
from queues.outside import files_of
from queues.recipients import computed_recipients
from tests.make import make_agent, make_mail, make_queue, receive
from tests.queues.test_bounces import fields, report, taken
from tests.queues.test_replies import frozen, plain

pytestmark = pytest.mark.django_db

State = Conversation.State
CARRIER = "depot@carrier.example"
SECRET = "The driver was drunk."


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


@pytest.fixture
def asked(alice: Agent) -> Message:
    """A customer's mail with a copy to a friend."""
    return receive(make_queue([alice], quoted="thread"), make_mail(Cc="eve@customer.example"))


def forward(alice: Agent, asked: Message, **more: object) -> Message:
    values: dict[str, object] = {
        "text": "Where is it?",
        "to": (CARRIER,),
        "is_outside": True,
        "about_id": asked.pk,
        "undo_seconds": 0,
    }
    return actions.reply(alice.user, asked.conversation, Reply(**(values | more)))  # type: ignore[arg-type]


def back(sent: Message, text: str = SECRET, **headers: str) -> Message:
    """The carrier's answer."""
    usual = {"From": f"Depot <{CARRIER}>", "In_Reply_To": f"<{sent.message_id}>", "Subject": sent.subject}
    return receive(sent.conversation.queue, make_mail(text, **(usual | headers)))


class TestForwarding:
    """To whom the agent names, with the mail below."""

    def test_what_goes_out(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked)
        mail = frozen(sent)
        assert (mail["To"], mail["Cc"], mail["Subject"]) == (CARRIER, None, f"Fwd: {asked.subject}")
        assert mail["In-Reply-To"] is None
        assert asked.message_id not in mail["References"]
        text = plain(mail)
        assert text.startswith("Where is it?")
        assert "From: Charlie Stone <charlie@customer.example>" in text
        assert "Where is my parcel?" in text
        assert sent.is_outside

    def test_the_matter_stays_as_it_is(self, alice: Agent, asked: Message) -> None:
        forward(alice, asked)
        row = Conversation.objects.get()
        assert (row.state, row.agent, row.last_direction, row.has_outside) == (
            State.ASSIGNED,
            alice,
            "in",
            True,
        )
        assert row.due_at is not None
        assert row.events.get(kind="asked").sentence == f"Alice wrote to {CARRIER} about it."
        talked = Communication.objects.get(direction="out")
        assert talked.contact.addresses.get().email == CARRIER

    def test_chosen_files_go_along(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(
            alice.user, asked.conversation, Reply(text="x", files=(OutFile("a.txt", "text/plain", b"abc"),))
        )
        files = files_of(asked.conversation, [sent.attachments.get().pk])
        assert files == (OutFile("a.txt", "text/plain", b"abc"),)
        other = receive(make_queue([alice]))
        with pytest.raises(ActionRefused, match="not here any more"):
            files_of(other.conversation, [sent.attachments.get().pk])

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"to": ()}, "Nobody would get it"),
            ({"to": ("charlie@customer.example",)}, "is the customer"),
            ({"cc": ("Charlie@Customer.example",)}, "is the customer"),
            ({"about_id": 0}, "not here any more"),
        ],
    )
    def test_refused(self, alice: Agent, asked: Message, more: dict[str, object], words: str) -> None:
        with pytest.raises(ActionRefused, match=words):
            forward(alice, asked, **more)
        assert not OutgoingMail.objects.exists()

    def test_taken_back_it_is_a_draft_to_outside(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked, undo_seconds=10)
        assert actions.undo(alice.user, sent)
        draft = Draft.objects.get()
        assert (draft.is_outside, draft.about, draft.text, draft.to) == (
            True,
            asked,
            "Where is it?",
            [CARRIER],
        )
        assert actions.draft_of(alice.user, asked.conversation) is None


class TestComingBack:
    """Into the same conversation, apart from the customer."""

    def test_it_joins_and_is_our_turn(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked)
        actions.reply(alice.user, asked.conversation, Reply(text="We ask the carrier."))
        came = back(sent)
        row = Conversation.objects.get()
        assert (came.conversation, came.is_outside) == (row, True)
        assert (row.state, row.agent) == (State.ASSIGNED, alice)
        assert "who was asked about it, answered" in row.events.get(kind="answered_outside").sentence
        assert [worded(each, came.created_at) for each in alice.notices.all()] == [
            f"Who was asked about #{row.number} has answered"
        ]

    def test_the_customer_learns_nothing(self, alice: Agent, asked: Message) -> None:
        """Neither whom we asked nor what they said, in any part of the next answer."""
        back(forward(alice, asked))
        sent = actions.reply(alice.user, asked.conversation, Reply(text="It comes tomorrow."))
        assert [each["email"] for each in (*sent.to, *sent.cc)] == [
            "charlie@customer.example",
            "eve@customer.example",
        ]
        assert sent.outgoing is not None
        raw = sent.outgoing.raw.as_bytes()
        assert SECRET.encode() not in raw
        assert b"carrier.example" not in raw
        assert b"Where is it?" not in raw
        assert frozen(sent)["In-Reply-To"] == f"<{asked.message_id}>"

    def test_who_was_asked_gets_the_answer_alone(self, alice: Agent, asked: Message) -> None:
        came = back(forward(alice, asked), Cc="charlie@customer.example, boss@carrier.example")
        people = computed_recipients(came)
        assert [each.email for each in people.to] == [CARRIER]
        assert [each.email for each in people.cc] == ["boss@carrier.example"]
        sent = forward(alice, came, to=(), text="Thank you.")
        assert [each["email"] for each in (*sent.to, *sent.cc)] == [CARRIER, "boss@carrier.example"]
        assert sent.is_outside
        assert frozen(sent)["In-Reply-To"] == f"<{came.message_id}>"
        assert sent.subject.startswith("Re: ")

    def test_the_customer_who_was_copied_in_is_not_written_to_with_them(
        self, alice: Agent, asked: Message
    ) -> None:
        """The customer answers all: who was asked stays out of it until an agent types the address."""
        sent = forward(alice, asked)
        raw = make_mail(
            "What is this?",
            Cc=CARRIER,
            In_Reply_To=f"<{sent.message_id}>",
            References=f"<{asked.message_id}> <{sent.message_id}>",
        )
        answer = receive(asked.conversation.queue, raw)
        assert (answer.conversation, answer.is_outside) == (asked.conversation, False)
        assert CARRIER not in [each.email for each in computed_recipients(answer).cc]

    def test_a_new_mail_of_theirs_to_the_same_thread_is_theirs(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked)
        first = back(sent)
        again = back(sent, "One thing more.", In_Reply_To=f"<{first.message_id}>")
        assert (again.conversation, again.is_outside) == (asked.conversation, True)

    def test_a_stranger_with_the_id_does_not_join(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked)
        other = back(sent, From="mallory@evil.example")
        assert other.conversation != asked.conversation
        assert not other.is_outside

    @pytest.mark.parametrize("to", ["support@example.com", "SUPPORT@example.com", "team@example.com"])
    def test_no_tag_in_the_address_is_needed(self, alice: Agent, asked: Message, to: str) -> None:
        """Whatever their mail system makes of our address: the ids tell which side they answer."""
        came = back(forward(alice, asked), To=to, Subject="AW: something else")
        assert (came.conversation, came.is_outside) == (asked.conversation, True)

    def test_only_references_are_left(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked)
        ids = f"<{asked.message_id}> <{sent.message_id}> <theirs@carrier.example>"
        came = back(sent, In_Reply_To="", References=ids)
        assert (came.conversation, came.is_outside) == (asked.conversation, True)

    def test_a_provider_renamed_our_mail(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked)
        OutgoingMail.objects.filter(message=sent).update(alias="renamed@provider.example")
        came = back(sent, In_Reply_To="<renamed@provider.example>")
        assert (came.conversation, came.is_outside) == (asked.conversation, True)

    def test_who_is_on_both_sides_is_told_by_what_they_answer(self, alice: Agent, asked: Message) -> None:
        """Eve was copied in by the customer, and is asked apart from them."""
        answer = actions.reply(alice.user, asked.conversation, Reply(text="We look.", undo_seconds=0))
        sent = forward(alice, asked, to=("eve@customer.example",))
        to_all = back(answer, "Thanks.", From="eve@customer.example")
        to_us = back(sent, "Between us.", From="eve@customer.example")
        assert (to_all.conversation, to_us.conversation) == (asked.conversation, asked.conversation)
        assert (to_all.is_outside, to_us.is_outside) == (False, True)

    def test_without_any_id_it_is_a_mail_of_its_own(self, alice: Agent, asked: Message) -> None:
        """Nothing proves what it is about, so the customer's side never gets it; people are told."""
        sent = forward(alice, asked)
        number = asked.conversation.number
        came = back(sent, In_Reply_To="", Subject=f"Re: Fwd: [#{number}] parcel")
        assert came.conversation != asked.conversation
        assert came.conversation.contact.addresses.get().email == CARRIER
        hint = came.conversation.events.get(kind="hint")
        assert f"#{number}" in hint.sentence

    def test_their_machines_disturb_nobody(self, alice: Agent, asked: Message) -> None:
        sent = forward(alice, asked)
        actions.reply(alice.user, asked.conversation, Reply(text="We ask."))
        back(sent, "Away.", Auto_Submitted="auto-replied")
        assert Conversation.objects.get().state == State.PENDING

    def test_a_report_about_the_question_is_not_for_the_customer(self, alice: Agent, asked: Message) -> None:
        """Its text names whom we asked, and no thread header says what it is about."""
        sent = forward(alice, asked)
        taken(sent)
        returned = f"Message-ID: <{sent.message_id}>\r\n"
        came = receive(asked.conversation.queue, report(fields(CARRIER), returned))
        assert (came.conversation, came.is_outside) == (asked.conversation, True)

    def test_no_machines_words_are_quoted_to_the_customer(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="We look.", undo_seconds=0))
        taken(sent)
        returned = f"Message-ID: <{sent.message_id}>\r\n"
        receive(asked.conversation.queue, report(fields("eve@customer.example"), returned))
        receive(asked.conversation.queue, make_mail("And?", In_Reply_To=f"<{sent.message_id}>"))
        text = plain(frozen(actions.reply(alice.user, asked.conversation, Reply(text="It comes."))))
        assert "> And?" in text
        assert "This is the mail system" not in text

    def test_who_is_copied_in_by_the_customer_is_still_answered(self, alice: Agent, asked: Message) -> None:
        came = back(forward(alice, asked))
        copied = make_mail("Ask them again!", Cc=CARRIER, In_Reply_To=f"<{asked.message_id}>")
        assert not receive(asked.conversation.queue, copied).is_outside
        assert [each.email for each in computed_recipients(came).to] == [CARRIER]


class TestMoving:
    """Merged, split, moved: the two sides stay apart."""

    def test_merged(self, alice: Agent, asked: Message) -> None:
        came = back(forward(alice, asked))
        other = receive(asked.conversation.queue)
        merged = actions.merge(alice.user, asked.conversation, other.conversation)
        assert merged.has_outside
        again = back(Message.objects.get(direction="out"), "More.", In_Reply_To=f"<{came.message_id}>")
        assert (again.conversation, again.is_outside) == (merged, True)
        assert CARRIER not in [each.email for each in computed_recipients(other).cc]

    def test_split_off_it_is_a_matter_with_who_was_asked(self, alice: Agent, asked: Message) -> None:
        came = back(forward(alice, asked))
        new = actions.split(alice.user, asked.conversation, [came.pk])
        came.refresh_from_db()
        assert (came.is_outside, new.has_outside) == (False, False)
        assert new.contact.addresses.get().email == CARRIER
        answer = actions.reply(alice.user, new, Reply(text="Thanks."))
        assert ([each["email"] for each in answer.to], answer.is_outside) == ([CARRIER], False)
