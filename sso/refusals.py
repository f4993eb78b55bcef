"""What OAuth providers say when they refuse, and what to do about it.

Codes: RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6, and Google's own.
"""

from dataclasses import dataclass
from enum import Enum

LONGEST_DESCRIPTION = 300


class Cure(Enum):
    """Who can mend it."""

    SIGN_IN = "sign in again"
    SETTINGS = "change the provider's settings"
    WAIT = "try again later"


@dataclass(frozen=True)
class Refusal:
    """An error of a provider with the account's point of view already put in words."""

    cure: Cure
    remedy: str


SIGN_IN_AGAIN = "click 🔑 and sign in again with the mailbox user"

REFUSALS: dict[str, Refusal] = {
    "access_denied": Refusal(
        Cure.SIGN_IN,
        "access was not allowed on the consent page: click 🔑 again and choose Allow; if your organisation "
        "blocks the app, its administrator must allow the client ID first",
    ),
    "admin_policy_enforced": Refusal(
        Cure.SETTINGS,
        "the organisation's administrator does not allow this app to read mail: let them trust the client ID "
        "(Google Admin console → Security → API controls), then click 🔑 again",
    ),
    "code_expired": Refusal(  # ours: invalid_grant in answer to the code of a callback
        Cure.SIGN_IN, "the sign-in took too long or its page was loaded twice: click 🔑 and sign in once more"
    ),
    "consent_required": Refusal(
        Cure.SIGN_IN, "consent has not been given: click 🔑 and allow access to the mailbox"
    ),
    "deleted_client": Refusal(
        Cure.SETTINGS,
        "the OAuth client was deleted at the provider: enter the client ID and secret of another",
    ),
    "disabled_client": Refusal(
        Cure.SETTINGS, "the OAuth client is disabled at the provider: enable it there, or enter another one"
    ),
    "interaction_required": Refusal(Cure.SIGN_IN, SIGN_IN_AGAIN),
    "invalid_client": Refusal(
        Cure.SETTINGS,
        "the client ID or client secret is not right: copy both again from {console}, save, and try again",
    ),
    "invalid_grant": Refusal(
        Cure.SIGN_IN,
        "the sign-in has ended (withdrawn, password changed, unused for months, or an app in testing, whose "
        "sign-ins end after 7 days): " + SIGN_IN_AGAIN,
    ),
    "invalid_request": Refusal(
        Cure.SETTINGS,
        "the request was not understood: check the client ID, the scope and the addresses of the provider",
    ),
    "invalid_scope": Refusal(
        Cure.SETTINGS,
        "the scope is not known or not allowed for this client: correct the field Scope, then click 🔑",
    ),
    "login_required": Refusal(Cure.SIGN_IN, SIGN_IN_AGAIN),
    "org_internal": Refusal(
        Cure.SETTINGS,
        "the app is for members of its own organisation only: sign in with a mailbox of that organisation, "
        "or set the audience of the app to External",
    ),
    "redirect_uri_mismatch": Refusal(
        Cure.SETTINGS,
        "the redirect URI is not registered for this client: add exactly {redirect_uri} to the authorized "
        "redirect URIs in {console}",
    ),
    "server_error": Refusal(Cure.WAIT, "the provider has trouble of its own: try again in a few minutes"),
    "temporarily_unavailable": Refusal(Cure.WAIT, "the provider is overloaded: try again in a few minutes"),
    "unauthorized_client": Refusal(
        Cure.SETTINGS,
        "this client may not sign people in this way: in {console} its type must be Web application, with "
        "the redirect URI {redirect_uri}",
    ),
    "unsupported_grant_type": Refusal(
        Cure.SETTINGS, "the server doesn't know this kind of request: check the access token URL"
    ),
    "unsupported_response_type": Refusal(
        Cure.SETTINGS, "the server doesn't know this kind of sign-in: check the authorization URL"
    ),
}
UNKNOWN = Refusal(Cure.SETTINGS, "check the provider's settings, then click 🔑 again")


def refusal(error: str) -> Refusal:
    """The meaning of an error code, also of one that nobody has heard of."""
    return REFUSALS.get(error, UNKNOWN)


def quote(error: str, description: str) -> str:
    """The provider's own words, short and in one line, for the end of a sentence."""
    words = " ".join(f"{error}: {description}".split() if description else error.split())
    return words[:LONGEST_DESCRIPTION]
