"""A stored password goes only to the server that it was typed in for; tokens go encrypted or not at all."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from mailsenders import connections
from mailsenders.models import EmailSender
from mailsenders.smtp import Server, Unreachable
from mailsources import signin
from mailsources.faults import MailboxError
from mailsources.models import EmailSource
from rehearsal.oauth import OAuthServer
from sso import secrets
from sso.belonging import Place, goes_elsewhere
from tests.make import make_sender, make_signed_in_provider, make_source
from tests.servers.smtp import SmtpServer
from tests.sso.conftest import MAILBOX
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile

pytestmark = pytest.mark.django_db
SECRET = "the stored secret"


@pytest.mark.parametrize(
    ("now", "elsewhere"),
    [
        (Place("mail.example.com", 993, 2), False),
        (Place("MAIL.example.com.", 993, 2), False),
        (Place("mail.example.com", 993, 3), False),
        (Place("mail.example.com", 995, 2), True),
        (Place("mail.example.com", 993, 1), True),
        (Place("mail.evil.example", 993, 2), True),
    ],
)
def test_another_server_port_or_weaker_security_is_elsewhere(now: Place, elsewhere: bool) -> None:
    assert goes_elsewhere(Place("mail.example.com", 993, 2), now) is elsewhere


@pytest.fixture
def dora(client: Client) -> Client:
    """Somebody who may change sources and senders, and nothing else."""
    user = User.objects.create_user("dora", password="x", is_staff=True)
    names = [f"{verb}_{model}" for verb in ("view", "change") for model in ("emailsender", "emailsource")]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def sender_form(sender: EmailSender, **changed: Any) -> dict[str, Any]:
    names = ("name", "server_type", "server_address", "service_port", "username", "email_address")
    plain = {name: getattr(sender, name) for name in names}
    return plain | {"password": "", "sent_copy": "none", "is_active": "on"} | changed


def source_form(source: EmailSource, **changed: Any) -> dict[str, Any]:
    names = ("name", "server_type", "server_address", "service_port", "username", "folder", "after_import")
    plain = {name: getattr(source, name) for name in names}
    return plain | {"password": "", "use_ssl": "on", "is_active": "on", "queue": source.queue_id} | changed


@pytest.mark.parametrize(
    ("changed", "is_kept"),
    [
        ({"display_name": "Support"}, True),
        ({"username": "else"}, True),
        ({"server_type": "SSL"}, True),
        ({"server_type": "NONE", "clear_text_confirmed": "on"}, False),
        ({"server_address": "127.0.0.2"}, False),
        ({"service_port": 39025}, False),
    ],
)
def test_saving_a_sender_takes_the_password_nowhere_else(
    dora: Client, changed: dict[str, Any], is_kept: bool
) -> None:
    sender = make_sender(username="box", password=SECRET, server_type="STARTTLS", service_port=587)
    page = f"/admin/mailsenders/emailsender/{sender.pk}/change/"
    answer = dora.post(page, sender_form(sender, **changed))
    assert (answer.status_code == 302) is is_kept
    if not is_kept:
        said = answer.content.decode()
        assert "The stored password is for 127.0.0.1:587: type it in again" in said
        assert "type it in again for this server" in said
        assert SECRET not in said
    sender.refresh_from_db()
    assert sender.password == SECRET
    assert (sender.server_address, sender.service_port) == ("127.0.0.1", 587)
    assert dora.post(page, sender_form(sender, **changed, password="typed")).status_code == 302


@pytest.mark.parametrize(
    ("changed", "is_kept"),
    [
        ({"folder": "Done"}, True),
        ({"server_address": "mail.evil.example"}, False),
        ({"service_port": 995}, False),
        ({"use_ssl": ""}, False),
        ({"use_ssl": "", "allow_clear_text": "on"}, False),
    ],
)
def test_saving_a_source_takes_the_password_nowhere_else(
    dora: Client, changed: dict[str, Any], is_kept: bool
) -> None:
    source = make_source(password=SECRET, server_address="imap.example.com", service_port=993)
    page = f"/admin/mailsources/emailsource/{source.pk}/change/"
    answer = dora.post(page, source_form(source, **changed))
    assert (answer.status_code == 302) is is_kept
    assert ("The stored password is for imap.example.com:993" in answer.content.decode()) is not is_kept
    source.refresh_from_db()
    assert (source.server_address, source.service_port, source.use_ssl) == ("imap.example.com", 993, True)


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0"])
def test_a_blank_is_not_typed_in(dora: Client, blank: str) -> None:
    """Forms strip it, so that it is the stored password which would go there."""
    sender = make_sender(username="box", password=SECRET, server_type="STARTTLS", service_port=587)
    source = make_source(password=SECRET, server_address="imap.example.com", service_port=993)
    dora.post(
        f"/admin/mailsenders/emailsender/{sender.pk}/change/",
        sender_form(sender, server_address="127.0.0.2", password=blank),
    )
    dora.post(
        f"/admin/mailsources/emailsource/{source.pk}/change/",
        source_form(source, server_address="mail.evil.example", password=blank),
    )
    page = f"/admin/mailsenders/emailsender/{sender.pk}/test/"
    said = dora.post(page, sender_form(sender, service_port=39025, password=blank)).content.decode()
    assert "type it in again, if 127.0.0.1:39025 is to have it too." in said
    sender.refresh_from_db()
    source.refresh_from_db()
    assert (sender.server_address, source.server_address) == ("127.0.0.1", "imap.example.com")


def test_the_test_names_the_field_that_is_to_be_filled(dora: Client) -> None:
    sender = make_sender(username="box", password=SECRET, server_type="STARTTLS")
    page = f"/admin/mailsenders/emailsender/{sender.pk}/test/"
    said = dora.post(page, sender_form(sender, service_port=39025)).content.decode()
    assert "type it in again, if 127.0.0.1:39025 is to have it too." in said
    assert 'href="#id_password"' in said


FILE = """\
senders:
  - {name: out, server_type: %s, server_address: %s, username: box, email_address: box@example.com%s}
"""


def test_a_settings_file_does_not_take_it_along_either(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text(FILE % ("SSL", "smtp.example.com", ", service_port: 465, password: one"))
    apply_file(path)
    path.write_text(FILE % ("SSL", "smtp.evil.example", ", service_port: 465"))
    with pytest.raises(BadFile, match=r"server_address: The stored password is for smtp\.example\.com:465"):
        apply_file(path)
    path.write_text(FILE % ("SSL", "smtp.other.example", ", service_port: 465, password: two"))
    apply_file(path)
    assert EmailSender.objects.get().password == "two"


PROVIDER = """\
sso_providers:
  - {name: house, type: generic, client_id: a, scope: mail, authorization_url: "https://8.8.8.8/a",
     token_url: "https://%s/t"%s}
"""


def test_nor_a_client_secret(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text(PROVIDER % ("8.8.8.8", ", client_secret: s1"))
    apply_file(path)
    path.write_text(PROVIDER % ("9.9.9.9", ""))
    with pytest.raises(BadFile, match=r"client_secret: the stored one is for https://8\.8\.8\.8"):
        apply_file(path)
    path.write_text(PROVIDER % ("9.9.9.9", ", client_secret: s2"))
    apply_file(path)


@pytest.mark.django_db(transaction=True)
def test_a_token_is_sent_encrypted_or_not_at_all(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On this machine nobody listens; another server must be spoken to by TLS, also in the own network."""
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    with SmtpServer(tls="none", tokens=lambda user, token: True) as server:
        where: dict[str, Any] = {"server_address": "127.0.0.1", "service_port": server.port}
        sender = make_sender(**where, username=MAILBOX, password=secrets.token_url(str(provider.pk)))
        connections.close(connections.connect(Server.of(sender)))
        logins = server.seen.logins
        monkeypatch.setattr("mailsenders.smtp.is_here", lambda address: False)
        with pytest.raises(Unreachable, match="a token is sent to no server readable by anyone"):
            connections.connect(Server.of(sender))
        assert (logins, server.seen.logins) == (1, 1)


def test_a_mailbox_gets_no_token_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_source(use_ssl=False, allow_clear_text=True)
    line: Any = object()
    monkeypatch.setattr("mailsources.signin.stays_here", lambda line: False)
    with pytest.raises(MailboxError, match="a token is sent to no server readable") as refused:
        signin.guard_token(line, source)
    assert refused.value.cause.name == "token_in_clear"
    encrypted: Any = ssl.SSLSocket.__new__(ssl.SSLSocket)
    signin.guard_token(encrypted, source)
    monkeypatch.setattr("mailsources.signin.stays_here", lambda line: True)
    signin.guard_token(line, source)
