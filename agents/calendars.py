"""Calendars: when an office works, in which time zone, and on which days otherwise.

Queues share them for their opening hours, agents for their holidays. Each saving gives a calendar a new
`version`, so that what was computed of it can be kept under that name.
"""

from datetime import date
from functools import lru_cache
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import models

from agents.opening import Exceptions, Opening, parse, parse_day, validate, validate_day

KEPT = 500


def validate_zone(name: str) -> None:
    """Refuse what is no time zone: a field validator."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValidationError(f"“{name}” is no time zone: give a name like Europe/Prague.") from error


class Calendar(models.Model):
    """Opening hours with a name, and the days that differ from them."""

    name = models.CharField(max_length=200, unique=True)
    time_zone = models.CharField(
        max_length=60, validators=[validate_zone], help_text="Such as Europe/Prague."
    )
    hours = models.CharField(
        max_length=500,
        default="Mo-Fr 08:00-17:00",
        validators=[validate],
        help_text="Such as Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00.",
    )
    version = models.UUIDField(default=uuid4, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def renew(self) -> None:
        """Its hours or days have changed; call it in the transaction that changes them."""
        self.version = uuid4()
        self.save(update_fields=["version"])


class CalendarDay(models.Model):
    """A day of a calendar that differs from its weekday: closed, or open at other hours."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="days")
    date = models.DateField()
    yearly = models.BooleanField("each year", default=False)
    hours = models.CharField(
        max_length=100,
        blank=True,
        default="",
        validators=[validate_day],
        help_text="Such as 08:00-12:00; empty: closed all day.",
    )
    name = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "date", "yearly"], name="calendar_day_once")
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.name}".strip()


def exceptions(days: models.QuerySet[CalendarDay]) -> Exceptions:
    """The exceptional days as the arithmetic wants them."""
    dates: dict[date, tuple[tuple[int, int], ...]] = {}
    yearly: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    for day, each_year, hours in days.order_by("date").values_list("date", "yearly", "hours"):
        if each_year:
            yearly[day.month, day.day] = parse_day(hours)
        else:
            dates[day] = parse_day(hours)
    return Exceptions(dates, yearly)


def opening_of(calendar: Calendar) -> Opening:
    """The calendar's opening; one query for each version of it in a process."""
    return _opening(calendar.pk, calendar.version, calendar.hours, calendar.time_zone)


@lru_cache(maxsize=KEPT)
def _opening(pk: int, version: UUID, hours: str, zone: str) -> Opening:
    days = CalendarDay.objects.filter(calendar=pk)
    return Opening(parse(hours), ZoneInfo(zone), exceptions(days))
