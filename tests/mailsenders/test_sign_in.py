"""Getting a connection: passwords, tokens, and every way a server can be wrong, told in words."""

import logging
import time
from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailsenders import sending
from mailsenders.models import EmailSender, OutgoingMail
from rehearsal.oauth import Account, OAuthServer
from sso.models import ProviderToken
from sso.secrets import token_url
from tests.mailsenders.conftest import MakeServer, sender_for
from tests.make import make_outgoing, make_provider, make_sender, make_signed_in_provider
from tests.servers.authority import Authority
from tests.servers.ports import free_ports
from tests.servers.smtp import SmtpServer

MAILBOX = "mailbox.email@company.com"
State = OutgoingMail.State

pytestmark = pytest.mark.django_db


@pytest.fixture
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(accounts=[Account(MAILBOX, "Mailbox"), Account("other@company.com", "Other")]) as server:
        yield server


@pytest.fixture
def gmail(make_server: MakeServer, oauth: OAuthServer) -> SmtpServer:
    """A server that takes the OAuth server's tokens."""
    return make_server(tls="starttls", tokens=lambda user, token: oauth.owner_of(token) == user)


def sentence(sender: EmailSender) -> str:
    """Try to send, and return why the sender is parked."""
    mail = make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.QUEUED, 0)  # no mail pays for a sender's trouble
    sender.state.refresh_from_db()
    assert sender.state.next_attempt_at is not None
    assert sender.state.next_attempt_at > timezone.now()
    return sender.state.last_error


def test_a_wrong_password_parks_the_sender_until_it_is_mended(make_server: MakeServer) -> None:
    server = make_server(tls="starttls", passwords={"box": "right"})
    sender = sender_for(server, username="box", password="wrong")
    said = sentence(sender)
    assert "“box”" in said
    assert sender.name in said
    assert "535" in said
    assert server.seen.refused_logins == 1  # one method, one try: lock-outs count them
    sending.send_due_mail(sender.pk)
    assert server.seen.connections == 1
    sender.password = "right"
    sender.save()
    sending.send_due_mail(sender.pk)
    assert len(server.mails) == 1
    sender.state.refresh_from_db()
    assert not sender.state.is_failing


def test_a_token_signs_in(gmail: SmtpServer, oauth: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth, MAILBOX)
    sender = sender_for(gmail, username=MAILBOX, password=token_url(str(provider.pk)))
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert gmail.wait_for(1)[0].user == MAILBOX
    assert oauth.refreshes == 0


def test_a_refused_token_is_refreshed_once(gmail: SmtpServer, oauth: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth, MAILBOX)
    oauth.expire_access_tokens()  # the provider has ended it, our clock says it is good
    sender = sender_for(gmail, username=MAILBOX, password=token_url(str(provider.pk)))
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert len(gmail.mails) == 1
    assert (oauth.refreshes, gmail.seen.refused_logins) == (1, 1)


def test_the_token_of_another_mailbox_is_refused_with_a_remedy(gmail: SmtpServer, oauth: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth, "other@company.com")
    sender = sender_for(gmail, username=MAILBOX, password=token_url(str(provider.pk)))
    said = sentence(sender)
    assert "🔑" in said
    assert oauth.refreshes == 1
    assert gmail.seen.refused_logins == 2


def test_a_provider_without_sign_in_is_named_and_looked_at_each_minute(gmail: SmtpServer) -> None:
    provider = make_provider()
    sender = sender_for(gmail, username=MAILBOX, password=token_url(str(provider.pk)))
    assert str(provider.pk) in sentence(sender)
    for _ in range(3):
        ProviderToken.objects.update(last_error="")
        sender.state.refresh_from_db()
        assert sender.state.next_attempt_at is not None
        assert (sender.state.next_attempt_at - timezone.now()).total_seconds() <= 60
        sender.state.next_attempt_at = timezone.now()
        sender.state.save()
        sending.send_due_mail(sender.pk)
    assert gmail.seen.connections == 0


def test_microsofts_switched_off_smtp_is_explained(make_server: MakeServer) -> None:
    server = make_server(tls="starttls", passwords={"box": "right"})
    server.fault(
        "auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant"
    )
    assert "Authenticated SMTP" in sentence(sender_for(server, username="box", password="right"))


def test_a_server_that_wants_a_sign_in_without_being_offered_one(make_server: MakeServer) -> None:
    server = make_server(tls="starttls", passwords={"box": "right"})
    sender = sender_for(server)
    mail = make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.RETRY, 0)
    assert "give sender" in mail.last_error


def test_a_server_without_the_method(make_server: MakeServer, oauth: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth, MAILBOX)
    server = make_server(tls="ssl", passwords={"box": "right"}, mechanisms=("PLAIN",))
    said = sentence(sender_for(server, username=MAILBOX, password=token_url(str(provider.pk))))
    assert "XOAUTH2" in said
    assert "PLAIN" in said


def test_nobody_listens() -> None:
    [port] = free_ports(1)
    said = sentence(make_sender(server_type="SSL", service_port=port))
    assert f"127.0.0.1:{port} refuses connections" in said


def test_no_such_server() -> None:
    assert "no-such-host.invalid" in sentence(make_sender(server_address="no-such-host.invalid"))


def test_not_even_a_name() -> None:
    assert "is not a server name" in sentence(make_sender(server_address="mail..example.com"))


def test_ssl_to_a_port_that_speaks_clear_text_first(make_server: MakeServer) -> None:
    server = make_server(tls="starttls")
    assert "does not speak TLS from the first byte" in sentence(sender_for(server, server_type="SSL"))


def test_starttls_where_there_is_none_sends_nothing_in_clear(server: SmtpServer) -> None:
    said = sentence(sender_for(server, server_type="STARTTLS", username="box", password="right"))
    assert "does not offer STARTTLS" in said
    assert server.seen.commands in ([], ["QUIT"])


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_a_certificate_for_another_name(make_server: MakeServer, authority: Authority, tls: str) -> None:
    server = make_server(
        tls=tls, certificate=authority.certificate("mail.other.example"), passwords={"a": "b"}
    )
    said = sentence(sender_for(server, username="a", password="b"))
    assert "is not for" in said
    assert "name" in said
    assert server.seen.logins == 0


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_a_certificate_of_an_unknown_authority(
    make_server: MakeServer, tmp_path_factory: pytest.TempPathFactory, tls: str
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    server = make_server(tls=tls, certificate=stranger.certificate())
    assert "UCS_CA_BUNDLE" in sentence(sender_for(server))


@pytest.mark.parametrize("phase", ["connect", "ehlo"])
@pytest.mark.parametrize("fault", [{"answer": "421 4.3.2 Closed for today"}, {"drop": True}])
def test_a_server_that_does_not_serve(server: SmtpServer, phase: str, fault: dict[str, str]) -> None:
    server.fault(phase, **fault)  # type: ignore[arg-type]
    sender = sender_for(server)
    said = sentence(sender)
    assert f"{server.host}:{server.port}" in said
    sender.save()
    sending.send_due_mail(sender.pk)
    assert len(server.mails) == 1


def test_a_server_that_keeps_silent(server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailsenders.smtp.CONNECT_SECONDS", 0.3)
    gate = server.gate("connect")
    began = time.monotonic()
    assert "does not answer" in sentence(sender_for(server))
    assert time.monotonic() - began < 10
    gate.release()


def test_clear_text_leaves_the_house_under_no_circumstances(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsenders.smtp.is_inside", lambda address: False)
    said = sentence(sender_for(server, username="box", password="secret"))
    assert "choose STARTTLS or SSL" in said
    assert server.seen.commands in ([], ["QUIT"])


def test_but_when_a_setting_lets_it_out(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr("mailsenders.smtp.is_inside", lambda address: False)
    settings.ALLOW_CLEAR_TEXT_OUTSIDE = True
    sender = sender_for(server)
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    assert len(server.mails) == 1


def test_no_secret_is_logged_or_shown(
    make_server: MakeServer, oauth: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = make_server(tls="starttls", passwords={"box": "right"}, tokens={})
    sender = sender_for(server, username="box", password="canary-7461")
    said = sentence(sender)
    provider = make_signed_in_provider(oauth, MAILBOX)
    said += sentence(sender_for(server, username=MAILBOX, password=token_url(str(provider.pk))))
    token = ProviderToken.objects.get(provider=provider)
    ours = [record for record in caplog.records if not record.name.startswith("authlib")]
    logged = said + repr(sender) + "".join(str(record.__dict__) for record in ours)
    for secret in ("canary-7461", token.access_token, token.refresh_token):
        assert secret
        assert secret not in logged
