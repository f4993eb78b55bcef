"""A provider's token goes to the servers of its kind, to its SMTP server and to those on its list alone."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.test import Client

from mailsenders import connections
from mailsenders.check import test_connection as try_sender
from mailsenders.smtp import Server
from mailsources.fetch import fetch_new
from mailsources.models import EmailSource
from rehearsal.oauth import OAuthServer
from sso import secrets, serverlist
from sso.clicks import next_click
from sso.connection_models import TokenServer
from sso.models import SSOProvider
from sso.takers import NotItsServer
from tests.make import make_provider, make_sender, make_signed_in_provider, make_source
from tests.servers.smtp import SmtpServer
from tests.sso.conftest import MAILBOX
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db
PROVIDERS = "/admin/sso/ssoprovider/"


def url_of(provider: SSOProvider) -> str:
    return secrets.token_url(str(provider.pk))


@pytest.mark.parametrize(
    ("kind", "host", "goes"),
    [
        ("google", "imap.gmail.com", True),
        ("google", "SMTP.Gmail.com.", True),
        ("google", "imap.googlemail.com", True),
        ("google", "outlook.office365.com", False),
        ("google", "gmail.com.evil.example", False),
        ("google", "imap-gmail.com", False),
        ("google", "notgmail.com", False),
        ("google", "evil.example", False),
        ("google", "", False),
        ("microsoft", "outlook.office365.com", True),
        ("microsoft", "smtp.office365.com", True),
        ("microsoft", "smtp-mail.outlook.com", True),
        ("microsoft", "imap.gmail.com", False),
        ("generic", "imap.gmail.com", False),
        ("generic", "smtp.example.com", True),
        ("generic", "imap.example.com", False),
    ],
)
def test_each_kind_has_its_servers(kind: str, host: str, goes: bool) -> None:
    provider = make_provider(type=kind, smtp_server="smtp.example.com", mail_servers="")
    assert (secrets.why_not_at(url_of(provider), host) == "") is goes


@pytest.mark.parametrize(
    ("host", "goes"),
    [
        ("imap.example.com", True),
        ("IMAP.EXAMPLE.COM.", True),
        ("a.b.example.net", True),
        ("example.net", False),
        ("notexample.net", False),
        ("127.0.0.1", True),
        ("0:0:0:0:0:0:0:1", True),
        ("[::1]", True),
        ("127.0.0.10", False),
        ("xn--mhle-0ra.example", True),
        ("mühle.example", True),
        ("imap.example.com.evil.example", False),
    ],
)
def test_the_list_is_read_as_people_mean_it(host: str, goes: bool) -> None:
    text = "imap.example.com, *.example.net\n127.0.0.1 ::1; Mühle.example"
    assert serverlist.is_listed(host, serverlist.listed(text)) is goes
    assert serverlist.problem(text) == ""


@pytest.mark.parametrize(
    "entry", ["*", "*.com", "*.*.com", "https://imap.example.com", "a.example:993", "a_@b"]
)
def test_what_stands_for_anything_is_no_entry(entry: str) -> None:
    provider = make_provider()
    provider.mail_servers = f"imap.example.com {entry}"
    with pytest.raises(ValidationError) as refused:
        provider.full_clean()
    assert f"“{entry}”" in str(refused.value.message_dict["mail_servers"])


@pytest.mark.parametrize("server", ["*.example.com", "smtp.example.com imap.evil.example"])
def test_the_smtp_server_is_no_back_door(server: str) -> None:
    provider = make_provider(client_secret="x")
    provider.smtp_server = server
    with pytest.raises(ValidationError, match="one server"):
        provider.full_clean()


def test_no_token_is_even_asked_for(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX, mail_servers="")
    with pytest.raises(NotItsServer) as refused:
        secrets.resolve(url_of(provider), "mail.evil.example", fresh=True)
    said = refused.value.sentence
    assert oauth_server.refreshes == 0
    assert all(
        words in said for words in ("mail.evil.example", str(provider), "Servers that may get its tokens")
    )


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_not_listed_hears_nothing(oauth_server: OAuthServer) -> None:
    """Fetching, sending and the test buttons all come by the same gate."""
    provider = make_signed_in_provider(oauth_server, MAILBOX, mail_servers="")
    with SmtpServer(tls="none") as server:
        where: dict[str, Any] = {"server_address": "127.0.0.1", "service_port": server.port}
        sender = make_sender(**where, username=MAILBOX, password=url_of(provider))
        source = make_source(**where, use_ssl=False, username=MAILBOX, password=url_of(provider))
        with pytest.raises(NotItsServer):
            connections.connect(Server.of(sender))
        steps = try_sender(sender)
        fetch_new(source)
        assert (steps[-1].name, steps[-1].cause.name) == ("Token", "server_not_listed")
        assert (server.seen.logins, server.seen.refused_logins) == (0, 0)
    source.state.refresh_from_db()
    assert source.state.last_cause == "server_not_listed"
    click = next_click(steps[-1].cause, sender)
    assert click is not None
    assert click.url == f"{PROVIDERS}{provider.pk}/change/#id_mail_servers"


def test_the_form_refuses_it_and_the_list_is_for_who_may_change_the_provider(
    client: Client, oauth_server: OAuthServer
) -> None:
    """Somebody who may change sources points one at a server of their own."""
    provider = make_signed_in_provider(oauth_server, MAILBOX, mail_servers="")
    source = make_source(username=MAILBOX, password="typed-1")
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.set(
        Permission.objects.filter(codename__in=("view_emailsource", "change_emailsource"))
    )
    client.force_login(clerk)
    page = f"/admin/mailsources/emailsource/{source.pk}/change/"
    typed = {
        "server_type": "IMAP", "server_address": "mail.evil.example", "service_port": "993", "use_ssl": "on",
        "username": MAILBOX, "password": url_of(provider), "queue": str(source.queue_id), "folder": "INBOX",
        "name": source.name, "after_import": "leave", "is_active": "on",
    }  # fmt: skip
    said = client.post(page, typed).content.decode()
    assert "mail.evil.example is not among the servers that may get tokens" in said
    assert client.get(f"{PROVIDERS}{provider.pk}/change/").status_code == 403
    assert client.post(f"{PROVIDERS}{provider.pk}/change/", {"mail_servers": "x.example"}).status_code == 403
    assert client.post(page, typed | {"server_address": "imap.gmail.com"}).status_code == 302
    source.refresh_from_db()
    assert source.server_address == "imap.gmail.com"


def test_whoever_adds_the_server_wakes_who_waits_for_it(
    admin_client: Client, oauth_server: OAuthServer
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX, mail_servers="")
    source = make_source(username=MAILBOX, password=url_of(provider))
    source.state.failed("no", None, "server_not_listed")
    page = admin_client.get(f"{PROVIDERS}{provider.pk}/change/")
    form = page.context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value not in (None, False)}
    data |= {"client_secret": "", "mail_servers": "imap.example.com,\n IMAP.example.com"}
    assert admin_client.post(f"{PROVIDERS}{provider.pk}/change/", data).status_code == 302
    provider.refresh_from_db()
    source.state.refresh_from_db()
    assert provider.mail_servers == "imap.example.com"
    assert source.state.next_attempt_at is not None


def test_a_new_generic_provider_lists_the_neighbours_of_its_smtp_server(admin_client: Client) -> None:
    typed = {
        "type": "generic", "client_id": "a", "client_secret": "b", "scope": "mail", "name": "house",
        "authorization_url": "https://8.8.8.8/a", "token_url": "https://8.8.8.8/t",
        "smtp_server": "smtp.example.com", "smtp_port": "587",
    }  # fmt: skip
    answer = admin_client.post(f"{PROVIDERS}add/", typed)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    made = SSOProvider.objects.get(name="house")
    assert made.mail_servers.split() == ["imap.example.com", "pop.example.com"]


FILE = """\
sso_providers:
  - {name: house, type: google, client_id: 1-a.apps.googleusercontent.com, client_secret: s%s}
queues:
  - {name: Support}
sources:
  - {name: box, server_type: IMAP, server_address: imap.example.com, username: box@example.com,
     password: "http://127.0.0.1:8080/api/v1.0/auth/token/house", queue: Support}
"""


def test_the_settings_file_has_the_list(tmp_path: Path) -> None:
    path = tmp_path / "settings.yml"
    path.write_text(FILE % "")
    with pytest.raises(BadFile, match=r"imap\.example\.com is not among the servers"):
        apply_file(path)
    assert not SSOProvider.objects.exists()
    path.write_text(FILE % ", mail_servers: [IMAP.example.com]")
    apply_file(path)
    assert apply_file(path).lines == []
    assert "mail_servers:\n  - imap.example.com" in export()


def test_a_token_server_says_whose_its_tokens_are() -> None:
    server = TokenServer.objects.create(
        name="old", url="https://tokens.example.com/v1/", mail_servers="imap.example.com"
    )
    url = f"{server.url}7"
    assert secrets.why_not_at(url, "imap.example.com") == ""
    assert "token server “old”" in secrets.why_not_at(url, "mail.evil.example")
    with pytest.raises(NotItsServer):
        secrets.resolve(url, "mail.evil.example")


def test_servers_in_use_are_listed_when_the_lists_come() -> None:
    google, unused = make_provider(mail_servers=""), make_provider(mail_servers="")
    server = TokenServer.objects.create(name="old", url="https://tokens.example.com/v1/")
    make_source(username="a", server_address="imap.gmail.com", password=url_of(google))
    make_source(username="b", server_address="Imap.House.example", password=url_of(google))
    make_sender(server_address="smtp.house.example", password=url_of(google), username="b")
    make_source(username="c", server_address="imap.plain.example", password="hunter2")
    make_source(username="d", server_address="imap.other.example", password=f"{server.url}4")
    make_source(username="e", server_address="imap.gone.example", password=secrets.token_url("9999"))
    migration = import_module("mailsources.migrations.0012_servers_in_use_may_get_tokens")
    migration.list_servers_in_use(apps, None)
    for row in (google, unused, server):
        row.refresh_from_db()
    assert google.mail_servers.split() == ["imap.house.example", "smtp.house.example"]
    assert (unused.mail_servers, server.mail_servers) == ("", "imap.other.example")
    assert not any(
        secrets.why_not_at(row.password, row.server_address)
        for row in EmailSource.objects.exclude(username="e")
    )
