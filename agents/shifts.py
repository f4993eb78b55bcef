"""When agents are due on duty: their weekly shifts, less holidays and absences.

An agent without any shift is on duty when they say so, and nothing is known ahead. Shifts force nobody: who
is there beyond them counts as there.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from agents.calendars import opening_of
from agents.models import Absence, Agent
from agents.opening import Exceptions, Opening, Spans, Week, common, opening, parse_day

Span = tuple[datetime, datetime]


def on_duty_between(agent_ids: Iterable[int], start: datetime, end: datetime) -> set[int]:
    """Which of these agents are on duty at some time in [start, end).

    Counted are shifts that overlap, and for who is there now (not offline) also without a shift, if now lies
    between. Three queries, whatever the number of agents.
    """
    now = timezone.now()
    is_now = start <= now < end or start >= end
    rows = _agents(agent_ids)
    found = {agent.pk for agent in rows if is_now and agent.presence != Agent.Presence.OFFLINE}
    # Nobody plans for who has no shifts: presence is all that is known.
    found |= {agent.pk for agent in rows if not agent.shifts and agent.presence != Agent.Presence.OFFLINE}
    others = [agent for agent in rows if agent.pk not in found and agent.shifts]
    away = _absences(others, start, end)
    return found | {
        agent.pk for agent in others if any(True for _ in _spans(agent, away.get(agent.pk, {}), start, end))
    }


def spans_between(agent_ids: Iterable[int], start: datetime, end: datetime) -> dict[int, list[Span]]:
    """The times, in UTC and in order, at which agents are due on duty; those without shifts have no entry."""
    planned = [agent for agent in _agents(agent_ids) if agent.shifts]
    away = _absences(planned, start, end)
    return {agent.pk: list(_spans(agent, away.get(agent.pk, {}), start, end)) for agent in planned}


def zone_of(agent: Agent) -> ZoneInfo:
    """The time zone in which the agent's shifts are written."""
    return ZoneInfo(agent.time_zone or settings.TIME_ZONE)


def _agents(agent_ids: Iterable[int]) -> list[Agent]:
    rows = Agent.objects.filter(pk__in=list(agent_ids), user__is_active=True).select_related("calendar")
    return list(rows.only("pk", "shifts", "time_zone", "presence", "calendar"))


def _absences(agents: Iterable[Agent], start: datetime, end: datetime) -> dict[int, dict[date, Spans]]:
    """Agent → day → the hours worked instead; a day more on both sides, as zones differ."""
    first, last = (start - timedelta(days=1)).date(), (end + timedelta(days=1)).date()
    rows = Absence.objects.filter(
        agent__in=[agent.pk for agent in agents], first_date__lte=last, last_date__gte=first
    )
    found: dict[int, dict[date, Spans]] = {}
    for absence in rows:
        days = found.setdefault(absence.agent_id, {})
        day = max(absence.first_date, first)
        while day <= min(absence.last_date, last):
            # Of two for one day the one that says more away wins: who is sick on a changed day is sick.
            days[day] = (
                common(days[day], parse_day(absence.hours)) if day in days else parse_day(absence.hours)
            )
            day += timedelta(days=1)
    return found


def _spans(agent: Agent, away: Mapping[date, Spans], start: datetime, end: datetime) -> Iterable[Span]:
    usual = opening(agent.shifts, zone_of(agent).key)
    holidays = opening_of(agent.calendar).exceptions if agent.calendar else None
    if not away and holidays is None:
        return usual.between(start, end)
    days = dict(away)
    if holidays is not None:
        days |= _free_days(usual.week, holidays, days, start, end)
    return Opening(usual.week, usual.zone, Exceptions(days)).between(start, end)


def _free_days(
    week: Week, holidays: Exceptions, away: Mapping[date, Spans], start: datetime, end: datetime
) -> dict[date, Spans]:
    """What is left of the shifts on the exceptional days of a calendar; what was agreed for a day stays."""
    found: dict[date, Spans] = {}
    day = (start - timedelta(days=1)).date()
    while day <= (end + timedelta(days=1)).date():
        of_calendar = holidays.of(day)
        if of_calendar is not None and day not in away:
            found[day] = common(week.spans[day.weekday()], of_calendar)
        day += timedelta(days=1)
    return found
