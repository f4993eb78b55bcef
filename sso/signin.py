"""The 🔑 sign-in: to the consent page and back, for exactly one provider.

What must be the same on the way back (provider, state, PKCE verifier) waits in the session of who clicked,
for ten minutes and one use. Nothing is stored before everything about the answer is right.
"""

import secrets
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any, TypedDict, cast

from sso import oauth, token_requests, tokens
from sso.models import SSOProvider
from sso.oauth import Grant, NeedsSignIn, ProviderRefused, SignInError
from sso.rules import RESERVED_SCOPES

SESSION_KEY = "sso_sign_ins"
LIFE_SECONDS = 600
MOST_AT_ONCE = 5
ALL_OF_IT = "/.default"


class Waiting(TypedDict):
    """A sign-in that has begun.

    `callback` is the end of the redirect URI that was asked for, and `client` the mark of who asked: renaming
    a provider meanwhile does no harm, but a code must not be shown to another server.
    """

    provider: int
    verifier: str
    began_at: float
    callback: str
    client: str


class SignInLost(SignInError):
    """The answer of a provider fits no sign-in of this browser: forged, used already, or too old."""


class WrongAccount(SignInError):
    """Somebody else signed in than the provider is meant for."""


def begin(session: MutableMapping[str, Any], provider: SSOProvider) -> str:
    """Start a sign-in; returns the address of the consent page.

    :raises ProviderRefused: the authorization URL may not be used.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    url = oauth.authorise_url(provider, state=state, verifier=verifier)
    waiting = dict(list(_waiting(session).items())[1 - MOST_AT_ONCE :])
    waiting[state] = {
        "provider": provider.pk,
        "verifier": verifier,
        "began_at": time.time(),
        "callback": oauth.callback_name(provider),
        "client": provider.client_mark,
    }
    session[SESSION_KEY] = waiting
    return url


def take_back(session: MutableMapping[str, Any], kind: str, state: str) -> tuple[SSOProvider, Waiting]:
    """The provider and the sign-in with that state, which can't be used again.

    The state alone says which provider it is: several may share a redirect URI.

    :param kind: the last part of the callback's path, see `oauth.callback_name`.
    :raises SignInLost: there is no such sign-in.
    """
    waiting = _waiting(session)
    found = waiting.pop(state, None)
    session[SESSION_KEY] = waiting
    if found is None or found["callback"] != kind or time.time() - found["began_at"] > LIFE_SECONDS:
        raise SignInLost(
            "This sign-in was not begun in this browser within the last ten minutes, or its page was loaded "
            "twice: click 🔑 again."
        )
    provider = SSOProvider.objects.defer("client_secret").filter(pk=found["provider"]).first()
    if provider is None:
        raise SignInLost("The SSO provider of this sign-in was deleted meanwhile.")
    if provider.client_mark != found["client"]:
        raise SignInLost(
            f"{provider} was given another client, tenant or server while you signed in: click 🔑 again."
        )
    return provider, found


def finish(provider: SSOProvider, begun: Waiting, answer: Mapping[str, str], user_id: int | None) -> str:
    """Fetch the tokens, check whose and what they are, and store them; returns the account.

    :param begun: what `take_back` gave.
    :param answer: the query of the callback.
    :raises SignInError: with nothing stored or overwritten.
    """
    if "error" in answer:
        raise oauth.refused(provider, answer["error"], answer.get("error_description", ""))
    if not answer.get("code"):
        raise ProviderRefused(f"{provider}: the answer holds no code: check the authorization URL.")
    with token_requests.logged(provider):
        grant = oauth.exchange(
            provider, code=answer["code"], verifier=begun["verifier"], callback=begun["callback"]
        )
    account = _account(provider, oauth.accounts_of(provider, grant))
    _check_scope(provider, grant)
    _check_refresh_token(provider, grant)
    tokens.keep_sign_in(provider, grant, account, user_id)
    return account


def sign_app_in(provider: SSOProvider, user_id: int | None) -> None:
    """What 🔑 means for an app that signs in by itself: fetch a token now, and keep it.

    :raises SignInError: the app is refused, in words.
    """
    with token_requests.logged(provider):
        grant = oauth.app_token(provider)
    tokens.keep_sign_in(provider, grant, provider.mailbox.lower(), user_id)


PASTED = (
    "{provider}: the pasted refresh token is not accepted for this client ID, so nothing was changed. Copy "
    "it whole, from a sign-in with this very client, or sign in with 🔑 instead."
)


def take_over(provider: SSOProvider, refresh_token: str, user_id: int | None) -> str:
    """Use a refresh token that was made elsewhere, with this provider's client; returns the account.

    It is tried before anything is stored.

    :raises SignInError: with nothing stored or overwritten.
    """
    try:
        with token_requests.logged(provider):
            grant = oauth.refresh(provider, refresh_token.strip())
    except NeedsSignIn as error:  # of the one that was pasted, not of the one that is kept
        raise ProviderRefused(PASTED.format(provider=provider)) from error
    named = oauth.accounts_of(provider, grant)
    # Such a token need not be for the scopes that tell whose it is; then the mail server is the judge.
    account = _account(provider, named) if named else provider.mailbox.lower()
    _check_scope(provider, grant)
    kept = replace(grant, refresh_token=grant.refresh_token or refresh_token.strip())
    tokens.keep_sign_in(provider, kept, account, user_id)
    return account


def _account(provider: SSOProvider, named: tuple[str, ...]) -> str:
    """Who signed in, "" when the provider can't say; refused when it is somebody else than wanted."""
    mailbox = provider.mailbox.lower()
    if not named and provider.type == SSOProvider.Type.GENERIC:
        return mailbox  # such a server need not know OpenID Connect: the mail server will tell
    if not named:
        raise ProviderRefused(
            f"{provider} does not say which account signed in, though UCS asks for it (openid and email): "
            "let its app show the e-mail address, or check under “Other endpoints” whose servers these are, "
            "then click 🔑 again."
        )
    if not mailbox or provider.shared_mailbox or mailbox in named:
        return mailbox if mailbox in named else named[0]
    raise WrongAccount(
        f"{named[0]} signed in, but {provider} is for {provider.mailbox}: nothing was changed. Click 🔑 "
        f"again and choose {provider.mailbox}, or change the field Mailbox; if {named[0]} has rights to a "
        "shared mailbox, tick “Shared mailbox”."
    )


def missing_scopes(provider: SSOProvider, granted_scope: str) -> list[str]:
    """What the provider's scope asks for and a sign-in was not given."""
    # An answer without a scope grants what was asked for (RFC 6749 section 5.1).
    granted = granted_scope.lower().split()
    wanted = [one for one in oauth.wanted_scopes(provider) if one not in RESERVED_SCOPES]
    # “All that the app may do” is answered with what that is.
    return [one for one in wanted if granted and one.lower() not in granted and not one.endswith(ALL_OF_IT)]


def _check_scope(provider: SSOProvider, grant: Grant) -> None:
    missing = missing_scopes(provider, grant.scope)
    if missing:
        raise NeedsSignIn(
            f"{provider}: access to {' '.join(missing)} was not given: click 🔑 again and tick every box on "
            "the consent page."
        )


def _check_refresh_token(provider: SSOProvider, grant: Grant) -> None:
    if not grant.refresh_token:
        raise NeedsSignIn(
            f"{provider} gave no refresh token, so the sign-in would end within the hour: "
            + (
                "add offline_access to the scope, if the server knows it, then click 🔑 again."
                if provider.type == SSOProvider.Type.GENERIC
                else "remove this app from the account's list of connected apps, then click 🔑 again and "
                "choose Allow."
            )
        )


def _waiting(session: MutableMapping[str, Any]) -> dict[str, Waiting]:
    found = cast(dict[str, Waiting], dict(session.get(SESSION_KEY) or {}))
    return {state: one for state, one in found.items() if one.keys() >= Waiting.__required_keys__}
