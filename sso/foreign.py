"""Tokens of other servers, whose token URLs stand in password fields; only of those on the allow-list.

An administrator keeps the list (☰ System → Token servers). What is fetched is kept in this process alone,
until it ends or a mail server refuses it: a token is a secret and goes neither to the database nor to Redis.
"""

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from sso import guard
from sso.causes import named
from sso.connection_models import TokenServer
from sso.oauth import ProviderDown, ProviderRefused, SignInError

MARGIN = timedelta(minutes=2)
UNTOLD = timedelta(minutes=1)
"""How long a token is kept whose server doesn't say when it ends: such a URL promises some minutes."""

LONGEST_TOKEN = 20_000
UPWARDS = ("..", "%", "\\")
"""What may lead out of the listed address at its server, which then would be asked with our key elsewhere."""

NOT_ALLOWED = (
    "The password is a web address of another server: if tokens are to be fetched there, add that server "
    "under ☰ System → Token servers."
)


@dataclass(frozen=True, slots=True)
class _Kept:
    value: str = field(repr=False)
    until: datetime
    stamp: str
    """Of the list's entry: a changed one is asked anew."""


_kept: dict[str, _Kept] = {}
_lock = threading.Lock()


def server_of(url: str) -> TokenServer | None:
    """The entry of the list under which a URL falls; None when it is nobody's we trust."""
    text = url.strip()
    if any(step in text for step in UPWARDS) or not text.isprintable():
        return None
    found = TokenServer.objects.defer("service_key").order_by("-url")
    return next((each for each in found if text.startswith(each.url) and len(text) > len(each.url)), None)


def token(url: str, *, fresh: bool = False) -> str:
    """An access token of an allowed server. May ask it, so call it outside of transactions.

    :param fresh: get a new one, because a mail server refused the present one.
    :raises SignInError: the URL is not on the list, or its server gives none; the sentence says why.
    """
    url = url.strip()
    server = server_of(url)
    if server is None:
        raise ProviderRefused(NOT_ALLOWED)
    stamp = f"{server.pk} {server.changed_at.isoformat()}"
    with _lock:
        kept = _kept.get(url)
    if kept and not fresh and kept.stamp == stamp and kept.until > timezone.now():
        return kept.value
    value, until = _fetch(server, url)
    with _lock:
        _kept[url] = _Kept(value, until, stamp)
    return value


def _fetch(server: TokenServer, url: str) -> tuple[str, datetime]:
    headers = {"Accept": "application/json, text/plain;q=0.5"}
    if server.service_key:
        headers["Authorization"] = f"Bearer {server.service_key}"
    what = f"The token server “{server}”"
    try:
        answer = guard.ask(guard.Question(url, what, headers=headers))
    except guard.GuardError as error:
        raise ProviderRefused(str(error)) from error
    except guard.Unreachable as error:
        raise ProviderDown(
            f"{what}: {error}. It is tried again by itself; check its address if it lasts."
        ) from error
    if answer.status != 200:
        raise _refused(what, answer.status)
    value, until = _read(answer.body)
    if not value:
        raise ProviderRefused(f"{what} gave an answer that is no token: check that {url} is a token URL.")
    return value, until


def _refused(what: str, status: int) -> SignInError:
    """What a status means (RFC 9110 15, and what our own token URLs say)."""
    if status in (401, 403):
        error = ProviderRefused(
            f"{what} does not let us in (HTTP {status}): check its service key here and there."
        )
        error.cause = named("token_server_refuses")
        return error
    if status == 404:
        return ProviderRefused(f"{what} knows no such provider (HTTP 404): check the end of the token URL.")
    if status == 409:
        return ProviderRefused(f"{what} is not signed in for this mailbox (HTTP 409): sign in there.")
    if status == 429 or status >= 500:
        return ProviderDown(f"{what} gives no token now (HTTP {status}): it is tried again by itself.")
    return ProviderRefused(f"{what} gave an answer that can't be used (HTTP {status}): check its address.")


def _read(body: bytes) -> tuple[str, datetime]:
    """Token and when to ask again; "" when it is none. A token has no blanks (RFC 6750 2.1)."""
    text = body[: LONGEST_TOKEN + 1].decode("ascii", "replace").strip()
    said = _json(text) if text.startswith("{") else {}
    value = str(said.get("access_token") or "") if said else text
    usable = 0 < len(value) <= LONGEST_TOKEN and value.isascii() and value.isprintable() and " " not in value
    return value if usable and "<" not in value else "", _until(said)


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _until(said: dict[str, Any]) -> datetime:
    now = timezone.now()
    try:
        if said.get("expires_in"):
            ends = now + timedelta(seconds=min(int(said["expires_in"]), 86_400))
        else:
            ends = parse_datetime(str(said.get("expires_at") or "")) or now
        return max(ends - MARGIN, now + UNTOLD) if ends > now else now + UNTOLD
    except (TypeError, ValueError, OverflowError):
        return now + UNTOLD
