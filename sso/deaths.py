"""Why a sign-in has probably ended, as our own rows tell it: providers often say `invalid_grant` only.

Pure functions: a token row and the time go in, words come out.
"""

from datetime import datetime, timedelta

from sso.models import ProviderToken, SSOProvider
from sso.oauth import NeedsSignIn

TESTING_LIFE = (timedelta(days=6, hours=12), timedelta(days=8))
UNUSED_GOOGLE, UNUSED_OTHERS = timedelta(days=180), timedelta(days=90)
SAYS_NOTHING = "invalid_grant"

KILLED = (
    "The process that renewed it last was killed before it could store the answer: a server that gives each "
    "refresh token once only ends the sign-in then."
)
TESTING = (
    "It ended 7 days after 🔑, as the sign-ins of an app in testing do: publish the app or set its audience "
    "to Internal, so that the next one lasts."
)


def explained(token: ProviderToken, error: NeedsSignIn, now: datetime) -> str:
    """The sentence of a dead sign-in, with the likely cause where the provider named none.

    :param token: as it was read before this claim: `claimed_until` tells of a claim that nobody settled.
    """
    cause = _cause(token, now) if error.cause.name == SAYS_NOTHING else ""
    return f"{error.sentence} {cause}" if cause else error.sentence


def _cause(token: ProviderToken, now: datetime) -> str:
    if token.claimed_until is not None:
        return KILLED
    if token.refreshed_at and now - token.refreshed_at >= _longest_unused(token.provider):
        return f"It had not been used since {token.refreshed_at:%d %b %Y}."
    age = now - token.signed_in_at if token.signed_in_at else timedelta(0)
    if token.provider.type == SSOProvider.Type.GOOGLE and TESTING_LIFE[0] <= age <= TESTING_LIFE[1]:
        return TESTING
    return ""


def _longest_unused(provider: SSOProvider) -> timedelta:
    return UNUSED_GOOGLE if provider.type == SSOProvider.Type.GOOGLE else UNUSED_OTHERS
