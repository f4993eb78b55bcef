"""Who must have a second factor and has none can do one thing only: set it up."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from staff import arrival, rules, second_factor

SET_UP = "two-factor"
OPEN = frozenset(
    (SET_UP, "logout", "login", "login-code", "login-with", "login-done", "sign-in-back", "admin-sign-in")
)
SENTENCE = "Set up two-factor sign-in first: open your account page."


class SecondFactorMiddleware:
    """Stands after the authentication. Bearer keys have no session and pass."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not _must_set_up(request):
            return None
        match = request.resolver_match
        if match is None or (match.url_name in OPEN and not match.namespaces):
            return None
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": reverse(SET_UP)})
        if request.headers.get("X-Requested-With") or request.method != "GET":
            return HttpResponse(SENTENCE, status=403, content_type="text/plain; charset=utf-8")
        return redirect(f"{reverse(SET_UP)}?next={request.path}")


def _must_set_up(request: HttpRequest) -> bool:
    if not request.user.is_authenticated or not arrival.came_by_password(request.session):
        return False
    user = request.user
    if request.session.get(arrival.HAS_FACTOR) or not rules.demands_second_factor(user):
        return False
    has_factor = second_factor.is_set_up(user)
    if has_factor:
        request.session[arrival.HAS_FACTOR] = True
    return not has_factor
