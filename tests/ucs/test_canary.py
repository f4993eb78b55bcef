"""Distinctive secrets are planted, the product is driven through its days, and none of them is to be found.

Looked at: every page of the administration, histories, error pages with DEBUG on and off, the API, exports,
commands, metrics, each key of Redis, and all that is logged at DEBUG, by libraries too, before anything hides
it.
"""

import logging
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path, reverse
from pytest_django import Settings

from api.models import APIKey
from audit.models import AuditRow
from mailsenders import tasks as sending
from mailsenders.models import EmailSender
from mailsources import imap
from mailsources import tasks as fetching
from mailsources.fetch import fetch_new
from mailsources.models import EmailSource
from mailstore import hints
from rehearsal.oauth import Account, OAuthServer
from sso import retests, secrets, tokens
from sso.connection_models import FormerSecret, LastTest, TokenServer
from sso.models import ProviderToken
from staff.models import SecondFactor
from tests.make import make_mail, make_outgoing, make_queue, make_sender, make_signed_in_provider, make_source
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.scripted import refusing
from tests.servers.smtp import SmtpServer
from ucs import metrics
from ucs.logs import redact
from ucs.urls import urlpatterns as usual

MAILBOX = "mailbox.email@company.com"
PLANTED = {
    "mailbox password": "canary-mailbox-Zx81",
    "sender password": "canary-sender-Qw72",
    "client secret": "canary-client-Ab63",
    "service key": "canary-service-key-Er54",
    "former password": "canary-former-Ty45",
    "token key": "canary-token-key-of-32-characters-Ui36",
    "database password": "canary-database-Op27",
    "second factor": "CANARYJBSWY3DPEHPK3PXP",
    "mail body": "canary-body-Lk18",
    "typed password": "canary-typed-Mn09",
}


THE_OTHER_SIDE = ("authlib", "werkzeug", "django.template")
"""Logs of the OAuth server, which runs in this process; and of templates, whose pages are looked at
themselves (`django` never logs below WARNING, whatever DEBUG is)."""

ROWS = 2
"""Of each model are opened, the first and the last ones."""


class Net:
    """What was caught: places with the secrets that stood there."""

    def __init__(self) -> None:
        self.secrets = dict(PLANTED)
        self.caught: list[str] = []
        self.looked_at = 0

    def look(self, where: str, text: str | bytes, *, may_hold: tuple[str, ...] = ()) -> None:
        """Search a text, also for the base64 that sign-ins travel in."""
        self.looked_at += 1
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        for name, secret in self.secrets.items():
            if name not in may_hold and any(form in shown for form in _forms(secret)):
                self.caught.append(f"{name} in {where}")


@cache
def _forms(secret: str) -> set[str]:
    """The secret, and the inside of each of the three ways in which base64 may cut it."""
    coded = {b64encode(b"\0" * shift + secret.encode()).decode()[4:-4] for shift in range(3)}
    return {secret, *(form for form in coded if len(form) > 11)}


class Heard(logging.Handler):
    """All that is logged, before our own formatter hides what looks like a secret."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(THE_OTHER_SIDE):
            line = self.format(record)
            # The page that fails on purpose says a secret in its error: that is what the formatter is for.
            self.lines.append(redact(line) if record.name == "django.request" else line)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    handler = Heard()
    names = ["", *THE_OTHER_SIDE, *logging.root.manager.loggerDict]
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, each.level) for each in loggers]
    for each in loggers:  # what is not looked at is not written either: templates tell of each missing name
        each.setLevel(logging.INFO if each.name.startswith(THE_OTHER_SIDE) else logging.DEBUG)
    logging.root.addHandler(handler)
    yield handler.lines
    logging.root.removeHandler(handler)
    for each, level in before:
        each.setLevel(level)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture(scope="module")
def dovecot(authority: Authority) -> Iterator[Dovecot]:
    with dovecots.running(authority) as server:
        yield server


@pytest.fixture
def net(settings: Settings, authority: Authority) -> Net:
    settings.CA_BUNDLE = str(authority.bundle)
    settings.ALLOW_PRIVATE_HOSTS = True
    settings.TOKEN_KEYS = [PLANTED["token key"]]
    found = Net()
    found.secrets["SECRET_KEY"] = settings.SECRET_KEY
    found.secrets |= {f"encryption key {n}": key for n, key in enumerate(settings.ENCRYPTION_KEYS)}
    return found


@pytest.fixture
def browser(admin_user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    return client


def explode(request: HttpRequest) -> HttpResponse:
    """A page that fails with secrets at hand, as a library might."""
    harmless_name = [PLANTED["mailbox password"], *EmailSource.objects.values_list("password", flat=True)]
    raise ValueError(f"can't use redis://:{PLANTED['database password']}@host/0 {len(harmless_name)}")


urlpatterns = [path("explode", explode), *usual]


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("clean_redis")
def test_no_planted_secret_is_ever_shown(
    net: Net, heard: list[str], browser: Client, dovecot: Dovecot, settings: Settings, authority: Authority
) -> None:
    with (
        OAuthServer(accounts=[Account(MAILBOX, "Mailbox")]) as oauth,
        SmtpServer(
            tls="starttls", certificate=authority.certificate(), passwords={"box": PLANTED["sender password"]}
        ) as smtp,
    ):
        provider = make_signed_in_provider(oauth, MAILBOX, client_secret=PLANTED["client secret"])
        tokens.access_token(provider.pk, force=True)
        row = ProviderToken.objects.get(provider=provider)
        net.secrets |= {"access token": row.access_token, "refresh token": row.refresh_token}
        plant(dovecot, smtp, provider.pk)
        work(dovecot, smtp, oauth, provider.pk)
        look_at_pages(net, browser, provider.pk)
        look_at_error_pages(net, browser)
        look_at_commands(net)
        look_at_programs(net, browser)
    settings.AXES_ENABLED = True
    look_at_wrong_sign_ins(net)
    look_at_redis(net)
    for line in heard:
        net.look(f"log: {line[:80]}", line)
    assert net.looked_at > 120
    assert len(heard) > 50
    assert not net.caught, "\n".join(sorted(set(net.caught)))


def plant(dovecot: Dovecot, smtp: SmtpServer, provider_id: int) -> None:
    """Rows with every secret there is, good and bad ones."""
    good = {"server_address": dovecot.host, "service_port": dovecot.ports.imaps}
    make_source(name="good", username=dovecot.new_user(), password=PASSWORD, **good)
    make_source(name="bad", username=dovecot.new_user(), password=PLANTED["mailbox password"], **good)
    make_source(name="by token", username=MAILBOX, password=secrets.token_url(str(provider_id)), **good)
    out = {
        "server_address": smtp.host,
        "service_port": smtp.port,
        "server_type": "STARTTLS",
        "username": "box",
    }
    sender = make_sender(name="out", password=PLANTED["sender password"], **out)
    make_sender(name="out-bad", password=PLANTED["mailbox password"], **out)
    make_queue(name="Support", sender=sender)
    TokenServer.objects.create(
        name="old",
        url="http://127.0.0.1:9/tokens/",
        service_key=PLANTED["service key"],
        mail_servers=smtp.host,
    )
    make_source(name="foreign", username="x", password="http://127.0.0.1:9/tokens/7", **good)
    user = User.objects.create_user("alice")
    SecondFactor.objects.create(user=user, name="app", key=PLANTED["second factor"], confirmed=True)


def work(dovecot: Dovecot, smtp: SmtpServer, oauth: OAuthServer, provider_id: int) -> None:
    """Fetch, send, refresh, fail at several rungs, test again."""
    good, bad = EmailSource.objects.get(name="good"), EmailSource.objects.get(name="bad")
    dovecot.drop(good.username, make_mail(PLANTED["mail body"]))
    for source in EmailSource.objects.order_by("pk"):
        fetch_new(source)
    imap.kept.clear()
    with refusing("IMAP", f"NO what is LOGIN x {PLANTED['mailbox password']}?") as server:
        values = {"server_address": "127.0.0.1", "service_port": server.port, "use_ssl": False}
        fetch_new(make_source(name="echo", username="echo", password=PLANTED["mailbox password"], **values))
    fetching.poll_due()
    fetching.poll.delay(source_ids=[bad.pk])
    for name in ("out", "out-bad"):
        sender = EmailSender.objects.get(name=name)
        make_outgoing(sender)
        sending.send(sender_id=sender.pk)
        sending.send.delay(sender_id=sender.pk)
    assert len(smtp.mails) == 1
    oauth.store.faults.refresh.append("invalid_client")
    with pytest.raises(tokens.SignInError):
        tokens.access_token(provider_id, force=True)
    console: Any = admin.site.get_model_admin(EmailSource)
    retests.run(retests.start(bad, console.test_connection(bad)[-1], None).pk)


def look_at_pages(net: Net, browser: Client, provider_id: int) -> None:
    """Save forms with secrets, then open every list, form, history and deletion page there is."""
    bad = EmailSource.objects.get(name="bad")
    url = reverse("admin:mailsources_emailsource_change", args=[bad.pk])
    form = {
        "server_type": "IMAP", "server_address": bad.server_address, "service_port": bad.service_port,
        "use_ssl": "on", "username": bad.username, "password": PLANTED["former password"],
        "queue": bad.queue_id, "name": "bad", "is_active": "on", "folder": "INBOX", "after_import": "leave",
    }  # fmt: skip
    for password in (PLANTED["former password"], PLANTED["mailbox password"]):
        saved = browser.post(url, form | {"password": password})
        assert saved.status_code == 302, saved.content.decode()[:3000]
    refused = browser.post(
        url, form | {"server_address": "https://x/", "password": PLANTED["former password"]}
    )
    net.look("a form with errors", refused.content)
    assert FormerSecret.objects.filter(object_id=bad.pk).count() == 1
    tested = browser.post(f"{url.removesuffix('change/')}test/", form)
    net.look("a connection test", tested.content)
    way = FormerSecret.objects.filter(object_id=bad.pk).latest("pk")
    former = reverse("admin:mailsources_emailsource_former", args=[bad.pk, way.pk])
    net.look("going back", browser.get(former).content)
    net.look("going back, tested", browser.post(former).content)
    for model in admin.site._registry:
        place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        net.look(f"list of {model.__name__}", browser.get(reverse(f"{place}_changelist")).content)
        # Who reads mail sees its text.
        may_hold = ("mail body",) if model._meta.app_label in ("queues", "mailsources", "crm") else ()
        pks = list(model._default_manager.order_by("pk").values_list("pk", flat=True))
        for pk in {*pks[:ROWS], *pks[-1:]}:
            for view in ("change", "history", "delete"):
                page = browser.get(reverse(f"{place}_{view}", args=[pk]))
                net.look(f"{view} of {model.__name__} {pk}", page.content, may_hold=may_hold)
    for entry in AuditRow.objects.all():
        net.look("audit log", f"{entry.object_name} {entry.story} {entry.reason}")


def look_at_error_pages(net: Net, browser: Client) -> None:
    """With DEBUG on and off, by GET and POST, in HTML and as plain text."""
    hidden = {"REDIS_URL": f"redis://:{PLANTED['database password']}@127.0.0.1:9/0"}
    sent = {"password": PLANTED["mailbox password"], "note": PLANTED["client secret"]}
    for debug in (True, False):
        with override_settings(ROOT_URLCONF=__name__, DEBUG=debug, **hidden):
            asked = {"authorization": f"Bearer {PLANTED['token key']}"}
            for accept in ("text/html", "text/plain"):
                page = browser.post("/explode?code=1", sent, headers=asked | {"accept": accept})
                assert page.status_code == 500
                net.look(f"error page, DEBUG={debug}, {accept}", page.content)
            net.look(f"missing page, DEBUG={debug}", browser.get("/nowhere", headers=asked).content)


def look_at_commands(net: Net) -> None:
    """What people and monitoring ask for in a terminal."""
    for command in (
        ["export"],
        ["status"],
        ["status", "--json"],
        ["doctor"],
        ["doctor", "--json"],
        ["causes"],
    ):
        out = StringIO()
        with suppress(SystemExit):
            call_command(*command, stdout=out, stderr=out)
        net.look(" ".join(command), out.getvalue())


def look_at_programs(net: Net, browser: Client) -> None:
    """API, metrics, token endpoint's refusals."""
    key = APIKey.make(User.objects.get(username="admin").pk)
    headers = {"authorization": f"Bearer {key}"}
    for name in ("status", "queues", "sources", "senders", "providers", "agents", "conversations"):
        answer = browser.get(f"/api/v1.0/{name}", headers=headers)
        net.look(f"API {name}", answer.content, may_hold=("mail body",) if name == "conversations" else ())
    forwarded = {"x-forwarded-for": "192.0.2.1", "authorization": f"Bearer {PLANTED['client secret']}"}
    net.look("token endpoint", browser.get("/api/v1.0/auth/token/1", headers=forwarded).content)
    net.look("metrics", "\n".join(str(gauge.samples) for gauge in metrics.rows()))


def look_at_wrong_sign_ins(net: Net) -> None:
    """What is noted about who comes in and who doesn't, with all that was sent."""
    typed = PLANTED["typed password"]
    stranger = Client(raise_request_exception=False)
    for place in ("/login/", "/admin/login/"):
        stranger.post(place, {"username": "alice", "password": typed, "code": typed})
    alice = User.objects.get(username="alice")
    alice.set_password("another")
    alice.save()
    stranger.force_login(alice)
    for page in ("password", "two-factor", "two-factor/off", "recovery-codes"):
        stranger.post(f"/account/{page}", dict.fromkeys(("password", "old_password", "code"), typed))
    rows = [*AccessAttempt.objects.values(), *AccessLog.objects.values(), *AccessFailureLog.objects.values()]
    assert any(row["username"] == "alice" for row in rows)
    for row in [*rows, *LastTest.objects.values("sentence")]:
        net.look("a row about a sign-in or a test", str(row))


def look_at_redis(net: Net) -> None:
    """Each key: hints, heartbeats, tasks with their arguments (kombu packs those into base64)."""
    client: Any = hints.client()
    for key in client.scan_iter():
        for value in _values(client, key):
            net.look(f"Redis {key!r}", value)
            for piece in value.split(b'"'):
                if len(piece) > 40:
                    try:
                        net.look(f"Redis {key!r}, unpacked", b64decode(piece))
                    except ValueError:
                        continue


def _values(client: Any, key: bytes) -> list[bytes]:
    match client.type(key).decode():
        case "list":
            return list(client.lrange(key, 0, -1))
        case "hash":
            return list(client.hgetall(key).values())
        case "set":
            return list(client.smembers(key))
        case "zset":
            return list(client.zrange(key, 0, -1))
    return [client.get(key)]


@pytest.mark.django_db
def test_what_is_at_rest_is_encrypted(net: Net) -> None:
    make_source(password=PLANTED["mailbox password"])
    make_sender(password=PLANTED["sender password"], username="x")
    TokenServer.objects.create(name="t", url="https://t.example/", service_key=PLANTED["service key"])
    with connection.cursor() as cursor:
        for table in ("mailsources_emailsource", "mailsenders_emailsender", "sso_tokenserver"):
            cursor.execute(f"SELECT * FROM {table}")
            net.look(table, str(cursor.fetchall()))
    assert not net.caught


def test_the_net_catches() -> None:
    net = Net()
    net.look("here", f"login {PLANTED['client secret']}")
    coded = b64encode(f"\0box\0{PLANTED['sender password']}".encode())
    net.look("there", b"AUTH PLAIN " + coded)
    assert net.caught == ["client secret in here", "sender password in there"]
