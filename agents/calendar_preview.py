"""What a calendar means before it is saved: the next two weeks, and when a mail of now would be due. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from agents.opening import MIDNIGHT, Exceptions, Opening, Spans, duration, parse, parse_day, write_day

DAYS_SHOWN = 14
MINUTES_ACROSS = 4  # a unit of the picture: 1,440 minutes are 360 wide


@dataclass(frozen=True, slots=True)
class Bar:
    """An open span of a day, in units of the picture."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Day:
    """One line of the picture; `words` says the same as the bars."""

    label: str
    words: tuple[str, ...]
    is_exception: bool
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """When a mail that came now would be due."""

    target: str
    due: str


@dataclass(frozen=True, slots=True)
class Preview:
    """All of it. `now` is the time in the calendar's zone."""

    now: str
    is_open: bool
    days: tuple[Day, ...]
    examples: tuple[Example, ...]


def read(values: Mapping[str, str], prefix: str = "days") -> Opening:
    """The opening of a form that isn't saved: hours, time zone, and the table of days.

    Raises:
        HoursError: hours that can't be read.
        ValueError, KeyError: no time zone, or no day.
    """
    dates: dict[date, Spans] = {}
    yearly: dict[tuple[int, int], Spans] = {}
    for number in range(min(int(values.get(f"{prefix}-TOTAL_FORMS") or 0), 1000)):
        day_text = values.get(f"{prefix}-{number}-date", "")
        if not day_text or values.get(f"{prefix}-{number}-DELETE"):
            continue
        day = date.fromisoformat(day_text)
        spans = parse_day(values.get(f"{prefix}-{number}-hours", ""))
        if values.get(f"{prefix}-{number}-yearly"):
            yearly[day.month, day.day] = spans
        else:
            dates[day] = spans
    zone = ZoneInfo(values.get("time_zone", ""))
    return Opening(parse(values.get("hours", "")), zone, Exceptions(dates, yearly))


def preview(opening: Opening, now: datetime, targets: Iterable[int]) -> Preview:
    """Format it.

    :param targets: minutes of opening hours that an answer may take.
    """
    local = now.astimezone(opening.zone)
    return Preview(
        now=f"{local:%a} {local.day} {local:%b %H:%M}",
        is_open=opening.is_open(now),
        days=tuple(_day(opening, local.date() + timedelta(days=number)) for number in range(DAYS_SHOWN)),
        examples=tuple(_example(opening, now, minutes) for minutes in targets),
    )


def _day(opening: Opening, day: date) -> Day:
    spans = opening.spans_of(day)
    return Day(
        label=f"{day:%a} {day.day} {day:%b}",
        words=tuple(write_day(spans).split(",")) if spans else ("closed",),
        is_exception=opening.exceptions.of(day) is not None,
        bars=tuple(
            Bar(start / MINUTES_ACROSS, (min(end, MIDNIGHT) - start) / MINUTES_ACROSS) for start, end in spans
        ),
    )


def _example(opening: Opening, now: datetime, minutes: int) -> Example:
    due = max(opening.at(opening.tick(now.astimezone(UTC)) + minutes), now).astimezone(opening.zone)
    return Example(duration(minutes), f"{due:%a} {due.day} {due:%b %H:%M}")
