"""OAuth 2.0 with a provider: the authorise URL, a code into tokens, a refresh, whose account it is.

The same few requests for Google, Microsoft and every other server; what differs stands in presets.toml.

Plain RFC 6749 and 7636 (PKCE) over `sso.guard`. There is no client library between, because the usual one
writes secrets and tokens into the debug log, repeats a refresh on its own, and is told about scopes and
loopback servers by environment variables that hold for the whole process.

Nothing here reads or writes the database: `sso/tokens.py` and `sso/signin.py` do.
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.utils.text import slugify

from mailcore.clean import clean_text
from sso import guard
from sso.causes import UNKNOWN, Cause
from sso.clients import authenticated, other_way
from sso.hearing import overheard
from sso.models import SSOProvider
from sso.providers import endpoints, preset
from sso.refusals import Cure, quote, refusal

DEFAULT_LIFETIME = 3600
LONGEST_LIFETIME = 10 * 365 * 24 * 3600
LONGEST_ADDRESS = 254
SENT_SECRETS = ("refresh_token", "code", "code_verifier")
LONGEST_PAUSE_DIGITS = 9
ELSEWHERE = range(300, 400)
WRONG_CLIENT = 401
REFUSING = range(400, 500)
LATER = (408, 425, 429)
SERVER_TROUBLE = 500


class SignInError(Exception):
    """Signing in or refreshing failed.

    :param sentence: for the administrator.
    :param wait: seconds that the provider wants us to stay away, 0 when it didn't say.

    `retry`: time may mend it. `cause`: what to click, as far as it is known.
    """

    retry = False
    cause: Cause = UNKNOWN

    def __init__(self, sentence: str, *, wait: float = 0) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.wait = wait


class NeedsSignIn(SignInError):
    """Only a person at the consent page can mend it."""


class ProviderRefused(SignInError):
    """The provider's settings are wrong: client, secret, scope or an address."""


class ProviderDown(SignInError):
    """The provider can't be reached, is overloaded, or talks nonsense."""

    retry = True


@dataclass(frozen=True)
class Grant:
    """What a token endpoint gave. Its repr shows no token."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    id_token: str = field(repr=False)
    scope: str
    lifetime: int


def redirect_uri(provider: SSOProvider, callback: str = "") -> str:
    """Where the provider sends the browser back to; it must be registered there letter by letter.

    :param callback: its end, where that is no longer the provider's own.
    """
    return f"{settings.BASE_URL}/login/oauth2/{callback or callback_name(provider)}"


def callback_name(provider: SSOProvider) -> str:
    """The last part of the redirect URI: the type, or the name of a generic provider."""
    if provider.type != SSOProvider.Type.GENERIC:
        return provider.type
    return slugify(provider.name) or provider.type


def authorise_url(provider: SSOProvider, *, state: str, verifier: str) -> str:
    """The address of the consent page.

    :param verifier: 43 to 128 random characters (RFC 7636); the same go into `exchange`.
    :raises ProviderRefused: the authorization URL may not be used.
    """
    common = preset(provider.type)
    scope = " ".join(dict.fromkeys(wanted_scopes(provider) + common.identity.split()))
    query = {"scope": scope, "state": state}
    query |= common.authorization_parameters | ({"prompt": provider.prompt} if provider.prompt else {})
    if provider.prompt == SSOProvider.Prompt.UNSENT:
        query.pop("prompt")
    if provider.mailbox and not provider.shared_mailbox:
        query["login_hint"] = provider.mailbox
    return code_request(provider, verifier, query)


def code_request(provider: SSOProvider, verifier: str, query: dict[str, str]) -> str:
    """The authorization URL that asks for a code, with PKCE, and with `query` besides.

    :raises ProviderRefused: the authorization URL may not be used.
    """
    url = endpoints(provider).authorization_url
    try:
        guard.check_url(url, what=f"The authorization URL of {provider}")
    except guard.GuardError as error:
        raise ProviderRefused(str(error)) from error
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    common = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri(provider),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(common | query)}"


def wanted_scopes(provider: SSOProvider) -> list[str]:
    """The scopes that the provider is set to, or those of its type."""
    return provider.scope.split() or preset(provider.type).scope.split()


def exchange(provider: SSOProvider, *, code: str, verifier: str, callback: str = "") -> Grant:
    """Turn the code of the callback into tokens.

    :param callback: `callback_name` of when the sign-in began, if the provider may have been renamed since.
    :raises SignInError: one of its kinds.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri(provider, callback),
        "code_verifier": verifier,
    }
    return _ask(provider, endpoints(provider).token_url, form, "access token URL")


def refresh(provider: SSOProvider, refresh_token: str) -> Grant:
    """Ask once for a new access token. An empty `refresh_token` in the answer means: keep the old one.

    :raises NeedsSignIn: the refresh token is dead.
    :raises SignInError: one of its other kinds.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _ask(provider, endpoints(provider).refresh_url, form, "refresh token URL")


def app_token(provider: SSOProvider) -> Grant:
    """A token for the app itself, without any person (RFC 6749 section 4.4). It has no refresh token.

    :raises SignInError: one of its kinds.
    """
    form = {"grant_type": "client_credentials", "scope": preset(provider.type).app_scope}
    return _ask(provider, endpoints(provider).token_url, form, "access token URL")


def accounts_of(provider: SSOProvider, grant: Grant) -> tuple[str, ...]:
    """The mail addresses of who signed in, lower case, the likeliest first; empty when nobody says.

    The id_token is believed without its signature, as it comes straight from the token endpoint over a
    verified TLS connection (OpenID Connect Core 3.1.3.7, point 6).
    """
    claims = _claims(grant.id_token)
    if claims.get("aud") in (provider.client_id, [provider.client_id]):
        named = _addresses(provider, claims)
        if named:
            return named
    return _addresses(provider, _user_info(provider, grant))


def _addresses(provider: SSOProvider, claims: dict[str, Any]) -> tuple[str, ...]:
    found = (clean_text(str(claims.get(name) or "")).lower() for name in preset(provider.type).claims)
    return tuple(dict.fromkeys(each for each in found if "@" in each and len(each) <= LONGEST_ADDRESS))


def _user_info(provider: SSOProvider, grant: Grant) -> dict[str, Any]:
    url = endpoints(provider).userinfo_url
    if not url:
        return {}
    headers = {"Authorization": f"Bearer {grant.access_token}"}
    try:
        return _object(guard.ask(guard.Question(url, "The user info URL", headers=headers)).body)
    except (guard.GuardError, guard.Unreachable):
        return {}


def refused(provider: SSOProvider, error: str, description: str, *, of_code: bool = False) -> SignInError:
    """The exception for an error code of the provider, with the remedy in words.

    :param of_code: the answer is about the code of a callback, not about a refresh token.
    """
    known = refusal(error, description, of_code=of_code)
    remedy = known.remedy.format(redirect_uri=redirect_uri(provider), console=preset(provider.type).console)
    if known.cause.name == "invalid_client" and provider.type == SSOProvider.Type.GENERIC:
        remedy += f"; if both are right, {other_way(provider)}"
    kind = {Cure.SIGN_IN: NeedsSignIn, Cure.SETTINGS: ProviderRefused, Cure.WAIT: ProviderDown}[known.cure]
    found = kind(f"{provider}: {remedy}. (It said “{quote(error, description)}”.)")
    found.cause = known.cause
    return found


def _ask(provider: SSOProvider, url: str, form: dict[str, str], name: str) -> Grant:
    heard = overheard()
    heard.peer = urlsplit(url).netloc
    heard.hide(provider.client_secret, *(form.get(secret, "") for secret in SENT_SECRETS))
    heard.us(f"POST {_without_query(url)} grant_type={form['grant_type']}")
    form, headers = authenticated(provider, form)
    question = guard.Question(url, f"The {name} of {provider}", form=form, headers=headers)
    try:
        answer = guard.ask(question)
    except guard.GuardError as error:
        heard.note(str(error))
        raise ProviderRefused(str(error)) from error
    except guard.Unreachable as error:
        heard.note(str(error))
        raise ProviderDown(
            f"{provider}: {error}. It is tried again by itself; if this lasts, check the {name} and the "
            "network."
        ) from error
    heard.them(f"HTTP {answer.status} {answer.header('Content-Type')}")
    if answer.status in LATER or answer.status >= SERVER_TROUBLE:
        raise ProviderDown(
            f"{provider}: its server has trouble (HTTP {answer.status}). It is tried again by itself.",
            wait=_asked_pause(answer),
        )
    said = _object(answer.body)
    if "error" in said:
        sent = [provider.client_secret, *(form.get(secret, "") for secret in SENT_SECRETS)]
        code, description = (_without(sent, text) for text in _error_of(said))
        heard.them(quote(code, description))
        raise refused(provider, code, description, of_code="code" in form)
    if not isinstance(said.get("access_token"), str) or not said["access_token"]:
        raise _no_token(provider, answer, f"the {name} {url}")
    grant = _grant(said, provider.validity or DEFAULT_LIFETIME)
    heard.them(f"A token for {grant.lifetime} s, scope {grant.scope or 'as asked for'}.")
    return grant


def _no_token(provider: SSOProvider, answer: guard.Answer, place: str) -> SignInError:
    """What an answer without a token means, when it isn't one of RFC 6749 section 5.2 either."""
    if answer.status == WRONG_CLIENT:
        return refused(provider, "invalid_client", f"HTTP {answer.status}")
    if answer.status in ELSEWHERE:
        target = clean_text(answer.header("Location"))[:LONGEST_ADDRESS] or "another address"
        return ProviderRefused(
            f"{provider}: {place} sends on to {target}, which is not followed: enter the address that "
            "answers."
        )
    if answer.status in REFUSING:
        return ProviderRefused(
            f"{provider}: {place} takes no such request (HTTP {answer.status}): check that address."
        )
    return ProviderDown(
        f"{provider}: {place} gave an answer without a token (HTTP {answer.status}): "
        "if this lasts, check that address."
    )


def _asked_pause(answer: guard.Answer) -> float:
    """Seconds of a Retry-After header; its other form, a date, is not used by token endpoints."""
    text = answer.header("Retry-After").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_PAUSE_DIGITS else 0


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _without(secrets: Iterable[str], text: str) -> str:
    """A server's words without the secrets it was sent: they are kept, shown and mailed."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    return text


def _error_of(said: dict[str, Any]) -> tuple[str, str]:
    # Google's older servers nest it: {"error": {"status": …, "message": …}}.
    error = said["error"]
    if isinstance(error, dict):
        return str(error.get("status") or error.get("code") or "error"), str(error.get("message") or "")
    more = (said.get("error_subtype"), said.get("error_description"))  # Google: invalid_rapt
    return str(error), ": ".join(str(each) for each in more if each)


def _grant(said: dict[str, Any], otherwise: int) -> Grant:
    """:param otherwise: seconds that the token lives when the server doesn't say."""
    try:
        lifetime = int(said.get("expires_in") or otherwise)
    except (TypeError, ValueError, OverflowError):  # to json, Infinity is a number
        lifetime = otherwise
    return Grant(
        access_token=said["access_token"],
        refresh_token=str(said.get("refresh_token") or ""),
        id_token=str(said.get("id_token") or ""),
        scope=clean_text(str(said.get("scope") or "")),
        lifetime=min(max(1, lifetime), LONGEST_LIFETIME),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _claims(id_token: str) -> dict[str, Any]:
    parts = id_token.split(".")
    if len(parts) != 3:  # header, payload, signature (RFC 7515)
        return {}
    try:
        return _object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
