"""Sending to a real server: every way it can go, and what is in the outbox afterwards."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from mailsenders import outbox, sending
from mailsenders.models import EmailSender, OutgoingMail, OutgoingRecipient
from tests.mailsenders.conftest import MakeServer, sender_for
from tests.make import make_outgoing, make_raw
from tests.servers.smtp import SmtpServer

State = OutgoingMail.State
Recipient = OutgoingRecipient.State

pytestmark = pytest.mark.django_db


def send(sender: EmailSender, *, later: timedelta = timedelta()) -> None:
    """What a worker does, as if `later` had passed."""
    if later:
        OutgoingMail.objects.filter(state=State.RETRY).update(not_before=timezone.now())
        sender.state.refresh_from_db()
        sender.state.next_attempt_at = None
        sender.state.save()
    sending.send_due_mail(sender.pk)


def state(mail: OutgoingMail) -> str:
    mail.refresh_from_db()
    return mail.state


@pytest.mark.parametrize("tls", ["none", "starttls", "ssl"])
@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
def test_a_mail_arrives_as_it_was_frozen(make_server: MakeServer, tls: str, method: str) -> None:
    server = make_server(tls=tls, passwords={"box@example.com": "geheim é"}, mechanisms=(method,))
    sender = sender_for(server, username="box@example.com", password="geheim é")
    mail = make_outgoing(sender, raw=make_raw(), recipients=("a@example.com", "b@example.com"))
    send(sender)
    taken = server.wait_for(1)[0]
    assert taken.raw == make_raw() == mail.raw.as_bytes()
    assert (taken.mail_from, taken.recipients) == ("support@example.com", ("a@example.com", "b@example.com"))
    assert taken.user == "box@example.com"
    assert state(mail) == State.SENT
    assert mail.last_answer == "250 2.0.0 Ok: queued"
    assert set(mail.recipients.values_list("state", flat=True)) == {Recipient.ACCEPTED}
    sender.state.refresh_from_db()
    assert sender.state.last_success_at is not None


def test_the_connection_is_kept(server: SmtpServer) -> None:
    sender = sender_for(server)
    for _ in range(3):
        make_outgoing(sender)
    send(sender)
    make_outgoing(sender)
    send(sender)
    assert len(server.wait_for(4)) == 4
    assert server.seen.connections == 1
    assert server.seen.commands.count("RSET") == 1


def test_a_kept_connection_that_died_is_replaced(server: SmtpServer) -> None:
    sender = sender_for(server)
    make_outgoing(sender)
    send(sender)
    server.cut()
    mail = make_outgoing(sender)
    send(sender)
    assert state(mail) == State.SENT
    assert server.seen.connections == 2


@pytest.mark.parametrize("fault", [{"drop": True}, {"answer": "421 4.7.0 Enough for one connection"}])
def test_a_connection_that_has_served_its_time_costs_nothing(
    server: SmtpServer, fault: dict[str, str]
) -> None:
    sender = sender_for(server)
    first, second = make_outgoing(sender), make_outgoing(sender)
    server.fault("mail", recipient="")
    server.fault("mail", **fault)
    send(sender)
    assert (state(first), state(second)) == (State.SENT, State.SENT)
    assert second.attempts == 1
    assert len(server.mails) == 2
    sender.state.refresh_from_db()
    assert not sender.state.is_failing


def test_changed_settings_are_used_at_once(make_server: MakeServer) -> None:
    old, new = make_server(), make_server()
    sender = sender_for(old)
    make_outgoing(sender)
    send(sender)
    sender.service_port = new.port
    sender.save()
    make_outgoing(sender)
    send(sender)
    assert (len(old.mails), len(new.mails)) == (1, 1)


def test_undone_mail_is_not_sent(server: SmtpServer) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender, hold=10)
    send(sender)
    assert outbox.undo(mail)
    OutgoingMail.objects.update(not_before=timezone.now())
    send(sender)
    assert not server.mails


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
def test_a_connection_lost_before_the_text_is_a_retry(server: SmtpServer, phase: str) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender)
    server.fault(phase, drop=True)  # type: ignore[arg-type]
    send(sender)
    assert state(mail) == State.RETRY
    assert not server.mails
    assert f"{server.host}:{server.port} closed the connection" in mail.last_error
    send(sender, later=timedelta(minutes=2))
    assert state(mail) == State.SENT
    assert len(server.mails) == 1


@pytest.mark.parametrize("stored", [True, False])
def test_no_answer_to_the_dot_is_doubt_and_nobody_sends_again(server: SmtpServer, stored: bool) -> None:
    sender = sender_for(server)
    mail, next_mail = make_outgoing(sender), make_outgoing(sender)
    server.fault("dot", drop=True, stored=stored)
    send(sender)
    assert state(mail) == State.UNCERTAIN
    assert "Was sent" in mail.last_error
    assert state(next_mail) == State.QUEUED  # one doubt at a time
    send(sender, later=timedelta(hours=1))
    assert state(mail) == State.UNCERTAIN
    assert state(next_mail) == State.SENT
    assert len(server.mails) == 1 + stored


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "dot"])
def test_refused_for_now_is_tried_again_with_the_same_bytes(server: SmtpServer, phase: str) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender)
    before = mail.raw.sha256
    server.fault(phase, "451 4.3.0 Try again later")  # type: ignore[arg-type]
    send(sender)
    assert state(mail) == State.RETRY
    assert mail.last_answer == "451 4.3.0 Try again later"
    assert mail.recipients.get().state == Recipient.RETRY
    send(sender, later=timedelta(minutes=2))
    assert state(mail) == State.SENT
    assert mail.attempts == 2
    assert server.mails[0].raw == mail.raw.as_bytes()
    assert mail.raw.sha256 == before
    assert server.seen.connections == 1


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data", "dot"])
def test_refused_for_good_fails_and_the_next_one_goes_on(server: SmtpServer, phase: str) -> None:
    sender = sender_for(server)
    mail, next_mail = make_outgoing(sender), make_outgoing(sender)
    server.fault(phase, "550 5.7.1 We don't want this")  # type: ignore[arg-type]
    send(sender)
    assert (state(mail), state(next_mail)) == (State.FAILED, State.SENT)
    assert "550 5.7.1 We don't want this" in mail.last_error
    assert mail.recipients.get().answer == "550 5.7.1 We don't want this"
    assert server.seen.connections == 1


def test_each_recipient_has_its_own_outcome(server: SmtpServer) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender, recipients=("a@example.com", "b@example.com", "c@example.com"))
    server.fault("rcpt", "550 5.1.1 Unknown user", recipient="b@example.com")
    server.fault("rcpt", "451 4.7.1 Greylisted", recipient="c@example.com")
    send(sender)
    assert state(mail) == State.RETRY
    send(sender, later=timedelta(minutes=2))
    assert state(mail) == State.SENT
    assert [taken.recipients for taken in server.mails] == [("a@example.com",), ("c@example.com",)]
    answers = dict(mail.recipients.values_list("email", "answer"))
    assert answers["b@example.com"] == "550 5.1.1 Unknown user"
    assert "b@example.com" in mail.last_error


def test_a_mail_over_the_servers_limit_is_not_even_begun(make_server: MakeServer) -> None:
    server = make_server(size=1000)
    sender = sender_for(server)
    mail = make_outgoing(sender, raw=make_raw() + b"x" * 1000)
    send(sender)
    assert state(mail) == State.FAILED
    assert "the limit is 1,000" in mail.last_error
    assert not any(command.startswith("MAIL") for command in server.seen.commands)


@pytest.mark.parametrize(
    "answer", ["421 4.7.28 Too fast", "432 4.3.2 Thread limit", "550 5.4.5 Daily limit", "554 5.2.0 Quota"]
)
def test_a_sender_that_has_to_wait_pauses_and_no_mail_is_lost(server: SmtpServer, answer: str) -> None:
    sender = sender_for(server)
    mails = [make_outgoing(sender) for _ in range(3)]
    server.fault("dot", answer)
    send(sender)
    assert [state(mail) for mail in mails] == [State.RETRY, State.QUEUED, State.QUEUED]
    sender.state.refresh_from_db()
    assert answer in sender.state.last_error
    assert sender.state.next_attempt_at is not None
    send(sender)
    assert not server.mails
    send(sender, later=timedelta(hours=3))
    assert [state(mail) for mail in mails] == [State.SENT] * 3
    assert len(server.mails) == 3


def test_a_worker_that_is_to_end_finishes_one_mail_and_claims_no_other(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_stopping", threading.Event())
    sender = sender_for(server)
    mails = [make_outgoing(sender) for _ in range(2)]
    gate = server.gate("dot")

    def end() -> None:
        gate.wait_until_reached()
        sending.stop()
        gate.release()

    ending = threading.Thread(target=end)
    ending.start()
    send(sender)
    ending.join()
    assert [state(mail) for mail in mails] == [State.SENT, State.QUEUED]


def test_eight_bit_mail_is_declared(server: SmtpServer) -> None:
    sender = sender_for(server)
    make_outgoing(sender, raw="Subject: x\r\n\r\nčaj\r\n".encode())
    send(sender)
    assert any("BODY=8BITMIME" in command for command in server.seen.commands)


def test_the_null_return_path(server: SmtpServer) -> None:
    sender = sender_for(server)
    make_outgoing(sender, mail_from="")
    send(sender)
    assert server.wait_for(1)[0].mail_from == ""
