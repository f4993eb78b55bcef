"""The OAuth provider, used over HTTP by Google's own client library."""

import json
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import Flow
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization

from rehearsal.oauth import MAIL_SCOPE, Account, Client, OAuthServer

ALICE = "alice@company.example"
CLIENT_ID = "1234-rehearsal.apps.googleusercontent.com"
REDIRECT_URI = "http://127.0.0.1:8080/login/oauth2/google"


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with OAuthServer(accounts=[Account(ALICE, "Alice"), Account("bob@company.example")]) as running:
        yield running


def make_flow(server: OAuthServer, **overrides: Any) -> Any:
    urls = server.endpoints()
    config = {
        "client_id": CLIENT_ID,
        "client_secret": "GOCSPX-rehearsal",
        "auth_uri": urls["authorization_url"],
        "token_uri": urls["token_url"],
    } | overrides.pop("client", {})
    kind = {"scopes": [MAIL_SCOPE], "redirect_uri": REDIRECT_URI} | overrides
    return Flow.from_client_config({"web": config}, **kind)


def consent(url: str, account: str = ALICE, decision: str = "allow") -> str:
    """Answer the consent page as a browser would, and say where it sends the browser."""
    answer = requests.post(
        url, data={"account": account, "decision": decision}, allow_redirects=False, timeout=10
    )
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def sign_in(server: OAuthServer, **parameters: str) -> Credentials:
    flow = make_flow(server)
    url, _ = flow.authorization_url(**({"access_type": "offline", "prompt": "consent"} | parameters))
    flow.fetch_token(authorization_response=consent(url))
    credentials: Credentials = flow.credentials
    return credentials


def refresh(credentials: Any) -> None:
    credentials.refresh(partial(Request(), timeout=10))


def error_of(location: str) -> str:
    return parse_qs(urlsplit(location).query)["error"][0]


def test_code_flow_with_pkce_gives_a_token_for_the_account(server: OAuthServer) -> None:
    flow = make_flow(server)
    url, state = flow.authorization_url(access_type="offline", prompt="consent")
    assert "code_challenge=" in url
    location = consent(url)
    assert parse_qs(urlsplit(location).query)["state"] == [state]
    flow.fetch_token(authorization_response=location)
    assert flow.credentials.refresh_token
    assert server.owner_of(flow.credentials.token) == ALICE
    assert server.token_requests == 1


def test_wrong_pkce_verifier_is_refused(server: OAuthServer) -> None:
    flow = make_flow(server)
    url, _ = flow.authorization_url()
    flow.code_verifier = "x" * 64
    with pytest.raises(Exception, match="invalid_grant"):
        flow.fetch_token(authorization_response=consent(url))


def test_code_works_once(server: OAuthServer) -> None:
    flow = make_flow(server)
    url, _ = flow.authorization_url()
    location = consent(url)
    flow.fetch_token(authorization_response=location)
    with pytest.raises(Exception, match="invalid_grant"):
        flow.fetch_token(authorization_response=location)


def test_pages_list_the_accounts_and_name_what_is_asked_for(server: OAuthServer) -> None:
    url, _ = make_flow(server).authorization_url(prompt="consent")
    assert "bob@company.example" in requests.get(url, timeout=10).text
    page = requests.get(url, params={"account": ALICE}, timeout=10).text
    assert "Read, compose, send and delete all your e-mail" in page


def test_denial_comes_back_as_access_denied(server: OAuthServer) -> None:
    url, _ = make_flow(server).authorization_url()
    assert error_of(consent(url, decision="deny")) == "access_denied"


@pytest.mark.parametrize(
    ("parameters", "has_refresh_token"),
    [
        ({"access_type": "offline", "prompt": "consent"}, True),
        ({"access_type": "offline", "prompt": "select_account"}, False),
        ({"access_type": "online", "prompt": "consent"}, False),
    ],
)
def test_second_consent_brings_a_refresh_token_only_when_google_would_give_one(
    server: OAuthServer, parameters: dict[str, str], has_refresh_token: bool
) -> None:
    assert sign_in(server).refresh_token
    assert bool(sign_in(server, **parameters).refresh_token) is has_refresh_token


def test_refresh_keeps_the_refresh_token_unless_rotation_is_on(server: OAuthServer) -> None:
    credentials = sign_in(server)
    first_access, first_refresh = credentials.token, credentials.refresh_token
    refresh(credentials)
    assert server.owner_of(str(credentials.token)) == ALICE
    assert (credentials.token != first_access, credentials.refresh_token) == (True, first_refresh)
    server.faults.rotate_refresh_tokens = True
    refresh(credentials)
    assert credentials.refresh_token != first_refresh
    refresh(credentials)
    assert server.refreshes == 3


@pytest.mark.parametrize(
    ("fault", "retryable"),
    [("invalid_grant", False), ("invalid_client", False)],
)
def test_refresh_faults_reach_the_client_once(server: OAuthServer, fault: str, retryable: bool) -> None:
    credentials = sign_in(server)
    server.faults.refresh = [fault]
    with pytest.raises(RefreshError) as caught:
        refresh(credentials)
    assert (caught.value.args[1]["error"], caught.value.retryable) == (fault, retryable)
    refresh(credentials)


def test_server_error_on_refresh_is_a_500(server: OAuthServer) -> None:
    server.faults.refresh = ["server_error"]
    answer = requests.post(server.endpoints()["token_url"], data={"grant_type": "refresh_token"}, timeout=10)
    assert answer.status_code == 500


def test_missing_refresh_token_can_be_asked_for(server: OAuthServer) -> None:
    server.faults.omit_refresh_token = True
    assert sign_in(server).refresh_token is None


def test_revoked_grant_ends_access_and_refresh(server: OAuthServer) -> None:
    credentials = sign_in(server)
    answer = requests.post(
        server.endpoints()["revoke_url"], params={"token": credentials.refresh_token}, timeout=10
    )
    assert answer.status_code == 200
    assert server.owner_of(str(credentials.token)) is None
    with pytest.raises(RefreshError, match="invalid_grant"):
        refresh(credentials)


def test_tokens_expire(server: OAuthServer) -> None:
    credentials = sign_in(server)
    server.expire_access_tokens()
    assert server.owner_of(str(credentials.token)) is None
    refresh(credentials)
    assert server.owner_of(str(credentials.token)) == ALICE


def test_token_life_is_what_was_asked_for() -> None:
    with OAuthServer(accounts=[Account(ALICE)], token_life=90) as server:
        url, _ = (flow := make_flow(server)).authorization_url()
        token = flow.fetch_token(authorization_response=consent(url))
    assert token["expires_in"] == 90


def test_unknown_client_wrong_redirect_and_foreign_scope(server: OAuthServer) -> None:
    def page(**changes: str) -> requests.Response:
        query = {
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": MAIL_SCOPE,
            "state": "s1",
        } | changes
        url = f"{server.endpoints()['authorization_url']}?{urlencode(query)}"
        return requests.get(url, allow_redirects=False, timeout=10)

    unknown = page(client_id="somebody-else")
    assert (unknown.status_code, "invalid_client" in unknown.text) == (400, True)
    wrong = page(redirect_uri='https://elsewhere.example/"\\steal')
    assert (wrong.status_code, "redirect_uri_mismatch" in wrong.text) == (400, True)
    foreign = page(scope="https://www.example.com/auth/everything")
    assert (foreign.status_code, error_of(foreign.headers["location"])) == (302, "invalid_scope")
    missing = page(scope="")
    assert (missing.status_code, "invalid_request" in missing.text) == (400, True)


def test_first_secret_of_a_google_client_is_then_the_only_one(server: OAuthServer) -> None:
    credentials = sign_in(server)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": credentials.refresh_token,
        "client_id": CLIENT_ID,
        "client_secret": "another",
    }
    answer = requests.post(server.endpoints()["token_url"], data=form, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_exact_client_with_basic_authentication_and_introspection(server: OAuthServer) -> None:
    client = server.add_client(Client("mail-server", "s3cret", ("https://app.example/back",)))
    token, _ = server.issue(ALICE, client)

    def introspect(value: str, secret: str = "s3cret") -> requests.Response:
        return requests.post(
            server.endpoints()["introspection_url"],
            data={"token": value},
            auth=("mail-server", secret),
            timeout=10,
        )

    known = introspect(token).json()
    assert (known["active"], known["username"], known["scope"]) == (True, ALICE, MAIL_SCOPE)
    assert introspect("ya29.nobody").json() == {"active": False}
    assert introspect(token, "wrong").status_code == 401


def test_openid_gives_an_id_token_and_userinfo_with_the_address(server: OAuthServer) -> None:
    flow = make_flow(server, scopes=["openid", "email", MAIL_SCOPE])
    url, _ = flow.authorization_url(access_type="offline", prompt="consent")
    token = flow.fetch_token(authorization_response=consent(url))
    assert "https://www.googleapis.com/auth/userinfo.email" in token["scope"]
    keys = requests.get(server.endpoints()["jwks_url"], timeout=10).json()
    claims = _verified(token["id_token"], keys)
    assert (claims["email"], claims["aud"]) == (ALICE, CLIENT_ID)
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    info = requests.get(server.endpoints()["userinfo_url"], headers=bearer, timeout=10).json()
    assert (info["email"], info["sub"]) == (ALICE, claims["sub"])
    refresh(flow.credentials)


def _verified(id_token: str, keys: dict[str, Any]) -> dict[str, Any]:
    return jwt.decode(id_token, KeySet.import_key_set(cast(KeySetSerialization, keys))).claims


def test_userinfo_needs_more_than_the_mail_scope(server: OAuthServer) -> None:
    bearer = {"Authorization": f"Bearer {sign_in(server).token}"}
    answer = requests.get(server.endpoints()["userinfo_url"], headers=bearer, timeout=10)
    assert answer.status_code == 403


def test_consents_survive_a_restart_in_a_file_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "oauth.json"
    with OAuthServer(accounts=[Account(ALICE)], state_file=file) as first:
        port = first.port
        credentials = sign_in(first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["clients"] == {CLIENT_ID: "GOCSPX-rehearsal"}
    with OAuthServer(port, accounts=[Account(ALICE)], state_file=file) as second:
        refresh(credentials)
        assert second.owner_of(str(credentials.token)) == ALICE
