"""Working time: a week of hours read from text, days that differ from it, and open minutes counted.

`tick(at)` counts the minutes that were open since the first day, so differences of ticks are working time
whatever nights and holidays lie between; `at(tick)` is its inverse. Days when the clock is changed count the
minutes that really pass.

    Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MIDNIGHT = 24 * 60
FIRST_DAY = date(2020, 1, 6)  # a Monday; what is older counts as if it happened then
LAST_DAY = 80 * 366  # counted from the first one: what never opens ends somewhere
ALWAYS = "Mo-Su 00:00-24:00"
EXAMPLE = "write it like “Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00”"

_TIMES = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAYS = re.compile(r"([A-Z][a-z])(?:\s*-\s*([A-Z][a-z]))?")

Span = tuple[int, int]
Spans = tuple[Span, ...]


class HoursError(ValidationError):
    """A text that gives no hours; its message names the piece that can't be read."""

    @property
    def sentence(self) -> str:
        """The message for the administrator."""
        return str(self.message)


@dataclass(frozen=True, slots=True)
class Week:
    """Open spans of each weekday, Monday first, in minutes since midnight; sorted, never touching."""

    spans: tuple[Spans, ...]


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Days whose spans differ from their weekday's; no spans: closed.

    :param dates: one day each; they win over what comes back each year.
    :param yearly: by (month, day).
    """

    dates: Mapping[date, Spans] = field(default_factory=dict)
    yearly: Mapping[tuple[int, int], Spans] = field(default_factory=dict)

    def of(self, day: date) -> Spans | None:
        """The spans of that day; None when it is like its weekday."""
        found = self.dates.get(day)
        return found if found is not None else self.yearly.get((day.month, day.day))


@lru_cache(maxsize=1000)
def parse(text: str) -> Week:
    """Read a week of hours.

    Raises:
        HoursError: with the piece that can't be read.
    """
    week: list[list[Span]] = [[] for _ in DAYS]
    for rule in filter(None, (piece.strip() for piece in text.split(";"))):
        days, spans = _rule(rule)
        for day in days:
            week[day] += spans
    if not any(week):
        raise HoursError(f"The opening hours are empty: {EXAMPLE}, or “{ALWAYS}” for always.")
    return Week(tuple(_merged(day) for day in week))


def validate(text: str) -> None:
    """Refuse hours that can't be read: a field validator."""
    parse(text)


@lru_cache(maxsize=1000)
def parse_day(text: str) -> Spans:
    """Read the hours of one day, such as "09:00-12:00,13:00-15:00"; "" is a day without any.

    Raises:
        HoursError: with the piece that can't be read.
    """
    return _merged([_span(piece.strip()) for piece in text.split(",")]) if text.strip() else ()


def validate_day(text: str) -> None:
    """Refuse hours of a day that can't be read: a field validator."""
    parse_day(text)


def write(week: Week) -> str:
    """The text of a week, the shortest that `parse` reads as the same; "" when no day has hours."""
    rules: list[str] = []
    first = 0
    for day in range(1, len(DAYS) + 1):
        if day < len(DAYS) and week.spans[day] == week.spans[first]:
            continue
        if week.spans[first]:
            name = DAYS[first] if day - 1 == first else f"{DAYS[first]}-{DAYS[day - 1]}"
            rules.append(f"{name} {write_day(week.spans[first])}")
        first = day
    return "; ".join(rules)


def write_day(spans: Spans) -> str:
    """The text of a day's spans: "09:00-12:00,13:00-15:00"."""
    return ",".join(f"{_time(start)}-{_time(end)}" for start, end in spans)


def duration(minutes: int) -> str:
    """Such as "4 h", "1 h 30 min", "45 min"."""
    hours, rest = divmod(minutes, 60)
    parts = [_("%(count)s h") % {"count": hours}] if hours else []
    if rest or not hours:
        parts.append(_("%(count)s min") % {"count": rest})
    return " ".join(parts)


def common(one: Spans, other: Spans) -> Spans:
    """The times that are in both."""
    return tuple(
        (max(start, begin), min(end, stop))
        for start, end in one
        for begin, stop in other
        if max(start, begin) < min(end, stop)
    )


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


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


def _merged(spans: list[Span]) -> Spans:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


NO_EXCEPTIONS = Exceptions()


class Opening:
    """A week of hours in one time zone, and the days that differ; open minutes are summed up as needed."""

    def __init__(self, week: Week, zone: ZoneInfo, exceptions: Exceptions = NO_EXCEPTIONS) -> None:
        self.week = week
        self.zone = zone
        self.exceptions = exceptions
        self._before = [0]  # open minutes before each day since FIRST_DAY

    def tick(self, at: datetime) -> int:
        """Whole minutes that were open from the first day until then."""
        at = at.astimezone(UTC)
        day = self._number(at)
        if day < 0:
            return 0
        self._sum_until(day)
        return self._before[day] + sum(
            _minutes(start, min(end, at)) for start, end in self._spans(day) if start < at
        )

    def at(self, tick: int) -> datetime:
        """The first moment, in UTC, at which that many minutes were open; the last day if there is none."""
        while self._before[-1] < tick and len(self._before) < LAST_DAY:
            self._sum_until(len(self._before) + 365)
        day = max(bisect_left(self._before, tick) - 1, 0)
        left = tick - self._before[day]
        for start, end in self._spans(day):
            if left <= _minutes(start, end):
                return start + timedelta(minutes=left)
            left -= _minutes(start, end)
        return self._moment(day, MIDNIGHT)

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at that moment."""
        at = at.astimezone(UTC)
        day = self._number(at)
        return day >= 0 and any(start <= at < end for start, end in self._spans(day))

    def between(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open spans, in UTC, that overlap [start, end); cut at neither."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        for day in range(self._number(start), self._number(end) + 1):
            yield from (span for span in self._spans(day) if span[0] < end and span[1] > start)

    def opening(self, day: date, earliest: int = 0) -> datetime | None:
        """The first moment of a day, in UTC, at which it is open; None when it is closed all day.

        :param earliest: minutes after midnight.
        """
        number = (day - FIRST_DAY).days
        floor = self._moment(number, earliest)
        found = [max(start, floor) for start, end in self._spans(number) if end > floor]
        return found[0] if found else None

    def spans_of(self, day: date) -> Spans:
        """The hours of a day in minutes since midnight, as they are written."""
        found = self.exceptions.of(day)
        return self.week.spans[day.weekday()] if found is None else found

    def _number(self, at: datetime) -> int:
        return (at.astimezone(self.zone).date() - FIRST_DAY).days

    def _sum_until(self, day: int) -> None:
        if day < len(self._before):
            return
        before = self._before.copy()  # swapped in whole, as threads share an opening
        while len(before) <= day:
            before.append(before[-1] + self._open_minutes(len(before) - 1))
        self._before = before

    def _open_minutes(self, day: int) -> int:
        if self._offset(day) == self._offset(day + 1):
            return sum(end - start for start, end in self.spans_of(FIRST_DAY + timedelta(days=day)))
        return sum(_minutes(start, end) for start, end in self._spans(day))

    def _offset(self, day: int) -> timedelta | None:
        date_ = FIRST_DAY + timedelta(days=day)
        return datetime(date_.year, date_.month, date_.day, tzinfo=self.zone).utcoffset()

    def _spans(self, day: int) -> list[tuple[datetime, datetime]]:
        found: list[tuple[datetime, datetime]] = []
        for first, last in self.spans_of(FIRST_DAY + timedelta(days=day)):
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
def opening(text: str, zone: str) -> Opening:
    """The opening of a week without exceptions, kept, as its sums are worth something."""
    return Opening(parse(text), ZoneInfo(zone))
