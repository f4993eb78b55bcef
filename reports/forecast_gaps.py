"""Hours in which mail is expected that nobody planned can answer. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]
LEAST_MAILS = 0.5
"""Less than that is no gap that anybody would plan for."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without anybody who can do it.

    :param expected: mails in it.
    :param next_at: when the first shift begins that has it; None: there is none as far as one sees.
    """

    start: datetime
    end: datetime
    expected: float
    next_at: datetime | None


def gaps(
    open_spans: Iterable[Span],
    shifts: Iterable[Span],
    expected: Callable[[datetime, datetime], float],
) -> Iterator[Gap]:
    """The times that are open and have no shift, where mail is expected.

    :param shifts: of everybody able, in any order.
    """
    covered = merged(shifts)
    for start, end in merged(open_spans):
        for free_from, free_to in without((start, end), covered):
            mails = expected(free_from, free_to)
            if mails >= LEAST_MAILS:
                following = next((begins for begins, _ in covered if begins >= free_from), None)
                yield Gap(free_from, free_to, mails, following)


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order, and none that touch."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def without(span: Span, covered: Sequence[Span]) -> Iterator[Span]:
    """What is left of a span."""
    start, end = span
    for begins, ends in covered:
        if ends <= start or begins >= end:
            continue
        if begins > start:
            yield start, begins
        start = max(start, ends)
    if start < end:
        yield start, end


def hours_of(start: datetime, end: datetime) -> Iterator[tuple[datetime, float]]:
    """The whole hours that a span touches, each with the part of it that lies in the span."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        following = hour + timedelta(hours=1)
        inside = min(following, end) - max(hour, start)
        yield hour, inside / timedelta(hours=1)
        hour = following
