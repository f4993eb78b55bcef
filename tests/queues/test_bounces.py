"""Reports about our mails: tied to the mail they are about, shown at its recipients, back to work if it "
"is lost."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Agent
from mailsenders import outbox
from mailsenders.models import OutgoingMail, OutgoingRecipient
from queues import actions, deliveries, losses
from queues.models import Conversation, Message
from tests.mailcore.test_bounce import (
    DOMINO,
    EXCHANGE_GERMAN,
    EXIM,
    GMAIL,
    OURS,
    POSTFIX,
    QMAIL,
    SENDMAIL,
    YAHOO,
)
from tests.make import make_agent, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db

State = Conversation.State
Sent = OutgoingMail.State
MAX, EVA = "max@example.org", "eva@example.net"


@dataclass
class Answered:
    """A conversation that Alice has answered to two people, and a server has taken the answer."""

    alice: Agent
    sent: Message

    @property
    def conversation(self) -> Conversation:
        return Conversation.objects.get(pk=self.sent.conversation_id)

    @property
    def mail(self) -> OutgoingMail:
        return OutgoingMail.objects.get(message=self.sent)

    def recipient(self, email: str) -> OutgoingRecipient:
        return self.mail.recipients.get(email=email)

    def report(self, fields: str, returned: str | None = None, **headers: str) -> Message:
        """A report comes; `returned` are the headers of our mail in it."""
        returned = f"Message-ID: <{self.sent.message_id}>\r\n" if returned is None else returned
        raw = report(fields, returned, **headers)
        return receive(self.sent.conversation.queue, raw)


@pytest.fixture
def answered() -> Answered:
    alice = make_agent("alice")
    message = receive(make_queue([alice]), make_mail(From=f"Max <{MAX}>"))
    reply = actions.Reply(text="It is on its way.", to=(MAX,), cc=(EVA,))
    sent = actions.reply(alice.user, message.conversation, reply)
    taken(sent)
    return Answered(alice, sent)


def taken(sent: Message, state: str = Sent.SENT) -> None:
    """As if a server had taken the mail; or, for another state, nobody knows."""
    OutgoingMail.objects.filter(message=sent).update(state=state, sent_at=timezone.now())
    if state == Sent.SENT:
        OutgoingRecipient.objects.filter(mail__message=sent).update(
            state=OutgoingRecipient.State.ACCEPTED, answer="250 Ok"
        )


def report(fields: str, returned: str, **headers: str) -> bytes:
    """A delivery report (RFC 3464)."""
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system.\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; "
        f"relay.example.com\r\n\r\n{fields}"
        f"\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n--b--"
    )
    usual = {
        "From": "Mail Delivery System <mailer-daemon@relay.example.com>",
        "Subject": "Undelivered Mail Returned to Sender",
        "Return_Path": "<>",
        "Auto_Submitted": "auto-replied",
        "Content_Type": 'multipart/report; report-type=delivery-status; boundary="b"',
    }
    return make_mail(body, **(usual | headers))


def fields(email: str, words: str = "550 5.1.1 user unknown", action: str = "failed", more: str = "") -> str:
    return (
        f"Final-Recipient: rfc822; {email}\r\nAction: {action}\r\nStatus: 5.0.0\r\n"
        f"Remote-MTA: dns; mx.example.org\r\nDiagnostic-Code: smtp; {words}\r\n{more}"
    )


def test_a_failure_is_noted_at_its_recipient(answered: Answered) -> None:
    back = answered.report(fields(MAX))
    row, other = answered.recipient(MAX), answered.recipient(EVA)

    assert back.conversation_id == answered.sent.conversation_id
    assert (row.state, row.reason) == ("refused", "no_such_user")
    assert row.answer.startswith("mx.example.org: 550 5.1.1 user unknown – the address does not exist")
    assert row.returned_at == back.created_at
    assert other.state == "accepted"
    assert answered.mail.state == Sent.SENT  # Eva has got it
    assert MAX in answered.mail.last_error
    assert (answered.conversation.state, answered.conversation.agent) == (State.ASSIGNED, answered.alice)
    event = answered.conversation.events.get(kind="bounced")
    assert "mx.example.org: 550 5.1.1 user unknown" in event.sentence
    assert event.data["recipients"] == [MAX]


@pytest.mark.parametrize("raw", [POSTFIX, EXCHANGE_GERMAN, GMAIL, EXIM, QMAIL, SENDMAIL, YAHOO])
def test_reports_of_many_systems_find_their_mail(answered: Answered, raw: bytes) -> None:
    receive(answered.sent.conversation.queue, raw.replace(OURS.encode(), answered.sent.message_id.encode()))

    row = answered.recipient(MAX)
    assert row.state == "refused"
    assert row.answer.count("mx.example.org") <= 1
    assert answered.recipient(EVA).state == "accepted"
    assert answered.conversation.state == State.ASSIGNED


def test_a_report_that_returns_nothing_is_a_hint(answered: Answered) -> None:
    back = receive(answered.sent.conversation.queue, DOMINO)

    assert back.automatic == "bounce"
    assert back.conversation.events.get(kind="hint").data["conversation"] == answered.sent.conversation_id


def test_a_failure_is_noted_though_others_are_still_tried(answered: Answered) -> None:
    """Max’s server has taken it and returns it, while Eva’s is to be asked again."""
    OutgoingMail.objects.filter(pk=answered.mail.pk).update(state=Sent.RETRY, sent_at=timezone.now())
    answered.mail.recipients.filter(email=EVA).update(state=OutgoingRecipient.State.RETRY)
    back = answered.report(fields(MAX))
    assert (answered.recipient(MAX).state, answered.recipient(MAX).returned_at) == (
        "refused",
        back.created_at,
    )
    assert (answered.recipient(EVA).state, answered.mail.state) == ("retry", Sent.RETRY)


def test_what_the_desk_shows(answered: Answered) -> None:
    answered.report(fields(MAX))
    shown = deliveries.delivery(answered.mail, timezone.now())
    assert shown.level == "bad"
    assert len(shown.back) == 1
    assert shown.back[0].startswith(f"{MAX}, ")
    assert ": mx.example.org: 550 5.1.1" in shown.back[0]

    answered.report(fields(EVA, "552 5.2.2 mailbox full"))
    shown = deliveries.delivery(answered.mail, timezone.now())
    assert (answered.mail.state, shown.label) == (Sent.FAILED, "Came back")
    assert shown.can_resend
    assert "a later try may work" in shown.back[1]


def test_a_delay_is_shown_and_moves_nothing(answered: Answered) -> None:
    answered.report(fields(MAX, "451 4.3.0 try later", action="delayed"), Subject="Delayed Mail")
    row = answered.recipient(MAX)
    shown = deliveries.delivery(answered.mail, timezone.now())

    assert (row.state, row.delay) == ("accepted", "mx.example.org: 451 4.3.0 try later – " + ADVICE)
    assert (shown.level, shown.delayed) == ("warn", (f"{MAX}: {row.delay}",))
    assert answered.conversation.state == State.PENDING
    assert not answered.conversation.events.filter(kind="bounced").exists()

    answered.report(fields(MAX))
    assert (answered.recipient(MAX).state, answered.recipient(MAX).delay) == ("refused", "")


ADVICE = "the recipient's server is out of order; a later try may work"


def test_a_second_report_of_the_same_loss_changes_nothing(answered: Answered) -> None:
    answered.report(fields(MAX))
    actions.close(answered.alice.user, answered.conversation)
    answered.report(fields(MAX), Message_ID="<again@relay.example.com>")

    assert answered.conversation.state == State.CLOSED
    assert answered.conversation.events.filter(kind="bounced").count() == 1


def test_a_forwarded_mail_comes_back_from_an_address_we_never_wrote_to(answered: Answered) -> None:
    original = f"Original-Recipient: rfc822;{EVA}\r\n"
    answered.report(fields("other@gone.example", more=original))

    assert answered.recipient(EVA).state == "refused"
    assert answered.recipient(MAX).state == "accepted"


def test_a_provider_that_renames_our_mail(answered: Answered) -> None:
    """Then the ids of earlier mails of the thread are all that is ours in the report: the last mail is "
    "meant."""
    customer = make_mail("Where?", From=f"Max <{MAX}>", In_Reply_To=f"<{answered.sent.message_id}>")
    message = receive(answered.sent.conversation.queue, customer)
    reply = actions.Reply(text="Tomorrow.", to=(MAX,))
    later = actions.reply(answered.alice.user, message.conversation, reply)
    taken(later)
    returned = f"Message-ID: <renamed@provider.example>\r\nReferences: <{answered.sent.message_id}>\r\n"
    answered.report(fields(MAX), returned)

    assert answered.recipient(MAX).state == "accepted"
    assert later.outgoing is not None
    assert later.outgoing.recipients.get().state == "refused"


def test_the_id_that_a_provider_gave_our_mail_is_ours_too(answered: Answered) -> None:
    """It is known from the server's answer or from the Sent folder (`OutgoingMail.alias`)."""
    OutgoingMail.objects.filter(pk=answered.mail.pk).update(alias="given@provider.example")
    later = actions.reply(answered.alice.user, answered.conversation, actions.Reply(text="More.", to=(MAX,)))
    taken(later)
    returned = f"Message-ID: <given@provider.example>\r\nReferences: <{answered.sent.message_id}>\r\n"
    answered.report(fields(MAX), returned)

    assert answered.recipient(MAX).state == "refused"
    assert later.outgoing is not None
    assert later.outgoing.recipients.get().state == "accepted"


def test_an_answer_that_names_only_the_providers_id_joins(answered: Answered) -> None:
    OutgoingMail.objects.filter(pk=answered.mail.pk).update(alias="given@provider.example")
    raw = make_mail("Thanks.", From=f"Max <{MAX}>", In_Reply_To="<given@provider.example>")
    stranger = make_mail("Thanks.", From="eve@evil.example", In_Reply_To="<given@provider.example>")

    assert receive(answered.sent.conversation.queue, raw).conversation == answered.conversation
    assert receive(answered.sent.conversation.queue, stranger).conversation != answered.conversation


def test_an_id_that_stands_for_the_whole_conversation(answered: Answered) -> None:
    queue = answered.sent.conversation.queue
    first = actions.start(answered.alice.user, queue, "News", actions.Reply(text="Hello.", to=(EVA,)))
    taken(first)
    returned = f"Message-ID: <renamed@provider.example>\r\nReferences: <{first.references[0]}>\r\n"
    back = answered.report(fields(EVA), returned)

    assert back.conversation_id == first.conversation_id
    assert first.outgoing is not None
    assert first.outgoing.recipients.get().state == "refused"


def test_without_an_id_it_is_only_a_hint(answered: Answered) -> None:
    back = answered.report(fields(MAX), returned="Subject: Re: parcel\r\n")

    assert back.conversation_id != answered.sent.conversation_id
    hint = back.conversation.events.get(kind="hint")
    assert hint.data == {"conversation": answered.sent.conversation_id}
    assert answered.recipient(MAX).state == "accepted"
    assert answered.conversation.state == State.PENDING


def test_a_forged_id_proves_nothing(answered: Answered) -> None:
    forged = answered.sent.message_id.replace("ucs.", "ucs.9")
    back = answered.report(fields(MAX), returned=f"Message-ID: <{forged}>\r\n")

    assert back.conversation_id != answered.sent.conversation_id
    assert answered.recipient(MAX).state == "accepted"


def test_a_report_settles_a_mail_of_which_nobody_knew_whether_it_had_left(answered: Answered) -> None:
    taken(answered.sent, Sent.UNCERTAIN)
    answered.mail.recipients.update(state="pending", answer="")
    before = answered.mail.fence
    answered.report(fields(MAX))

    assert answered.mail.state == Sent.SENT
    assert answered.mail.fence > before
    assert [row.state for row in answered.mail.recipients.order_by("email")] == ["accepted", "refused"]


def test_sending_again_forgets_what_came_back(answered: Answered) -> None:
    answered.report(fields(MAX))
    assert outbox.resend(answered.mail)
    row = answered.recipient(MAX)

    assert (row.state, row.answer, row.reason, row.returned_at) == ("pending", "", "", None)


def test_a_challenge_holds_our_mail_back(answered: Answered) -> None:
    back = answered.report(fields(MAX, "550 Your server requires confirmation. Visit https://filter.example"))

    assert back.automatic == "challenge"
    assert answered.recipient(MAX).state == "refused"
    assert answered.conversation.state == State.ASSIGNED


def test_a_challenge_in_words_of_its_own(answered: Answered) -> None:
    raw = make_mail(
        "Your message is being held. Prove that you are human: https://filter.example/x",
        From=f"Max <{MAX}>",
        Subject="Verify: Re: Parcel",
        Auto_Submitted="auto-replied",
        In_Reply_To=f"<{answered.sent.message_id}>",
    )
    back = receive(answered.sent.conversation.queue, raw)

    assert back.automatic == "challenge"
    assert answered.recipient(MAX).state == "refused"
    assert answered.recipient(EVA).state == "accepted"
    assert answered.conversation.state == State.ASSIGNED
    assert "asks whether a person wrote" in answered.conversation.events.get(kind="bounced").sentence


@pytest.mark.parametrize(("subject", "is_lost"), [
    ("Automatic reply: mailbox full", True), ("Automatic reply: I am on holiday", False),
])  # fmt: skip
def test_a_mailbox_that_answers_that_it_is_full(answered: Answered, subject: str, is_lost: bool) -> None:
    raw = make_mail(
        "Your message could not be taken.",
        From=f"Max <{MAX}>",
        Subject=subject,
        Auto_Submitted="auto-replied",
        In_Reply_To=f"<{answered.sent.message_id}>",
    )
    receive(answered.sent.conversation.queue, raw)

    assert (answered.recipient(MAX).reason == "mailbox_full") is is_lost
    assert (answered.conversation.state == State.ASSIGNED) is is_lost


def test_an_acknowledgement_that_came_back_bothers_nobody() -> None:
    queue = make_queue(acknowledgement="We have got your mail.")
    message = receive(queue, make_mail(From=f"Max <{MAX}>"))
    sent = message.conversation.messages.get(direction="out")
    taken(sent)
    actions.close(make_agent("alice", queues=[queue]).user, message.conversation)
    receive(queue, report(fields(MAX), f"Message-ID: <{sent.message_id}>\r\n"))
    message.conversation.refresh_from_db()

    assert message.conversation.state == State.CLOSED
    assert sent.outgoing is not None
    assert sent.outgoing.recipients.get().state == "refused"


def test_who_a_report_names_is_no_party(answered: Answered) -> None:
    answered.report(fields(MAX), From="Eve <mailer-daemon@evil.example>", Cc="eve@evil.example")
    raw = make_mail("Me too.", From="eve@evil.example", In_Reply_To=f"<{answered.sent.message_id}>")

    assert receive(answered.sent.conversation.queue, raw).conversation != answered.conversation


def known(row: Conversation | None, *emails: str) -> dict[str, losses.Loss]:
    return losses.losses(emails, timezone.now(), row)


def test_who_writes_again_is_warned(answered: Answered, client: Client) -> None:
    answered.report(fields(MAX, "552 5.2.2 mailbox full"))
    client.force_login(answered.alice.user)
    asked = {
        "to": f"Max <{MAX.upper()}>, someone@else.example",
        "cc": EVA,
        "conversation": str(answered.sent.conversation_id),
    }
    shown = client.get("/losses", asked).content.decode()

    assert shown.count("hint warned") == 1
    assert f"{MAX} bounced on " in shown
    assert "the recipient&#x27;s mailbox is full" in shown or "the recipient's mailbox is full" in shown
    assert "Another address" not in shown  # it may have room tomorrow
    assert Client().get("/losses", asked).status_code == 302  # nobody else is told


def test_the_warning_ends_when_the_address_shows_that_it_works(answered: Answered) -> None:
    answered.report(fields(MAX))
    row = answered.conversation
    assert list(known(row, MAX, EVA)) == [MAX]
    assert known(row, MAX)[MAX].is_hard

    receive(
        row.queue, make_mail("Here I am.", From=f"Max <{MAX}>", In_Reply_To=f"<{answered.sent.message_id}>")
    )
    assert known(row, MAX) == {}
    assert list(known(None, MAX)) == [MAX]  # for who writes to him elsewhere


def test_a_later_mail_that_stayed_there_ends_it_too(answered: Answered) -> None:
    answered.report(fields(MAX))
    days_ago = timezone.now() - timedelta(days=2)
    OutgoingRecipient.objects.update(returned_at=days_ago)
    Message.objects.update(created_at=days_ago - timedelta(hours=1))
    later = actions.reply(answered.alice.user, answered.conversation, actions.Reply(text="More.", to=(MAX,)))
    taken(later)
    assert list(known(answered.conversation, MAX)) == [MAX]  # it may still come back

    OutgoingMail.objects.filter(message=later).update(sent_at=timezone.now() - timedelta(hours=2))
    assert known(answered.conversation, MAX) == {}


def test_a_refusal_at_the_door_counts_and_an_old_one_does_not(answered: Answered) -> None:
    rows = answered.mail.recipients.filter(email=MAX)
    rows.update(state="refused", answer="550 5.1.1 No such user")
    assert "550 5.1.1 No such user" in known(answered.conversation, MAX)[MAX].sentence

    OutgoingMail.objects.update(created_at=timezone.now() - timedelta(days=200))
    assert known(answered.conversation, MAX) == {}


def test_a_delay_is_over_when_the_person_wrote_or_the_days_of_trying_have_passed(answered: Answered) -> None:
    answered.report(fields(MAX, "451 4.3.0 try later", action="delayed"), Subject="Delayed Mail")
    now = timezone.now()

    assert deliveries.delivery(answered.mail, now).delayed
    assert not deliveries.delivery(answered.mail, now, {MAX: now}).delayed
    assert deliveries.delivery(answered.mail, now, {MAX: now - timedelta(days=1)}).delayed
    assert not deliveries.delivery(answered.mail, now + timedelta(days=7)).delayed
