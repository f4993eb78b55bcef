"""How long the sign-in of an app in testing still lasts: Google ends it seven days after 🔑."""

from datetime import datetime, timedelta

from django.utils import timezone

from sso.models import SSOProvider

TESTING_LIFE = timedelta(days=7)
SOON = timedelta(days=2)
"""The warning comes at day five."""


def testing_ends_at(provider: SSOProvider) -> datetime | None:
    """When the sign-in of an app in testing ends; None where nothing is known to end."""
    token = provider.token
    if not provider.in_testing or provider.type != SSOProvider.Type.GOOGLE or token.needs_sign_in:
        return None
    return token.signed_in_at + TESTING_LIFE if token.signed_in_at else None


def countdown(at: datetime, now: datetime) -> str:
    """“in 3 days, 4 h”, “in 25 min”, “2 h ago”: two units at most, never more than is left."""
    minutes = int(abs(at - now).total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    named_days = f"{days} day{'' if days == 1 else 's'}" if days else ""
    parts = (
        [named_days, f"{hours} h" if hours else ""]
        if days
        else [f"{hours} h" if hours else "", f"{rest} min"]
    )
    words = ", ".join(part for part in parts if part)
    return f"in {words}" if at > now else f"{words} ago"


def testing_note(provider: SSOProvider, now: datetime) -> str:
    """For the list and the page of a provider; "" where nothing ends."""
    at = testing_ends_at(provider)
    if at is None:
        return ""
    verb = "ends" if at > now else "was to end"
    return (
        f"App in testing: the sign-in {verb} {countdown(at, now)} ({timezone.localtime(at):%d %b %Y %H:%M})."
    )
