"""People who are away at a provider to sign in: what must fit when they come back waits in their session.

Apart from the sign-ins for mailboxes (`sso/signin.py`), which use the same redirect URI: whose state it is
says which kind of sign-in comes back, so neither can be taken for the other.
"""

import secrets
import time
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

from sso import oauth, openid
from sso.models import SSOProvider

SESSION_KEY = "staff_away"
LIFE_SECONDS = 600
MOST_AT_ONCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One sign-in that has begun. `client` marks who asked: a code is not shown to another server."""

    provider: int
    verifier: str
    nonce: str
    began_at: float
    next: str
    client: str = ""


def begin(session: MutableMapping[str, Any], provider: SSOProvider, next_url: str) -> str:
    """Send somebody away; returns the provider's address.

    :raises SignInError: the authorization URL may not be used.
    """
    state = secrets.token_urlsafe(32)
    trip = Trip(
        provider=provider.pk,
        verifier=secrets.token_urlsafe(64),
        nonce=secrets.token_urlsafe(32),
        began_at=time.time(),
        next=next_url,
        client=provider.client_mark,
    )
    url = openid.sign_in_url(provider, state=state, verifier=trip.verifier, nonce=trip.nonce)
    kept = dict(list((session.get(SESSION_KEY) or {}).items())[1 - MOST_AT_ONCE :])
    session[SESSION_KEY] = kept | {state: asdict(trip)}
    return url


def is_away(session: MutableMapping[str, Any], state: str) -> bool:
    """Whether a person, and not a mailbox, is away with that state."""
    return bool(state) and state in (session.get(SESSION_KEY) or {})


def take_back(session: MutableMapping[str, Any], kind: str, state: str) -> tuple[SSOProvider, Trip] | None:
    """The trip with that state, which can't be used again; None if nobody is away with it.

    :param kind: the last part of the callback's path, see `oauth.callback_name`.
    """
    kept = dict(session.get(SESSION_KEY) or {})
    found = kept.pop(state, None)
    if found is None:
        return None
    session[SESSION_KEY] = kept
    trip = Trip(**found)
    is_late = time.time() - trip.began_at > LIFE_SECONDS
    provider = SSOProvider.objects.filter(pk=trip.provider, for_people=True).first()
    if provider is None or oauth.callback_name(provider) != kind or is_late:
        return None
    if provider.client_mark != trip.client:
        return None
    return provider, trip
