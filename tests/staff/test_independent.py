"""People come in by an OpenID provider that none of us wrote, which is certified for what it does."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from django.contrib.auth.models import User

from sso.models import SSOProvider
from staff.models import LinkedAccount
from tests.make import make_agent, make_provider
from tests.servers import oidc_op
from tests.servers.oidc_op import Provider
from tests.staff.conftest import ALICE, BASE, BOB, click, land, new_browser, user_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public")]


@pytest.fixture
def service() -> Iterator[Provider]:
    with oidc_op.running(ALICE, BOB) as running:
        yield running


def provider_of(service: Provider, **overrides: object) -> SSOProvider:
    values: dict[str, object] = {
        "type": "generic", "name": "company-id", "scope": "openid email", "issuer": service.url,
        "authorization_url": service.authorization_url, "token_url": service.token_url,
        "userinfo_url": service.userinfo_url, "for_people": True, "allowed_domains": "example.com",
    }  # fmt: skip
    provider = make_provider(**(values | overrides))
    service.add_client(provider.client_id, provider.client_secret, f"{BASE}/login/oauth2/company-id")
    return provider


def choose(service: Provider, page: str, account: str) -> str:
    """Go through the provider's page as a browser does; returns where it leads."""
    form = requests.get(page, timeout=10).text
    token = form.partition('name="token" value="')[2].partition('"')[0]
    chosen = {"token": token, "account": account, "decision": "allow"}
    answer = requests.post(f"{service.url}/verify", data=chosen, allow_redirects=False, timeout=10)
    return answer.headers["Location"].removeprefix(BASE)


def test_a_person_comes_in(service: Provider) -> None:
    alice = make_agent("alice").user
    User.objects.filter(pk=alice.pk).update(email=ALICE)
    provider = provider_of(service)
    for _ in range(2):
        browser = new_browser()
        assert "Sign in with company-id – example.com" in browser.get("/login/").content.decode()
        where, said = land(browser, choose(service, click(browser, provider), ALICE))
        assert (where, said, user_in(browser)) == ("/", "", "alice")
    account = LinkedAccount.objects.get()
    assert (account.user, account.issuer) == (alice, service.url)


def test_a_code_and_a_state_of_two_sign_ins(service: Provider) -> None:
    """The provider itself refuses a code with another verifier (RFC 7636)."""
    make_agent("alice")
    User.objects.update(email=ALICE)
    provider, browser = provider_of(service), new_browser()
    first = urlsplit(choose(service, click(browser, provider), ALICE)).query
    second = urlsplit(choose(service, click(browser, provider), ALICE)).query
    mixed = "&".join(part for part in first.split("&") if not part.startswith("state="))
    state = next(part for part in second.split("&") if part.startswith("state="))
    _, said = land(browser, f"/login/oauth2/company-id?{mixed}&{state}")
    assert said
    assert user_in(browser) == ""
