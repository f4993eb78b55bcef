"""A provider that people sign in with, and their browsers."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django.fixtures import Settings

from rehearsal.oauth import Account, Faults, OAuthServer
from sso import openid
from sso.models import SSOProvider
from staff import rules

BASE = "https://ucs.example.com"
ALICE, BOB, NEWCOMER = "alice@example.com", "bob@example.com", "dora@example.com"
PEOPLE = (
    Account(ALICE, "Alice Agent"),
    Account(BOB, "Bob Supervisor"),
    Account(NEWCOMER, "Dora New"),
    Account("charlie@elsewhere.example", "Charlie Stranger"),
    Account("alice@example.com.", "An Alice of her own", verified=False),
    Account("unconfirmed@example.com", "Somebody", verified=False),
    Account("alice@gmail.com", "Alice at home"),
)


@pytest.fixture(scope="module")
def running_server() -> Iterator[OAuthServer]:
    with OAuthServer(accounts=PEOPLE) as server:
        yield server


@pytest.fixture
def oauth_server(running_server: OAuthServer) -> OAuthServer:
    """An OAuth server on loopback that knows these people, and has given nobody anything yet."""
    running_server.store.faults = Faults()
    running_server.store.grants.clear()
    return running_server


@pytest.fixture(autouse=True)
def fresh(settings: Settings) -> Iterator[None]:
    """Loopback may be asked, and nothing of another test's server or rules is remembered."""
    settings.ALLOW_PRIVATE_HOSTS = True
    openid._servers.clear()
    rules.forget()
    yield
    rules.forget()


@pytest.fixture
def public(settings: Settings) -> None:
    """The product behind a TLS proxy."""
    settings.BASE_URL = BASE
    settings.ALLOWED_HOSTS = ["ucs.example.com"]


@pytest.fixture
def browser(public: None) -> Client:
    """A browser in which nobody is signed in."""
    return new_browser()


def new_browser() -> Client:
    return Client(headers={"host": "ucs.example.com"})


def click(browser: Client, provider: SSOProvider, **query: str) -> str:
    """The provider's button; returns the address of its page."""
    response = browser.get(f"/login/with/{provider.pk}", query)
    assert response.status_code == 302, response
    return str(response["Location"])


def decide(url: str, account: str, decision: str = "allow", **options: Any) -> str:
    """Choose an account at the provider; returns the address that the browser is sent back to."""
    form = {"account": account, "decision": decision}
    response = requests.post(url, data=form, allow_redirects=False, timeout=10, **options)
    assert response.status_code == 302, response.text
    return response.headers["Location"].removeprefix(BASE)


def come_in(browser: Client, provider: SSOProvider, account: str, **query: str) -> tuple[str, str]:
    """The whole way; returns where one lands, and what one is told."""
    return land(browser, decide(click(browser, provider, **query), account))


def land(browser: Client, address: str) -> tuple[str, str]:
    """Follow the provider's redirect to us."""
    response = browser.get(address)
    assert response.status_code == 302, response
    said = " ".join(str(one) for one in get_messages(response.wsgi_request))
    return str(response["Location"]), said


def user_in(browser: Client) -> str:
    """Who is signed in; "" for nobody."""
    pk = browser.session.get("_auth_user_id")
    return User.objects.get(pk=pk).get_username() if pk else ""
