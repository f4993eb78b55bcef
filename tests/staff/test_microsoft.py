"""People of one tenant come in; its guests and other tenants' people don't."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from sso.models import SSOProvider
from staff.models import LinkedAccount
from tests.make import make_agent, make_provider
from tests.servers import microsoft
from tests.servers.authority import Authority
from tests.servers.microsoft import Microsoft
from tests.staff.conftest import ALICE, BASE, BOB, click, decide, land, new_browser, user_in

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft]:
    authority = Authority(Path(tmp_path_factory.mktemp("tls")))
    with microsoft.running(authority, ALICE, "alice@sales.example.com", guests=(BOB,)) as service:
        yield service


@pytest.fixture
def service(running: Microsoft, settings: Settings, public: None) -> Microsoft:
    settings.CA_BUNDLE = str(running.bundle)
    return running


def provider_of(service: Microsoft, tenant: str) -> SSOProvider:
    app = service.add_app(f"{BASE}/login/oauth2/microsoft")
    return make_provider(
        type="microsoft", client_id=app.client_id, client_secret=app.secret, tenant=tenant,
        authority=service.url, for_people=True, allowed_domains="example.com",
    )  # fmt: skip


def come_in(service: Microsoft, provider: SSOProvider, account: str) -> tuple[str, str]:
    """Who is in then, and what one is told."""
    browser = new_browser()
    back = decide(click(browser, provider), account, verify=str(service.bundle))
    _, said = land(browser, back)
    return user_in(browser), said


@pytest.mark.parametrize("by", ["id", "domain"])
def test_a_person_of_the_tenant(service: Microsoft, by: str) -> None:
    alice = make_agent("alice").user
    User.objects.update(email=ALICE)
    provider = provider_of(service, service.tenant.id if by == "id" else service.tenant.domain)
    assert come_in(service, provider, ALICE) == ("alice", "")
    account = LinkedAccount.objects.get(user=alice)
    assert service.tenant.id in account.issuer
    assert "@" not in account.subject
    User.objects.update(email="")
    assert come_in(service, provider, ALICE) == ("alice", ""), "known by the tenant's ID of the account"


def test_a_guest_of_the_tenant(service: Microsoft) -> None:
    make_agent("bob")
    User.objects.update(email=BOB)
    who, said = come_in(service, provider_of(service, service.tenant.id), BOB)
    assert who == ""
    assert "does not vouch" in said


def test_another_domain_of_the_tenant(service: Microsoft) -> None:
    make_agent("alice")
    User.objects.update(email="alice@sales.example.com")
    who, said = come_in(service, provider_of(service, service.tenant.id), "alice@sales.example.com")
    assert who == ""
    assert "only accounts of example.com may" in said


def test_the_description_for_every_tenant_is_not_taken(service: Microsoft) -> None:
    make_agent("alice")
    User.objects.update(email=ALICE)
    provider = provider_of(service, service.tenant.id)
    SSOProvider.objects.filter(pk=provider.pk).update(issuer=f"{service.url}/common/v2.0")
    who, said = come_in(service, provider, ALICE)
    assert who == ""
    assert "should correct the issuer" in said
