"""The provider in Microsoft's shape, used by Microsoft's own client library."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msal
import pytest
import requests

from rehearsal.oauth.microsoft import APP_SCOPE, MAIL_SCOPES, App
from tests.servers import microsoft
from tests.servers.authority import Authority
from tests.servers.microsoft import Microsoft

BOX = "box@company.com"
BACK = "https://ucs.company.com/login/oauth2/microsoft"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft]:
    with microsoft.running(Authority(Path(tmp_path_factory.mktemp("tls"))), BOX) as running:
        yield running


def library(service: Microsoft, app: App, **overrides: Any) -> Any:
    session = requests.Session()
    session.verify = str(service.bundle)
    session.trust_env = False
    options = {
        "authority": f"{service.url}/{service.tenant.id}",
        "client_credential": app.secret,
        "instance_discovery": False,
        "http_client": session,
    }
    return msal.ConfidentialClientApplication(app.client_id, **(options | overrides))


def sign_in(service: Microsoft, client: Any, decision: str = "allow") -> dict[str, Any]:
    flow = client.initiate_auth_code_flow(list(MAIL_SCOPES), redirect_uri=BACK)
    answer = requests.post(
        flow["auth_uri"], data={"account": BOX, "decision": decision}, allow_redirects=False,
        verify=str(service.bundle), timeout=10,
    )  # fmt: skip
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    found: dict[str, Any] = client.acquire_token_by_auth_code_flow(
        flow, {name: values[0] for name, values in query.items()}
    )
    return found


def test_a_person_signs_in_and_the_token_is_refreshed(service: Microsoft) -> None:
    client = library(service, service.add_app(BACK))
    found = sign_in(service, client)
    assert found["id_token_claims"]["preferred_username"] == BOX
    assert service.tenant.owner_of(found["access_token"]) == BOX
    again = client.acquire_token_by_refresh_token(found["refresh_token"], list(MAIL_SCOPES))
    assert again["refresh_token"] != found["refresh_token"]
    assert service.tenant.owner_of(again["access_token"]) == BOX


def test_an_app_signs_in_by_itself(service: Microsoft) -> None:
    client = library(service, service.add_app())
    found = client.acquire_token_for_client([APP_SCOPE])
    assert service.tenant.owner_of(found["access_token"]) == "*"
    assert "refresh_token" not in found


def test_refusals_have_numbers(service: Microsoft) -> None:
    app = service.add_app(BACK)
    assert sign_in(service, library(service, app), "deny")["error_description"].startswith("AADSTS65004")
    wrong = library(service, app, client_credential="not-it")
    assert sign_in(service, wrong)["error_codes"] == [7000215]
    found = sign_in(service, library(service, app))
    service.tenant.revoke_all()
    client = library(service, app)
    dead = client.acquire_token_by_refresh_token(found["refresh_token"], list(MAIL_SCOPES))
    assert (dead["error"], dead["error_codes"]) == ("invalid_grant", [50173])
