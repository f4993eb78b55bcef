"""A forecast as rows to show: a day each, with its hours as a picture and as numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby, islice

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from queues import hours
from reports.forecast import Forecast, Line
from reports.forecast_gaps import LEAST_MAILS
from reports.forecast_law import DAY_LONG, Band

WIDTH, HEIGHT = 240, 40
"""Of the picture of a day: ten units an hour."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour in numbers; `planned` is None where nothing is known ahead."""

    label: str
    expected: str
    band: str
    is_open: bool
    planned: int | None
    mean: float
    is_gap: bool = False
    """Of a time in which mail is expected, but nobody able has a shift."""

    @property
    def is_uncovered(self) -> bool:
        """Open, and nobody able has a shift."""
        return self.is_open and self.planned == 0

    @property
    def people(self) -> str:
        """How many have a shift, as it is shown."""
        if not self.is_open:
            return _("closed")
        return _("not planned") if self.planned is None else str(self.planned)


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `area` and `line` draw band and expectation, `gaps` are (from, width) without anybody."""

    day: date
    expected: int
    band: str
    is_odd: bool
    area: str
    line: str
    gaps: list[tuple[int, int]]
    hours: list[Hour]


def days(forecast: Forecast, line: Line) -> list[Day]:
    """The next days of one line, all drawn to one scale."""
    bands = {day: [line.band(day, hour) for hour in range(24)] for day in forecast.days}
    top = max((band.high for found in bands.values() for band in found), default=0) or 1
    hours_ = [
        _hour(forecast, line, day, hour, band)
        for day, found in bands.items()
        for hour, band in enumerate(found)
    ]
    told = iter(_with_gaps(hours_))
    return [_day(line, day, found, top, list(islice(told, len(found)))) for day, found in bands.items()]


def _with_gaps(found: Sequence[Hour]) -> Iterator[Hour]:
    """Hours in a row without anybody are a gap where they bring as much as the list of gaps wants."""
    for is_uncovered, group in groupby(found, key=lambda hour: hour.is_uncovered):
        row = list(group)
        is_gap = is_uncovered and sum(hour.mean for hour in row) >= LEAST_MAILS
        yield from (replace(hour, is_gap=is_gap) for hour in row)


def _day(line: Line, day: date, bands: Sequence[Band], top: int, found: list[Hour]) -> Day:
    whole = line.band(day, DAY_LONG)
    upper = [(hour, band.high) for hour, band in enumerate(bands)]
    lower = [(hour, band.low) for hour, band in enumerate(bands)]
    forth = [point for hour, count in upper for point in _step(hour, count, top)]
    back = [point for hour, count in reversed(lower) for point in reversed(_step(hour, count, top))]
    middle = [point for hour, band in enumerate(bands) for point in _step(hour, band.mean, top)]
    return Day(
        day,
        round(whole.mean),
        f"{whole.low}–{whole.high}",
        day in line.series.odd,
        " ".join(forth + back),
        " ".join(middle),
        [(10 * number, 10) for number, hour in enumerate(found) if hour.is_gap],
        found,
    )


def _hour(forecast: Forecast, line: Line, day: date, hour: int, band: Band) -> Hour:
    start = datetime.combine(day, datetime.min.time(), forecast.zone) + timedelta(hours=hour)
    end = start + timedelta(hours=1)
    is_open = any(True for _ in hours.of(line.queue).between(start, end))
    return Hour(
        f"{hour:02}–{hour + 1:02}",
        number_format(f"{band.mean:.1f}"),
        f"{band.low}–{band.high}",
        is_open,
        forecast.planned(line.queue, line.language, start, end) if is_open else None,
        band.mean,
    )


def _step(hour: int, count: float, top: int) -> list[str]:
    """Both ends of an hour's level."""
    height = HEIGHT - (HEIGHT - 2) * min(count / top, 1)
    return [f"{10 * hour},{height:.1f}", f"{10 * hour + 10},{height:.1f}"]
