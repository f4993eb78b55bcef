import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.test import Client
from pytest_django.fixtures import Settings

from audit.models import AuditRow
from rehearsal.oauth import Client as StoredClient
from rehearsal.oauth import OAuthServer
from sso import oauth, signin, tokens
from sso.models import ProviderToken, SSOProvider
from tests.make import make_provider, make_signed_in_provider
from tests.sso.conftest import MAILBOX, OTHER

pytestmark = pytest.mark.django_db

BASE = "https://ucs.company.com"


@pytest.fixture(autouse=True)
def base_url(settings: Settings) -> None:
    settings.BASE_URL = BASE
    settings.ALLOWED_HOSTS = ["ucs.company.com", "127.0.0.1", "localhost"]


@pytest.fixture
def browser(admin_user: User) -> Client:
    """An administrator's browser."""
    client = Client(headers={"host": "ucs.company.com"})
    client.force_login(admin_user)
    return client


@contextmanager
def served_at(host: str) -> Iterator[str]:
    """The product at an IPv6 address of this machine."""
    try:
        server = ThreadedWSGIServer((host, 0), QuietHandler, ipv6=True)
    except OSError as error:
        pytest.skip(f"this machine has no {host}: {error}")
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://[{host}]:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class QuietHandler(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, *args: Any) -> None:
        """Nothing."""


def provider_at(server: OAuthServer, **overrides: object) -> SSOProvider:
    urls = server.endpoints()
    names = ("authorization_url", "token_url", "refresh_url")
    return make_provider(**({name: urls[name] for name in names} | overrides))


def click_key(browser: Client, provider: SSOProvider) -> str:
    """🔑; returns the address of the consent page."""
    response = browser.post(f"/login/oauth2/start/{provider.pk}")
    assert response.status_code == 302
    return response.headers["Location"]


def decide(url: str, account: str, decision: str = "allow") -> str:
    """Answer the consent page; returns the address the browser is sent back to."""
    response = requests.post(
        url, data={"account": account, "decision": decision}, allow_redirects=False, timeout=10
    )
    return response.headers["Location"]


def come_back(browser: Client, address: str) -> str:
    """Follow the redirect to us; returns what the administrator is told."""
    response = browser.get(address.removeprefix(BASE))
    return told(response)


def told(response: Any) -> str:
    assert response.status_code == 302
    assert response.headers["Location"] == "/admin/sso/ssoprovider/"
    return " ".join(str(one) for one in get_messages(response.wsgi_request))


def sign_in(browser: Client, provider: SSOProvider, account: str) -> str:
    return come_back(browser, decide(click_key(browser, provider), account))


def test_the_whole_way(browser: Client, oauth_server: OAuthServer) -> None:
    provider = provider_at(oauth_server, mailbox=MAILBOX.upper())

    url = click_key(browser, provider)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    back = decide(url, MAILBOX)
    said = come_back(browser, back)

    assert asked["redirect_uri"] == f"{BASE}/login/oauth2/google"
    assert asked["access_type"] == "offline"
    assert asked["prompt"] == "consent"
    assert asked["login_hint"] == MAILBOX.upper()
    assert asked["scope"] == "https://mail.google.com/ openid email"
    assert asked["code_challenge_method"] == "S256"
    assert f"is signed in as {MAILBOX}" in said
    assert f"/api/v1.0/auth/token/{provider.pk}" in said
    token = ProviderToken.objects.get(provider=provider)
    assert token.account == MAILBOX
    assert oauth_server.owner_of(token.access_token) == MAILBOX
    assert token.refresh_token
    assert token.signed_in_by is not None
    assert "https://mail.google.com/" in token.granted_scope
    assert AuditRow.objects.get(act="did").note == f"Signed in as {MAILBOX}."


def test_a_second_sign_in_replaces_the_first(browser: Client, oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    ProviderToken.objects.update(needs_sign_in=True, last_error="dead", failures=3)
    first = ProviderToken.objects.get().refresh_token

    sign_in(browser, provider, MAILBOX)

    token = ProviderToken.objects.get()
    assert (token.needs_sign_in, token.failures, token.last_error) == (False, 0, "")
    assert token.refresh_token not in ("", first)


def test_a_wrong_account_is_refused_and_nothing_is_overwritten(
    browser: Client, oauth_server: OAuthServer
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    before = ProviderToken.objects.values().get()

    said = sign_in(browser, provider, OTHER)

    assert f"{OTHER} signed in, but {provider} is for {MAILBOX}" in said
    assert ProviderToken.objects.values().get() == before


def test_without_a_mailbox_any_account_may_sign_in(browser: Client, oauth_server: OAuthServer) -> None:
    provider = provider_at(oauth_server)
    assert f"is signed in as {OTHER}" in sign_in(browser, provider, OTHER)


def test_a_denied_consent_is_explained(browser: Client, oauth_server: OAuthServer) -> None:
    provider = provider_at(oauth_server)
    said = come_back(browser, decide(click_key(browser, provider), MAILBOX, "deny"))
    assert "click 🔑 again and choose Allow" in said
    assert "access_denied" in said


def test_a_missing_refresh_token_is_refused(browser: Client, oauth_server: OAuthServer) -> None:
    oauth_server.faults.omit_refresh_token = True
    provider = provider_at(oauth_server)
    assert "gave no refresh token" in sign_in(browser, provider, MAILBOX)
    assert ProviderToken.objects.get().signed_in_at is None


def test_a_missing_mail_scope_is_refused(
    browser: Client, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = provider_at(oauth_server)
    real = oauth.exchange

    def unticked(*args: Any, **kwargs: Any) -> oauth.Grant:
        grant = real(*args, **kwargs)
        return oauth.Grant(grant.access_token, grant.refresh_token, grant.id_token, "openid email", 3600)

    monkeypatch.setattr(oauth, "exchange", unticked)
    assert "access to https://mail.google.com/ was not given" in sign_in(browser, provider, MAILBOX)
    assert ProviderToken.objects.get().signed_in_at is None


def test_a_wrong_secret_is_explained(browser: Client, oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    provider.client_secret = "wrong"
    provider.save()
    said = sign_in(browser, provider, MAILBOX)
    assert "client ID or client secret is not right" in said
    assert "wrong" not in said


def test_a_provider_that_is_down_is_named(browser: Client, oauth_server: OAuthServer) -> None:
    provider = provider_at(oauth_server)
    back = decide(click_key(browser, provider), MAILBOX)
    oauth_server.stop()
    assert f"127.0.0.1:{oauth_server.port} did not answer" in come_back(browser, back)


def test_an_answer_is_good_once_and_only_in_the_browser_that_asked(
    browser: Client, oauth_server: OAuthServer
) -> None:
    provider = provider_at(oauth_server)
    back = decide(click_key(browser, provider), MAILBOX)
    stranger = Client(headers={"host": "ucs.company.com"})
    stranger.force_login(User.objects.create_superuser("bob"))

    assert "click 🔑 again" in come_back(stranger, back)
    assert "is signed in" in come_back(browser, back)
    assert "page was loaded twice" in come_back(browser, back)
    assert oauth_server.token_requests == 1


def test_an_answer_after_ten_minutes_is_refused(
    browser: Client, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = provider_at(oauth_server)
    back = decide(click_key(browser, provider), MAILBOX)
    monkeypatch.setattr(signin, "LIFE_SECONDS", -1)
    assert "click 🔑 again" in come_back(browser, back)


@pytest.mark.parametrize(
    "query", [{}, {"state": "guess", "code": "x"}, {"state": "", "error": "access_denied"}]
)
def test_a_forged_answer_changes_nothing(browser: Client, query: dict[str, str]) -> None:
    make_provider()
    assert "not begun in this browser" in told(browser.get("/login/oauth2/google?" + urlencode(query)))


def test_an_answer_on_the_path_of_another_kind_is_refused(browser: Client, oauth_server: OAuthServer) -> None:
    provider = provider_at(oauth_server)
    back = decide(click_key(browser, provider), MAILBOX).replace("/google?", "/microsoft?")
    assert "is signed in" not in come_back(browser, back)
    assert oauth_server.token_requests == 0


def test_only_administrators_may_sign_in(oauth_server: OAuthServer) -> None:
    client = Client(headers={"host": "ucs.company.com"})
    provider = provider_at(oauth_server)
    start, back = f"/login/oauth2/start/{provider.pk}", "/login/oauth2/google?state=x&code=y"
    assert client.post(start).headers["Location"].startswith("/login/")
    client.force_login(User.objects.create_user("charlie"))
    assert client.post(start).status_code == 404
    assert client.get(back).status_code == 404
    client.force_login(User.objects.create_user("alice", is_staff=True))
    assert client.post(start).status_code == 404


def test_a_get_starts_nothing(browser: Client) -> None:
    assert browser.get(f"/login/oauth2/start/{make_provider().pk}").status_code == 405


def test_a_page_opened_by_another_loopback_name_is_told_where_to_go(
    browser: Client, settings: Settings
) -> None:
    settings.BASE_URL = "http://127.0.0.1:8080"
    response = browser.post(f"/login/oauth2/start/{make_provider().pk}", headers={"host": "localhost:8080"})
    assert "open http://127.0.0.1:8080/admin/sso/ssoprovider/ and click 🔑 there" in told(response)


@pytest.mark.django_db(transaction=True)
def test_a_page_opened_over_ipv6_loopback_is_told_where_to_go(settings: Settings, admin_user: User) -> None:
    """A browser at the real address, with its brackets."""
    settings.ALLOWED_HOSTS = ["[::1]"]
    with served_at("::1") as url, requests.Session() as web:
        settings.BASE_URL = url.replace("[::1]", "127.0.0.1")
        client = Client()
        client.force_login(admin_user)
        web.cookies.set(settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value)
        web.get(f"{url}/admin/sso/ssoprovider/", timeout=20)
        provider = make_provider(for_people=True, allowed_domains="example.com")
        headers = {"X-CSRFToken": web.cookies["csrftoken"]}
        said = web.post(f"{url}/login/oauth2/start/{provider.pk}", headers=headers, timeout=20).text
        assert f"open {settings.BASE_URL}/admin/sso/ssoprovider/ and click 🔑 there" in said
        web.cookies.clear()
        said = web.get(f"{url}/login/with/{provider.pk}", timeout=20).text
        assert f"sends the browser back to {settings.BASE_URL}: open that address" in said


def test_an_authorization_url_that_is_not_allowed_is_explained(browser: Client, settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False
    provider = make_provider(authorization_url="https://10.0.0.1/auth")
    assert "UCS_ALLOW_PRIVATE_HOSTS" in told(browser.post(f"/login/oauth2/start/{provider.pk}"))


def test_an_unsigned_id_token_for_another_client_is_not_believed() -> None:
    provider = make_provider(client_id="ours", token_url="https://127.0.0.1:1/token")
    claims = base64.urlsafe_b64encode(b'{"aud": "theirs", "email": "x@company.com"}').decode()
    grant = oauth.Grant("", "", f"e30.{claims}.", "", 1)
    assert oauth.accounts_of(provider, grant) == ()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("access_denied", oauth.NeedsSignIn, "choose Allow"),
        ("admin_policy_enforced", oauth.ProviderRefused, "Google Admin console"),
        ("consent_required", oauth.NeedsSignIn, "allow access"),
        ("deleted_client", oauth.ProviderRefused, "was deleted"),
        ("disabled_client", oauth.ProviderRefused, "is disabled"),
        ("interaction_required", oauth.NeedsSignIn, "sign in again"),
        ("invalid_client", oauth.ProviderRefused, "Google Cloud Console"),
        ("invalid_grant", oauth.NeedsSignIn, "7 days"),
        ("invalid_request", oauth.ProviderRefused, "was not understood"),
        ("invalid_scope", oauth.ProviderRefused, "field Scope"),
        ("login_required", oauth.NeedsSignIn, "sign in again"),
        ("org_internal", oauth.ProviderRefused, "External"),
        ("redirect_uri_mismatch", oauth.ProviderRefused, f"exactly {BASE}/login/oauth2/google"),
        ("server_error", oauth.ProviderDown, "few minutes"),
        ("temporarily_unavailable", oauth.ProviderDown, "few minutes"),
        ("unauthorized_client", oauth.ProviderRefused, "Web application"),
        ("never_heard_of", oauth.ProviderRefused, "never_heard_of: some words"),
    ],
)
def test_every_refusal_has_a_remedy(error: str, kind: type[oauth.SignInError], words: str) -> None:
    provider = make_provider()
    found = oauth.refused(provider, error, "some\r\nwords")
    assert type(found) is kind
    assert words in found.sentence
    assert found.sentence.startswith(str(provider))
    assert "\n" not in found.sentence
    assert "{" not in found.sentence


def test_a_redirect_uri_mismatch_shows_both_values(browser: Client, oauth_server: OAuthServer) -> None:
    """The name of a provider is part of its redirect URI: renamed meanwhile, the two differ."""
    provider = provider_at(oauth_server, type="generic", name="acme")
    state = parse_qs(urlsplit(click_key(browser, provider)).query)["state"][0]
    page = f"/admin/sso/ssoprovider/{provider.pk}/change/"
    SSOProvider.objects.filter(pk=provider.pk).update(name="acme-new")
    query = urlencode({"state": state, "error": "redirect_uri_mismatch"})
    said = come_back(browser, f"/login/oauth2/acme?{query}")
    assert "is not registered for this client" in said
    shown = browser.get(page).content.decode()
    for value in (f"{BASE}/login/oauth2/acme", f"{BASE}/login/oauth2/acme-new"):
        assert f'data-copy="{value}"' in shown
    assert "Redirect URI that was sent" in shown
    assert "Redirect URI to register" in shown
    assert "They differ" in shown
    assert "the provider needs time" in shown
    assert "Click 🔑 again in 14 min" in shown or "Click 🔑 again in 15 min" in shown
    listed = browser.get("/admin/sso/ssoprovider/").content.decode()
    assert "the provider needs time" in listed
    SSOProvider.objects.filter(pk=provider.pk).update(name="acme")
    assert "Both are the same" in browser.get(page).content.decode()


def paste(browser: Client, provider: SSOProvider, token: str) -> str:
    return told(browser.post(f"/login/oauth2/paste/{provider.pk}", {"refresh_token": token}))


def test_a_refresh_token_made_elsewhere(browser: Client, oauth_server: OAuthServer) -> None:
    provider = provider_at(oauth_server, mailbox=MAILBOX)
    client = oauth_server.add_client(StoredClient(provider.client_id, provider.client_secret))
    _, refresh_token = oauth_server.issue(MAILBOX, client)
    assert f"signed in as {MAILBOX}" in paste(browser, provider, f"  {refresh_token}\n")
    assert ProviderToken.objects.get(provider=provider).refresh_token == refresh_token
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX


@pytest.mark.parametrize("token", ["", "1//0nobody-gave-this"])
def test_a_refresh_token_that_does_not_work_changes_nothing(
    browser: Client, oauth_server: OAuthServer, token: str
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    before = ProviderToken.objects.get(provider=provider)
    said = paste(browser, provider, token)
    assert "signed in as" not in said
    assert "nobody-gave-this" not in said
    assert "nothing was changed" in said
    assert "has ended" not in said, "it is the pasted one that is no good"
    after = ProviderToken.objects.get(provider=provider)
    assert (after.refresh_token, after.needs_sign_in) == (before.refresh_token, False)


def test_an_app_takes_no_refresh_token(browser: Client) -> None:
    provider = make_provider(type="microsoft", tenant="company.com", app_only=True, mailbox=MAILBOX)
    assert "signs in by itself" in paste(browser, provider, "1//0some-token")
    assert not ProviderToken.objects.get(provider=provider).refresh_token


def test_the_audit_log_tells_a_pasted_token_from_a_sign_in(
    browser: Client, oauth_server: OAuthServer
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    paste(browser, provider, ProviderToken.objects.get(provider=provider).refresh_token)
    assert "with a pasted refresh token" in AuditRow.objects.get(act="did").note


def test_a_scope_for_all_is_answered_with_what_that_is(
    browser: Client, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = provider_at(oauth_server, mailbox=MAILBOX)
    address = decide(click_key(browser, provider), MAILBOX)
    SSOProvider.objects.update(scope="https://outlook.office.com/.default offline_access")
    assert f"signed in as {MAILBOX}" in come_back(browser, address)
