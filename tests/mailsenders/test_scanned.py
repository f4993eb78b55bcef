"""Mail with files leaves when the virus scanner lets it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from mailsenders.models import OutgoingMail
from mailsenders.sending import send_due_mail
from tests.mailsenders.conftest import sender_for
from tests.make import make_outgoing
from tests.servers.clamd import EICAR, Clamd
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clamd(settings: Settings) -> Iterator[Clamd]:
    with Clamd() as server:
        settings.CLAMAV = server.address
        yield server


def raw_with(data: bytes) -> bytes:
    return (
        b"From: support@example.com\r\nTo: charlie@customer.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: application/octet-stream; name=a.bin\r\nContent-Disposition: attachment; "
        b"filename=a.bin\r\n\r\n" + data + b"\r\n"
    )


def sent(server: SmtpServer, data: bytes) -> OutgoingMail:
    mail = make_outgoing(sender=sender_for(server), raw=raw_with(data))
    send_due_mail(mail.sender_id)
    mail.refresh_from_db()
    return mail


def test_a_clean_file_leaves(server: SmtpServer, clamd: Clamd) -> None:
    assert sent(server, b"words").state == OutgoingMail.State.SENT


def test_an_infected_file_does_not(server: SmtpServer, clamd: Clamd) -> None:
    mail = sent(server, EICAR)
    assert mail.state == OutgoingMail.State.FAILED
    assert "The virus scanner found Eicar-Test" in mail.last_error
    assert not server.mails


@pytest.mark.parametrize(("away", "state"), [("wait", "retry"), ("warn", "sent")])
def test_without_the_scanner(server: SmtpServer, settings: Settings, away: str, state: str) -> None:
    settings.CLAMAV, settings.SCANNER_AWAY = "tcp://127.0.0.1:9", away
    mail = sent(server, b"words")
    assert mail.state == state
    assert ("does not answer" in mail.last_error) == (state == "retry")


def test_mail_without_files_needs_no_scanner(server: SmtpServer, settings: Settings) -> None:
    settings.CLAMAV = "tcp://127.0.0.1:9"
    mail = make_outgoing(sender=sender_for(server))
    send_due_mail(mail.sender_id)
    mail.refresh_from_db()
    assert mail.state == OutgoingMail.State.SENT
