"""The token endpoint `/api/v1.0/auth/token/<id>`, for programs beside this one.

Our own workers don't come here: a token URL in a password field is answered in process (`sso.secrets`).
A program on this machine may ask without a key, if it comes straight: anything that a proxy adds to a
request, or a Host that isn't loopback, makes a key of UCS_TOKEN_KEYS necessary. So does a public
UCS_BASE_URL: then a proxy stands before us, and one that adds nothing looks like a program on this machine.
Such a key opens the endpoint from everywhere. Refresh tokens never leave.
"""

import hmac
import logging
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from sso import tokens
from sso.models import ProviderToken
from sso.tokens import SignInError, UnknownProvider

logger = logging.getLogger(__name__)

# Whatever else begins with HTTP_X_FORWARDED is refused as well.
FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_ORIGINAL_FORWARDED_FOR",
    "HTTP_CLIENT_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_CDN_LOOP",
)
PER_MINUTE = 120
TITLES = {
    401: "Wrong key",
    403: "Not for you",
    404: "No such provider",
    409: "Not signed in",
    429: "Too often",
    503: "The provider is down",
}


@require_GET
@never_cache
def token(request: HttpRequest, provider: str) -> HttpResponse:
    """An access token that is valid for ten more minutes: text/plain, or JSON when Accept asks for it.

    404 unknown, 409 not signed in or to be signed in again, 503 the provider is down; 401 and 403 for who may
    not ask; 429 too often.
    """
    refusal = _refusal(request)
    if refusal:
        return refusal
    if _is_too_often(provider):
        return _problem(429, "More than two tokens a second: keep the one you have, it lives for minutes.")
    try:
        value = tokens.access_token(_number(provider))
    except SignInError as error:
        return _problem(_status(error), error.sentence)
    logger.info("access token of provider %s given to a program", provider)
    return _answer(request, int(provider), value)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        return None if scheme.lower() == "bearer" and _is_key(key.strip()) else _wrong_key()
    if _is_direct(request):
        return None
    return _problem(
        403,
        "This request does not come straight from this machine, or UCS_BASE_URL is a public address: send "
        "one of UCS_TOKEN_KEYS as Authorization: Bearer.",
    )


def _is_key(given: str) -> bool:
    found = False
    for key in settings.TOKEN_KEYS:  # all of them, so that the time tells nothing
        found |= bool(key) and hmac.compare_digest(key.encode(), given.encode())
    return found


def _wrong_key() -> HttpResponse:
    response = _problem(401, "This is none of UCS_TOKEN_KEYS.")
    response["WWW-Authenticate"] = "Bearer"
    return response


def is_forwarded(request: HttpRequest) -> bool:
    """Whether a proxy has left a mark on the request."""
    return any(name in FORWARDED or name.startswith("HTTP_X_FORWARDED") for name in request.META)


def _is_direct(request: HttpRequest) -> bool:
    asked = urlsplit(f"//{request.META.get('HTTP_HOST', '')}").hostname or ""
    public = urlsplit(settings.BASE_URL).hostname or ""
    peer = request.META.get("REMOTE_ADDR", "")
    return not is_forwarded(request) and all(_is_loopback(each) for each in (peer, asked, public))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_too_often(provider: str) -> bool:
    key = f"sso-token-{provider[:20]}"
    cache.add(key, 0, timeout=60)
    try:
        return cache.incr(key) > PER_MINUTE
    except ValueError:  # it ran out between the two lines
        return False


def _number(provider: str) -> int:
    if not (provider.isascii() and provider.isdigit() and len(provider) < 19):
        raise UnknownProvider("A token URL ends in the ID of an SSO provider, such as 2.")
    return int(provider)


def _status(error: SignInError) -> int:
    if isinstance(error, UnknownProvider):
        return 404
    return 503 if error.retry else 409


def _answer(request: HttpRequest, provider_id: int, value: str) -> HttpResponse:
    if "application/json" not in request.headers.get("Accept", ""):
        return HttpResponse(value, content_type="text/plain; charset=utf-8")
    row = ProviderToken.objects.only("account", "expires_at").get(provider=provider_id)
    return JsonResponse(
        {"access_token": value, "token_type": "Bearer", "expires_at": row.expires_at, "account": row.account}
    )


def _problem(status: int, sentence: str) -> HttpResponse:
    body = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": sentence}
    return JsonResponse(body, status=status, content_type="application/problem+json")
