"""How a client shows who it is, and generic servers that share a name or lose one."""

from base64 import b64decode
from datetime import timedelta
from urllib.parse import unquote_plus

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from mailsources.models import EmailSource
from rehearsal.oauth import MAIL_SCOPE, OAuthServer, Refusal
from rehearsal.oauth import Client as StoredClient
from sso import clients, guard, tasks, tokens
from sso.models import ProviderToken, SSOProvider
from sso.secrets import token_url
from sso.usage import rows_with_token_of
from tests.make import make_provider, make_sender, make_signed_in_provider, make_source
from tests.sso.conftest import MAILBOX
from tests.sso.test_signin import BASE, click_key, come_back, decide

pytestmark = pytest.mark.django_db

POST, BASIC, NONE = SSOProvider.ClientAuthentication


@pytest.fixture(autouse=True)
def base_url(settings: Settings) -> None:
    settings.BASE_URL = BASE
    settings.ALLOWED_HOSTS = ["ucs.company.com"]


@pytest.fixture
def browser(admin_user: User) -> Client:
    client = Client(headers={"host": "ucs.company.com"})
    client.force_login(admin_user)
    return client


def generic(server: OAuthServer, **overrides: object) -> SSOProvider:
    urls = server.endpoints()
    values = {
        "type": "generic", "name": "House mail", "mailbox": MAILBOX, "scope": f"{MAIL_SCOPE} openid email",
        "authorization_url": urls["authorization_url"], "token_url": urls["token_url"],
    }  # fmt: skip
    return make_provider(**(values | overrides))


@pytest.mark.parametrize("way", [POST, BASIC, NONE])
def test_each_way_signs_in_and_refreshes(browser: Client, oauth_server: OAuthServer, way: str) -> None:
    secret = "" if way == NONE else "a:secret with+odd letters é&="
    provider = generic(
        oauth_server, client_authentication=way, client_secret=secret, client_id="house:mail é"
    )
    oauth_server.add_client(StoredClient(provider.client_id, secret, authentication=(way,)))
    said = come_back(browser, decide(click_key(browser, provider), MAILBOX))
    assert f"signed in as {MAILBOX}" in said
    assert oauth_server.owner_of(tokens.access_token(provider.pk, force=True)) == MAILBOX
    assert oauth_server.refreshes == 1


@pytest.mark.parametrize(("way", "other"), [(POST, "“HTTP Basic”"), (BASIC, "“In the form”")])
def test_a_server_that_wants_the_client_elsewhere_is_told_so(
    browser: Client, oauth_server: OAuthServer, way: str, other: str
) -> None:
    provider = generic(oauth_server, client_authentication=way)
    ways = ({POST, BASIC} - {way}).pop()
    oauth_server.add_client(StoredClient(provider.client_id, provider.client_secret, authentication=(ways,)))
    said = come_back(browser, decide(click_key(browser, provider), MAILBOX))
    assert f"choose {other} as Client authentication" in said


def test_the_client_is_in_the_form_or_in_the_header_never_in_both() -> None:
    provider = SSOProvider(type="generic", client_id="a b:c", client_secret="d&é")
    form, headers = clients.authenticated(provider, {"grant_type": "x"})
    assert (form["client_id"], form["client_secret"], headers) == ("a b:c", "d&é", {})
    provider.client_authentication = BASIC
    form, headers = clients.authenticated(provider, {"grant_type": "x"})
    assert form == {"grant_type": "x"}
    name, _, secret = b64decode(headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
    assert (unquote_plus(name), unquote_plus(secret)) == ("a b:c", "d&é")
    provider.client_authentication = NONE
    form, headers = clients.authenticated(provider, {})
    assert (form, headers) == ({"client_id": "a b:c"}, {})


def test_a_secret_in_the_header_is_not_quoted(oauth_server: OAuthServer) -> None:
    secret = "canary-secret"
    provider = make_signed_in_provider(
        oauth_server, MAILBOX, type="generic", client_authentication=BASIC, client_secret=secret
    )
    oauth_server.faults.standing = Refusal("invalid_client", f"{secret} is wrong", 401)
    with pytest.raises(tokens.ProviderRefused, match="… is wrong"):
        tokens.access_token(provider.pk, force=True)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (302, {"Location": "https://else.example/x"}, tokens.ProviderRefused, "sends on to https://else.ex"),
        (401, {}, tokens.ProviderRefused, "client ID or client secret is not right"),
        (404, {}, tokens.ProviderRefused, r"\(HTTP 404\): check that address"),
        (408, {}, tokens.ProviderDown, "trouble"),
        (200, {}, tokens.ProviderDown, "without a token"),
    ],
)
def test_an_answer_that_is_no_answer_is_told_as_what_it_is(
    oauth_server: OAuthServer,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    kind: type[tokens.SignInError],
    words: str,
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    ProviderToken.objects.update(expires_at=timezone.now())
    monkeypatch.setattr("sso.oauth.guard.ask", lambda _: guard.Answer(status, headers, b"<html>"))
    with pytest.raises(kind, match=words):
        tokens.access_token(provider.pk)


def test_a_provider_that_asks_for_time_gets_it(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    oauth_server.faults.standing = Refusal("slow", status=429, headers={"Retry-After": "1200"})
    with pytest.raises(tokens.ProviderDown):
        tokens.access_token(provider.pk, force=True)
    row = ProviderToken.objects.get()
    assert row.next_attempt_at is not None
    assert (row.next_attempt_at - timezone.now()).total_seconds() == pytest.approx(1200, abs=60)


def test_two_names_with_one_redirect_uri_are_refused_and_old_ones_go_on(
    browser: Client, oauth_server: OAuthServer
) -> None:
    first = generic(oauth_server, name="House mail")
    second = generic(oauth_server, name="house-mail", client_id="2.apps.googleusercontent.com")  # of before
    with pytest.raises(ValidationError, match="same redirect URI as the provider “House mail”"):
        SSOProvider(
            name="HOUSE  mail", type="generic", client_id="x", scope="m", token_url=first.token_url,
            authorization_url=first.authorization_url,
        ).clean()  # fmt: skip
    second.clean()
    pages = [click_key(browser, each) for each in (first, second)]
    backs = [decide(page, MAILBOX) for page in pages]
    for provider, back in reversed(list(zip((first, second), backs, strict=True))):
        assert f"{provider} is signed in as {MAILBOX}" in come_back(browser, back)


def test_a_name_made_from_the_id_takes_no_other_s_address(oauth_server: OAuthServer) -> None:
    pk = generic(oauth_server).pk
    generic(oauth_server, name=f"Generic {pk + 2}")
    assert generic(oauth_server, name="").name == f"generic-{pk + 2}-new"


def test_a_provider_renamed_meanwhile_is_signed_in_all_the_same(
    browser: Client, oauth_server: OAuthServer
) -> None:
    provider = generic(oauth_server)
    back = decide(click_key(browser, provider), MAILBOX)
    assert "/login/oauth2/house-mail?" in back
    SSOProvider.objects.update(name="Another name")
    assert f"signed in as {MAILBOX}" in come_back(browser, back)


@pytest.mark.parametrize("change", [{"type": "google"}, {"token_url": "https://else.example/token"}])
def test_a_code_is_not_shown_to_another_server(
    browser: Client, oauth_server: OAuthServer, change: dict[str, str]
) -> None:
    provider = generic(oauth_server)
    back = decide(click_key(browser, provider), MAILBOX)
    SSOProvider.objects.update(**change)
    assert "another client, tenant or server while you signed in" in come_back(browser, back)
    assert oauth_server.token_requests == 0


def test_a_provider_deleted_meanwhile_is_told(browser: Client, oauth_server: OAuthServer) -> None:
    provider = generic(oauth_server)
    back = decide(click_key(browser, provider), MAILBOX)
    provider.delete()
    assert "deleted meanwhile" in come_back(browser, back)


def is_now_due(source: EmailSource) -> bool:
    source.state.refresh_from_db()
    assert source.state.next_attempt_at is not None
    return source.state.next_attempt_at <= timezone.now()


def test_who_waits_for_the_token_need_not_wait_longer(
    browser: Client, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = generic(oauth_server)
    source = make_source(password=token_url(str(provider.pk)))
    other = make_source(password=token_url("99999"))
    for each in (source, other):
        each.state.failed("no token", timezone.now() + timedelta(hours=1))
    come_back(browser, decide(click_key(browser, provider), MAILBOX))
    for each, is_due in ((source, True), (other, False)):
        assert is_now_due(each) is is_due

    source.state.failed("no token", timezone.now() + timedelta(hours=1))
    ProviderToken.objects.update(settings_refused=True, expires_at=timezone.now())
    monkeypatch.setattr(tasks.refresh, "delay", tasks.refresh)
    tasks.refresh_due()
    assert is_now_due(source)


def test_the_form_asks_it_of_generic_servers_alone(admin_client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    add = "/admin/sso/ssoprovider/add/"
    values = {
        "type": "generic", "name": "House mail", "client_id": "c", "client_secret": "s", "scope": "mail",
        "authorization_url": "https://127.0.0.1/a", "token_url": "https://127.0.0.1/t",
        "client_authentication": BASIC,
    }  # fmt: skip
    refused = admin_client.post(add, values | {"client_secret": ""}).content.decode()
    assert "HTTP Basic needs the client secret" in refused
    assert admin_client.post(add, values).status_code == 302
    first = SSOProvider.objects.get()
    assert first.client_authentication == BASIC
    assert f'value="{BASIC}" selected' in admin_client.get(f"{add}?copy={first.pk}").content.decode()
    assert admin_client.post(add, values | {"type": "google", "name": ""}).status_code == 302
    assert SSOProvider.objects.get(type="google").client_authentication == POST


def test_who_uses_a_token_is_found_in_a_few_queries() -> None:
    provider = make_provider()
    url = token_url(str(provider.pk))
    used = [make_source(password=url) for _ in range(20)] + [make_sender(password=url)]
    lost, _ = make_source(password=url), make_sender(password="a plain one")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailsources_emailsource SET password = 'fernet:x' WHERE id = %s", [lost.pk])
    with CaptureQueriesContext(connection) as asked:
        found = rows_with_token_of(provider.pk)
    assert {str(each) for each in found} == {str(each) for each in used}
    assert len(asked) < 8


@pytest.mark.parametrize("kind", ["google", "microsoft"])
def test_a_settings_file_may_ask_it_of_generic_servers_alone(kind: str) -> None:
    provider = SSOProvider(
        name="x", type=kind, client_id="c", client_secret="s", tenant="t.example", client_authentication=NONE
    )
    with pytest.raises(ValidationError, match="Only a generic server"):
        provider.clean()
