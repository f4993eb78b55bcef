"""What the steps in the form of a queue come to, in words, while they are typed in."""

import re

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from agents.models import HAS, Skill
from queues import steps
from queues.steps_form import StepsField, typed

USUAL_LEVEL = 3


def steps_preview(request: HttpRequest) -> HttpResponse:
    """The course of the demands, for the form of the queue as it stands on the page."""
    try:
        found = StepsField().clean(typed(request.POST, "steps"))
        level = request.POST.get("language_level", "")
        course = steps.course(_demands(request.POST), int(level) if _is_level(level) else USUAL_LEVEL, found)
    except ValidationError as error:
        return render(request, "admin/steps_preview.html", {"wrong": error.messages})
    return render(request, "admin/steps_preview.html", {"course": course if found else []})


def _demands(data: QueryDict) -> list[tuple[str, int]]:
    """The wanted skills of the same form, those that are to be deleted left out."""
    wanted: dict[int, int] = {}
    for key in data:
        match = re.fullmatch(r"skill_demands-([0-9]{1,4})-skill", key)
        row = f"skill_demands-{match[1]}" if match else ""
        pk, level = data.get(f"{row}-skill", ""), data.get(f"{row}-level", "")
        if row and _is_number(pk) and _is_level(level) and not data.get(f"{row}-DELETE"):
            wanted[int(pk)] = int(level)
    skills = Skill.objects.filter(pk__in=wanted)
    return [(skill.name, HAS if skill.is_firm else wanted[skill.pk]) for skill in skills]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _is_level(text: str) -> bool:
    return _is_number(text) and int(text) <= HAS
