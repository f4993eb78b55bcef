"""Copies in the Sent folder, and mails in doubt that are looked for there; against a real Dovecot."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from alarms.troubles import troubles
from mailsenders import connections, filing, outbox, sending
from mailsenders.envelope import Envelope
from mailsenders.models import EmailSender, OutgoingMail, OutgoingRecipient
from mailsources import fetch, forwarding, sentcopies, sentfolder
from mailsources.deliver import deliver
from mailsources.models import EmailSource, FetchedMail, SentFolder
from queues import actions, deliveries
from queues.models import Message
from tests.mailsources.conftest import source_at
from tests.make import make_agent, make_mail, make_outgoing, make_queue, make_raw, make_sender, receive
from tests.servers.dovecot import Dovecot
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import TakenMail

pytestmark = pytest.mark.django_db(transaction=True)

State, Copy = OutgoingMail.State, OutgoingMail.Copy


@pytest.fixture(autouse=True)
def no_kept_connections() -> Iterator[None]:
    yield
    connections.close_all()


@pytest.fixture
def source(dovecot: Dovecot) -> EmailSource:
    return source_at(dovecot, folder="INBOX")


def sender_of(source: EmailSource, **overrides: Any) -> EmailSender:
    """A sender whose mailbox is the source's."""
    return make_sender(**({"email_address": source.username, "sent_copy": "replies"} | overrides))


def sent(sender: EmailSender, **overrides: Any) -> OutgoingMail:
    """A mail that the server has taken a while ago."""
    mail = make_outgoing(sender, **overrides)
    at = timezone.now() - timedelta(minutes=5)
    OutgoingMail.objects.filter(pk=mail.pk).update(state=State.SENT, sent_at=at)
    mail.refresh_from_db()
    return mail


def doubtful(sender: EmailSender, minutes: float = 2, **overrides: Any) -> OutgoingMail:
    """A mail whose text has left, and no answer came."""
    mail = make_outgoing(sender, **overrides)
    at = timezone.now() - timedelta(minutes=minutes)
    OutgoingMail.objects.filter(pk=mail.pk).update(state=State.UNCERTAIN, data_started_at=at)
    mail.refresh_from_db()
    return mail


def work(sender: EmailSender) -> None:
    """What the tick does for this sender, if it is due."""
    if sender.pk in sentcopies.due(timezone.now()):
        sentcopies.work(sender.pk)


def in_folder(server: Dovecot, source: EmailSource, folder: str = "Sent") -> list[bytes]:
    with server.person(source.username) as person:
        if not person.folder_exists(folder) or not person.select_folder(folder)[b"EXISTS"]:
            return []
        answers = person.fetch(person.search("ALL"), ["BODY.PEEK[]"])
    return [bytes(each[b"BODY[]"]) for each in answers.values()]


def test_a_reply_gets_one_copy_with_its_bytes_flag_and_time(dovecot: Dovecot, source: EmailSource) -> None:
    mail = sent(sender_of(source))

    work(mail.sender)
    work(mail.sender)

    mail.refresh_from_db()
    assert mail.copy == Copy.DONE
    assert in_folder(dovecot, source) == [mail.raw.as_bytes()]
    with dovecot.person(source.username) as person:
        person.select_folder("Sent")
        person.normalise_times = False
        seen = person.fetch([1], ["FLAGS", "INTERNALDATE"])[1]
    assert b"\\Seen" in seen[b"FLAGS"]
    assert mail.sent_at is not None
    assert abs(seen[b"INTERNALDATE"] - mail.sent_at) < timedelta(seconds=2)
    assert SentFolder.objects.get(sender=mail.sender).last_success_at is not None


@pytest.mark.parametrize(("choice", "is_automatic", "wanted"), [
    ("none", False, ""), ("replies", False, "wanted"), ("replies", True, ""), ("all", True, "wanted"),
])  # fmt: skip
def test_the_sender_says_which_mails_get_a_copy(choice: str, is_automatic: bool, wanted: str) -> None:
    mail = make_outgoing(make_sender(sent_copy=choice), is_automatic=is_automatic)

    assert mail.copy == wanted


def test_the_folder_that_the_server_marks_counts_before_its_name() -> None:
    listed = [((b"\\HasNoChildren",), "Sent"), ((rb"\Sent",), "Gesendet 2026"), ((rb"\Noselect",), "Mail")]

    assert sentfolder.choose(listed) == "Gesendet 2026"
    assert sentfolder.choose([((), "INBOX"), ((), "INBOX.Gesendete Elemente")]) == "INBOX.Gesendete Elemente"
    assert sentfolder.choose([((), "INBOX"), ((), "Archive")]) == ""


def test_a_folder_that_is_named_is_used(dovecot: Dovecot, source: EmailSource) -> None:
    dovecot.make_folder(source.username, "Sent")
    mail = sent(sender_of(source, sent_folder="Answers"))

    work(mail.sender)

    assert in_folder(dovecot, source, "Answers") == [mail.raw.as_bytes()]
    assert in_folder(dovecot, source) == []


def test_what_the_provider_saves_itself_gets_no_second_copy(dovecot: Dovecot, source: EmailSource) -> None:
    """As Gmail does: what its SMTP server takes lies in the Sent folder at once."""
    dovecot.make_folder(source.username, "Sent")

    class Saving(SmtpServer):
        def take(self, mail: TakenMail) -> None:
            dovecot.drop(source.username, mail.raw, folder="Sent")
            super().take(mail)

    with Saving() as server:
        sender = sender_of(source, server_address=server.host, service_port=server.port, sent_copy="all")
        mail = make_outgoing(sender)
        sending.send_due_mail(sender.pk)
        server.wait_for(1)
        work(sender)

    mail.refresh_from_db()
    assert (mail.state, mail.copy) == (State.SENT, Copy.DONE)
    assert len(in_folder(dovecot, source)) == 1
    assert "saved it by itself" in mail.folder_note


def test_a_worker_that_died_after_the_copy_makes_no_second_one(
    dovecot: Dovecot, source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = sent(sender_of(source))

    def die(*args: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(filing, "filed", die)
        with pytest.raises(RuntimeError):
            work(mail.sender)
    OutgoingMail.objects.update(folder_next_at=None)
    work(mail.sender)

    mail.refresh_from_db()
    assert (mail.copy, mail.folder_tries) == (Copy.DONE, 2)
    assert len(in_folder(dovecot, source)) == 1


def test_a_mailbox_that_is_away_pauses_copies_and_gives_up_in_sight(source: EmailSource) -> None:
    EmailSource.objects.update(service_port=9)
    mail = sent(sender_of(source))

    work(mail.sender)

    folder = SentFolder.objects.get(sender=mail.sender)
    mail.refresh_from_db()
    assert (mail.state, mail.copy) == (State.SENT, Copy.WANTED)  # sent is sent
    assert folder.is_failing
    assert folder.next_attempt_at is not None
    assert folder.next_attempt_at > timezone.now()
    assert sentcopies.due(timezone.now()) == []

    OutgoingMail.objects.update(sent_at=timezone.now() - timedelta(days=4))
    SentFolder.objects.update(next_attempt_at=None)
    work(mail.sender)

    mail.refresh_from_db()
    assert mail.copy == Copy.FAILED
    assert "refused the connection" in mail.folder_note or "in time" in mail.folder_note


def test_a_copy_that_the_server_refuses_stops_no_other(
    dovecot: Dovecot, source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = sender_of(source)
    bad, good = sent(sender), sent(sender)
    append = sentfolder.SentBox.append

    def refusing(box: sentfolder.SentBox, raw: bytes, at: Any) -> None:
        if raw == bad.raw.as_bytes():
            raise sentfolder.NotFiled("[OVERQUOTA] Quota exceeded")
        append(box, raw, at)

    monkeypatch.setattr(sentfolder.SentBox, "append", refusing)
    for _ in range(len(filing.COPY_PAUSES) + 1):
        OutgoingMail.objects.update(folder_next_at=None)
        work(sender)

    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, bad.copy, good.copy) == (State.SENT, Copy.FAILED, Copy.DONE)
    assert "Quota exceeded" in bad.folder_note


def test_without_a_mailbox_the_sender_says_so() -> None:
    sender = make_sender(sent_copy="all", email_address="nobody@company.example")
    sent(sender)

    work(sender)

    assert "No email source signs in at the mailbox of nobody@company.example" in (
        SentFolder.objects.get(sender=sender).last_error
    )


def test_a_chosen_mailbox_counts_before_the_one_of_the_address(dovecot: Dovecot, source: EmailSource) -> None:
    other = source_at(dovecot)
    sender = sender_of(source)
    SentFolder.objects.create(sender=sender, source=other)
    mail = sent(sender)

    work(sender)

    assert in_folder(dovecot, other) == [mail.raw.as_bytes()]


def answered(sender: EmailSender) -> Message:
    """An answer of Alice's, of which nobody knows whether it left."""
    alice = make_agent("alice")
    came = receive(make_queue([alice], sender=sender), make_mail())
    message = actions.reply(alice.user, came.conversation, actions.Reply(text="It is on its way."))
    OutgoingMail.objects.filter(message=message).update(
        state=State.UNCERTAIN, data_started_at=timezone.now() - timedelta(minutes=2)
    )
    return Message.objects.get(pk=message.pk)


def test_a_mail_in_doubt_that_lies_in_the_folder_was_sent(dovecot: Dovecot, source: EmailSource) -> None:
    dovecot.make_folder(source.username, "Sent")
    message = answered(sender_of(source, sent_copy="none"))
    assert message.outgoing is not None
    dovecot.drop(source.username, message.outgoing.raw.as_bytes(), folder="Sent")

    work(message.outgoing.sender)

    mail = OutgoingMail.objects.get(pk=message.outgoing.pk)
    assert mail.state == State.SENT
    assert mail.sent_at is not None
    assert {row.state for row in mail.recipients.all()} == {OutgoingRecipient.State.ACCEPTED}
    event = message.conversation.events.get(kind="found_sent")
    assert event.sentence == "The mail was found in the Sent folder “Sent”: it had been sent."


def test_a_mail_in_doubt_that_is_not_there_stays_in_doubt(dovecot: Dovecot, source: EmailSource) -> None:
    """Not found proves nothing: it is never sent again for that; the message says that it was looked for."""
    dovecot.make_folder(source.username, "Sent")
    message = answered(sender_of(source, sent_copy="none"))
    assert message.outgoing is not None

    work(message.outgoing.sender)
    work(message.outgoing.sender)  # not before its time

    mail = OutgoingMail.objects.get(pk=message.outgoing.pk)
    assert (mail.state, mail.folder_tries, mail.attempts) == (State.UNCERTAIN, 1, 0)
    assert mail.folder_next_at is not None
    told = deliveries.delivery(mail, timezone.now())
    assert "was looked through once, and the mail is not in it" in told.answer


def test_the_looks_end_after_a_day(dovecot: Dovecot, source: EmailSource) -> None:
    dovecot.make_folder(source.username, "Sent")
    mail = doubtful(sender_of(source, sent_copy="none"), minutes=24 * 60 + 5)

    work(mail.sender)

    mail.refresh_from_db()
    assert "it is not looked for any more" in mail.folder_note
    OutgoingMail.objects.update(data_started_at=timezone.now() - timedelta(days=2), folder_next_at=None)
    assert sentcopies.due(timezone.now()) == []


def test_a_mail_that_left_before_is_not_looked_for(dovecot: Dovecot, source: EmailSource) -> None:
    """What is found may be of the first time: that says nothing of the second."""
    mail = doubtful(sender_of(source))
    OutgoingMail.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    dovecot.drop(source.username, mail.raw.as_bytes(), folder="Sent")

    work(mail.sender)

    mail.refresh_from_db()
    assert mail.state == State.UNCERTAIN


def test_an_id_that_the_provider_gave_is_learnt(dovecot: Dovecot, source: EmailSource) -> None:
    dovecot.make_folder(source.username, "Sent")
    message = answered(sender_of(source, sent_copy="none"))
    assert message.outgoing is not None
    raw = message.outgoing.raw.as_bytes().replace(message.message_id.encode(), b"AM0PR01@eurprd.example")
    dovecot.drop(source.username, raw, folder="Sent")
    other = raw.replace(b"charlie@customer.example", b"somebody@else.example")
    dovecot.drop(source.username, other.replace(b"AM0PR01", b"AM0PR02"), folder="Sent")

    work(message.outgoing.sender)

    mail = OutgoingMail.objects.get(pk=message.outgoing.pk)
    assert (mail.state, mail.alias) == (State.SENT, "AM0PR01@eurprd.example")


def test_a_copy_in_our_own_inbox_stays_out_of_the_queue(dovecot: Dovecot, source: EmailSource) -> None:
    """By a rule of the provider, or from a list that we wrote to; what is addressed to us comes in."""
    message = answered(sender_of(source, sent_copy="none"))
    assert message.outgoing is not None
    dovecot.drop(source.username, message.outgoing.raw.as_bytes())
    fetch.fetch_new(source)

    copy = FetchedMail.objects.get(source=source)
    deliver(copy.pk)
    copy.refresh_from_db()
    assert (copy.state, copy.reason) == (FetchedMail.State.SKIPPED, forwarding.OURS)

    FetchedMail.objects.filter(pk=copy.pk).update(state="waiting", attempts=0)
    OutgoingRecipient.objects.create(mail=message.outgoing, email=source.username)
    assert deliver(copy.pk) is not None


def test_only_one_worker_at_a_time(source: EmailSource) -> None:
    mail = sent(sender_of(source))
    SentFolder.objects.create(sender=mail.sender, lease_until=timezone.now() + timedelta(minutes=1))

    sentcopies.work(mail.sender.pk)

    mail.refresh_from_db()
    assert (mail.copy, mail.folder_tries) == (Copy.WANTED, 0)


def test_a_provider_that_saves_has_time_to(settings: Settings, source: EmailSource) -> None:
    sender = sender_of(source, server_address="smtp.gmail.com", sent_copy="all")
    envelope = Envelope(
        sender=sender,
        raw=make_raw(),
        message_id="early@company.example",
        mail_from="support@example.com",
        recipients=("charlie@customer.example",),
        order_key=1,
    )
    mail = outbox.enqueue(envelope)
    OutgoingMail.objects.filter(pk=mail.pk).update(state=State.SENT, sent_at=timezone.now())

    work(sender)

    mail.refresh_from_db()
    assert (mail.copy, mail.folder_tries) == (Copy.WANTED, 0)


def test_a_folder_that_can_not_be_opened_is_an_alarm(source: EmailSource) -> None:
    EmailSource.objects.update(service_port=9)
    mail = sent(sender_of(source))
    work(mail.sender)

    assert [each.title for each in troubles() if "sent-folder" in each.key] == [
        f"Sent folder of {mail.sender}"
    ]
