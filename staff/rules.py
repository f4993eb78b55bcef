"""What is demanded of whoever signs in: read for each request, so it is remembered for some seconds."""

import time

from django.contrib.auth.models import User

from agents.rights import is_administrator
from staff.models import SignInRules

REMEMBERED = 10.0  # seconds


class _Known:
    two_factor = ""
    until = 0.0


def demands_second_factor(user: User) -> bool:
    """Whether a password alone is not enough for this user."""
    demanded = _two_factor()
    if demanded == SignInRules.TwoFactor.ADMINISTRATORS:
        return user.is_staff or is_administrator(user)
    return demanded == SignInRules.TwoFactor.EVERYBODY


def forget() -> None:
    """Read the row again next time, as it was changed here."""
    _Known.until = 0.0


def _two_factor() -> str:
    if time.monotonic() >= _Known.until:
        found = SignInRules.objects.values_list("two_factor", flat=True).first()
        _Known.two_factor = found or SignInRules.TwoFactor.NOBODY
        _Known.until = time.monotonic() + REMEMBERED
    return _Known.two_factor
