"""In which time zone a page tells times: that of its reader's clock, which the browser says in a cookie.

`static/zone.js` writes it on every page, so on the one where people sign in. The administration and programs
have TIME_ZONE, and so has who sends no such cookie. What counts whole days of the team names its zone itself.
"""

from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "time_zone"
LONGEST = 64
OURS = ("/admin/", "/api/", "/metrics")


class ZoneMiddleware:
    """Anybody may write anything into a cookie: what is no name of a zone is as if it weren't there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_ours = request.path_info.startswith(OURS)
        zone = None if is_ours else named(request.COOKIES.get(COOKIE, "")[:LONGEST])
        with timezone.override(zone):
            return self.get_response(request)


@lru_cache(maxsize=256)
def named(name: str) -> ZoneInfo | None:
    """The zone of that name; None if there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # unknown; leads out of the database; a folder of it
        return None
