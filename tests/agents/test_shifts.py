"""Who is due on duty when: shifts, absences, holidays, zones."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from agents.models import Absence, Agent, Calendar
from agents.shifts import on_duty_between, spans_between
from tests.make import make_agent

pytestmark = pytest.mark.django_db

MONDAY = datetime(2031, 3, 3, tzinfo=UTC)
OFFLINE: Any = {"presence": Agent.Presence.OFFLINE}


def at(hour: float, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


def make_office(**overrides: Any) -> Calendar:
    values: dict[str, Any] = {"name": "Office", "time_zone": "UTC", "hours": "Mo-Fr 08:00-17:00"}
    return Calendar.objects.create(**(values | overrides))


def test_a_shift_that_overlaps_counts_and_one_that_only_touches_does_not() -> None:
    alice = make_agent(shifts="Mo-Fr 08:00-16:00", time_zone="UTC", **OFFLINE)
    assert on_duty_between([alice.pk], at(15), at(20)) == {alice.pk}
    assert on_duty_between([alice.pk], at(5), at(8.5)) == {alice.pk}
    assert on_duty_between([alice.pk], at(16), at(20)) == set()
    assert on_duty_between([alice.pk], at(5), at(8)) == set()
    assert on_duty_between([alice.pk], at(12, 5), at(12, 6)) == set()  # the weekend


def test_without_shifts_presence_alone_counts() -> None:
    here, gone = make_agent("alice"), make_agent("bob", **OFFLINE)
    assert on_duty_between([here.pk, gone.pk], at(8), at(9)) == {here.pk}


def test_who_is_there_beyond_the_shift_is_there() -> None:
    alice = make_agent(shifts="Mo 08:00-08:15", time_zone="UTC")
    now = timezone.now()
    assert on_duty_between([alice.pk], now, now + timedelta(seconds=5)) == {alice.pk}
    assert on_duty_between([alice.pk], at(9), at(10)) == set()  # another day's evening is not known of


def test_shifts_are_written_in_the_agents_zone() -> None:
    alice = make_agent(shifts="Mo 08:00-10:00", time_zone="America/New_York", **OFFLINE)
    assert on_duty_between([alice.pk], at(8), at(10)) == set()
    assert spans_between([alice.pk], at(0), at(24)) == {alice.pk: [(at(13), at(15))]}


def test_a_night_shift_goes_on_after_midnight() -> None:
    alice = make_agent(shifts="Mo 22:00-24:00; Tu 00:00-06:00", time_zone="UTC", **OFFLINE)
    assert on_duty_between([alice.pk], at(1, 1), at(2, 1)) == {alice.pk}
    assert spans_between([alice.pk], at(12), at(12, 1)) == {
        alice.pk: [(at(22), at(0, 1)), (at(0, 1), at(6, 1))]
    }


def test_who_is_away_is_not_due_and_other_hours_count_instead() -> None:
    alice = make_agent(shifts="Mo-Fr 08:00-16:00", time_zone="UTC", **OFFLINE)
    alice.absences.create(first_date=date(2031, 3, 3), last_date=date(2031, 3, 4))
    alice.absences.create(
        first_date=date(2031, 3, 8),
        last_date=date(2031, 3, 8),
        kind=Absence.Kind.CHANGED,
        hours="10:00-12:00",
    )
    assert on_duty_between([alice.pk], at(0), at(24, 1)) == set()
    assert on_duty_between([alice.pk], at(0, 2), at(24, 2)) == {alice.pk}
    assert spans_between([alice.pk], at(0, 5), at(24, 5)) == {alice.pk: [(at(10, 5), at(12, 5))]}


def test_who_is_sick_on_a_changed_day_is_sick() -> None:
    alice = make_agent(shifts="Mo-Fr 08:00-16:00", time_zone="UTC", **OFFLINE)
    day = date(2031, 3, 3)
    alice.absences.create(first_date=day, last_date=day, kind="changed", hours="10:00-12:00")
    alice.absences.create(first_date=day, last_date=day, kind="sick")
    assert on_duty_between([alice.pk], at(0), at(24)) == set()


def test_holidays_of_a_calendar_are_free_or_short() -> None:
    office = make_office()
    office.days.create(date=date(2031, 3, 3), name="Founders' day")
    office.days.create(date=date(2030, 3, 4), yearly=True, hours="08:00-10:00")
    alice = make_agent(shifts="Mo-Fr 09:00-16:00", time_zone="UTC", calendar=office, **OFFLINE)
    assert on_duty_between([alice.pk], at(0), at(24)) == set()
    assert spans_between([alice.pk], at(0, 1), at(24, 1)) == {alice.pk: [(at(9, 1), at(10, 1))]}
    alice.absences.create(
        first_date=date(2031, 3, 3), last_date=date(2031, 3, 3), kind="changed", hours="12:00-13:00"
    )
    assert spans_between([alice.pk], at(0), at(24)) == {alice.pk: [(at(12), at(13))]}  # as agreed


def test_who_may_not_sign_in_is_never_due() -> None:
    alice = make_agent(shifts="Mo-Su 00:00-24:00")
    alice.user.is_active = False
    alice.user.save()
    assert on_duty_between([alice.pk], at(0), at(24)) == set()


def test_the_number_of_queries_does_not_grow_with_the_agents(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    agents = [make_agent(f"agent{number}", shifts="Mo-Fr 08:00-16:00", **OFFLINE) for number in range(12)]
    for agent in agents:
        agent.absences.create(first_date=date(2031, 3, 4), last_date=date(2031, 3, 4))
    with django_assert_num_queries(2):
        assert len(on_duty_between([agent.pk for agent in agents], at(0), at(24))) == 12


def test_an_absence_is_checked() -> None:
    alice = make_agent()
    with pytest.raises(ValidationError, match="ends before it begins"):
        Absence(agent=alice, first_date=date(2031, 3, 4), last_date=date(2031, 3, 3)).full_clean()
    with pytest.raises(ValidationError, match="Give the hours"):
        Absence(agent=alice, first_date=MONDAY.date(), last_date=MONDAY.date(), kind="changed").full_clean()
