"""Bearer keys: who calls, and with whose rights."""

from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from api.models import APIKey, digest, usable
from api.scopes import ScopeMissing, allows
from audit.actors import came_with_key

# Writing the time of use at every call would cost more than it tells.
USE_NOTED_EVERY = timedelta(minutes=1)


class KeyAuth(HttpBearer):
    """`Authorization: Bearer ucs_…`, made by `manage.py apikey USER` or in the administration."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The user that the key belongs to, or None for an unknown key or a user who left."""
        key = key_of(request, token)
        return key.user if key else None


def key_of(request: HttpRequest, token: str) -> APIKey | None:
    """The key that a request came with, looked up once; the request is its user's from then on."""
    known: APIKey | None = getattr(request, "api_key", None)
    if known is not None:
        return known
    key = usable(APIKey.objects.select_related("user", "client")).filter(hash=digest(token)).first()
    if key is None or (key.client and (key.client.revoked_at or key.client.is_over)):
        return None
    now = timezone.now()
    unnoted = APIKey.objects.filter(pk=key.pk).exclude(last_used_at__gt=now - USE_NOTED_EVERY)
    unnoted.update(last_used_at=now)
    request.user = key.user
    request.api_key = key  # type: ignore[attr-defined]
    came_with_key(f"key {key.name or key.hint}")
    return key


def check_scope(request: HttpRequest, wanted: str) -> None:
    """Whether the key of this request is for such a thing.

    Raises:
        ScopeMissing: it is not.
    """
    key: APIKey | None = getattr(request, "api_key", None)
    if key is not None and not allows(key.scope, wanted):
        raise ScopeMissing(wanted)


def caller(request: HttpRequest) -> User:
    """The user with whose rights this request acts."""
    return cast(User, request.user)
