"""Skills and languages: a table that is edited cell by cell, saved at once."""

import csv
import json
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from agents.levels import LANGUAGE, SKILL, Change, LevelError, Outcome
from agents.models import TOP_LEVEL, Agent
from agents.skills import firm_names
from agents.skillwords import is_firm, shown
from audit.acts import Act
from audit.log import Subject, record
from queues.presentation import person
from queues.views.gate import DeskRequest, refused
from reports import matrix
from reports.levels import CELLS, MOST, change_levels
from reports.matrix import Column, Demanded, Matrix, Scope
from reports.rights import supervised
from reports.views.gate import frame, number, supervisors

LONGEST_NAME = 100
MARKS = ("–", "✓")
KEYS = ("agent", "kind", "name", "level", "was")


@require_GET
@supervisors
def skills(request: DeskRequest) -> HttpResponse:
    """The table, or its parts when the page stands already."""
    scope = _scope(request)
    context = _told(matrix.read(scope)) | {
        "scope": scope,
        "all_queues": supervised(request.user).only("name"),
    }
    if request.htmx:
        return render(request, "reports/skills_parts.html", context)
    return render(request, "reports/skills.html", frame(request, "skills") | context)


def _scope(request: DeskRequest) -> Scope:
    return Scope(
        user=request.user,
        queue=number(request.GET.get("queue", "")),
        text=request.GET.get("q", "").strip()[:LONGEST_NAME],
        people=min(max(number(request.GET.get("people", "")) or 0, matrix.PEOPLE), matrix.MORE_PEOPLE),
    )


def _told(found: Matrix) -> dict[str, Any]:
    names = {agent.pk: str(agent) for agent in found.people}
    tags = sum(kind == LANGUAGE for kind, _ in found.columns)
    firm = firm_names()
    return {
        "columns": [_column(column, firm) for column in found.columns],
        "skills_count": len(found.columns) - tags,
        "languages_count": tags,
        "rows": [_row(agent, found, firm) for agent in found.people],
        "demands": [
            {
                "queue": row.queue,
                "cells": [_demanded(row.cells.get(column), names) for column in found.columns],
            }
            for row in found.demands
        ],
        "demands_hidden": found.demands_hidden,
        "people_more": min(found.people_count, matrix.MORE_PEOPLE) - len(found.people),
        "people_most": matrix.MORE_PEOPLE,
        "levels": range(TOP_LEVEL + 1),
    }


def _column(column: Column, firm: set[str]) -> dict[str, Any]:
    kind, name = column
    label = language_name(name) if kind == LANGUAGE else shown(name)
    return {"kind": kind, "name": name, "label": label, "is_firm": _is_firm(column, firm)}


def _is_firm(column: Column, firm: set[str]) -> bool:
    """Whether one has it or hasn't."""
    return column[0] == SKILL and column[1] in firm


def cell_words(level: int, *, is_firm: bool) -> str:
    """What stands in a cell: 0 to 5, or a mark for what one has."""
    return MARKS[bool(level)] if is_firm else str(level)


def language_name(tag: str) -> str:
    """The name of "cs", such as "Czech"."""
    try:
        return str(get_language_info(tag)["name_translated"])
    except KeyError:
        return tag


def _row(agent: Agent, found: Matrix, firm: set[str]) -> dict[str, Any]:
    levels = found.levels.get(agent.pk, {})
    return {
        "pk": agent.pk,
        "who": person(str(agent)),
        "presence": agent.presence,
        "cells": [
            (level, cell_words(level, is_firm=_is_firm(column, firm)))
            for column in found.columns
            for level in [levels.get(column, 0)]
        ],
    }


def _demanded(cell: Demanded | None, names: dict[int, str]) -> dict[str, Any] | None:
    if cell is None:
        return None
    name = names.get(cell.alone or 0) or _("one")
    values = {"able": cell.able, "here": cell.here, "name": name}
    words = {
        "nobody": _("nobody"),
        "gone": _("%(able)s able, none on duty") % values,
        "one": _("only %(name)s") % values,
        "": _("%(able)s able, %(here)s on duty") % values,
    }
    need = MARKS[True] if is_firm(cell.level) else f"≥ {cell.level}"
    return {"need": need, "gap": cell.gap, "words": words[cell.gap]}


@require_POST
@supervisors
def change(request: DeskRequest) -> HttpResponse:
    """Write changes of cells, given as JSON; answers what stands in each of them now."""
    changes = _read(request.body)
    if changes is None:
        return refused(request, "These changes can't be read: load the page again.")
    try:
        outcomes = change_levels(request.user, changes)
    except LevelError as error:
        return refused(request, str(error))
    names = dict(_names(outcomes))
    return JsonResponse({"outcomes": [_outcome(each, names) for each in outcomes]})


def _read(body: bytes) -> list[Change] | None:
    try:
        rows = json.loads(body)["changes"]
        changes = [Change(*(row[key] for key in KEYS)) for row in rows]
    except (ValueError, KeyError, TypeError):
        return None
    numbers = [each for row in changes for each in (row.agent_id, row.level, row.was)]
    words = [each for row in changes for each in (row.kind, row.name)]
    fit = all(type(each) is int for each in numbers) and all(isinstance(each, str) for each in words)
    return changes if fit and 0 < len(changes) <= MOST else None


def _names(outcomes: list[Outcome]) -> list[tuple[int, str]]:
    late = {each.change.agent_id for each in outcomes if not each.is_done}
    return [(agent.pk, str(agent)) for agent in Agent.objects.filter(pk__in=late).select_related("user")]


def _outcome(each: Outcome, names: dict[int, str]) -> dict[str, Any]:
    change = each.change
    told: dict[str, Any] = {"agent": change.agent_id, "kind": change.kind, "name": change.name}
    told |= {"level": each.level, "was": change.was, "done": each.is_done}
    if not each.is_done:
        cell = MARKS[True] if is_firm(each.level) else each.level
        told["sentence"] = _(
            "%(agent)s: %(name)s was set to %(level)s by somebody else meanwhile: set it again if yours is "
            "right."
        ) % {"agent": names[change.agent_id], "name": shown(change.name), "level": cell}
    return told


@require_GET
@supervisors
def export(request: DeskRequest) -> HttpResponse:
    """The table as CSV, everybody in it."""
    people, columns, levels = matrix.everybody(_scope(request))
    record(request.user, Act.EXPORTED, Subject("agents.agent", "skills as CSV"))
    day = timezone.localdate().isoformat()
    headers = {"Content-Disposition": f'attachment; filename="skills-{day}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(response)
    writer.writerow(["agent", "user name", *(f"{kind} {name}" for kind, name in columns)])
    for agent in people:
        own = levels.get(agent.pk, {})
        names = [_plain(str(agent)), _plain(agent.user.get_username())]
        levels_told = (CELLS.get(level, level) for level in (own.get(column, 0) for column in columns))
        writer.writerow([*names, *levels_told])
    return response


def _plain(text: str) -> str:
    """A spreadsheet takes what begins like this for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
