"""Opening hours: what can be written, and how open minutes are counted."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queues import hours
from queues.hours import HoursError, Opening, parse

PRAGUE = ZoneInfo("Europe/Prague")
OFFICE = "Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00"
TEXTS = ["Mo-Su 00:00-24:00", OFFICE, "Fr-Mo 22:00-24:00; Tu 00:00-02:30", "Su 02:00-03:00", "We 02:15-02:45"]

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.sampled_from(TEXTS)
moments = st.datetimes(datetime(2020, 1, 7), datetime(2031, 1, 1), timezones=st.just(UTC))


@cache
def calendar(text: str) -> Opening:
    return Opening(parse(text), PRAGUE)


def local(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=PRAGUE)


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        (local(2026, 3, 2, 9), 60, local(2026, 3, 2, 10)),  # a Monday
        (local(2026, 3, 2, 11, 30), 60, local(2026, 3, 2, 13, 30)),  # over lunch
        (local(2026, 3, 6, 16, 30), 60, local(2026, 3, 7, 9, 30)),  # Friday evening to Saturday
        (local(2026, 3, 7, 11), 240, local(2026, 3, 9, 11)),  # Saturday to Monday
        (local(2026, 3, 8, 15), 30, local(2026, 3, 9, 8, 30)),  # Sunday counts from Monday's opening
        (local(2026, 3, 2, 8), 240, local(2026, 3, 2, 12)),  # ends when it closes, not when it opens again
    ],
)
def test_due_counts_only_open_minutes(start: datetime, minutes: int, expected: datetime) -> None:
    opening = calendar(OFFICE)
    assert opening.at(opening.tick(start) + minutes) == expected


def test_always_open_is_real_time_also_when_clocks_change() -> None:
    opening = calendar("Mo-Su 00:00-24:00")
    for start in (local(2026, 3, 28, 22), local(2026, 10, 24, 22)):
        assert opening.at(opening.tick(start) + 480) == start.astimezone(UTC) + timedelta(minutes=480)


@patient
@given(texts, moments, moments)
def test_more_time_never_gives_an_earlier_tick(text: str, one: datetime, other: datetime) -> None:
    opening = calendar(text)
    earlier, later = sorted([one, other])
    assert opening.tick(earlier) <= opening.tick(later)


@patient
@given(texts, st.integers(1, 100_000))
def test_at_is_the_inverse_of_tick(text: str, tick: int) -> None:
    opening = calendar(text)
    moment = opening.at(tick)
    assert opening.tick(moment) == tick
    assert opening.tick(moment - timedelta(seconds=1)) == tick - 1


@patient
@given(texts, moments, st.integers(1, 10_000))
def test_due_lies_inside_the_opening_hours(text: str, start: datetime, minutes: int) -> None:
    opening = calendar(text)
    due = opening.at(opening.tick(start) + minutes)
    just_before = (due - timedelta(seconds=1)).astimezone(PRAGUE)
    minute = just_before.hour * 60 + just_before.minute
    spans = parse(text).spans[just_before.weekday()]
    assert due > start
    # What the clock change skips or repeats is open under another name; those days are told apart above.
    day = datetime(due.year, due.month, due.day, tzinfo=UTC)
    if (day - timedelta(days=1)).astimezone(PRAGUE).utcoffset() == (day + timedelta(days=2)).astimezone(
        PRAGUE
    ).utcoffset():
        assert any(first <= minute < last for first, last in spans)


@patient
@given(texts, moments, st.integers(0, 5_000), st.integers(0, 5_000))
def test_a_longer_target_is_never_due_earlier(text: str, start: datetime, one: int, other: int) -> None:
    opening = calendar(text)
    tick = opening.tick(start)
    assert opening.at(tick + min(one, other)) <= opening.at(tick + max(one, other))


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("", "empty"),
        ("Mo-Fr", "“Mo-Fr”"),
        ("Mo-Fr 8-17", "“8-17”"),
        ("Mo-Fr 08:00-17:00; Xx 09:00-12:00", "“Xx”"),
        ("Mo 22:00-06:00", "“22:00-06:00” in the opening hours ends before it begins"),
        ("Mo 08:00-25:00", "“08:00-25:00”"),
        ("Mo 08:60-09:00", "“08:60-09:00”"),
        ("08:00-17:00", "“08:00-17:00”"),
        ("Mo 08:00-12:00,", "“”"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, piece: str) -> None:
    with pytest.raises(HoursError) as caught:
        parse(text)
    assert piece in caught.value.sentence


def test_ranges_over_the_weekend_lists_and_overlaps() -> None:
    week = parse("Sa-Mo 10:00-12:00, 11:00-13:00; Mo,We 12:00-14:00")
    assert week.spans[0] == ((600, 840),)
    assert week.spans[2] == ((720, 840),)
    assert week.spans[5] == week.spans[6] == ((600, 780),)
    assert week.spans[1] == ()


def test_times_before_the_first_day_count_as_the_first() -> None:
    assert hours.calendar("Mo-Su 00:00-24:00").tick(datetime(1999, 1, 1, tzinfo=UTC)) == 0
