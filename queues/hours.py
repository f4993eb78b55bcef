"""Opening hours of a queue: read from text, and counted in open minutes.

`tick(at)` counts the minutes that the queue was open since the first day, so differences of ticks are working
time whatever nights and holidays lie between; `at(tick)` is its inverse. Days when the clock is changed count
the minutes that really pass.

    Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MIDNIGHT = 24 * 60
FIRST_DAY = date(2020, 1, 6)  # a Monday; what is older counts as if it happened then
EXAMPLE = "write it like “Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00”"

_TIMES = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAYS = re.compile(r"([A-Z][a-z])(?:\s*-\s*([A-Z][a-z]))?")

Span = tuple[int, int]


class HoursError(ValidationError):
    """A text that gives no opening hours; its message names the piece that can't be read."""

    @property
    def sentence(self) -> str:
        """The message for the administrator."""
        return str(self.message)


@dataclass(frozen=True, slots=True)
class Week:
    """Open spans of each weekday, Monday first, in minutes since midnight; sorted, never touching."""

    spans: tuple[tuple[Span, ...], ...]


@lru_cache(maxsize=1000)
def parse(text: str) -> Week:
    """Read opening hours.

    Raises:
        HoursError: with the piece that can't be read.
    """
    week: list[list[Span]] = [[] for _ in DAYS]
    for rule in filter(None, (piece.strip() for piece in text.split(";"))):
        days, spans = _rule(rule)
        for day in days:
            week[day] += spans
    if not any(week):
        raise HoursError(f"The opening hours are empty: {EXAMPLE}, or “Mo-Su 00:00-24:00” for always.")
    return Week(tuple(_merged(day) for day in week))


def validate(text: str) -> None:
    """Refuse opening hours that can't be read: a field validator."""
    parse(text)


def _rule(rule: str) -> tuple[list[int], list[Span]]:
    first_digit = re.search(r"\d", rule)
    if first_digit is None:
        raise HoursError(f"“{rule}” in the opening hours names no time: {EXAMPLE}.")
    days = [
        day for piece in rule[: first_digit.start()].split(",") for day in _day_range(piece.strip(), rule)
    ]
    return days, [_span(piece.strip()) for piece in rule[first_digit.start() :].split(",")]


def _day_range(piece: str, rule: str) -> list[int]:
    match = _DAYS.fullmatch(piece.title())
    names = [name for name in match.groups() if name] if match else []
    if not names or not set(names) <= set(DAYS):
        raise HoursError(f"“{piece or rule}” in the opening hours is not a day: use {', '.join(DAYS)}.")
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    return [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]


def _span(piece: str) -> Span:
    match = _TIMES.fullmatch(piece)
    if match is None:
        raise HoursError(f"“{piece}” in the opening hours is not a time such as 08:00-17:30.")
    hour, minute, to_hour, to_minute = map(int, match.groups())
    start, end = hour * 60 + minute, to_hour * 60 + to_minute
    if minute > 59 or to_minute > 59 or end > MIDNIGHT:
        raise HoursError(f"“{piece}” in the opening hours is not a time of the day: 00:00 to 24:00.")
    if end <= start:
        raise HoursError(
            f"“{piece}” in the opening hours ends before it begins: "
            "over midnight, write it as two days, such as Mo 22:00-24:00; Tu 00:00-06:00."
        )
    return start, end


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


class Calendar:
    """Opening hours in one time zone, with the open minutes before each day summed up as far as needed."""

    def __init__(self, week: Week, zone: ZoneInfo) -> None:
        self.week = week
        self.zone = zone
        self._nominal = [sum(end - start for start, end in day) for day in week.spans]
        self._before = [0]  # open minutes before each day since FIRST_DAY

    def tick(self, at: datetime) -> int:
        """Whole minutes that the queue was open from the first day until then."""
        at = at.astimezone(UTC)
        day = (at.astimezone(self.zone).date() - FIRST_DAY).days
        if day < 0:
            return 0
        self._sum_until(day)
        return self._before[day] + sum(
            _minutes(start, min(end, at)) for start, end in self._spans(day) if start < at
        )

    def at(self, tick: int) -> datetime:
        """The first moment, in UTC, at which that many minutes were open."""
        while self._before[-1] < tick:
            self._sum_until(len(self._before) + 365)
        day = max(bisect_left(self._before, tick) - 1, 0)
        left = tick - self._before[day]
        for start, end in self._spans(day):
            if left <= _minutes(start, end):
                return start + timedelta(minutes=left)
            left -= _minutes(start, end)
        return self._moment(day, MIDNIGHT)

    def is_open(self, at: datetime) -> bool:
        """Whether the queue is open at that moment."""
        at = at.astimezone(UTC)
        day = (at.astimezone(self.zone).date() - FIRST_DAY).days
        return day >= 0 and any(start <= at < end for start, end in self._spans(day))

    def opening(self, day: date, earliest: int = 0) -> datetime | None:
        """The first moment of a day, in UTC, at which the queue is open; None when it is closed all day.

        :param earliest: minutes after midnight.
        """
        number = (day - FIRST_DAY).days
        floor = self._moment(number, earliest)
        found = [max(start, floor) for start, end in self._spans(number) if end > floor]
        return found[0] if found else None

    def _sum_until(self, day: int) -> None:
        if day < len(self._before):
            return
        before = self._before.copy()  # swapped in whole, as threads share a calendar
        while len(before) <= day:
            before.append(before[-1] + self._open_minutes(len(before) - 1))
        self._before = before

    def _open_minutes(self, day: int) -> int:
        if self._offset(day) == self._offset(day + 1):
            return self._nominal[day % 7]
        return sum(_minutes(start, end) for start, end in self._spans(day))

    def _offset(self, day: int) -> timedelta | None:
        date_ = FIRST_DAY + timedelta(days=day)
        return datetime(date_.year, date_.month, date_.day, tzinfo=self.zone).utcoffset()

    def _spans(self, day: int) -> list[tuple[datetime, datetime]]:
        found: list[tuple[datetime, datetime]] = []
        for first, last in self.week.spans[day % 7]:
            start, end = self._moment(day, first), self._moment(day, last)
            if found:  # times that a clock change skips would overlap what follows
                start = max(start, found[-1][1])
            if start < end:
                found.append((start, end))
        return found

    def _moment(self, day: int, minute: int) -> datetime:
        date_ = FIRST_DAY + timedelta(days=day + minute // MIDNIGHT)
        minute %= MIDNIGHT
        local = datetime(date_.year, date_.month, date_.day, minute // 60, minute % 60, tzinfo=self.zone)
        return local.astimezone(UTC)


def _minutes(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds()) // 60


@lru_cache(maxsize=1000)
def _calendar(text: str, zone: str) -> Calendar:
    return Calendar(parse(text), ZoneInfo(zone))


def calendar(text: str) -> Calendar:
    """The calendar of these opening hours in the product's time zone."""
    return _calendar(text, settings.TIME_ZONE)


def due(text: str, start: datetime, minutes: int) -> tuple[datetime, int]:
    """When `minutes` of opening hours have passed since `start`: the moment, and the same as a tick."""
    opening = calendar(text)
    tick = opening.tick(start) + minutes
    return max(opening.at(tick), start), tick
