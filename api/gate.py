"""What every operation passes before it runs: key, scope, how often it asks, and being asked again."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from api import limits, repeats
from api.auth import KeyAuth, caller, check_scope
from api.models import APIKey
from api.problems import problem
from api.scopes import ScopeMissing, scope_of

Run = Callable[..., HttpResponse]
_bearer = KeyAuth()


def gate(run: Run) -> Run:
    """Put the gate before the `run` of an operation of ninja."""
    operation: Any = run.__self__  # type: ignore[attr-defined]

    @wraps(run)
    def guarded(request: HttpRequest, **path: Any) -> HttpResponse:
        if _bearer(request) is None:
            return run(request, **path)  # ninja refuses it
        key: APIKey = request.api_key  # type: ignore[attr-defined]
        count = limits.count(key.counted_as, (key.client or key).per_minute)
        if count is not None and count.is_over:
            response = problem(429, f"More than {count.limit} requests in a minute: ask again later.")
        else:
            response = _allowed(request, operation.path, path, lambda: run(request, **path))
        if count is not None:
            count.tell(response)
        return response

    return guarded


def _allowed(
    request: HttpRequest, operation: str, path: Mapping[str, Any], act: Callable[[], HttpResponse]
) -> HttpResponse:
    try:
        check_scope(request, scope_of(request.method or "", operation))
    except ScopeMissing as missing:
        response = problem(403, str(missing), scope=missing.scope)
        response["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{missing.scope}"'
        return response
    token = request.headers.get("Idempotency-Key", "")
    if request.method != "POST" or not token:
        return act()
    try:
        return repeats.once(request, repeats.Asked(caller(request), operation, path, act), token)
    except repeats.RepeatRefused as refused:
        response = problem(refused.status, str(refused))
        if refused.status == 409:
            response["Retry-After"] = "1"
        return response
