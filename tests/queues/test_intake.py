"""What comes in: conversations opened, joined, or left alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent, Language
from crm.models import Communication, Contact
from mailsenders.models import OutgoingMail, OutgoingRecipient
from queues import actions, states
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_agent, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db

State = Conversation.State
CZECH = "Dobrý den, objednávka mi ještě nepřišla a rád bych věděl, kdy ji mohu čekat. Děkuji za odpověď."


def kinds(conversation: Conversation) -> list[str]:
    return list(conversation.events.values_list("kind", flat=True))


def answer(message: Message, agent: Agent, text: str = "It is on its way.", **more: Any) -> Message:
    return actions.reply(agent.user, message.conversation, actions.Reply(text=text, **more))


def respond(sent: Message, text: str = "Thank you, it came.", **headers: str) -> bytes:
    """The customer's mail in answer to ours."""
    return make_mail(text, In_Reply_To=f"<{sent.message_id}>", Subject=f"Re: {sent.subject}", **headers)


def test_a_mail_opens_a_conversation() -> None:
    queue = make_queue(first_response=60)
    at = timezone.now() - timedelta(minutes=5)
    message = receive(queue, make_mail("Where is\n my parcel?", Subject="Parcel 7"), at=at)
    conversation = message.conversation
    assert conversation.number >= 1001
    assert (conversation.subject, conversation.state, conversation.agent) == ("Parcel 7", State.WAITING, None)
    assert (conversation.preview, conversation.messages_count) == ("Where is my parcel?", 1)
    assert conversation.contact.name == "Charlie Stone"
    assert conversation.waiting_since == at
    assert conversation.due_at is not None
    assert timedelta(minutes=59) <= conversation.due_at - at <= timedelta(minutes=60)
    assert message.sent_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert kinds(conversation) == ["opened"]
    communication = Communication.objects.get(message_ref=f"message-{message.pk}")
    assert (communication.direction, communication.conversation_number) == ("in", conversation.number)


def test_a_mail_without_anything_is_still_a_conversation() -> None:
    queue = make_queue()
    first = receive(queue, b"\r\n")
    second = receive(queue, b"\xff\x00\xfe")
    assert first.conversation.contact == second.conversation.contact
    assert first.conversation.contact.name == "Unknown sender"
    assert first.conversation.subject == ""
    assert first.conversation.state == State.WAITING


def test_fields_longer_than_their_columns_are_cut() -> None:
    long = "x" * 5000
    message = receive(
        make_queue(),
        make_mail(Subject=long, From=f"{long} <{'a' * 60}@x.example>", Message_ID=f"<{long}@x>"),
    )
    assert message.subject == "x" * 1000


def test_an_id_that_fits_into_no_index_is_another_one() -> None:
    letters = "".join(chr(0x4E00 + number * 7919 % 0x5000) for number in range(980))
    message = receive(
        make_queue(), make_mail(Message_ID=f"<{letters}@x.example>", In_Reply_To=f"<{letters}@y>")
    )
    assert len(message.message_id.encode()) <= 1000
    assert message.in_reply_to == ""


def test_two_mailboxes_give_a_conversation_in_each_queue() -> None:
    raw = make_mail(To="sales@example.com, support@example.com")
    one, other = receive(make_queue(), raw), receive(make_queue(), raw)
    assert one.conversation != other.conversation
    assert one.conversation.contact == other.conversation.contact


def test_the_same_mail_over_two_mailboxes_of_one_queue_is_one_conversation() -> None:
    queue, raw = make_queue(), make_mail()
    one, other = receive(queue, raw), receive(queue, raw)
    assert one.conversation == other.conversation
    assert one.pk != other.pk


def test_a_message_id_used_again_hides_nothing() -> None:
    queue = make_queue()
    one = receive(queue, make_mail("First.", Message_ID="<same@customer.example>"))
    other = receive(queue, make_mail("Something else.", Message_ID="<same@customer.example>"))
    assert one.conversation != other.conversation


def test_a_machine_with_one_id_and_one_text_is_heard_each_time() -> None:
    queue, usual = make_queue(), {"Message_ID": "<scan@copier.example>", "Subject": "Scan"}
    one = receive(queue, make_mail("See the file.", **usual, Date="Mon, 02 Mar 2026 09:30:00 +0000"))
    states.finish(one.conversation, timezone.now())
    other = receive(queue, make_mail("See the file.", **usual, Date="Mon, 02 Mar 2026 09:31:00 +0000"))
    assert other.conversation != one.conversation
    assert other.conversation.state == State.WAITING


def test_an_id_that_everybody_uses_costs_no_more_each_time() -> None:
    queue, asked = make_queue(), []
    for number in range(60):
        sender = f"person-{number}@customer.example"
        with CaptureQueriesContext(connection) as queries:
            receive(queue, make_mail(From=sender, Message_ID="<1@localhost>", References="<1@localhost>"))
        asked.append(len(queries))
    assert Conversation.objects.count() == 60
    assert asked[59] == asked[30]


class TestJoining:
    """The customer's answer, and who only pretends to give one."""

    def test_an_answer_joins_and_comes_back_to_its_agent(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice], next_response=30))
        sent = answer(message, alice)
        assert sent.conversation.state == State.PENDING
        back = receive(message.conversation.queue, respond(sent))
        conversation = back.conversation
        assert conversation == message.conversation
        assert (conversation.state, conversation.agent) == (State.ASSIGNED, alice)
        assert conversation.due_at is not None
        assert conversation.messages_count == 3
        assert conversation.preview == "Thank you, it came."

    def test_it_waits_for_anybody_when_the_agent_is_gone(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        sent = answer(message, alice, close=True)
        Agent.objects.update(presence=Agent.Presence.OFFLINE)
        conversation = receive(message.conversation.queue, respond(sent)).conversation
        assert (conversation.state, conversation.agent) == (State.WAITING, None)
        assert (conversation.last_agent, conversation.closed_at) == (alice, None)

    def test_it_wakes_what_is_snoozed(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        sent = answer(message, alice)
        actions.snooze(alice.user, message.conversation, timezone.now() + timedelta(days=1))
        conversation = receive(message.conversation.queue, respond(sent)).conversation
        assert (conversation.state, conversation.snoozed_until) == (State.ASSIGNED, None)

    def test_a_second_mail_while_it_waits_keeps_the_due_time(self) -> None:
        queue = make_queue()
        first = receive(queue, at=timezone.now() - timedelta(hours=1))
        due = first.conversation.due_at
        raw = make_mail("One thing more.", References=f"<{first.message_id}>")
        conversation = receive(queue, raw).conversation
        assert conversation == first.conversation
        assert (conversation.state, conversation.due_at) == (State.WAITING, due)

    def test_a_colleague_in_cc_is_a_party(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]), make_mail(Cc="dora@customer.example"))
        sent = answer(message, alice)
        back = receive(message.conversation.queue, respond(sent, From="Dora@customer.example"))
        assert back.conversation == message.conversation
        communication = Communication.objects.get(message_ref=f"message-{back.pk}")
        assert communication.contact.addresses.get().email == "dora@customer.example"

    def test_a_stranger_with_the_right_id_opens_a_new_one_with_a_hint(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        sent = answer(message, alice)
        forged = receive(message.conversation.queue, respond(sent, From="eve@elsewhere.example"))
        assert forged.conversation != message.conversation
        hint = forged.conversation.events.get(kind="hint")
        assert f"#{message.conversation.number}" in hint.sentence
        message.conversation.refresh_from_db()
        assert message.conversation.state == State.PENDING

    def test_our_own_address_in_from_proves_nothing(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        sent = answer(message, alice)
        forged = receive(message.conversation.queue, respond(sent, From="support@example.com"))
        assert forged.conversation != message.conversation

    @pytest.mark.parametrize("change", ["conversation", "mac"])
    def test_a_forged_id_opens_a_new_one(self, change: str) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        sent = answer(message, alice)
        words = sent.message_id.split(".")
        if change == "conversation":
            words[1] = str(int(words[1]) + 1)
        else:
            words[3] = ("a" if words[3][0] != "a" else "b") + words[3][1:]
        raw = make_mail(In_Reply_To=f"<{'.'.join(words)}>", Subject=f"[#{message.conversation.number}]")
        forged = receive(message.conversation.queue, raw)
        assert forged.conversation != message.conversation
        message.conversation.refresh_from_db()
        assert (message.conversation.state, message.conversation.messages_count) == (State.PENDING, 2)

    def test_an_answer_over_another_mailbox_joins_where_the_conversation_is(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        back = receive(make_queue(), respond(answer(message, alice)))
        assert back.conversation == message.conversation

    def test_an_answer_to_two_mailboxes_reaches_both_queues_once(self) -> None:
        alice = make_agent("alice")
        here, there = make_queue([alice]), make_queue()
        raw = make_mail(To="support@example.com, sales@example.com")
        one, other = receive(here, raw), receive(there, raw)
        back = make_mail(In_Reply_To=f"<{answer(one, alice).message_id}>", References=f"<{one.message_id}>")
        found = {receive(here, back).conversation, receive(there, back).conversation}
        assert found == {one.conversation, other.conversation}


class TestMachineMail:
    """Machines are kept, but move nothing."""

    def test_an_out_of_office_moves_no_state(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice], acknowledgement="We have it."))
        sent = answer(message, alice, close=True)
        before = OutgoingMail.objects.count()
        raw = respond(sent, "I am away.", Auto_Submitted="auto-replied")
        back = receive(message.conversation.queue, raw)
        conversation = back.conversation
        assert conversation == message.conversation
        assert (conversation.state, conversation.due_at) == (State.CLOSED, None)
        assert conversation.preview.startswith("It is on its way.")
        assert OutgoingMail.objects.count() == before

    def test_a_bounce_is_tied_to_the_answer_and_puts_it_back_to_work(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        sent = answer(message, alice)
        OutgoingMail.objects.update(state=OutgoingMail.State.SENT)
        OutgoingRecipient.objects.update(state=OutgoingRecipient.State.ACCEPTED)
        back = receive(message.conversation.queue, bounce(sent.message_id, "5.1.1"))
        conversation = back.conversation
        assert conversation == message.conversation
        assert (conversation.state, conversation.agent) == (State.ASSIGNED, alice)
        assert conversation.due_at is not None
        event = conversation.events.get(kind="bounced")
        assert "charlie@customer.example" in event.sentence
        assert event.data["message"] == sent.pk
        recipient = OutgoingRecipient.objects.get()
        assert (recipient.state, recipient.answer) == (
            "refused",
            "550 no such user – the address does not exist, so another try is useless",
        )
        assert OutgoingMail.objects.get().state == OutgoingMail.State.FAILED
        assert Contact.objects.count() == 1

    def test_a_delay_is_only_kept_until_it_is_given_up(self) -> None:
        alice = make_agent("alice")
        message = receive(make_queue([alice]))
        sent = answer(message, alice)
        back = receive(message.conversation.queue, bounce(sent.message_id, "4.4.1", action="delayed"))
        assert back.conversation == message.conversation
        assert back.conversation.state == State.PENDING
        back = receive(message.conversation.queue, bounce(sent.message_id, "4.4.7"))
        assert back.conversation.state == State.ASSIGNED

    def test_a_bounce_of_nothing_of_ours_is_a_conversation(self) -> None:
        message = receive(make_queue(), bounce("ucs.1.1.aaaaaaaaaaaaaaaaaaaaaaaaaa@example.com", "5.1.1"))
        assert kinds(message.conversation) == ["opened"]

    def test_what_a_machine_names_takes_no_part(self) -> None:
        alice = make_agent()
        queue = make_queue([alice])
        first = receive(queue)
        reference = f"<{answer(first, alice).message_id}>"
        stranger = {"From": "Eve <eve@stranger.example>", "In_Reply_To": reference}
        machine = {"Auto_Submitted": "auto-replied", "Cc": "mallory@stranger.example"}
        assert receive(queue, make_mail(**stranger, **machine)).conversation == first.conversation
        for sender in ("eve@stranger.example", "mallory@stranger.example"):
            mail = make_mail("Send me everything.", **(stranger | {"From": sender}))
            assert receive(queue, mail).conversation != first.conversation


def bounce(message_id: str, status: str, action: str = "failed") -> bytes:
    """A delivery report (RFC 3464) about a mail of ours."""
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.customer.example\r\n\r\n"
        f"Final-Recipient: rfc822; charlie@customer.example\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{message_id}>\r\n\r\n--b--"
    )
    return make_mail(
        body,
        From="Mail Delivery System <mailer-daemon@mx.customer.example>",
        Subject="Undelivered Mail",
        Return_Path="<>",
        Auto_Submitted="auto-replied",
        Content_Type='multipart/report; report-type=delivery-status; boundary="b"',
    )


class TestAcknowledgement:
    """Sent once, to people."""

    def queue(self, **overrides: Any) -> EmailQueue:
        return make_queue(acknowledgement="We have got your mail.", signature="Support", **overrides)

    def test_it_is_a_real_message_marked_as_automatic(self) -> None:
        message = receive(self.queue())
        sent = message.conversation.messages.get(direction="out")
        assert sent.outgoing is not None
        assert sent.outgoing.is_automatic
        raw = sent.outgoing.raw.as_bytes()
        assert b"Auto-Submitted: auto-replied" in raw
        assert f"In-Reply-To: <{message.message_id}>".encode() in raw
        assert sent.text.startswith("We have got your mail.\n\n-- \nSupport")
        message.conversation.refresh_from_db()
        assert message.conversation.state == State.WAITING
        assert message.conversation.preview == "Where is my parcel?"

    def test_a_person_is_told_once_a_day(self) -> None:
        queue = self.queue()
        receive(queue)
        receive(queue)
        receive(self.queue())
        assert OutgoingMail.objects.count() == 2
        yesterday = timezone.now() - timedelta(hours=25)
        Message.objects.filter(direction="out").update(created_at=yesterday)
        receive(queue)
        assert OutgoingMail.objects.count() == 3

    @pytest.mark.parametrize(
        "headers",
        [
            {"Auto_Submitted": "auto-generated"},
            {"Precedence": "bulk"},
            {"List_Id": "<news.customer.example>"},
            {"From": ""},
            {"From": "support@example.com"},
            {"From": "noreply@customer.example"},
        ],
    )
    def test_machines_and_ourselves_are_not_told(self, headers: dict[str, str]) -> None:
        receive(self.queue(), make_mail(**headers))
        assert not OutgoingMail.objects.exists()

    def test_a_robot_with_ever_new_addresses_is_told_once(self) -> None:
        queue = self.queue()
        receive(queue, make_mail(From="ticket+0@robot.example"))
        told = Message.objects.get(direction="out")
        for number in range(1, 4):
            mail = make_mail(
                "We have got your mail, too.",
                From=f"ticket+{number}@robot.example",
                References=f"<{told.message_id}>",
            )
            receive(queue, mail)
        assert OutgoingMail.objects.count() == 1

    def test_without_a_sender_the_mail_is_kept_and_the_lack_is_told(self) -> None:
        message = receive(self.queue(sender=None))
        event = message.conversation.events.get(kind="acknowledged")
        assert "has no email sender" in event.sentence
        assert message.conversation.messages.count() == 1


class TestLanguage:
    """Seen, remembered, or assumed."""

    @pytest.fixture(autouse=True)
    def languages(self) -> None:
        for tag in ("cs", "de", "en"):
            Language.objects.create(tag=tag)

    def test_it_is_seen_in_the_text_and_remembered_for_short_mails(self) -> None:
        queue = make_queue()
        conversation = receive(queue, make_mail(CZECH)).conversation
        assert (conversation.language, conversation.contact.language) == ("cs", "cs")
        assert conversation.language_confidence > 0.8
        short = receive(queue, make_mail("Ok", Subject="")).conversation
        assert (short.language, short.language_confidence) == ("cs", 0)

    def test_a_stranger_gets_the_queues_language(self) -> None:
        queue = make_queue(default_language_id="de")
        assert receive(queue, make_mail("Ok", Subject="")).conversation.language == "de"
        queue = make_queue()
        queue.languages.set(Language.objects.filter(tag__in=["de", "en"]))
        assert receive(queue, make_mail("Ok", Subject="")).conversation.language == "de"
        assert receive(make_queue(), make_mail("Ok", Subject="")).conversation.language == ""
