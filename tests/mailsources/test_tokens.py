"""Signing in with a token: fresh, outdated, of another person, and without any."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from mailsources.fetch import fetch_new
from mailsources.models import EmailSource, SourceState
from mailsources.source_page import source_badge
from rehearsal.oauth import OAuthServer
from rehearsal.oauth.store import Account
from sso.models import ProviderToken, SSOProvider
from sso.secrets import token_url
from tests.mailsources.conftest import KINDS, source_at
from tests.make import make_mail, make_provider, make_signed_in_provider
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db

BOX, OTHER = "box@company.example", "other@company.example"
every_kind = pytest.mark.parametrize("kind", list(KINDS))


@pytest.fixture(scope="module")
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(accounts=[Account(BOX), Account(OTHER)]) as server:
        yield server


@pytest.fixture(scope="module")
def google(authority: Authority, oauth: OAuthServer) -> Iterator[Dovecot]:
    """A mail server that asks the provider whose a token is."""
    profile = f"{oauth.base_url}/gmail/v1/users/me/profile"
    with dovecots.running(authority, oauth=profile, oauth_name="emailAddress") as server:
        yield server


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True


def source_with_token(server: Dovecot, provider: SSOProvider, kind: str = "imap-ssl") -> EmailSource:
    return source_at(server, kind, username=BOX, password=token_url(str(provider.pk)))


@every_kind
def test_a_good_token_opens_the_mailbox(google: Dovecot, oauth: OAuthServer, kind: str) -> None:
    source = source_with_token(google, make_signed_in_provider(oauth, BOX), kind)
    before = oauth.refreshes
    assert not fetch_new(source).error
    assert oauth.refreshes == before


@every_kind
def test_a_refused_token_is_refreshed_once_and_tried_again(
    google: Dovecot, oauth: OAuthServer, kind: str
) -> None:
    provider = make_signed_in_provider(oauth, BOX)
    oauth.expire_access_tokens()  # we believe that it lives for an hour
    before = oauth.refreshes
    source = source_with_token(google, provider, kind)
    assert not fetch_new(source).error
    assert oauth.refreshes == before + 1
    assert SourceState.objects.get(source=source).failures == 0


@every_kind
def test_the_token_of_another_person_is_named(google: Dovecot, oauth: OAuthServer, kind: str) -> None:
    source = source_with_token(google, make_signed_in_provider(oauth, OTHER), kind)
    before = oauth.refreshes
    failure = fetch_new(source).failure
    assert failure is not None
    assert (failure.code, failure.retry) == ("token", False)
    assert f"sign in again as {BOX}" in failure.sentence
    assert oauth.refreshes == before + 1, "one fresh token, not more"
    assert "needs sign-in" in source_badge(at_rest(source))


def test_without_a_sign_in_nobody_is_asked(google: Dovecot, oauth: OAuthServer) -> None:
    source = source_with_token(google, make_provider())
    before = google.log().count("method=XOAUTH2")
    failure = fetch_new(source).failure
    assert failure is not None
    assert (failure.code, failure.retry) == ("sign_in", False)
    assert google.log().count("method=XOAUTH2") == before


def at_rest(source: EmailSource) -> EmailSource:
    """As it is stored."""
    return EmailSource.objects.select_related("state").get(pk=source.pk)


def test_a_dead_sign_in_stops_and_says_so(google: Dovecot, oauth: OAuthServer, admin_client: Client) -> None:
    provider = make_signed_in_provider(oauth, BOX)
    oauth.revoke_all(BOX)
    failure = fetch_new(source_with_token(google, provider)).failure
    assert failure is not None
    assert failure.code == "sign_in"
    assert ProviderToken.objects.get(provider=provider).needs_sign_in
    source = at_rest(EmailSource.objects.get())
    assert "needs sign-in" in source_badge(source)
    key = f"/admin/mailsources/emailsource/{source.pk}/change/#key"
    assert f'href="{key}"' in source_badge(source)
    listed = admin_client.get("/admin/mailsources/emailsource/?health=sign-in").content.decode()
    assert key in listed
    reader = User.objects.create_user("bob", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_emailsource"))
    client = Client()
    client.force_login(reader)
    listed = client.get("/admin/mailsources/emailsource/").content.decode()
    assert "needs sign-in" in listed
    assert key not in listed, "who may not sign in is shown no way to it"
    assert 'id="key"' in admin_client.get(key).content.decode()


def test_a_shared_mailbox_with_the_mailbox_as_user(google: Dovecot, oauth: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth, BOX)
    source = source_with_token(google, provider)
    source.username, source.mailbox = "person@company.example", BOX
    source.save()
    google.drop(BOX, make_mail())
    assert fetch_new(source).count >= 1


def test_the_token_is_in_no_log(
    google: Dovecot, oauth: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    provider = make_signed_in_provider(oauth, BOX)
    token = ProviderToken.objects.get(provider=provider).access_token
    with caplog.at_level("DEBUG"):
        fetch_new(source_with_token(google, provider))
    assert token
    assert token not in caplog.text
