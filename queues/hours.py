"""Opening hours of a queue: its own text, or those of the calendar that it shares with others.

The arithmetic is in `agents/opening.py`; here stands which opening a queue has.
"""

from datetime import datetime

from django.conf import settings

from agents.calendars import opening_of
from agents.opening import HoursError, Opening, Week, opening, parse, validate
from queues.models import EmailQueue

__all__ = ["HoursError", "Opening", "Week", "calendar", "due", "fingerprint", "of", "parse", "validate"]


def calendar(text: str) -> Opening:
    """The opening of hours written in the product's time zone."""
    return opening(text, settings.TIME_ZONE)


def of(queue: EmailQueue) -> Opening:
    """The opening of a queue; asks the database only about a calendar that isn't loaded with the queue."""
    return opening_of(queue.calendar) if queue.calendar else calendar(queue.hours)


def due(queue: EmailQueue, start: datetime, minutes: int) -> tuple[datetime, int]:
    """When `minutes` of opening hours have passed since `start`: the moment, and the same as a tick."""
    opening = of(queue)
    tick = opening.tick(start) + minutes
    return max(opening.at(tick), start), tick


def fingerprint(queue: EmailQueue) -> str:
    """What the ticks of a queue depend on: another text means that they must be counted anew."""
    if queue.calendar:
        return str(queue.calendar.version)
    return f"{settings.TIME_ZONE} {queue.hours}"
