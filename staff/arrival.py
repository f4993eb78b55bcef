"""The last steps of every sign-in: the second factor if there is one, then the session.

Until the code is right nobody is signed in: the session only remembers whose password was.
"""

import logging
import time
from dataclasses import dataclass
from typing import Any, TypedDict, cast

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme

from audit.actors import STRANGER
from audit.acts import Act
from audit.log import record
from staff import language, second_factor

logger = logging.getLogger(__name__)

BACKEND = "django.contrib.auth.backends.ModelBackend"
HELD, HOW, HAS_FACTOR = "staff_held", "staff_signed_in_by", "staff_has_factor"
PROVED_AT = "staff_proved_at"
PASSWORD = "password"  # noqa: S105 - the word
HELD_SECONDS = 600
FRESH_SECONDS = 600
MOST_WRONG = 5


class Kept(TypedDict):
    """What the session keeps of somebody at the second step."""

    user: int
    mark: str
    how: str
    next: str
    at: float
    wrong: int


@dataclass(frozen=True)
class Held:
    """Somebody who needs a code to come in."""

    user: User
    how: str
    next: str


def arrive(request: HttpRequest, user: User, how: str, next_url: str) -> bool:
    """Let a user in, or hold them for the second step; returns whether they are in.

    :param how: "password", or the provider in words: for the log and the rules.
    """
    if not second_factor.is_set_up(user):
        _enter(request, user, how, has_factor=False)
        return True
    kept: Kept = {
        "user": user.pk,
        "mark": user.get_session_auth_hash(),
        "how": how,
        "next": next_url,
        "at": time.time(),
        "wrong": 0,
    }
    request.session.cycle_key()  # whoever knew the old one, or planted it, is not past the password now
    request.session[HELD] = kept
    return False


def held(session: SessionBase) -> Held | None:
    """Who waits at the second step; nobody after ten minutes, a new password, or a switch-off."""
    kept = _kept(session)
    user = User.objects.filter(pk=kept["user"], is_active=True).first() if kept else None
    if kept is None or user is None or not constant_time_compare(kept["mark"], user.get_session_auth_hash()):
        session.pop(HELD, None)
        return None
    return Held(user, kept["how"], kept["next"])


def pass_code(request: HttpRequest, one: Held, code: str, *, is_recovery: bool) -> None:
    """Let in who is held, with a code of the app or a recovery code.

    :raises second_factor.CodeRefused: it isn't right. After some wrong ones the password is asked for again.
    """
    try:
        (second_factor.recover if is_recovery else second_factor.check)(one.user, code)
    except second_factor.CodeRefused:
        _count_wrong(request)
        record(STRANGER, Act.SIGN_IN_FAILED, one.user, note="Wrong second factor.")
        logger.warning("Wrong second factor: user %s from %s", one.user.pk, address(request))
        raise
    how = f"{one.how} and {'recovery code' if is_recovery else 'code'}"
    _enter(request, one.user, how, has_factor=True)


def safe_next(request: HttpRequest, url: str, otherwise: str = "/") -> str:
    """An address to go on to, if it is one of ours."""
    hosts, secure = {request.get_host()}, request.is_secure()
    return url if url_has_allowed_host_and_scheme(url, hosts, require_https=secure) else otherwise


def came_by_password(session: SessionBase) -> bool:
    """Whether the rules for passwords hold for this session; sessions from before the rules count so."""
    return str(session.get(HOW, PASSWORD)).startswith(PASSWORD)


def note_proof(session: SessionBase) -> None:
    """It was the owner just now: a sign-in, or the password once more."""
    session[PROVED_AT] = time.time()


def is_fresh(session: SessionBase) -> bool:
    """Whether that was a short while ago: a browser that was left open says nothing about who sits there."""
    proved_at: float = session.get(PROVED_AT, 0.0)
    return 0 <= time.time() - proved_at <= FRESH_SECONDS


def address(request: HttpRequest) -> str:
    """Where a request came from, for the log."""
    return str(request.META.get("REMOTE_ADDR", ""))


def _enter(request: HttpRequest, user: User, how: str, *, has_factor: bool) -> None:
    request.session.pop(HELD, None)
    login(request, user, backend=BACKEND)  # gives the session a new key
    request.session[HOW] = how
    request.session[HAS_FACTOR] = has_factor
    language.remember(request, user)
    note_proof(request.session)
    record(user, Act.SIGNED_IN, user, note=f"By {how}.")
    logger.info("Signed in: user %s by %s from %s", user.pk, how, address(request))


def _kept(session: SessionBase) -> Kept | None:
    kept: Any = session.get(HELD)
    if not kept or time.time() - kept["at"] > HELD_SECONDS or kept["wrong"] >= MOST_WRONG:
        return None
    return cast(Kept, kept)


def _count_wrong(request: HttpRequest) -> None:
    kept = _kept(request.session)
    if kept:
        request.session[HELD] = kept | {"wrong": kept["wrong"] + 1}
