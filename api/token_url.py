"""`GET auth/token/<provider id>` with an API key: an administrator's, with the scope `tokens:read`.

All others, programs on this machine and the keys of UCS_TOKEN_KEYS, go to the door of `sso.endpoint`.
"""

from django.http import HttpRequest, HttpResponse

from api import limits
from api.auth import check_scope, key_of
from api.models import KEY_PREFIX
from api.problems import problem
from api.scopes import TOKENS, ScopeMissing
from sso import endpoint


def token(request: HttpRequest, provider: str) -> HttpResponse:
    """An access token of a provider, as `sso.endpoint.token` gives it."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    is_ours = scheme.lower() == "bearer" and bearer.startswith(KEY_PREFIX)
    key = key_of(request, bearer) if is_ours else None
    if key is None:
        return endpoint.token(request, provider)
    count = limits.count(key.counted_as, (key.client or key).per_minute)
    if count is not None and count.is_over:
        response = problem(429, f"More than {count.limit} requests in a minute: ask again later.")
        count.tell(response)
        return response
    try:
        check_scope(request, TOKENS)
    except ScopeMissing as missing:
        return problem(403, str(missing), scope=missing.scope)
    if not key.user.is_superuser:
        return problem(403, "This needs the key of an administrator.")
    endpoint.vouch(request, f"API key {key.hint}")
    return endpoint.token(request, provider)
