"""The rota: agents × days of the week, edited cell by cell, and who is away when."""

from datetime import date
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import rota
from agents.models import Absence, Agent
from agents.opening import DAYS
from agents.rota import RotaError
from agents.shifts import zone_of
from queues.presentation import person
from queues.refusals import ActionRefused
from queues.views.gate import DeskRequest
from reports.rights import members_of, people_of, supervised
from reports.sayings import told
from reports.views.gate import frame, number, supervisors

WEEKDAYS = (
    pgettext_lazy("weekday", "Mo"),
    pgettext_lazy("weekday", "Tu"),
    pgettext_lazy("weekday", "We"),
    pgettext_lazy("weekday", "Th"),
    pgettext_lazy("weekday", "Fr"),
    pgettext_lazy("weekday", "Sa"),
    pgettext_lazy("weekday", "Su"),
)
"""As they are read; what is written is `agents.opening.DAYS`."""

MOST_SHOWN = 200
LONGEST_NAME = 100


@require_GET
@supervisors
def shifts(request: DeskRequest) -> HttpResponse:
    """The table, or its lines when the page stands already."""
    queue, text = number(request.GET.get("queue", "")), request.GET.get("q", "").strip()[:LONGEST_NAME]
    rows = people_of(request.user).select_related("user", "calendar")
    if queue is not None:
        rows = members_of(rows, supervised(request.user).filter(pk=queue))
    found = [row for row in rows if text.casefold() in str(row).casefold()]
    context = {
        "lines": _lines(found[:MOST_SHOWN]),
        "days": [str(day) for day in WEEKDAYS],
        "rest": max(len(found) - MOST_SHOWN, 0),
        "all_queues": supervised(request.user).only("name"),
        "scope": {"queue": queue, "text": text},
    }
    if request.htmx:
        return render(request, "reports/shifts_lines.html", context)
    return render(request, "reports/shifts.html", frame(request, "shifts") | context)


def _lines(rows: list[Agent]) -> list[dict[str, Any]]:
    away = rota.ahead(rows, _today())
    return [_line(row, away.get(row.pk, [])) for row in rows]


def _today() -> date:
    return timezone.localdate(timezone=timezone.get_default_timezone())


def _line(row: Agent, away: list[Absence]) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "who": person(str(row)),
        "cells": rota.cells(row),
        "has_shifts": bool(row.shifts),
        "zone": zone_of(row).key,
        "holidays": str(row.calendar or ""),
        "away": [f"{told(absence.get_kind_display())} {_days(absence)}" for absence in away],
    }


def _days(absence: Absence) -> str:
    first, last = (date_format(day, "SHORT_DAY") for day in (absence.first_date, absence.last_date))
    days = first if first == last else f"{first} – {last}"
    return f"{days}, {absence.hours}" if absence.hours else days


@require_POST
@supervisors
def shift(request: DeskRequest, pk: int) -> HttpResponse:
    """Save one cell; the answer is the line as it is now."""
    _mine(request, pk)
    asked = request.POST
    try:
        row = rota.set_day(
            request.user, pk, asked.get("day", ""), asked.get("hours", ""), asked.get("was", "")
        )
    except RotaError as error:
        raise ActionRefused(str(error)) from error
    return _line_of(request, row)


@require_http_methods(["GET", "POST"])
@supervisors
def absences(request: DeskRequest, pk: int) -> HttpResponse:
    """The absences of an agent as a dialog; a new one, or one to be taken away."""
    row = _mine(request, pk)
    if request.method == "GET":
        return render(request, "reports/absences.html", _absences(row))
    try:
        removed = number(request.POST.get("remove", ""))
        if removed is not None:
            rota.remove_absence(request.user, pk, removed)
        else:
            rota.add_absence(request.user, pk, _asked(request))
    except RotaError as error:
        return render(request, "reports/absences.html", _absences(row) | {"wrong": told(str(error))})
    response = render(request, "reports/absences.html", _absences(row))
    response["HX-Trigger"] = "shifts:refresh"
    return response


def _asked(request: DeskRequest) -> Absence:
    first = _date(request.POST.get("first_date", ""))
    last = _date(request.POST.get("last_date", "") or request.POST.get("first_date", ""))
    kind, hours = request.POST.get("kind", ""), request.POST.get("hours", "").strip()
    return Absence(first_date=first, last_date=last, kind=kind, hours=hours)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RotaError("Choose the first and the last day.") from error


def _absences(row: Agent) -> dict[str, Any]:
    found = row.absences.filter(last_date__gte=_today())
    return {
        "agent": row,
        "kinds": [(value, told(str(label))) for value, label in Absence.Kind.choices],
        "absences": [
            {"pk": absence.pk, "kind": told(absence.get_kind_display()), "days": _days(absence)}
            for absence in found
        ],
    }


def _mine(request: DeskRequest, pk: int) -> Agent:
    return get_object_or_404(people_of(request.user).select_related("user", "calendar"), pk=pk)


def _line_of(request: DeskRequest, row: Agent) -> HttpResponse:
    away = rota.ahead([row], _today())
    return render(
        request, "reports/shifts_line.html", {"line": _line(row, away.get(row.pk, [])), "days": DAYS}
    )
