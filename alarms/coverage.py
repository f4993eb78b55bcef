"""Shifts that leave expected mail to nobody, told before they begin.

The forecast reads weeks of mail, so what it found is kept for a while: a hint, found again when it is lost.
"""

from collections.abc import Iterator

from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent
from alarms.trouble import Trouble
from reports.forecast import coming

KEPT_SECONDS = 900
KEY = "alarms-coverage"


def coverage_troubles() -> Iterator[Trouble]:
    """A trouble for each gap that begins in the next hours; who plans no shifts isn't told of any."""
    if not Agent.objects.exclude(shifts="").exists():
        return
    found = cache.get(KEY)
    if found is None:
        found = _found()
        cache.set(KEY, found, KEPT_SECONDS)
    yield from found


def _found() -> list[Trouble]:
    now = timezone.now()
    return [
        Trouble(
            f"coverage:{each.queue.pk}:{each.language}:{each.gap.start.date()}:{each.is_hopeless}",
            f"queue {each.queue.name}",
            each.sentence,
            f"{reverse('forecast')}?line={each.queue.pk}-{each.language}",
            is_urgent=False,
        )
        for each in coming(now)
    ]
