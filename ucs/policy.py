"""Content security policy where the site's own (settings) is too strict."""

from collections.abc import Callable

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse


class AdminPolicyMiddleware:
    """Let the admin's look run its Alpine expressions and inline styles, under /admin/ only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            # A view's own loosening (csp.decorators) stays; ours comes on top.
            update: dict[str, list[str]] = getattr(response, "_csp_update", None) or {}
            for directive, source in (("script-src", UNSAFE_EVAL), ("style-src", UNSAFE_INLINE)):
                update = update | {directive: [*update.get(directive, []), source]}
            response._csp_update = update  # type: ignore[attr-defined]
        return response
