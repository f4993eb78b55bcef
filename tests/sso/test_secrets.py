import pytest
from pytest_django.fixtures import Settings

from rehearsal.oauth import OAuthServer
from sso import secrets
from sso.fields import SecretUnreadable
from sso.models import SSOProvider
from sso.tokens import SignInError, UnknownProvider
from tests.make import make_provider, make_signed_in_provider
from tests.sso.conftest import MAILBOX

HERE = "127.0.0.1"
"""A server that the providers of these tests may give their tokens to."""


@pytest.mark.parametrize("password", ["", "hunter2", "https-is-nice", "token/2", " http spaces "])
def test_plain_passwords_stay_as_they_are(password: str) -> None:
    assert secrets.resolve(password, HERE) == secrets.Credential("password", password)


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:8080",
        "http://127.0.0.1",
        "http://localhost:9000",
        "HTTP://LOCALHOST",
        "https://[::1]:8443",
        "http://127.8.9.1",
        "https://ucs.example.com",
        "https://UCS.example.com",
    ],
)
@pytest.mark.parametrize("end", ["", "/"])
def test_our_token_urls_are_recognised(place: str, end: str, settings: Settings) -> None:
    settings.BASE_URL = "https://ucs.example.com"
    assert secrets.token_provider_id(f" {place}/api/v1.0/auth/token/2{end} ") == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/api/v1.0/auth/token/2",
        "http://127.0.0.1.evil.example/api/v1.0/auth/token/2",
        "http://127.0.0.1@evil.example/api/v1.0/auth/token/2",
        "http://evil.example\\@127.0.0.1/api/v1.0/auth/token/2",
        "http://user@127.0.0.1/api/v1.0/auth/token/2",
        "http://ucs.example.com/api/v1.0/auth/token/2",
        "https://ucs.example.com:444/api/v1.0/auth/token/2",
        "http://127.0.0.1:8080/api/v1.0/auth/token/2?x=1",
        "http://127.0.0.1:8080/api/v1.0/auth/token/",
        "http://127.0.0.1:8080/api/v1.0/auth/token/2/3",
        "http://127.0.0.1:8080/elsewhere",
        "http://[::1/api/v1.0/auth/token/2",
        "https://",
    ],
)
@pytest.mark.django_db
def test_urls_of_others_are_refused_in_words(url: str, settings: Settings) -> None:
    settings.BASE_URL = "https://ucs.example.com"
    with pytest.raises(SignInError) as caught:
        secrets.resolve(url, HERE)
    assert "not a token URL of this installation" in caught.value.sentence
    assert "evil" not in caught.value.sentence


@pytest.mark.parametrize("end", ["google-support", "x2", "٣", "9" * 30])
def test_a_token_url_needs_an_id(end: str) -> None:
    with pytest.raises(SignInError, match="is no ID"):
        secrets.token_provider_id(f"http://127.0.0.1:8080/api/v1.0/auth/token/{end}")


def test_the_token_url_to_copy_is_recognised(settings: Settings) -> None:
    settings.BASE_URL = "http://127.0.0.1:18080"
    assert secrets.token_url("7") == "http://127.0.0.1:18080/api/v1.0/auth/token/7"
    settings.BASE_URL = "https://ucs.example.com"
    assert secrets.token_provider_id(secrets.token_url("7")) == 7


@pytest.mark.django_db
def test_a_token_url_becomes_a_token(oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    url = secrets.token_url(str(provider.pk))

    first = secrets.resolve(url, HERE)
    again = secrets.resolve(url, HERE)
    fresh = secrets.resolve(url, HERE, fresh=True)

    assert (first.kind, first.provider_id) == ("xoauth2", provider.pk)
    assert oauth_server.owner_of(first.value) == MAILBOX
    assert again == first
    assert fresh.value != first.value
    assert oauth_server.refreshes == 1
    assert first.value not in repr(first)


@pytest.mark.django_db
def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(UnknownProvider, match="no SSO provider 404"):
        secrets.resolve(secrets.token_url("404"), HERE)


@pytest.mark.django_db
def test_describing_tells_no_secret(oauth_server: OAuthServer) -> None:
    signed_in = make_signed_in_provider(oauth_server, MAILBOX).pk
    not_yet = make_provider().pk
    assert secrets.describe("") == "no password"
    assert secrets.describe("hunter2") == "password is set"
    assert "not a token URL" in secrets.describe("https://elsewhere.example/")
    assert secrets.describe(secrets.token_url("999")) == "token of provider 999, which does not exist"
    for pk, who in ((signed_in, MAILBOX), (not_yet, "not signed in")):
        assert secrets.describe(secrets.token_url(str(pk))) == f"token of provider {pk} (Google OAuth, {who})"


KEY_A = "b2cfIrcRWr7l1Uv3Eao0vFFK4V0PzW0i9lCV5gJMPAA="
KEY_B = "8kJk1Gmn5V8qXtwT9UjaqKZ5xYIZKtzdZ3Tko3ZsBPE="


@pytest.mark.django_db
def test_secrets_survive_a_new_key_in_front_and_fail_clearly_without_the_old(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [KEY_A]
    provider = make_provider(client_secret="čanary")
    settings.ENCRYPTION_KEYS = [KEY_B, KEY_A]
    assert SSOProvider.objects.get(pk=provider.pk).client_secret == "čanary"

    SSOProvider.objects.get(pk=provider.pk).save()
    settings.ENCRYPTION_KEYS = [KEY_B]
    assert SSOProvider.objects.get(pk=provider.pk).client_secret == "čanary"

    settings.ENCRYPTION_KEYS = [KEY_A]
    with pytest.raises(SecretUnreadable, match=r"SSOProvider.client_secret cannot be decrypted: add key"):
        SSOProvider.objects.get(pk=provider.pk)
