"""Going back to a former sign-in, tests that repeat themselves, tokens of other servers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.forms import model_to_dict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mailsources.models import EmailSource, SourceState
from sso import causes, foreign, lasttests, retests, secrets, wayback
from sso.connection_models import FormerSecret, Retest, TokenServer
from sso.models import SSOProvider
from sso.rotation import secret_columns
from sso.steps import Step
from sso.tasks import forget_old, retest_due
from sso.tokens import ProviderDown, SignInError
from sso.usage import rows_with_token_of
from tests.make import make_provider, make_sender, make_source

pytestmark = pytest.mark.django_db

SOURCES = "/admin/mailsources/emailsource/"
IDENTITY = ("server_address", "service_port", "username")


def changed(source: EmailSource, **values: Any) -> EmailSource:
    """The source, saved with other values, as the form does it."""
    former = EmailSource.objects.get(pk=source.pk)
    for name, value in values.items():
        setattr(source, name, value)
    source.save()
    wayback.keep(source, former, IDENTITY, None)
    return source


def test_a_replaced_password_is_kept_for_a_week_and_encrypted() -> None:
    source = changed(make_source(password="old-password"), password="new-password")
    (way,) = wayback.ways_back(source)
    assert timedelta(days=6, hours=23) < way.ends_at - timezone.now() <= timedelta(days=7)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM sso_formersecret")
        assert "old-password" not in cursor.fetchone()[0]
    assert "old-password" not in wayback.describe(way)
    assert FormerSecret in dict(secret_columns())  # so rotate-keys writes it anew
    FormerSecret.objects.update(ends_at=timezone.now())
    assert wayback.ways_back(source) == []
    forget_old()
    assert not FormerSecret.objects.exists()


def test_going_back_takes_server_and_user_along() -> None:
    source = make_source(password="old-password", username="alice")
    where = source.server_address
    changed(source, password="new-password", username="bob", server_address="elsewhere.example")
    (way,) = wayback.ways_back(source)
    found = wayback.find(source, way.pk)
    assert found
    wayback.put_back(source, found)
    assert (source.password, source.username, source.server_address) == ("old-password", "alice", where)


def test_what_is_used_again_need_not_be_gone_back_to() -> None:
    source = changed(make_source(password="one"), password="two")
    changed(source, password="one")
    assert [way.secret for way in FormerSecret.objects.all()] == ["two"]
    changed(source, username="another")
    assert FormerSecret.objects.count() == 1


def test_a_deleted_source_takes_its_former_password_along() -> None:
    source = changed(make_source(password="one"), password="two")
    retests.start(source, Step("Login", False, "no", 0, causes.named("disabled")), None)
    source.delete()
    assert not FormerSecret.objects.exists()
    assert not Retest.objects.exists()


def test_a_former_token_url_keeps_no_provider_from_being_deleted() -> None:
    provider = make_provider()
    changed(make_source(password=secrets.token_url(str(provider.pk))), password="plain")
    assert rows_with_token_of(provider.pk) == []


def test_the_page_asks_tests_and_goes_back(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    source = changed(make_source(password="old-password"), password="new-password")
    (way,) = wayback.ways_back(source)
    url = reverse("admin:mailsources_emailsource_former", args=[source.pk, way.pk])
    change = reverse("admin:mailsources_emailsource_change", args=[source.pk])
    page = admin_client.get(change).content.decode()
    assert "Go back to the former sign-in (until" in page
    assert url in page
    asked = admin_client.get(url).content.decode()
    assert "Test it and go back" in asked
    assert "old-password" not in page + asked
    refused = admin_client.post(url).content.decode()  # nobody listens there
    assert "Go back although the test fails" in refused
    assert EmailSource.objects.get().password == "new-password"
    console: Any = admin.site.get_model_admin(EmailSource)
    good = [Step("Login", True, "signed in", 0.1)]
    monkeypatch.setattr(type(console), "test_connection", lambda self, obj: good)
    assert admin_client.post(url).status_code == 302
    assert EmailSource.objects.get().password == "old-password"
    assert [one.secret for one in FormerSecret.objects.all()] == ["new-password"]


@pytest.mark.parametrize(
    ("kind", "make"),
    [("mailsources_emailsource", make_source), ("mailsenders_emailsender", make_sender)],
)
def test_from_a_password_to_a_token_and_back_and_back_again(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, kind: str, make: Any
) -> None:
    """On the page of a source as on that of a sender, by the form and the button alone."""
    provider = make_provider()
    token, password = secrets.token_url(str(provider.pk)), "canary-password"
    where: dict[str, Any] = {"server_address": "127.0.0.1", "service_port": 9, "username": "box@example.com"}
    row = make(password=password, **where)
    if isinstance(row, EmailSource):
        where |= {"server_type": "IMAP", "queue": row.queue_id, "folder": "INBOX", "after_import": "leave"}
    else:
        where |= {"server_type": "STARTTLS", "email_address": row.email_address}
    console: Any = admin.site.get_model_admin(type(row))
    good = [Step("Login", True, "signed in", 0.1)]
    monkeypatch.setattr(type(console), "test_connection", lambda self, obj: good)
    change = reverse(f"admin:{kind}_change", args=[row.pk])
    form = where | {"name": row.name, "use_ssl": "on", "is_active": "on", "password": token}
    assert admin_client.post(change, form).status_code == 302
    row.refresh_from_db()
    assert row.password == token
    described = f"box@example.com at 127.0.0.1:9, with token of provider {provider.pk}"
    for wanted, words in ((password, "box@example.com at 127.0.0.1:9, with a password"), (token, described)):
        (way,) = wayback.ways_back(row)
        shown = admin_client.get(change).content.decode()
        assert "Go back to the former sign-in (until" in shown
        assert words in shown
        assert password not in shown
        done = admin_client.post(reverse(f"admin:{kind}_former", args=[row.pk, way.pk]), follow=True)
        assert "signs in again as before" in done.content.decode()
        row.refresh_from_db()
        assert row.password == wanted


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What the tests of sources come to, one after the other; the last one repeats."""
    planned: list[Step] = []
    console: Any = admin.site.get_model_admin(EmailSource)
    answer = lambda self, obj: [planned.pop(0) if len(planned) > 1 else planned[0]]  # noqa: E731
    monkeypatch.setattr(type(console), "test_connection", answer)
    return planned


OFF = Step("Login", False, "IMAP is switched off.", 0, causes.named("disabled"))
WRONG = Step("Login", False, "The password is wrong.", 0, causes.named("password"))
GOOD = Step("Login", True, "signed in", 0)


def test_a_test_repeats_itself_until_it_works(steps: list[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[list[int]] = []
    monkeypatch.setattr("mailsources.admin.look_soon", looked.append)
    source = make_source()
    SourceState.objects.get(source=source).failed("IMAP is switched off.", cause="disabled")
    retest = retests.start(source, OFF, None)
    assert retests.due(timezone.now()) == []
    retest_due()  # nothing is due
    steps[:] = [OFF, GOOD]
    for state, tries in ((Retest.State.WAITING, 2), (Retest.State.GOOD, 3)):
        Retest.objects.update(next_test_at=timezone.now())
        assert retests.due(timezone.now()) == [retest.pk]
        retests.run(retest.pk)
        retest.refresh_from_db()
        assert (retest.state, len(retest.tries)) == (state, tries)
    assert looked == [[source.pk]]
    retests.run(retest.pk)  # it is over
    assert len(Retest.objects.get().tries) == 3


def test_another_answer_or_a_day_ends_it(steps: list[Step]) -> None:
    retest = retests.start(make_source(), OFF, None)
    Retest.objects.update(next_test_at=timezone.now())
    steps[:] = [WRONG]
    retests.run(retest.pk)
    assert Retest.objects.get().state == Retest.State.CHANGED
    retests.start(make_source(), OFF, None)
    Retest.objects.filter(state="waiting").update(next_test_at=timezone.now(), ends_at=timezone.now())
    steps[:] = [OFF]
    for pk in retests.due(timezone.now()):
        retests.run(pk)
    assert Retest.objects.filter(state=Retest.State.ENDED).count() == 1


def test_two_workers_test_once(steps: list[Step]) -> None:
    retest = retests.start(make_source(), OFF, None)
    Retest.objects.update(next_test_at=timezone.now())
    steps[:] = [OFF]
    retests.run(retest.pk)
    retests.run(retest.pk)
    assert len(Retest.objects.get().tries) == 2  # the first one, and one test


@pytest.mark.parametrize("again", [False, True])
def test_what_is_ended_while_it_is_tested_stays_so(
    again: bool, steps: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source()
    retest = retests.start(source, OFF, None)
    Retest.objects.update(next_test_at=timezone.now())
    steps[:] = [OFF]
    note = lasttests.note

    def ended(row: Any, step: Step) -> None:
        note(row, step)
        retests.stop(source)
        if again:
            retests.start(source, WRONG, None)

    monkeypatch.setattr(lasttests, "note", ended)
    retests.run(retest.pk)
    assert [(each.state, len(each.tries)) for each in Retest.objects.all()] == [("waiting", 1)] * again


def test_a_failed_test_goes_on_by_itself(admin_client: Client, steps: list[Step]) -> None:
    """“Test connection” of what is stored: nobody needs to click for the next tests."""
    source = make_source()
    assert "the provider needs time" not in admin_client.get(SOURCES).content.decode()
    steps[:] = [OFF]
    url = reverse("admin:mailsources_emailsource_test", args=[source.pk])
    names = ["server_type", "server_address", "service_port", "username", "mailbox", "folder", "after_import"]
    same = model_to_dict(source, fields=names) | ({"use_ssl": "on"} if source.use_ssl else {})
    told = admin_client.post(url, same).content.decode()
    assert "The provider needs time: what was changed there" in told
    assert 'hx-swap-oob="true"' in told
    retest = Retest.objects.get()
    assert (retest.cause, retest.by_person, retest.state) == ("disabled", False, "waiting")
    listed = admin_client.get(SOURCES).content.decode()
    assert "the provider needs time" in listed
    assert "Tested again in" in listed
    admin_client.post(url, same)
    assert Retest.objects.get().started_at == retest.started_at, "it goes on, and does not begin anew"
    steps[:] = [WRONG]
    Retest.objects.all().delete()
    assert "needs time" not in admin_client.post(url, same).content.decode()
    assert not Retest.objects.exists()


def test_the_page_offers_it_where_time_mends(admin_client: Client, steps: list[Step]) -> None:
    source = make_source()
    source.state.failed("IMAP is switched off.", cause="disabled")
    page = reverse("admin:mailsources_emailsource_change", args=[source.pk])
    assert "Test again by itself" in admin_client.get(page).content.decode()
    steps[:] = [OFF]
    url = reverse("admin:mailsources_emailsource_retest", args=[source.pk])
    begun = admin_client.post(url).content.decode()
    assert "next test in 4 min" in begun or "next test in 5 min" in begun
    assert "IMAP is switched off." in begun
    assert 'hx-trigger="every 20s"' in begun
    admin_client.post(url, {"stop": "1"})
    assert not Retest.objects.exists()
    source.state.failed("The password is wrong.", cause="password")
    html = admin_client.get(page).content.decode()
    assert "Test again by itself" not in html
    assert '<a class="ucs-link" href="#id_password">Go to “Password”</a>' in html


def test_what_a_provider_must_allow_is_tested_at_the_provider(
    admin_client: Client, steps: list[Step]
) -> None:
    """A source without a token hears the same sentence until the provider has one again."""
    provider, source = make_provider(), make_source()
    source.state.failed("Nobody has consented.", cause="AADSTS65001")
    page = reverse("admin:mailsources_emailsource_change", args=[source.pk])
    assert "Test again by itself" not in admin_client.get(page).content.decode()
    provider.token.failed("Nobody has consented.", cause="AADSTS65001")
    page = reverse("admin:sso_ssoprovider_change", args=[provider.pk])
    assert "Test again by itself" in admin_client.get(page).content.decode()
    provider.token.failed("Its consent lacks SMTP.Send.", cause="scope_missing")
    assert "Test again by itself" not in admin_client.get(page).content.decode()


def test_a_provider_that_works_again_wakes_who_waits_for_it() -> None:
    provider = make_provider()
    source = make_source(password=secrets.token_url(str(provider.pk)))
    source.state.failed("No token.", cause="AADSTS65001")
    console: Any = admin.site.get_model_admin(SSOProvider)
    console.works_again(provider)
    source.state.refresh_from_db()
    assert source.state.next_attempt_at is not None


Reply = tuple[int, dict[str, Any] | str]


@contextmanager
def token_server(*replies: Reply) -> Iterator[tuple[str, list[str]]]:
    """A server that gives tokens; its address, and the keys it was shown."""
    planned, shown = list(replies), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization", ""))
            status, body = planned.pop(0) if len(planned) > 1 else planned[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/tokens/", shown
        server.shutdown()
        thread.join()


def test_a_listed_server_gives_tokens_that_are_kept_until_they_end() -> None:
    first = {"access_token": "ya29.first", "expires_in": 3600}
    with token_server((200, first), (200, {"access_token": "ya29.second", "expires_in": 3600})) as (
        url,
        keys,
    ):
        server = TokenServer.objects.create(
            name="old", url=url, service_key="the-key", mail_servers="imap.example.com"
        )
        password = f"{url}7"
        assert secrets.token_provider_id(password) is None
        assert secrets.is_token_url(password)
        credential = secrets.resolve(password, "imap.example.com")
        assert (credential.kind, credential.value) == ("xoauth2", "ya29.first")
        assert secrets.resolve(password, "imap.example.com").value == "ya29.first"
        assert secrets.resolve(password, "imap.example.com", fresh=True).value == "ya29.second"
        assert keys == ["Bearer the-key"] * 2
        assert secrets.describe(password) == "token of the token server “old”"
        server.delete()
        with pytest.raises(SignInError, match="Token servers"):
            secrets.resolve(password, "imap.example.com")


@pytest.mark.parametrize(
    ("reply", "words", "later"),
    [
        ((401, "no"), "check its service key", False),
        ((404, "no"), "knows no such provider", False),
        ((409, "no"), "is not signed in", False),
        ((503, "no"), "tried again by itself", True),
        ((200, "<html>hello you</html>"), "is no token", False),
        ((200, ""), "is no token", False),
    ],
)
def test_what_a_token_server_answers_is_explained(reply: Reply, words: str, later: bool) -> None:
    with token_server(reply) as (url, _):
        TokenServer.objects.create(name="old", url=url)
        with pytest.raises(SignInError, match=words) as told:
            foreign.token(f"{url}7")
    assert isinstance(told.value, ProviderDown) is later


@pytest.mark.parametrize("end", ["../../other", "%2e%2e/other", "%2E./other", "x\\..\\other", "", "\n7"])
def test_only_what_follows_the_listed_address_is_taken(end: str) -> None:
    TokenServer.objects.create(name="old", url="https://tokens.example.com/v1/")
    assert foreign.server_of(f"https://tokens.example.com/v1/{end}") is None
    assert foreign.server_of("https://tokens.example.com.evil.example/v1/7") is None
