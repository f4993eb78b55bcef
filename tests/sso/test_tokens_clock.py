"""A provider through 200 expiries of its token, without a person: the clock runs, nobody sleeps."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone
from pytest_django.fixtures import Settings

from rehearsal.oauth import MAIL_SCOPE, OAuthServer
from rehearsal.oauth.microsoft import APP_SCOPE, MAIL_SCOPES
from sso import signin, tasks, tokens
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant
from tests.make import make_provider, make_signed_in_provider
from tests.servers import microsoft
from tests.servers.authority import Authority
from tests.servers.microsoft import Microsoft
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db

EXPIRIES = 200
MINUTE = timedelta(minutes=1)
TICK = timedelta(seconds=10)
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft]:
    with microsoft.running(Authority(Path(tmp_path_factory.mktemp("tls"))), MAILBOX) as running:
        yield running


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    monkeypatch.setattr(tasks.refresh, "delay", tasks.refresh)
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def row(provider: SSOProvider) -> ProviderToken:
    return ProviderToken.objects.get(provider=provider)


def live(clock: time_machine.Traveller, provider: SSOProvider, expiries: int) -> None:
    """Through all the expiries: each token is given until its time comes, then there is another one."""
    given: set[str] = set()
    for _ in range(expiries):
        token = row(provider)
        assert token.expires_at is not None
        margin = min(tokens.AT_LEAST + tokens.EARLIER, timedelta(seconds=token.lifetime / 2))
        clock.move_to(token.expires_at - margin - TICK)
        assert tick(provider) == token.access_token
        clock.shift(2 * TICK)
        given.add(tick(provider))
    assert len(given) == expiries
    assert row(provider).failures == 0


def tick(provider: SSOProvider) -> str:
    """What the clock does each minute, and what a worker gets then; it lives long enough."""
    tasks.refresh_due()
    found = tokens.access_token(provider.pk)
    token = row(provider)
    assert token.expires_at is not None
    left = token.expires_at - timezone.now()
    assert left >= min(timedelta(minutes=10), timedelta(seconds=token.lifetime / 2))
    return found


def test_google(oauth_server: OAuthServer, clock: time_machine.Traveller) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    first = row(provider).refresh_token
    live(clock, provider, EXPIRIES)
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX
    assert row(provider).refresh_token == first
    assert oauth_server.refreshes == EXPIRIES


def test_a_server_that_replaces_each_refresh_token_and_punishes_the_old(
    oauth_server: OAuthServer, clock: time_machine.Traveller
) -> None:
    oauth_server.faults.rotate_refresh_tokens = oauth_server.faults.end_on_reuse = True
    oauth_server.store.token_life = 300
    provider = make_signed_in_provider(oauth_server, MAILBOX, type="generic", validity=60)
    tokens.access_token(provider.pk, force=True)
    assert row(provider).lifetime == 300  # what the server says wins over what was typed
    live(clock, provider, 60)
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX


def test_microsoft(service: Microsoft, settings: Settings, clock: time_machine.Traveller) -> None:
    provider = microsoft_provider(service, settings)
    scope = (*MAIL_SCOPES, "offline_access", "openid")
    refresh_token = service.issue(service.tenant.apps[provider.client_id], MAILBOX, scope)
    signin.take_over(provider, refresh_token, None)
    seen = {row(provider).refresh_token}
    live(clock, provider, 60)
    assert row(provider).refresh_token not in seen
    assert service.tenant.owner_of(tokens.access_token(provider.pk)) == MAILBOX


def test_an_app_without_a_person(
    service: Microsoft, settings: Settings, clock: time_machine.Traveller
) -> None:
    provider = microsoft_provider(service, settings, app_only=True)
    tokens.access_token(provider.pk)
    live(clock, provider, 30)
    assert service.tenant.owner_of(tokens.access_token(provider.pk), APP_SCOPE) == "*"


def microsoft_provider(service: Microsoft, settings: Settings, **overrides: object) -> SSOProvider:
    settings.CA_BUNDLE = str(service.bundle)
    app = service.add_app()
    values = {
        "type": "microsoft", "client_id": app.client_id, "client_secret": app.secret, "mailbox": MAILBOX,
        "tenant": service.tenant.id, "authority": service.url, "scope": " ".join(MAIL_SCOPES),
    }  # fmt: skip
    return make_provider(**(values | overrides))


def test_outages_of_the_provider(oauth_server: OAuthServer, clock: time_machine.Traveller) -> None:
    """Ten minutes in each hour, when the token is about to end: it serves until the provider is back."""
    oauth_server.faults.rotate_refresh_tokens = oauth_server.faults.end_on_reuse = True
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    asked = 0
    for _ in range(20):
        ends = row(provider).expires_at
        assert ends is not None
        clock.move_to(ends - timedelta(minutes=11, seconds=25))
        before = oauth_server.refreshes
        oauth_server.faults.refresh = ["unavailable"] * 99
        old = tokens.access_token(provider.pk)
        for _ in range(10):
            clock.shift(MINUTE)
            tasks.refresh_due()
            assert tokens.access_token(provider.pk) == old
        asked += oauth_server.refreshes - before
        oauth_server.faults.refresh.clear()
        clock.shift(MINUTE)  # 25 s before the old one ends
        assert tokens.access_token(provider.pk) != old
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX
    assert asked / 20 < 8


def test_an_idle_sign_in_is_used_each_week(oauth_server: OAuthServer, clock: time_machine.Traveller) -> None:
    """A token that lives for a year, and a server that forgets a refresh token after 14 days without use."""
    year = timedelta(days=365).total_seconds()
    oauth_server.store.token_life = year
    oauth_server.faults.unused_life = timedelta(days=14).total_seconds()
    provider = make_signed_in_provider(oauth_server, MAILBOX, type="generic")
    first = row(provider)
    tokens.keep_sign_in(
        provider, Grant(first.access_token, first.refresh_token, "", MAIL_SCOPE, int(year)), MAILBOX, None
    )
    for _ in range(2 * 365):
        clock.shift(timedelta(hours=12))
        tasks.refresh_due()
    assert 51 <= oauth_server.refreshes <= 53
    assert not row(provider).needs_sign_in
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX
