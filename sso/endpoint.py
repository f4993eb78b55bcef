"""The token endpoint `/api/v1.0/auth/token/<id>`, for programs beside this one.

Our own workers don't come here: a token URL in a password field is answered in process (`sso.secrets`).
A program on this machine may ask without a key, if it comes straight: anything that a proxy adds to a
request, or a Host that isn't loopback, makes a key of UCS_TOKEN_KEYS necessary. So does a public
UCS_BASE_URL: then a proxy stands before us, and one that adds nothing looks like a program on this machine.
Such a key opens the endpoint from everywhere. Refresh tokens never leave. Each token that is given is a row
(`sso.uses`), without the token.
"""

import hmac
import logging
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from audit.actors import STRANGER, Actor
from audit.acts import Act
from audit.log import Subject, record
from sso import tokens, uses
from sso.models import ProviderToken
from sso.tokens import SignInError, UnknownProvider

logger = logging.getLogger(__name__)

# Names of headers by which proxies tell for whom they ask, or that they are there.
FORWARDED = re.compile(
    r"HTTP_(VIA|CDN_LOOP|X_(ORIGINAL|ENVOY|AZURE)_.*|X_REMOTE_(IP|ADDR)|X_ORIGINATING_IP"
    r"|.*(FORWARDED|CLIENT_?IP|CONNECTING_IP|REAL_IP|PROXYUSER_IP).*)"
)
PER_MINUTE = 120
MINUTE = 60
SOON = 5  # seconds, when another process is asking the provider at this moment
TEXT, JSON = "text/plain", "application/json"
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
@vary_on_headers("Accept", "Authorization")
def token(request: HttpRequest, provider: str) -> HttpResponse:
    """An access token that is valid for ten more minutes: text/plain, or JSON when Accept asks for it.

    404 unknown, 409 not signed in or to be signed in again, 503 the provider is down; 401 and 403 for who may
    not ask; 429 too often. 429 and 503 say when to come again (Retry-After).
    """
    refusal = _refusal(request)
    if refusal:
        _note_refused(request, refusal.status_code)
        return refusal
    provider_id = _number(provider)
    if provider_id is None:
        return _problem(404, "A token URL ends in the ID of an SSO provider, such as 2.")
    if _is_too_often(provider_id):
        sentence = "More than two tokens a second: keep the one you have, it lives for minutes."
        return _problem(429, sentence, MINUTE)
    try:
        value = tokens.access_token(provider_id, firm=True)
    except SignInError as error:
        status = _status(error)
        return _problem(status, error.sentence, _pause(provider_id) if status == 503 else None)
    if uses.note(provider_id, _caller(request)):
        who = Actor("key" if "key" in _caller(request) else "stranger", f"a program, {_caller(request)}")
        record(who, Act.TOKEN_GIVEN, Subject("sso.ssoprovider", f"provider {provider_id}", provider_id))
    logger.info("access token of provider %s given to a program", provider_id)
    return _answer(request, provider_id, value)


def vouch(request: HttpRequest, caller: str) -> None:
    """Who asks was found in order by another door of ours; `caller` stands in the list of uses."""
    request.token_caller = caller  # type: ignore[attr-defined]


def _refusal(request: HttpRequest) -> HttpResponse | None:
    if getattr(request, "token_caller", ""):
        return None
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        return None if scheme.lower() == "bearer" and _key_number(key.strip()) else _wrong_key()
    if _is_direct(request):
        return None
    return _problem(
        403,
        "This request does not come straight from this machine, or UCS_BASE_URL is a public address: send "
        "one of UCS_TOKEN_KEYS as Authorization: Bearer.",
    )


def _note_refused(request: HttpRequest, status: int) -> None:
    """Once in a minute from one address: a guesser must not fill the log."""
    if cache.add(f"sso-token-refused-{request.META.get('REMOTE_ADDR', '')}", 1, timeout=MINUTE):
        record(STRANGER, Act.TOKEN_REFUSED, Subject("sso.ssoprovider"), note=f"{TITLES[status]}.")


def _key_number(given: str) -> int:
    """Which of UCS_TOKEN_KEYS this is, 0 for none."""
    found = 0
    for number, key in enumerate(settings.TOKEN_KEYS, 1):  # all of them, so that the time tells nothing
        if hmac.compare_digest(key.encode(), given.encode()) and key:
            found = number
    return found


def _caller(request: HttpRequest) -> str:
    """Who asks, for the list of uses."""
    if vouched := getattr(request, "token_caller", ""):
        return str(vouched)
    _, _, key = request.headers.get("Authorization", "").partition(" ")
    return f"key {_key_number(key.strip())}" if key else str(request.META.get("REMOTE_ADDR", ""))


def _wrong_key() -> HttpResponse:
    response = _problem(401, "This is none of UCS_TOKEN_KEYS.")
    response["WWW-Authenticate"] = "Bearer"
    return response


def is_forwarded(request: HttpRequest) -> bool:
    """Whether a proxy has left a mark on the request."""
    return any(FORWARDED.fullmatch(name) for name in request.META)


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


def _is_too_often(provider_id: int) -> bool:
    key = f"sso-token-{provider_id}"
    cache.add(key, 0, timeout=MINUTE)
    try:
        return cache.incr(key) > PER_MINUTE
    except ValueError:  # it ran out between the two lines
        return False


def _number(provider: str) -> int | None:
    return int(provider) if provider.isascii() and provider.isdigit() and len(provider) < 19 else None


def _status(error: SignInError) -> int:
    if isinstance(error, UnknownProvider):
        return 404
    return 503 if error.retry else 409


def _pause(provider_id: int) -> int:
    """Seconds until it is worth to ask again."""
    rows = ProviderToken.objects.filter(provider=provider_id)
    at = rows.values_list("next_attempt_at", flat=True).first()
    return max(SOON, round((at - timezone.now()).total_seconds()) + 1) if at else SOON


def _answer(request: HttpRequest, provider_id: int, value: str) -> HttpResponse:
    if request.get_preferred_type([TEXT, JSON]) != JSON:  # text also for who takes neither
        return HttpResponse(value, content_type="text/plain; charset=utf-8")
    row = ProviderToken.objects.only("account", "expires_at").get(provider=provider_id)
    return JsonResponse(
        {"access_token": value, "token_type": "Bearer", "expires_at": row.expires_at, "account": row.account}
    )


def _problem(status: int, sentence: str, retry_after: int | None = None) -> HttpResponse:
    body = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": sentence}
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return JsonResponse(body, status=status, content_type="application/problem+json", headers=headers)
