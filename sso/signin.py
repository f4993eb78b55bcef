"""The 🔑 sign-in: to the consent page and back, for exactly one provider.

What must be the same on the way back (provider, state, PKCE verifier) waits in the session of who clicked,
for ten minutes and one use. Nothing is stored before everything about the answer is right.
"""

import secrets
import time
from collections.abc import Mapping, MutableMapping
from typing import Any, TypedDict, cast

from sso import oauth, tokens
from sso.models import SSOProvider
from sso.oauth import Grant, NeedsSignIn, ProviderRefused, SignInError

SESSION_KEY = "sso_sign_ins"
LIFE_SECONDS = 600
MOST_AT_ONCE = 5


class Waiting(TypedDict):
    """A sign-in that has begun."""

    provider: int
    verifier: str
    began_at: float


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
    waiting[state] = {"provider": provider.pk, "verifier": verifier, "began_at": time.time()}
    session[SESSION_KEY] = waiting
    return url


def take_back(session: MutableMapping[str, Any], kind: str, state: str) -> tuple[SSOProvider, str]:
    """The provider and the verifier of the sign-in with that state, which can't be used again.

    :param kind: the provider type in the path of the callback.
    :raises SignInLost: there is no such sign-in.
    """
    waiting = _waiting(session)
    found = waiting.pop(state, None)
    session[SESSION_KEY] = waiting
    if found is None or time.time() - found["began_at"] > LIFE_SECONDS:
        raise SignInLost(
            "This sign-in was not begun in this browser within the last ten minutes, or its page was loaded "
            "twice: click 🔑 again."
        )
    provider = SSOProvider.objects.filter(pk=found["provider"], type=kind).first()
    if provider is None:
        raise SignInLost("The SSO provider of this sign-in was deleted meanwhile: click 🔑 of another one.")
    return provider, found["verifier"]


def finish(provider: SSOProvider, verifier: str, answer: Mapping[str, str], user_id: int | None) -> str:
    """Fetch the tokens, check whose and what they are, and store them; returns the account.

    :param answer: the query of the callback.
    :raises SignInError: with nothing stored or overwritten.
    """
    if "error" in answer:
        raise oauth.refused(provider, answer["error"], answer.get("error_description", ""))
    if not answer.get("code"):
        raise ProviderRefused(f"{provider}: the answer holds no code: check the authorization URL.")
    grant = oauth.exchange(provider, code=answer["code"], verifier=verifier)
    account = oauth.account_of(provider, grant)
    _check_account(provider, account)
    _check_scope(provider, grant)
    _check_refresh_token(provider, grant)
    tokens.keep_sign_in(provider, grant, account, user_id)
    return account


def _check_account(provider: SSOProvider, account: str) -> None:
    if not account:
        raise ProviderRefused(
            f"{provider} does not say which account signed in: allow it to show the e-mail address "
            "(scopes openid and email), then click 🔑 again."
        )
    if provider.mailbox and account != provider.mailbox.lower():
        raise WrongAccount(
            f"{account} signed in, but {provider} is for {provider.mailbox}: nothing was changed. Click 🔑 "
            f"again and choose {provider.mailbox}, or change the field Mailbox."
        )


def _check_scope(provider: SSOProvider, grant: Grant) -> None:
    # An answer without a scope grants what was asked for (RFC 6749 section 5.1).
    missing = [one for one in oauth.wanted_scopes(provider) if grant.scope and one not in grant.scope.split()]
    if missing:
        raise NeedsSignIn(
            f"{provider}: access to {' '.join(missing)} was not given: click 🔑 again and tick every box on "
            "the consent page."
        )


def _check_refresh_token(provider: SSOProvider, grant: Grant) -> None:
    if not grant.refresh_token:
        raise NeedsSignIn(
            f"{provider} gave no refresh token, so the sign-in would end within the hour: remove this app "
            "from the account's list of connected apps, then click 🔑 again and choose Allow."
        )


def _waiting(session: MutableMapping[str, Any]) -> dict[str, Waiting]:
    return cast(dict[str, Waiting], dict(session.get(SESSION_KEY) or {}))
