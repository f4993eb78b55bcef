"""People come in with their account at a provider, or are told why not."""

import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django.fixtures import Settings

from agents.models import Agent
from rehearsal.oauth import OAuthServer
from sso import openid
from sso.models import ProviderToken, SSOProvider
from staff.models import LinkedAccount
from tests.make import make_agent, make_people_provider, make_provider
from tests.staff.conftest import (
    ALICE,
    BASE,
    BOB,
    NEWCOMER,
    click,
    come_in,
    decide,
    land,
    new_browser,
    user_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public")]


@pytest.fixture
def provider(oauth_server: OAuthServer) -> SSOProvider:
    return make_people_provider(oauth_server)


@pytest.fixture
def alice() -> User:
    user = make_agent("alice").user
    User.objects.filter(pk=user.pk).update(email="Alice@example.com")
    return user


def test_the_whole_way(provider: SSOProvider, alice: User, caplog: pytest.LogCaptureFixture) -> None:
    browser = new_browser()
    before = browser.get("/login/").content.decode()
    assert "Sign in with Google – example.com" in before
    anonymous = browser.session.session_key

    url = click(browser, provider, next="/conversations/7/")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["redirect_uri"] == f"{BASE}/login/oauth2/google"
    assert asked["scope"] == "openid email profile"
    assert asked["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert "access_type" not in asked, "nothing is kept, so nothing is asked for offline"

    with caplog.at_level(logging.INFO, "staff"):
        where, said = land(browser, decide(url, ALICE))
    assert (where, said) == ("/conversations/7/", "")
    assert user_in(browser) == "alice"
    assert browser.session.session_key != anonymous
    account = LinkedAccount.objects.get()
    assert (account.user, account.email, account.provider) == (alice, ALICE, provider)
    assert f"Signed in: user {alice.pk} by Google – example.com from 127.0.0.1" in caplog.text
    token = ProviderToken.objects.get(provider=provider)
    assert (token.access_token, token.refresh_token, token.account) == ("", "", "")


def test_once_linked_the_subject_counts_and_not_the_address(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer
) -> None:
    come_in(new_browser(), provider, ALICE)
    oauth_server.faults.identity = {"email": "alice.married@example.com"}
    browser = new_browser()
    come_in(browser, provider, ALICE)
    assert user_in(browser) == "alice"
    assert LinkedAccount.objects.get().email == "alice.married@example.com"


def test_an_address_that_was_given_to_somebody_else_is_not_enough(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer
) -> None:
    come_in(new_browser(), provider, ALICE)
    oauth_server.faults.identity = {"sub": "another-person", "email": ALICE}
    browser = new_browser()
    _, said = come_in(browser, provider, ALICE)
    assert "linked with another account" in said
    assert user_in(browser) == ""


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        ("charlie@elsewhere.example", "only accounts of example.com may"),
        ("alice@gmail.com", "only accounts of example.com may"),
        ("unconfirmed@example.com", "does not vouch for the address"),
        (NEWCOMER, f"There is no account for {NEWCOMER} here: ask an administrator for one."),
    ],
)
def test_who_may_not_come_in_is_told_why(
    provider: SSOProvider, alice: User, account: str, sentence: str
) -> None:
    make_agent("mallory")
    User.objects.filter(username="mallory").update(email="unconfirmed@example.com")
    browser = new_browser()
    where, said = come_in(browser, provider, account)
    assert sentence in said
    assert where == "/login/"
    assert user_in(browser) == ""
    assert LinkedAccount.objects.count() == 0
    page = browser.get("/login/").content.decode()
    assert 'role="alert"' in page


ODD_ADDRESSES = [
    "\u212aarl@example.com",  # the Kelvin sign, in small letters a k
    "m\u0131ke@example.com",  # in capital letters MIKE
    "ka\x00rl@example.com",
    "karl@example.com\n",
    "karl@evil.example@example.com",
    "karl x@example.com",
    '"karl"@example.com',
]


@pytest.mark.parametrize("create_people", [False, True])
@pytest.mark.parametrize("address", ODD_ADDRESSES, ids=ascii)
def test_an_address_that_looks_like_somebody_elses(
    oauth_server: OAuthServer, address: str, create_people: bool
) -> None:
    for name in ("karl", "mike"):
        make_agent(name)
        User.objects.filter(username=name).update(email=f"{name}@example.com")
    provider = make_people_provider(oauth_server, create_people=create_people)
    oauth_server.faults.identity = {"email": address}
    browser = new_browser()
    _, said = come_in(browser, provider, ALICE)
    assert "unusual characters" in said
    assert user_in(browser) == ""
    assert User.objects.count() == 2


def test_a_listed_address_that_only_the_database_takes_for_the_same(
    provider: SSOProvider, alice: User
) -> None:
    User.objects.update(email="al\u0131ce@example.com")
    _, said = come_in(new_browser(), provider, ALICE)
    assert "There is no account for alice@example.com here" in said


def test_a_google_account_with_the_address_but_of_no_organisation(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer
) -> None:
    oauth_server.faults.identity = {"hd": "another.example"}
    _, said = come_in(new_browser(), provider, ALICE)
    assert "does not vouch" in said


def test_deactivated_users_stay_out(provider: SSOProvider, alice: User) -> None:
    come_in(new_browser(), provider, ALICE)
    User.objects.update(is_active=False)
    for _ in range(2):
        browser = new_browser()
        _, said = come_in(browser, provider, ALICE)
        assert "is switched off" in said
        assert user_in(browser) == ""
        LinkedAccount.objects.all().delete()
    assert LinkedAccount.objects.count() == 0


def test_two_users_with_one_address(provider: SSOProvider, alice: User) -> None:
    make_agent("bob")
    User.objects.update(email=ALICE)
    _, said = come_in(new_browser(), provider, ALICE)
    assert "Several users have the address" in said


def test_a_newcomer_becomes_an_agent_without_queues(oauth_server: OAuthServer) -> None:
    provider = make_people_provider(oauth_server, create_people=True)
    browser = new_browser()
    come_in(browser, provider, NEWCOMER)
    agent = Agent.objects.get()
    assert user_in(browser) == NEWCOMER
    assert (agent.role, agent.queues.count(), agent.user.get_full_name()) == ("agent", 0, "Dora New")
    assert not agent.user.has_usable_password()
    assert not agent.user.is_staff
    come_in(new_browser(), provider, NEWCOMER)
    assert User.objects.count() == 1


def test_a_forged_state(provider: SSOProvider, alice: User) -> None:
    browser = new_browser()
    back = decide(click(browser, provider), ALICE)
    where, said = land(browser, back.replace("state=", "state=forged"))
    assert (where, user_in(browser)) == ("/login/", "")
    assert "not begun in this browser" in said


def test_another_browser_cant_use_the_answer(provider: SSOProvider, alice: User) -> None:
    back = decide(click(new_browser(), provider), ALICE)
    stranger = new_browser()
    land(stranger, back)
    assert user_in(stranger) == ""


def test_an_answer_is_good_once(provider: SSOProvider, alice: User) -> None:
    browser = new_browser()
    back = decide(click(browser, provider), ALICE)
    land(browser, back)
    browser.logout()
    _, said = land(browser, back)
    assert "loaded twice" in said
    assert user_in(browser) == ""


def test_a_code_of_another_sign_in(provider: SSOProvider, alice: User, oauth_server: OAuthServer) -> None:
    """PKCE: a code that was stolen elsewhere is worth nothing here."""
    stolen = parse_qs(urlsplit(decide(click(new_browser(), provider), ALICE)).query)["code"][0]
    browser = new_browser()
    mine = parse_qs(urlsplit(click(browser, provider)).query)["state"][0]
    _, said = land(browser, f"/login/oauth2/google?state={mine}&code={stolen}")
    assert said
    assert user_in(browser) == ""


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["another-client", "and-one-more"]},
        {"azp": "another-client"},
        {"iss": "https://accounts.example.net"},
        {"exp": 1},
        {"iat": 33_333_333_333},
        {"sub": None},
    ],
    ids=str,
)
def test_an_identity_that_is_not_in_order(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer, claims: dict[str, object]
) -> None:
    oauth_server.faults.identity = claims
    browser = new_browser()
    _, said = come_in(browser, provider, ALICE)
    assert "gave an identity" in said
    assert user_in(browser) == ""


@pytest.mark.parametrize(
    "claims",
    [{"sub": "x" * 256}, {"sub": "a\x00b"}, {"email": "a" * 200 + "@example.com"}, {"sub": ""}],
    ids=len,
)
def test_names_that_cant_be_kept(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer, claims: dict[str, object]
) -> None:
    oauth_server.faults.identity = claims
    browser = new_browser()
    _, said = come_in(browser, provider, ALICE)
    assert said
    assert user_in(browser) == ""


@pytest.mark.parametrize("claims", [{"email": None}, {"email": ["alice@example.com"]}, {"email": 7}], ids=str)
def test_an_address_that_is_none(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer, claims: dict[str, object]
) -> None:
    oauth_server.faults.identity = claims
    _, said = come_in(new_browser(), provider, ALICE)
    assert "may not sign in here" in said


def test_a_signature_with_a_key_that_is_not_the_providers(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer
) -> None:
    oauth_server.faults.foreign_signature = True
    browser = new_browser()
    _, said = come_in(browser, provider, ALICE)
    assert "not in order" in said
    assert user_in(browser) == ""


def test_a_provider_that_changed_its_keys(alice: User, oauth_server: OAuthServer) -> None:
    provider = make_people_provider(oauth_server)
    come_in(new_browser(), provider, ALICE)
    place = next(iter(openid._servers))
    with OAuthServer(accounts=()) as other:
        provider.issuer = other.base_url
        old = openid._server(provider)
    openid._servers.clear()
    provider.issuer = oauth_server.base_url
    aged = openid.Server(
        oauth_server.base_url, old.keys_url, old.keys, old.read_at - openid.KEYS_ASKED_EVERY - 1
    )
    openid._servers[place] = aged
    browser = new_browser()
    come_in(browser, provider, ALICE)
    assert user_in(browser) == "alice"


def test_an_issuer_that_is_somebody_else(alice: User, oauth_server: OAuthServer) -> None:
    provider = make_people_provider(
        oauth_server, issuer=oauth_server.base_url.replace("127.0.0.1", "localhost")
    )
    _, said = come_in(new_browser(), provider, ALICE)
    assert "should correct the issuer" in said


def test_the_answer_of_another_server(provider: SSOProvider, alice: User) -> None:
    browser = new_browser()
    back = decide(click(browser, provider), ALICE)
    _, said = land(browser, f"{back}&iss=https%3A%2F%2Fevil.example")
    assert "another server" in said


def test_a_private_issuer_is_not_asked_unless_allowed(
    provider: SSOProvider, alice: User, settings: Settings
) -> None:
    browser = new_browser()
    url = click(browser, provider)
    settings.ALLOW_PRIVATE_HOSTS = False
    _, said = land(browser, decide(url, ALICE))
    assert "private network" in said


def test_a_browser_that_came_by_another_name_of_this_machine(
    provider: SSOProvider, settings: Settings
) -> None:
    settings.BASE_URL, settings.ALLOWED_HOSTS = "http://127.0.0.1:8080", ["localhost", "127.0.0.1"]
    answer = Client(headers={"host": "localhost:8080"}).get(f"/login/with/{provider.pk}")
    said = " ".join(str(one) for one in get_messages(answer.wsgi_request))
    assert "open that address and sign in there" in said
    good = Client(headers={"host": "127.0.0.1:8080"}).get(f"/login/with/{provider.pk}")
    assert good["Location"].startswith(provider.authorization_url)


def test_a_provider_that_was_changed_meanwhile(provider: SSOProvider, alice: User) -> None:
    """The code is good at the server that gave it, and is not shown to another one."""
    browser = new_browser()
    back = decide(click(browser, provider), ALICE)
    SSOProvider.objects.update(token_url="https://another.example/token")
    _, said = land(browser, back)
    assert "was changed meanwhile" in said
    assert user_in(browser) == ""


def test_cancelled_at_the_provider(provider: SSOProvider) -> None:
    browser = new_browser()
    _, said = land(browser, decide(click(browser, provider), ALICE, "deny"))
    assert "cancelled" in said


def test_a_mailbox_sign_in_lets_nobody_in_and_a_person_signs_no_mailbox_in(
    provider: SSOProvider, alice: User, oauth_server: OAuthServer, admin_user: User
) -> None:
    User.objects.filter(pk=admin_user.pk).update(email=BOB)
    admin = new_browser()
    admin.force_login(admin_user)
    consent = admin.post(f"/login/oauth2/start/{provider.pk}")["Location"]
    back = decide(consent, ALICE)
    stranger = new_browser()
    land(stranger, back)
    assert user_in(stranger) == ""

    come_in(admin, provider, ALICE)  # the administrator's browser, a person's sign-in
    assert user_in(admin) == "alice"
    assert ProviderToken.objects.get(provider=provider).refresh_token == ""


@pytest.mark.parametrize(
    "next_url", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_next_leads_nowhere_else(provider: SSOProvider, alice: User, next_url: str) -> None:
    where, _ = come_in(new_browser(), provider, ALICE, next=next_url)
    assert where == "/"


def test_only_providers_for_people_have_a_button(oauth_server: OAuthServer) -> None:
    mailbox = make_provider()
    browser = new_browser()
    assert "Sign in with" not in browser.get("/login/").content.decode()
    assert browser.get(f"/login/with/{mailbox.pk}").status_code == 404


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("allowed_domains", {"allowed_domains": ""}),
        ("allowed_domains", {"allowed_domains": "example.com, not a domain"}),
        ("tenant", {"type": "microsoft", "tenant": "common"}),
        ("tenant", {"type": "microsoft", "tenant": "9188040D-6c67-4c5b-b112-36a304b66dad"}),
        ("create_people", {"allowed_domains": "example.com, Gmail.com", "create_people": True}),
        ("issuer", {"type": "generic", "name": "keycloak", "issuer": "", "authorization_url": "https://id.example.com/a",
                    "token_url": "https://id.example.com/t", "scope": "mail"}),
        ("for_people", {"type": "microsoft", "tenant": "example.com", "app_only": True, "mailbox": BOB}),
    ],
)  # fmt: skip
def test_settings_that_would_let_everybody_in(field: str, values: dict[str, object]) -> None:
    usual: dict[str, object] = {
        "name": "g", "client_id": "1", "client_secret": "s", "for_people": True,
        "allowed_domains": "example.com",
    }  # fmt: skip
    with pytest.raises(ValidationError) as refused:
        SSOProvider(**(usual | values)).clean()
    assert field in refused.value.message_dict
