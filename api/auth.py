"""Bearer keys: who calls, and with whose rights."""

from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from api.models import APIKey, digest

# Writing the time of use at every call would cost more than it tells.
USE_NOTED_EVERY = timedelta(minutes=1)


class KeyAuth(HttpBearer):
    """`Authorization: Bearer ucs_…`, made by `manage.py apikey USER` or in the administration."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The user that the key belongs to, or None for an unknown key or a user who left."""
        key = APIKey.objects.select_related("user").filter(hash=digest(token), user__is_active=True).first()
        if key is None:
            return None
        now = timezone.now()
        APIKey.objects.filter(pk=key.pk).exclude(last_used_at__gt=now - USE_NOTED_EVERY).update(
            last_used_at=now
        )
        request.user = key.user
        return key.user


def caller(request: HttpRequest) -> User:
    """The user with whose rights this request acts."""
    return cast(User, request.user)
