"""The health of a mailbox as a picture: bars of mail in and out, their delay, and failures, day by day.

Numbers become places here; the template only draws. The same figures stand in a table for who can't see it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mailsources.daily import Day

STEP, BAR = 48, 15
"""Width of a day, and of a bar in it."""

VOLUME, DELAY = 110, 46
"""Height of the bars, and of the line of delays."""

FASTEST, SLOWEST = 1.0, 86_400.0
"""Seconds at the foot and at the top of the line: its scale is logarithmic."""


@dataclass(frozen=True, slots=True)
class Column:
    """A day in the picture; heights and places in its own units, the origin at the upper left."""

    day: Day
    left: float
    in_height: float
    out_height: float
    delay_at: float | None
    wait_at: float | None
    words: str

    @property
    def in_top(self) -> float:
        return VOLUME - self.in_height

    @property
    def out_top(self) -> float:
        return VOLUME - self.out_height

    @property
    def middle(self) -> float:
        return self.left + STEP / 2

    @property
    def out_left(self) -> float:
        return self.left + STEP / 2 + 1

    @property
    def in_left(self) -> float:
        return self.left + STEP / 2 - BAR - 1


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it. `delay_line` and `wait_line` are points of polylines, a new one after a day without mail."""

    columns: tuple[Column, ...]
    most: int
    delay_lines: tuple[str, ...]
    wait_lines: tuple[str, ...]
    sentence: str
    width: int
    volume: int = VOLUME
    delay: int = DELAY
    bar: int = BAR


def picture_of(days: Sequence[Day]) -> Picture:
    """Draw these days."""
    most = max([1, *(day.came for day in days), *(day.sent for day in days)])
    columns = tuple(_column(day, number * STEP, most) for number, day in enumerate(days))
    return Picture(
        columns=columns,
        most=most,
        delay_lines=_lines([(one.middle, one.delay_at) for one in columns]),
        wait_lines=_lines([(one.middle, one.wait_at) for one in columns]),
        sentence=_sentence(days),
        width=STEP * len(days),
    )


def seconds_in_words(seconds: float | None) -> str:
    """Such as “0.8 s”, “3 min”; “–” for none."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _column(day: Day, left: float, most: int) -> Column:
    return Column(
        day=day,
        left=left,
        in_height=_height(day.came, most),
        out_height=_height(day.sent, most),
        delay_at=_level(day.delay),
        wait_at=_level(day.wait),
        words=_words(day),
    )


def _height(number: int, most: int) -> float:
    # One mail among thousands is still to be seen.
    return round(max(VOLUME * number / most, 2 if number else 0), 1)


def _level(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    share = math.log(min(max(seconds, FASTEST), SLOWEST) / FASTEST) / math.log(SLOWEST / FASTEST)
    return round(DELAY - (DELAY - 4) * share - 2, 1)


def _lines(points: Sequence[tuple[float, float | None]]) -> tuple[str, ...]:
    lines: list[list[str]] = [[]]
    for x, y in points:
        if y is not None:
            lines[-1].append(f"{x},{y}")
        elif lines[-1]:
            lines.append([])
    return tuple(" ".join(line) for line in lines if line)


def _words(day: Day) -> str:
    if day.is_before:
        return f"{day.day:%a %d %b}: the mailbox was not there yet"
    parts = [f"{day.day:%a %d %b}: {day.came:,} in, {day.sent:,} out"]
    parts += [f"in after {seconds_in_words(day.delay)}"] if day.delay is not None else []
    parts += [f"out after {seconds_in_words(day.wait)}"] if day.wait is not None else []
    parts += [f"{day.looks_failed:,} looks failed"] if day.looks_failed else []
    parts += [f"{day.stuck:,} in quarantine"] if day.stuck else []
    parts += [f"{day.unsent:,} not sent"] if day.unsent else []
    return ", ".join(parts)


def _sentence(days: Sequence[Day]) -> str:
    came, sent, failures = (
        sum(values) for values in zip(*((day.came, day.sent, day.failures) for day in days), strict=True)
    )
    slowest = max((day.delay for day in days if day.delay is not None), default=None)
    slow = f", 95 of 100 within {seconds_in_words(slowest)} on the slowest day" if slowest is not None else ""
    bad = f"{failures:,} failures" if failures else "no failure"
    return f"In the last {len(days)} days {came:,} mails came in{slow}, {sent:,} went out, {bad}."
