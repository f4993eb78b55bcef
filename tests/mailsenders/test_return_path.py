"""Automatic mail leaves without a return path; where a provider minds, with the sender's address."""

import pytest

from mailsenders import sending
from mailsenders.models import OutgoingMail
from tests.mailsenders.conftest import sender_for
from tests.make import make_outgoing
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import Phase

State = OutgoingMail.State

pytestmark = pytest.mark.django_db


def test_an_empty_return_path(server: SmtpServer) -> None:
    sender = sender_for(server)
    make_outgoing(sender, mail_from="")
    sending.send_due_mail(sender.pk)

    assert server.wait_for(1)[0].mail_from == ""


@pytest.mark.parametrize(
    ("phase", "answer"),
    [
        ("mail", "550 5.7.60 Client does not have permissions to send as this sender"),
        ("rcpt", "553 5.7.1 Sender address rejected: not owned by user"),
        ("rcpt", "550 5.1.0 <>: Sender address rejected: User unknown in virtual mailbox table"),
        ("rcpt", "550 Sender verify failed"),
        ("dot", "554 5.2.252 SendAsDenied; not allowed to send as <>"),
    ],
)
def test_a_server_that_minds_gets_the_senders_address(server: SmtpServer, phase: Phase, answer: str) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender, mail_from="")
    server.fault(phase, answer)
    sending.send_due_mail(sender.pk)
    mail.refresh_from_db()
    sender.state.refresh_from_db()

    assert [taken.mail_from for taken in server.wait_for(1)] == ["support@example.com"]
    assert (mail.state, mail.attempts) == (State.SENT, 1)
    assert sender.state.next_attempt_at is None  # nobody's fault: the sender goes on


def test_a_domain_in_other_letters_goes_over_the_wire_in_ascii(server: SmtpServer) -> None:
    sender = sender_for(server, email_address="support@büro.example")
    mail = make_outgoing(sender, mail_from="")
    server.fault("mail", "550 5.7.60 Client does not have permissions to send as this sender")
    sending.send_due_mail(sender.pk)
    assert [taken.mail_from for taken in server.wait_for(1)] == ["support@xn--bro-hoa.example"]
    mail.refresh_from_db()
    assert mail.state == State.SENT


def test_a_recipient_that_is_refused_is_no_matter_of_the_return_path(server: SmtpServer) -> None:
    mail = make_outgoing(sender_for(server), mail_from="")
    server.fault("rcpt", "550 5.1.1 <charlie@customer.example>: Recipient address rejected: User unknown")
    sending.send_due_mail(mail.sender_id)
    mail.refresh_from_db()
    assert (mail.state, mail.mail_from) == (State.FAILED, "")


def test_a_server_that_minds_something_else_is_believed(server: SmtpServer) -> None:
    sender = sender_for(server)
    mail = make_outgoing(sender, mail_from="")
    server.fault("dot", "554 5.7.1 Spam", times=2)
    sending.send_due_mail(sender.pk)
    mail.refresh_from_db()

    assert mail.state == State.FAILED
    assert "554 5.7.1 Spam" in mail.last_error
