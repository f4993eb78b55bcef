"""How our client proves who it is at a token endpoint (RFC 6749 section 2.3.1)."""

from base64 import b64encode
from urllib.parse import quote

from sso.models import SSOProvider

Way = SSOProvider.ClientAuthentication

OTHER_WAYS = {
    Way.POST: "the server may want them in the HTTP header: choose “HTTP Basic” as Client authentication",
    Way.BASIC: "the server may want them in the form: choose “In the form” as Client authentication",
    Way.NONE: "the client may need its secret: choose “In the form” as Client authentication and enter it",
}


def authenticated(provider: SSOProvider, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The form and the headers of a token request, with the client in the one or the other, never in both."""
    way, secret = provider.client_authentication, provider.client_secret
    if way == Way.BASIC and secret:
        # Both are form-encoded before, as they may hold a colon or letters outside of ASCII; a blank as %20,
        # because some servers decode no plus sign.
        pair = f"{quote(provider.client_id, safe='')}:{quote(secret, safe='')}"
        return dict(form), {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    named = {"client_id": provider.client_id}
    if secret and way != Way.NONE:
        named["client_secret"] = secret
    return named | form, {}


def other_way(provider: SSOProvider) -> str:
    """What to try when a server knows neither the client nor its secret, though both are right."""
    return OTHER_WAYS[Way(provider.client_authentication)]
