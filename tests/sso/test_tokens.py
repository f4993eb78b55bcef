import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from rehearsal.oauth import OAuthServer
from sso import guard, oauth, renewal, tasks, tokens
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant
from tests.make import make_provider, make_signed_in_provider
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db


def age(provider: SSOProvider, left: timedelta, **values: object) -> None:
    """Make the stored access token end in `left`."""
    ProviderToken.objects.filter(provider=provider).update(expires_at=timezone.now() + left, **values)


def stored(provider: SSOProvider) -> ProviderToken:
    return ProviderToken.objects.get(provider=provider)


def at_once(number: int, work: Callable[[], str]) -> list[str]:
    """The results of `work` in threads that begin together, each with a database connection of its own."""
    barrier = Barrier(number)

    def one(_: int) -> str:
        barrier.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def test_a_fresh_token_is_given_without_asking_the_provider(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)

    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX
    assert oauth_server.refreshes == 0


def test_a_token_with_less_than_ten_minutes_is_refreshed(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    old = tokens.access_token(provider.pk)
    age(provider, timedelta(minutes=9))

    new = tokens.access_token(provider.pk)

    assert new != old
    assert oauth_server.owner_of(new) == MAILBOX
    assert stored(provider).expires_at > timezone.now() + timedelta(minutes=50)  # type: ignore[operator]


def test_a_short_lived_token_is_good_for_half_its_life(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(seconds=80), lifetime=120)
    tokens.access_token(provider.pk)
    assert oauth_server.refreshes == 0

    age(provider, timedelta(seconds=40), lifetime=120)
    tokens.access_token(provider.pk)
    assert oauth_server.refreshes == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rotate", [False, True])
def test_eight_workers_with_an_expired_token_ask_the_provider_once(
    oauth_server: OAuthServer, rotate: bool
) -> None:
    oauth_server.faults.rotate_refresh_tokens = rotate
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5))

    found = at_once(8, lambda: tokens.access_token(provider.pk))

    assert oauth_server.refreshes == 1
    assert len(set(found)) == 1
    assert oauth_server.owner_of(found[0]) == MAILBOX


@pytest.mark.django_db(transaction=True)
def test_eight_workers_refused_by_the_mail_server_ask_the_provider_once(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    refused = tokens.access_token(provider.pk)
    first = timezone.now() - timedelta(minutes=5)
    ProviderToken.objects.update(refreshed_at=first)

    found = at_once(8, lambda: tokens.access_token(provider.pk, force=True))

    assert refused not in found
    # A worker that comes when all is over can't know that the token is new, and may ask once more.
    assert oauth_server.refreshes < 8


def test_a_forced_refresh_never_gives_the_refused_token(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    oauth_server.faults.refresh = ["server_error"]

    with pytest.raises(tokens.ProviderDown):
        tokens.access_token(provider.pk, force=True)


def test_a_rotated_refresh_token_is_stored_and_a_missing_one_keeps_the_old(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    first = stored(provider).refresh_token
    tokens.access_token(provider.pk, force=True)
    assert stored(provider).refresh_token == first

    oauth_server.faults.rotate_refresh_tokens = True
    tokens.access_token(provider.pk, force=True)
    assert stored(provider).refresh_token not in ("", first)


@pytest.mark.parametrize("fault", ["server_error", "unavailable", "too_many_requests", "broken_json"])
def test_while_the_provider_is_down_the_old_token_serves_and_nobody_hammers(
    oauth_server: OAuthServer, fault: str
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    old = tokens.access_token(provider.pk)
    age(provider, timedelta(minutes=5))
    oauth_server.faults.refresh = [fault]

    assert [tokens.access_token(provider.pk) for _ in range(3)] == [old] * 3
    assert oauth_server.refreshes == 1
    token = stored(provider)
    assert token.failures == 1
    assert str(provider) in token.last_error
    assert token.next_attempt_at is not None

    age(provider, timedelta(seconds=10))
    with pytest.raises(tokens.ProviderDown) as caught:
        tokens.access_token(provider.pk)
    assert caught.value.retry

    ProviderToken.objects.update(next_attempt_at=timezone.now())
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX
    assert stored(provider).failures == 0
    assert stored(provider).last_error == ""


def test_a_stopped_provider_is_named_with_its_address(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5))
    oauth_server.stop()

    with pytest.raises(
        tokens.ProviderDown, match=rf"{provider}: 127.0.0.1:{oauth_server.port} did not answer"
    ):
        tokens.access_token(provider.pk)


def test_a_dead_refresh_token_asks_for_a_new_sign_in_and_is_not_used_again(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5))
    oauth_server.revoke_all(MAILBOX)

    for _ in range(3):
        with pytest.raises(tokens.NeedsSignIn, match="click 🔑"):
            tokens.access_token(provider.pk)
    assert oauth_server.refreshes == 1
    assert stored(provider).needs_sign_in
    assert stored(provider).refresh_token


def test_a_wrong_secret_waits_for_the_administrator_until_the_provider_is_saved(
    oauth_server: OAuthServer,
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5))
    oauth_server.faults.refresh = ["invalid_client"]

    for _ in range(2):
        with pytest.raises(tokens.ProviderRefused, match="client secret is not right"):
            tokens.access_token(provider.pk)
    assert oauth_server.refreshes == 1

    tokens.settings_changed(provider)
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX


def test_a_sign_in_during_a_failing_refresh_wins(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5))

    def sign_in_meanwhile(*_: object) -> Grant:
        tokens.keep_sign_in(provider, Grant("new", "new refresh", "", "", 3600), MAILBOX, None)
        raise tokens.NeedsSignIn("dead")

    monkeypatch.setattr("sso.oauth.refresh", sign_in_meanwhile)

    assert tokens.access_token(provider.pk) == "new"
    assert not stored(provider).needs_sign_in


def test_a_claim_of_a_process_that_died_runs_out(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    now = timezone.now()
    age(provider, timedelta(minutes=-5), claimed_until=now + timedelta(seconds=0.3), fence=7)

    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX
    assert timezone.now() > now + timedelta(seconds=0.3)
    assert oauth_server.refreshes == 1


def test_unknown_and_unsigned_providers_are_told_apart() -> None:
    with pytest.raises(tokens.UnknownProvider, match="no SSO provider 77"):
        tokens.access_token(77)
    provider = make_provider(mailbox=MAILBOX)
    with pytest.raises(tokens.NotSignedIn, match=f"sign in as {MAILBOX}"):
        tokens.access_token(provider.pk)


def test_another_mailbox_in_the_settings_asks_for_a_new_sign_in(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    provider.mailbox = "else@company.com"
    provider.save()
    tokens.settings_changed(provider)

    with pytest.raises(tokens.NeedsSignIn, match=f"{MAILBOX} is signed in.*as else@company.com"):
        tokens.access_token(provider.pk)


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("name", ["type", "client_id", "tenant", "authority", "token_url", "refresh_url"])
def test_a_sign_in_is_good_for_its_client_and_its_server_only(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, name: str, is_told: bool
) -> None:
    """Neither is the old access token given, nor does another server get to see the refresh token."""
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    asked: list[str] = []
    monkeypatch.setattr("sso.oauth.refresh", lambda _, token: asked.append(token))
    setattr(provider, name, "generic" if name == "type" else "https://else.example/token")
    provider.save()
    if is_told:  # the form tells; a settings file or a program perhaps doesn't
        tokens.settings_changed(provider)
        assert stored(provider).needs_sign_in
    with pytest.raises(tokens.NeedsSignIn, match="another client, tenant or server now"):
        tokens.access_token(provider.pk)
    assert asked == []
    assert (stored(provider).access_token, stored(provider).refresh_token) == ("", "")


def test_an_edit_of_other_fields_keeps_the_sign_in(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    provider.owner, provider.client_secret = "it@company.com", "a new one"
    provider.save()
    tokens.settings_changed(provider)
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX


def test_a_sign_in_of_before_learns_what_it_is_good_for(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5), given_to="")
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX
    assert stored(provider).given_to == provider.client_mark


def test_a_person_s_token_is_not_the_app_s(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX, type="microsoft", tenant="company.com")
    monkeypatch.setattr("sso.oauth.app_token", lambda _: Grant("of the app", "", "", "", 3600))
    provider.app_only = True
    provider.save()
    tokens.settings_changed(provider)
    assert tokens.access_token(provider.pk) == "of the app"
    assert (stored(provider).refresh_token, stored(provider).account) == ("", MAILBOX)
    provider.app_only = False
    provider.save()
    tokens.settings_changed(provider)
    with pytest.raises(tokens.NeedsSignIn):
        tokens.access_token(provider.pk)


def test_an_app_s_token_is_kept_fresh_though_nobody_clicked(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make_provider(type="microsoft", tenant="company.com", app_only=True, mailbox=MAILBOX)
    monkeypatch.setattr("sso.oauth.app_token", lambda _: Grant("of the app", "", "", "", 3600))
    tokens.access_token(provider.pk)
    age(provider, timedelta(minutes=5))
    assert tokens.due(timezone.now()) == [provider.pk]


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "t", "expires_in": 10**15},
        {"access_token": "t", "expires_in": float("inf")},
        {"access_token": "t", "scope": "mail\x00\ud800"},
        {"error": "invalid_grant", "error_description": "no\x00such\ud800token"},
    ],
)
def test_nonsense_of_a_provider_leaves_no_claim_behind(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object]
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5))
    body = json.dumps(answer).encode()
    monkeypatch.setattr("sso.oauth.guard.ask", lambda _: guard.Answer(200, {}, body))
    with suppress(tokens.NeedsSignIn):
        assert tokens.access_token(provider.pk) == "t"
    assert stored(provider).claimed_until is None


def test_a_provider_that_repeats_a_secret_is_not_quoted(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX, client_secret="canary-secret")
    refresh_token = stored(provider).refresh_token
    age(provider, timedelta(minutes=-5))
    said = {"error": "invalid_grant", "error_description": f"{refresh_token} of canary-secret is unknown"}
    body = json.dumps(said).encode()
    monkeypatch.setattr("sso.oauth.guard.ask", lambda _: guard.Answer(400, {}, body))
    with pytest.raises(tokens.NeedsSignIn, match="… of … is unknown"):
        tokens.access_token(provider.pk)
    assert "canary" not in stored(provider).last_error
    assert refresh_token not in stored(provider).last_error


def test_the_task_refreshes_what_ends_soon_and_nothing_else(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon, later = (make_signed_in_provider(oauth_server, MAILBOX) for _ in range(2))
    dead, down = (make_signed_in_provider(oauth_server, MAILBOX) for _ in range(2))
    make_provider()
    age(soon, timedelta(minutes=11))
    age(later, timedelta(minutes=30))
    age(dead, timedelta(minutes=-5), needs_sign_in=True)
    age(down, timedelta(minutes=-5), next_attempt_at=timezone.now() + timedelta(minutes=1))
    monkeypatch.setattr(tasks.refresh, "delay", tasks.refresh)

    tasks.refresh_due()

    assert oauth_server.refreshes == 1
    assert stored(soon).expires_at > timezone.now() + timedelta(minutes=50)  # type: ignore[operator]


def test_no_token_in_repr_or_log(oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    token = tokens.access_token(provider.pk, force=True)
    row = stored(provider)

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("authlib")]
    said = "\n".join(ours) + repr(row) + repr(row.__dict__.keys()) + repr(Grant(token, token, token, "", 1))
    for secret in (token, row.refresh_token, provider.client_secret):
        assert secret
        assert secret not in said


def test_secrets_are_encrypted_in_the_database(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    token = stored(provider)
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token || refresh_token FROM sso_providertoken")
        (raw,) = cursor.fetchone()
        cursor.execute("SELECT client_secret FROM sso_ssoprovider")
        (secret,) = cursor.fetchone()
    assert token.access_token not in raw
    assert token.refresh_token not in raw
    assert raw.count("fernet:") == 2
    assert provider.client_secret not in secret


def test_who_read_the_row_during_a_refresh_must_read_it_again(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    age(provider, timedelta(minutes=-5), fence=3, claimed_until=timezone.now() - timedelta(seconds=1))
    read_before = stored(provider)
    tokens.access_token(provider.pk)
    read_before.fence = stored(provider).fence - 1  # as it stood while the claim was open

    assert not renewal.claim(read_before)


@pytest.mark.django_db(transaction=True)
def test_a_replaced_refresh_token_outlives_a_restart_of_the_database(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    ProviderToken.objects.update(expires_at=timezone.now())
    real = oauth.refresh

    def refresh_and_lose_the_database(provider: SSOProvider, refresh_token: str) -> Grant:
        grant = real(provider, refresh_token)
        with suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return replace(grant, refresh_token="replaced")

    monkeypatch.setattr(oauth, "refresh", refresh_and_lose_the_database)
    token = tokens.access_token(provider.pk)
    row = ProviderToken.objects.get()
    assert (row.access_token, row.refresh_token, row.claimed_until) == (token, "replaced", None)
