"""In which language a page speaks: as its reader chose, else as the browser asks, else LANGUAGE_CODE.

The choice stands in the work profile, and from the sign-in on in the session, so that no page asks the
database for it. Who has no profile, or isn't signed in, has it in a cookie. Programs are answered in English.
"""

from typing import Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from agents.interface import CODES
from agents.rights import Person, agent_of

CHOSEN = "staff_language"
ENGLISH = "en"
SAMESITE: Literal["Lax"] = "Lax"  # also when an address in a mail leads here
PROGRAMS = ("/api/", "/metrics")


class LanguageMiddleware(LocaleMiddleware):
    """Stands after the session. Says in `Content-Language` which one it was."""

    def process_request(self, request: HttpRequest) -> None:
        code = ENGLISH if request.path_info.startswith(PROGRAMS) else _of_session(request)
        if not code:
            super().process_request(request)
            return
        translation.activate(code)
        request.LANGUAGE_CODE = code


def remember(request: HttpRequest, user: User) -> None:
    """Take the user's language into a session that begins."""
    agent = agent_of(user)
    if agent is not None and agent.interface:
        request.session[CHOSEN] = agent.interface


def choose(request: HttpRequest, response: HttpResponse, code: str) -> None:
    """From now on in this language; "" for what the browser asks for.

    :param response: gets the cookie for who is not signed in here later.
    """
    _write(request.user, code)
    if not code:
        request.session.pop(CHOSEN, None)
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite=SAMESITE)
        return
    if request.user.is_authenticated:
        request.session[CHOSEN] = code
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=SAMESITE,
    )


def chosen(request: HttpRequest) -> str:
    """What this reader chose; "" if the browser decides."""
    kept = _of_session(request) or request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return kept if kept in CODES else ""


def _write(user: Person, code: str) -> None:
    agent = agent_of(user)
    if agent is not None:
        agent.interface = code
        agent.save(update_fields=["interface"])


def _of_session(request: HttpRequest) -> str:
    """What this session chose; one that a cookie doesn't name isn't looked for."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return ""
    kept = str(request.session.get(CHOSEN, ""))
    return kept if kept in CODES else ""
