"""What every view of the desk shares: who is asking, and how a refusal is told."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django_htmx.middleware import HtmxDetails

from queues.refusals import ActionRefused
from queues.sayings import told

P = ParamSpec("P")
OUR_SCRIPTS = "desk"  # X-Requested-With of static/desk/session.js


class DeskRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: User
    htmx: HtmxDetails


View = Callable[Concatenate[DeskRequest, P], HttpResponse]
Guarded = Callable[Concatenate[HttpRequest, P], HttpResponse]


def signed_in(view: View[P]) -> Guarded[P]:
    """Let users in; a page leads others to sign in, a part of one answers 401, which opens a dialog.

    An action that is refused answers 409 with its sentence. No cache keeps an answer, unless a view says so.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _sign_in(request)
        try:
            response = view(cast(DeskRequest, request), *args, **kwargs)
        except ActionRefused as refusal:
            response = refused(request, refusal.sentence)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return cast(Guarded[P], guarded)


def _sign_in(request: HttpRequest) -> HttpResponse:
    if cast(DeskRequest, request).htmx or is_script(request):
        return HttpResponse("Sign in first.", status=401)
    return redirect_to_login(request.get_full_path())


def is_script(request: HttpRequest) -> bool:
    """Asked by a script of ours, which reads plain text."""
    return request.headers.get("X-Requested-With") == OUR_SCRIPTS


def refused(request: HttpRequest, sentence: str) -> HttpResponse:
    """409 with the sentence: as a toast for the page, as plain text for a script."""
    sentence = told(sentence)
    if is_script(request):
        return HttpResponse(sentence, status=409, content_type="text/plain; charset=utf-8")
    return render(
        request, "desk/toast.html", {"toast": {"text": sentence, "error": True, "seconds": 9}}, status=409
    )


def with_event(response: HttpResponse, name: str, detail: dict[str, Any]) -> HttpResponse:
    """Let the page hear an event when it gets the response."""
    response["HX-Trigger"] = json.dumps({name: detail})
    return response
