"""Who was given an access token by the token endpoint: a row each, without the token."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from sso.models import TokenUse

KEPT = timedelta(days=30)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Uses:
    """Of one provider's token: how often it was fetched in the last day, and the last time of all."""

    today: int
    last: TokenUse


def note(provider_id: int, caller: str) -> bool:
    """A program is given the provider's token; returns whether it is its first within an hour."""
    since = timezone.now() - HOUR
    rows = TokenUse.objects.filter(provider=provider_id, caller=caller[:60], at__gt=since)
    is_first = not rows.exists()
    TokenUse.objects.create(provider_id=provider_id, caller=caller[:60])
    return is_first


def summary(provider_id: int) -> Uses | None:
    """For the provider's page; None if no program has come in the last 30 days."""
    rows = TokenUse.objects.filter(provider=provider_id)
    last = rows.first()
    return Uses(rows.filter(at__gt=timezone.now() - DAY).count(), last) if last else None


def forget_old(now: datetime) -> None:
    """Delete what is older than 30 days."""
    TokenUse.objects.filter(at__lt=now - KEPT).delete()
