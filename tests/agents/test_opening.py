"""Working time with exceptional days, in several zones, against an oracle that counts minute by minute."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.opening import Exceptions, HoursError, Opening, Spans, Week, parse, parse_day, write, write_day

patient = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

ZONES = ["UTC", "Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
# Around the days when clocks change, where minutes are skipped and repeated.
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5),
           date(2026, 10, 4), date(2026, 12, 31)]  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

quarters = st.integers(0, 96).map(lambda quarter: quarter * 15)


@st.composite
def spans(draw: st.DrawFn) -> Spans:
    """Spans of a day, midnight and 24:00 among their ends; none: closed."""
    edges = sorted(set(draw(st.lists(quarters, max_size=6))))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


weeks = st.tuples(*[spans()] * 7).filter(any).map(Week)


@cache
def minute(zone: str, day: date, of_day: int) -> int:
    """The first minute since 1970 at which clocks there show this time, or jump over it."""
    day += timedelta(days=of_day // 1440)
    hour, minutes = divmod(of_day % 1440, 60)
    at = datetime(day.year, day.month, day.day, hour, minutes, tzinfo=ZoneInfo(zone))
    return int((at.astimezone(UTC) - EPOCH).total_seconds()) // 60


def oracle(week: Week, zone: str, exceptions: Exceptions, first: date, days: int) -> set[int]:
    """Every open minute of these days."""
    found: set[int] = set()
    for number in range(days):
        day = first + timedelta(days=number)
        other = exceptions.dates.get(day, exceptions.yearly.get((day.month, day.day)))
        for start, end in week.spans[day.weekday()] if other is None else other:
            found |= set(range(minute(zone, day, start), minute(zone, day, end)))
    return found


@st.composite
def openings(draw: st.DrawFn) -> tuple[Opening, str, date]:
    middle = draw(st.sampled_from(CHANGES))
    near = st.integers(-3, 3).map(lambda days: middle + timedelta(days=days))
    dates = draw(st.dictionaries(near, spans(), max_size=4))
    yearly = draw(st.dictionaries(near.map(lambda day: (day.month, day.day)), spans(), max_size=2))
    zone = draw(st.sampled_from(ZONES))
    return Opening(draw(weeks), ZoneInfo(zone), Exceptions(dates, yearly)), zone, middle


@patient
@given(openings(), st.integers(0, 8 * 1440), st.integers(0, 8 * 1440))
def test_ticks_count_what_is_open(made: tuple[Opening, str, date], one: int, other: int) -> None:
    opening, zone, middle = made
    open_minutes = oracle(opening.week, zone, opening.exceptions, middle - timedelta(days=6), 13)
    begin = minute(zone, middle - timedelta(days=4), 0)
    start, end = sorted([begin + one, begin + other])
    counted = opening.tick(EPOCH + timedelta(minutes=end)) - opening.tick(EPOCH + timedelta(minutes=start))
    assert counted == sum(start <= each < end for each in open_minutes)
    assert opening.is_open(EPOCH + timedelta(minutes=start)) == (start in open_minutes)


@patient
@given(openings(), st.integers(0, 8 * 1440), st.integers(1, 2000))
def test_due_is_the_first_moment_at_which_so_much_was_open(
    made: tuple[Opening, str, date], after: int, target: int
) -> None:
    opening, zone, middle = made
    start = minute(zone, middle - timedelta(days=4), 0) + after
    open_minutes = sorted(
        each
        for each in oracle(opening.week, zone, opening.exceptions, middle - timedelta(days=6), 40)
        if each >= start
    )
    tick = opening.tick(EPOCH + timedelta(minutes=start)) + target
    if len(open_minutes) >= target:
        assert opening.at(tick) == EPOCH + timedelta(minutes=open_minutes[target - 1] + 1)


@patient
@given(weeks)
def test_a_week_is_written_as_it_is_read(week: Week) -> None:
    assert parse(write(week)) == week
    assert all(parse_day(write_day(each)) == each for each in week.spans)


def test_what_never_opens_ends_somewhere() -> None:
    closed = {(day.month, day.day): () for day in (date(2020, 1, 1) + timedelta(days=n) for n in range(366))}
    opening = Opening(parse("Mo-Su 00:00-24:00"), ZoneInfo("UTC"), Exceptions({}, closed))
    assert opening.tick(datetime(2026, 1, 1, tzinfo=UTC)) == 0
    assert opening.at(1) > datetime(2090, 1, 1, tzinfo=UTC)


def test_a_date_wins_over_what_comes_each_year() -> None:
    exceptions = Exceptions({date(2026, 12, 24): ((480, 600),)}, {(12, 24): ()})
    opening = Opening(parse("Mo-Su 08:00-18:00"), ZoneInfo("UTC"), exceptions)
    assert opening.spans_of(date(2026, 12, 24)) == ((480, 600),)
    assert opening.spans_of(date(2027, 12, 24)) == ()


@pytest.mark.parametrize("text", ["9-12", "12:00-08:00", "08:00-25:00", "x"])
def test_hours_of_a_day_that_cannot_be_read(text: str) -> None:
    with pytest.raises(HoursError):
        parse_day(text)
