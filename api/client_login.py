"""`POST /login/oauth2/token`: a program gives its id and secret, and gets a key for an hour (RFC 6749, 4.4).

The body is JSON or a form; id and secret may come as HTTP Basic instead (RFC 6749, 2.3.1). Errors are those
of RFC 6749, 5.2. Wrong secrets are counted for each address: ten in a minute, then nobody gets in from there
before the next. Right ones are counted for each client.
"""

import base64
import hmac
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from api import limits, scopes
from api.models import TOKEN_LIFE, APIClient, APIKey, digest, usable

GRANT = "client_credentials"
WRONG_PER_MINUTE = 10
GIVEN_PER_MINUTE = 30
"""Keys for one client. A key is good for an hour: who asks more often keeps none."""

LARGEST = 20_000


class LoginRefused(Exception):
    """No key is given out: the code of RFC 6749, and a sentence for who wrote the program."""

    def __init__(self, code: str, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program sent; `secret` stays out of every text."""

    grant: str
    client_id: str
    secret: str
    scope: str

    def __repr__(self) -> str:
        return f"Asked({self.client_id!r})"


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """A bearer key for an hour, as `{"access_token", "token_type", "expires_in", "scope"}`."""
    try:
        asked = _asked(request)
        key, scope = given(asked, str(request.META.get("REMOTE_ADDR", "")))
    except LoginRefused as refused:
        body = {"error": refused.code, "error_description": str(refused)}
        response = JsonResponse(body, status=refused.status)
        if refused.status == 401:
            response["WWW-Authenticate"] = 'Basic realm="UCS Email"'
        if refused.status == 429:
            response["Retry-After"] = str(limits.MINUTE)
    else:
        life = int(TOKEN_LIFE.total_seconds())
        told = {"access_token": key, "token_type": "Bearer", "expires_in": life, "scope": scope}
        response = JsonResponse(told)
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    return response


def given(asked: Asked, place: str) -> tuple[str, str]:
    """Make a key for a client that knows its secret; with its scopes.

    :param place: the address that asks, at which wrong secrets are counted.

    Raises:
        LoginRefused: in the words of RFC 6749.
    """
    if asked.grant != GRANT:
        raise LoginRefused("unsupported_grant_type", f"grant_type must be {GRANT}.")
    if not asked.client_id or not asked.secret:
        raise LoginRefused("invalid_client", "Give client_id and client_secret.", 401)
    client = _client(asked, place)
    try:
        scope = scopes.narrowed(client.scope, asked.scope.split())
    except scopes.UnknownScope as error:
        raise LoginRefused("invalid_scope", str(error)) from error
    count = limits.count(f"given-to:{client.client_id}", GIVEN_PER_MINUTE)
    if count is not None and count.is_over:
        told = f"More than {count.limit} keys in a minute: a key is good for an hour, keep it."
        raise LoginRefused("slow_down", told, 429)
    now = timezone.now()
    client.last_used_at = now
    client.save(update_fields=["last_used_at"])
    ends = min(filter(None, (now + TOKEN_LIFE, client.expires_at)))
    return APIKey.make(client.user_id, client.name, scope, client=client, expires_at=ends), scope


def _client(asked: Asked, place: str) -> APIClient:
    wrong = f"wrong-secret:{place}"
    found = usable(APIClient.objects.all()).filter(client_id=asked.client_id).first()
    stored = found.hash if found else digest("")  # compared either way, so that the time tells nothing
    is_right = hmac.compare_digest(stored, digest(asked.secret))
    tries = limits.tried(wrong, WRONG_PER_MINUTE, is_new=not (found and is_right))
    if tries is not None and tries.is_over:
        raise LoginRefused("slow_down", "Too many wrong secrets: ask again in a minute.", 429)
    if found is None or not is_right:
        raise LoginRefused("invalid_client", "There is no such client, or this is not its secret.", 401)
    return found


def _asked(request: HttpRequest) -> Asked:
    values = _values(request)
    client_id, secret = values.get("client_id", ""), values.get("client_secret", "")
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        if client_id or secret:
            raise LoginRefused("invalid_request", "Give the client's secret once: by Basic or in the body.")
        client_id, secret = _basic(text)
    return Asked(values.get("grant_type", ""), client_id, secret, values.get("scope", ""))


def _values(request: HttpRequest) -> dict[str, str]:
    if request.content_type != "application/json":
        return _stored({key: str(value) for key, value in request.POST.items()})
    if len(request.body) > LARGEST:
        raise LoginRefused("invalid_request", "The body is too large.")
    try:
        found: Any = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise LoginRefused("invalid_request", "The body is no JSON.") from error
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise LoginRefused("invalid_request", "The body must be one JSON object whose values are texts.")
    return _stored(found)


def _stored(values: dict[str, str]) -> dict[str, str]:
    """The values, which may be looked up in the database."""
    if any("\0" in each or not _is_text(each) for each in values.values()):
        raise LoginRefused("invalid_request", "The body holds characters that no text has.")
    return values


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _basic(text: str) -> tuple[str, str]:
    try:
        user, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError as error:  # no base64, no UTF-8, or no ASCII at all
        raise LoginRefused("invalid_client", "The Basic header can't be read.", 401) from error
    return unquote_plus(user).replace("\0", ""), unquote_plus(secret)
