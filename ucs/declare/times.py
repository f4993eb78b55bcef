"""The times of a settings file: calendars, what queues promise, and the shifts of agents."""

import re
from datetime import date
from typing import Any

from agents.models import Agent, Calendar, CalendarDay
from queues.models import EmailQueue, EscalationStep
from queues.promises import USUAL_PERCENT
from ucs.declare.changes import Changes, write
from ucs.declare.document import Entry

CLOSED = "closed"
YEARLY = re.compile(r"(\d\d)-(\d\d)")
LEAP_YEAR = 2020  # in which every day of the year is one
WHEN = re.compile(r"(\d+)\s*(%|m|h)\s*(used|before|after)?")
PROMISE_KEYS = {"calendar", "escalation"}
SLA_KEYS = {"first_response", "next_response", "resolution", *USUAL_PERCENT}
SHIFT_KEYS = {"shifts", "time_zone", "calendar"}


def calendar(entry: Entry, changes: Changes) -> None:
    """calendars: opening hours that queues share."""
    entry.check_keys({"name", "time_zone", "hours", "days"}, {"name", "time_zone"})
    row = Calendar.objects.filter(name=entry.text("name")).first() or Calendar(name=entry.text("name"))
    created = row.pk is None
    fields = {
        "time_zone": entry.text("time_zone"),
        "hours": entry.text("hours", "Mo-Fr 08:00-17:00"),
    }
    differs = write(entry, row, fields)
    differs += _days(entry, row)
    if differs:
        row.renew()
    changes.note(f"calendar {row.name}", differs, created, row=row)


def _days(entry: Entry, row: Calendar) -> list[str]:
    """The exceptional days: what the file doesn't name is taken away."""
    wanted = {_day(entry, str(key)): value for key, value in entry.part("days").values.items()}
    there = {(day.date, day.yearly): day for day in row.days.all()}
    differs = []
    for place in there.keys() - wanted.keys():
        there[place].delete()
        differs.append(f"day {_shown(*place)} taken away")
    for place, value in wanted.items():
        day = there.get(place) or CalendarDay(calendar=row, date=place[0], yearly=place[1])
        if write(entry, day, _of_day(entry, value)):
            differs.append(f"day {_shown(*place)}: {day.hours or CLOSED}")
    return differs


def _day(entry: Entry, key: str) -> tuple[date, bool]:
    yearly = YEARLY.fullmatch(key)
    try:
        if yearly:
            return date(LEAP_YEAR, int(yearly[1]), int(yearly[2])), True
        return date.fromisoformat(key), False
    except ValueError as error:
        raise entry.wrong(
            f"{key!r} is not a day: write 2026-12-24, or 12-25 for each year.", "days"
        ) from error


def _of_day(entry: Entry, value: Any) -> dict[str, str]:
    told = value if isinstance(value, dict) else {"hours": value}
    if not told.keys() <= {"hours", "name"}:
        raise entry.wrong("give a day its hours and a name: {hours: 08:00-12:00, name: …}.", "days")
    hours = str(told.get("hours") or CLOSED)
    return {"hours": "" if hours == CLOSED else hours, "name": str(told.get("name") or "")}


def _shown(day: date, yearly: bool) -> str:
    return f"{day:%m-%d}" if yearly else f"{day}"


def calendar_of(entry: Entry) -> Calendar | None:
    """The calendar that an entry names, or none."""
    name = entry.text("calendar")
    row = Calendar.objects.filter(name=name).first() if name else None
    if name and row is None:
        raise entry.wrong(f"there is no calendar “{name}”: add it under calendars.", "calendar")
    return row


def promises(entry: Entry) -> dict[str, Any]:
    """The fields of a queue that say when answers are due."""
    sla = entry.part("sla")
    sla.check_keys(SLA_KEYS, set())
    parts = {f"{key}_percent": sla.number(key, usual) for key, usual in USUAL_PERCENT.items()}
    has_resolution = sla.values.get("resolution") is not None
    return parts | {
        "calendar": calendar_of(entry),
        "hours": entry.text("hours", "Mo-Su 00:00-24:00"),
        "first_response": sla.minutes("first_response", 240),
        "next_response": sla.minutes("next_response", 480),
        "resolution": sla.minutes("resolution", 0) if has_resolution else None,
    }


def shifts(entry: Entry) -> dict[str, Any]:
    """The fields of an agent that say when they are due on duty."""
    return {
        "shifts": entry.text("shifts"),
        "time_zone": entry.text("time_zone"),
        "calendar": calendar_of(entry),
    }


def set_escalation(entry: Entry, row: EmailQueue) -> list[str]:
    """Make the steps of a queue what the file says; those that are there already keep what they have done."""
    listed = entry.values.get("escalation") or []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise entry.wrong("give a list of steps, such as {when: 80% used, do: supervisor}.", "escalation")
    wanted = [_step(entry, row, each) for each in listed]
    there = {_same(step): step for step in row.escalation.all()}
    differs = []
    for key, step in there.items():
        if key not in {_same(each) for each in wanted}:
            step.delete()
            differs.append(f"step “{step}” taken away")
    for step in wanted:
        if _same(step) not in there:
            step.save()
            differs.append(f"step “{step}”")
    return differs


def _same(step: EscalationStep) -> tuple[Any, ...]:
    return (step.when, step.amount, step.act, step.to_queue_id, step.text)


def _step(entry: Entry, row: EmailQueue, value: dict[str, Any]) -> EscalationStep:
    known = {"when", "do", "queue", "text"}
    found = WHEN.fullmatch(str(value.get("when", "")).strip())
    if not value.keys() <= known or found is None or (found[2] == "%") != (found[3] in (None, "used")):
        raise entry.wrong(
            f"the step {value!r} can't be read: write {{when: 80% used, 30m before or 2h after, do: …}}.",
            "escalation",
        )
    if value.get("do") not in EscalationStep.Act.values:
        raise entry.wrong(f"a step does one of {', '.join(EscalationStep.Act.values)}.", "escalation")
    name = value.get("queue")
    queue = EmailQueue.objects.filter(name=name).first() if name else None
    if name and queue is None:
        raise entry.wrong(f"there is no email queue “{name}”: add it before this one.", "escalation")
    step = EscalationStep(
        queue=row,
        when=found[3] or "used",
        amount=int(found[1]) * (60 if found[2] == "h" else 1),
        act=value["do"],
        to_queue=queue,
        text=str(value.get("text") or ""),
    )
    step.clean()
    return step


def export_calendar(row: Calendar) -> dict[str, Any]:
    """A calendar as the file has it."""
    days = {_shown(day.date, day.yearly): _export_day(day) for day in row.days.all()}
    found: dict[str, Any] = {"name": row.name, "time_zone": row.time_zone, "hours": row.hours}
    return found | ({"days": days} if days else {})


def _export_day(day: CalendarDay) -> Any:
    hours = day.hours or CLOSED
    return {"hours": hours, "name": day.name} if day.name else hours


def export_promises(row: EmailQueue) -> dict[str, Any]:
    """The promises of a queue as the file has them."""
    sla: dict[str, Any] = {
        "first_response": f"{row.first_response}m",
        "next_response": f"{row.next_response}m",
    }
    if row.resolution is not None:
        sla["resolution"] = f"{row.resolution}m"
    parts = {key: getattr(row, f"{key}_percent") for key in USUAL_PERCENT}
    sla |= {key: percent for key, percent in parts.items() if percent != USUAL_PERCENT[key]}
    return {
        "sla": sla,
        "calendar": row.calendar.name if row.calendar else "",
        "hours": row.hours,
        "escalation": [_export_step(step) for step in row.escalation.all()],
    }


def _export_step(step: EscalationStep) -> dict[str, str]:
    unit = "% used" if step.when == EscalationStep.When.USED else f"m {step.when}"
    found = {"when": f"{step.amount}{unit}", "do": step.act}
    found |= {"queue": step.to_queue.name} if step.to_queue else {}
    return found | ({"text": step.text} if step.text else {})


def export_shifts(row: Agent) -> dict[str, Any]:
    """The shifts of an agent as the file has them."""
    return {
        "shifts": row.shifts,
        "time_zone": row.time_zone,
        "calendar": row.calendar.name if row.calendar else "",
    }
