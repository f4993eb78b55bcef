import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from rehearsal.oauth import OAuthServer, Refusal
from sso import endpoint, tokens, uses
from sso.models import ProviderToken, SSOProvider, TokenUse
from tests.make import make_provider, make_signed_in_provider
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db

KEY = "a-key-of-forty-characters-for-the-tests-"
LOCAL = {"host": "127.0.0.1:8080"}


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> Iterator[None]:
    settings.TOKEN_KEYS = ["another-key-of-forty-characters-before-", KEY]
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "ucs.company.com"]
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def provider(oauth_server: OAuthServer) -> SSOProvider:
    return make_signed_in_provider(oauth_server, MAILBOX)


def path(provider: SSOProvider) -> str:
    return f"/api/v1.0/auth/token/{provider.pk}"


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
def test_a_program_on_this_machine_gets_the_token(
    client: Client, provider: SSOProvider, oauth_server: OAuthServer, peer: str, host: str
) -> None:
    response = client.get(path(provider), headers={"host": host}, REMOTE_ADDR=peer)
    assert response.status_code == 200
    assert oauth_server.owner_of(response.content.decode()) == MAILBOX
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": ""},
        {"X-Forwarded-Host": "127.0.0.1"},
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Port": "8080"},
        {"X-Forwarded-Server": "x"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Client-IP": "127.0.0.1"},
        {"True-Client-IP": "127.0.0.1"},
        {"CF-Connecting-IP": "127.0.0.1"},
        {"Client-IP": "127.0.0.1"},
        {"Fastly-Client-IP": "127.0.0.1"},
        {"CDN-Loop": "cloudflare"},
        {"X-Original-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Prefix": "/"},
        {"X-Forwarded": "for=127.0.0.1"},
        {"Forwarded-For": "127.0.0.1"},
        {"X-Cluster-Client-IP": "127.0.0.1"},
        {"Fly-Client-IP": "127.0.0.1"},
        {"WL-Proxy-Client-IP": "127.0.0.1"},
        {"X-Azure-ClientIP": "127.0.0.1"},
        {"X-Azure-SocketIP": "127.0.0.1"},
        {"X-Envoy-External-Address": "127.0.0.1"},
        {"X-Original-Host": "127.0.0.1"},
        {"X-Originating-IP": "127.0.0.1"},
        {"X-ProxyUser-Ip": "127.0.0.1"},
        {"X-Remote-Addr": "127.0.0.1"},
        {"host": "ucs.company.com"},
    ],
)
def test_what_came_through_a_proxy_needs_a_key(
    client: Client, provider: SSOProvider, header: dict[str, str]
) -> None:
    response = client.get(path(provider), headers=LOCAL | header)
    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"
    assert "UCS_TOKEN_KEYS" in response.json()["detail"]

    with_key = client.get(path(provider), headers=LOCAL | header | {"Authorization": f"Bearer {KEY}"})
    assert with_key.status_code == 200


@pytest.mark.parametrize("address", ["https://desk.example.com", "https://203.0.113.5:8443"])
def test_behind_a_proxy_that_adds_nothing_a_key_is_needed(
    client: Client, provider: SSOProvider, settings: Settings, address: str
) -> None:
    settings.BASE_URL = address
    refused = client.get(path(provider), headers=LOCAL, REMOTE_ADDR="127.0.0.1")
    assert refused.status_code == 403
    assert "UCS_BASE_URL" in refused.json()["detail"]
    key = {"Authorization": f"Bearer {KEY}"}
    assert client.get(path(provider), headers=LOCAL | key).status_code == 200


@pytest.mark.parametrize("peer", ["10.0.0.7", "203.0.113.5", "", "::ffff:10.0.0.7", "unix:"])
def test_other_machines_need_a_key(client: Client, provider: SSOProvider, peer: str) -> None:
    assert client.get(path(provider), headers=LOCAL, REMOTE_ADDR=peer).status_code == 403
    key = {"Authorization": f"bearer {KEY}"}
    assert client.get(path(provider), headers=LOCAL | key, REMOTE_ADDR=peer).status_code == 200


@pytest.mark.parametrize(
    "value", ["Bearer wrong", "Bearer ", "Bearer", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer é"]
)
def test_a_wrong_key_is_refused_even_on_this_machine(
    client: Client, provider: SSOProvider, value: str
) -> None:
    response = client.get(path(provider), headers=LOCAL | {"Authorization": value})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


def test_json_when_asked_for(client: Client, provider: SSOProvider) -> None:
    response = client.get(path(provider), headers=LOCAL | {"Accept": "application/json"})
    found = response.json()
    assert set(found) == {"access_token", "token_type", "expires_at", "account"}
    assert found["account"] == MAILBOX
    assert ProviderToken.objects.get().refresh_token not in response.content.decode()


@pytest.mark.parametrize("name", ["9999", "google-1", "-1", "9" * 40, "٣"])
def test_an_unknown_provider_is_404(client: Client, name: str) -> None:
    response = client.get(f"/api/v1.0/auth/token/{name}", headers=LOCAL)
    assert response.status_code == 404
    assert response.json()["status"] == 404


def test_not_signed_in_is_409(client: Client) -> None:
    response = client.get(path(make_provider()), headers=LOCAL)
    assert response.status_code == 409
    assert "click 🔑" in response.json()["detail"]


def test_a_dead_sign_in_is_409(client: Client, provider: SSOProvider, oauth_server: OAuthServer) -> None:
    oauth_server.revoke_all(MAILBOX)
    ProviderToken.objects.update(expires_at=None)
    assert client.get(path(provider), headers=LOCAL).status_code == 409


def test_a_provider_that_is_down_is_503_and_no_stale_token(
    client: Client, provider: SSOProvider, oauth_server: OAuthServer
) -> None:
    ProviderToken.objects.update(expires_at=None)
    oauth_server.stop()
    response = client.get(path(provider), headers=LOCAL)
    assert response.status_code == 503
    assert ProviderToken.objects.get().access_token not in response.content.decode()


def test_while_the_provider_is_down_ten_minutes_are_promised_or_nothing_is_given(
    client: Client, provider: SSOProvider, oauth_server: OAuthServer
) -> None:
    """Our own workers need a token for seconds, and go on with the old one."""
    oauth_server.stop()
    for minutes, status in ((11, 200), (5, 503)):
        ProviderToken.objects.update(expires_at=timezone.now() + timedelta(minutes=minutes))
        response = client.get(path(provider), headers=LOCAL)
        assert response.status_code == status
    old = ProviderToken.objects.get().access_token
    assert old not in response.content.decode()
    assert tokens.access_token(provider.pk) == old


def test_503_says_when_to_come_again(
    client: Client, provider: SSOProvider, oauth_server: OAuthServer
) -> None:
    ProviderToken.objects.update(expires_at=None)
    oauth_server.faults.standing = Refusal("slow", status=503, headers={"Retry-After": "300"})
    response = client.get(path(provider), headers=LOCAL)
    assert response.status_code == 503
    assert 240 < int(response["Retry-After"]) <= 301
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("fault", ["", "down", "signed out", "often"])
def test_no_answer_is_kept_by_anybody(
    client: Client,
    provider: SSOProvider,
    oauth_server: OAuthServer,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if fault == "often":
        monkeypatch.setattr(endpoint, "PER_MINUTE", 0)
    if fault in ("down", "signed out"):
        ProviderToken.objects.update(expires_at=None)
        oauth_server.stop() if fault == "down" else oauth_server.revoke_all(MAILBOX)
    response = client.get(path(provider), headers=LOCAL)
    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))
    assert {"Accept", "Authorization"} <= set(response["Vary"].split(", "))
    assert not response.has_header("ETag")
    assert not response.cookies


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("", False), ("*/*", False), ("text/plain", False), ("text/html,*/*;q=0.8", False),
        ("application/json", True), ("application/json;q=0", False), ("text/*;q=0.1, application/json", True),
        ("application/json, */*;q=0.5", True), ("image/png", False), ("application/*", True),
    ],
)  # fmt: skip
def test_text_or_json(client: Client, provider: SSOProvider, accept: str, is_json: bool) -> None:
    header = {"Accept": accept} if accept else {}
    response = client.get(path(provider), headers=LOCAL | header)
    wanted = "application/json" if is_json else "text/plain; charset=utf-8"
    assert (response.status_code, response["Content-Type"]) == (200, wanted)


def test_each_use_is_a_row_without_the_token(client: Client, provider: SSOProvider) -> None:
    token = client.get(path(provider), headers=LOCAL).content.decode()
    client.get(path(provider), headers=LOCAL | {"Authorization": f"Bearer {KEY}"}, REMOTE_ADDR="10.0.0.7")
    client.get(path(provider), headers=LOCAL | {"Authorization": "Bearer wrong"})
    client.get(path(provider), headers=LOCAL | {"Via": "1.1 proxy"})
    ProviderToken.objects.update(needs_sign_in=True)
    client.get(path(provider), headers=LOCAL)
    rows = TokenUse.objects.order_by("pk")
    assert [(row.provider_id, row.caller) for row in rows] == [
        (provider.pk, "127.0.0.1"),
        (provider.pk, "key 2"),
    ]
    assert token not in str(list(rows.values()))


def test_uses_are_shown_and_forgotten(client: Client, admin_client: Client, provider: SSOProvider) -> None:
    page = f"/admin/sso/ssoprovider/{provider.pk}/change/"
    admin_client.defaults["HTTP_HOST"] = LOCAL["host"]
    assert "Token URL" in (before := admin_client.get(page).content.decode())
    assert "fetched it" not in before
    client.get(path(provider), headers=LOCAL)
    html = admin_client.get(page).content.decode()
    assert "fetched it</a> 1 time in the last 24 hours" in html
    shown = admin_client.get(f"/admin/sso/tokenuse/?provider__id__exact={provider.pk}").content.decode()
    assert "127.0.0.1" in shown
    uses.forget_old(timezone.now() + timedelta(days=29))
    assert TokenUse.objects.count() == 1
    uses.forget_old(timezone.now() + timedelta(days=31))
    assert TokenUse.objects.count() == 0


@pytest.mark.parametrize("way", ["0{}", "00{}"])
def test_the_limit_counts_a_provider_however_it_is_written(
    client: Client, provider: SSOProvider, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(endpoint, "PER_MINUTE", 1)
    assert client.get(path(provider), headers=LOCAL).status_code == 200
    again = client.get(f"/api/v1.0/auth/token/{way.format(provider.pk)}", headers=LOCAL)
    assert (again.status_code, again["Retry-After"]) == (429, "60")


def test_nothing_but_get(client: Client, provider: SSOProvider) -> None:
    assert client.post(path(provider), headers=LOCAL).status_code == 405


def test_too_often_is_429(client: Client, provider: SSOProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "PER_MINUTE", 3)
    codes = [client.get(path(provider), headers=LOCAL).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_the_token_is_not_logged(
    client: Client, provider: SSOProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = client.get(path(provider), headers=LOCAL).content.decode()
    assert f"access token of provider {provider.pk}" in caplog.text
    assert token not in caplog.text
