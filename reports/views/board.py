"""The live board: queues, agents, what was decided and why; and what a supervisor does from there."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from queues.models import Event
from queues.views.gate import DeskRequest
from queues.views.why import grounds_of
from reports.board import MOST_PEOPLE, Board, Scope, read
from reports.board_rows import agent_row, decision_row, queue_row
from reports.gaps import gaps_of
from reports.rights import supervised
from reports.views.gate import frame, number, supervisors

LONGEST_NAME = 100
MORE_PEOPLE = 300
"""Shown at most: beyond that, one looks for a name or chooses a queue."""


@require_GET
@supervisors
def board(request: DeskRequest) -> HttpResponse:
    """The whole board, or its parts when the page stands already."""
    context = _told(request)
    if request.htmx:
        return render(request, "reports/board_parts.html", context)
    return render(request, "reports/board.html", frame(request, "board") | context)


def _scope(request: DeskRequest) -> Scope:
    return Scope(
        user=request.user,
        queue=number(request.GET.get("queue", "")),
        text=request.GET.get("q", "").strip()[:LONGEST_NAME],
        people=min(max(number(request.GET.get("people", "")) or 0, MOST_PEOPLE), MORE_PEOPLE),
    )


def _told(request: DeskRequest) -> dict[str, Any]:
    scope, now = _scope(request), timezone.now()
    found = read(scope, now)
    gaps = gaps_of([row.queue.pk for row in found.queues], now)
    return {
        "queues": [queue_row(row, gaps.get(row.queue.pk, ()), now) for row in found.queues],
        "people": [agent_row(row, now) for row in found.people],
        "people_more": min(found.people_count, MORE_PEOPLE) - len(found.people),
        "people_most": MORE_PEOPLE,
        "people_beyond": found.people_count - MORE_PEOPLE if len(found.people) == MORE_PEOPLE else 0,
        "decisions": [decision_row(each, now) for each in found.decisions],
        "sums": _sums(found),
        "all_queues": supervised(request.user).only("name"),
        "scope": scope,
        "empty": _empty(request, found),
    }


def _sums(found: Board) -> dict[str, int]:
    return {
        name: sum(getattr(row, name) for row in found.queues) for name in ("waiting", "assigned", "late")
    } | {"here": found.available, "away": found.away}


def _empty(request: DeskRequest, found: Board) -> str:
    if found.queues:
        return ""
    if frame(request, "board")["is_administrator"]:
        return "admin"
    return "supervisor"


@require_GET
@supervisors
def decision(request: DeskRequest, pk: int) -> HttpResponse:
    """The numbers behind a decision, as they were stored with it."""
    rows = Event.objects.filter(conversation__queue__in=supervised(request.user))
    told = grounds_of(request, get_object_or_404(rows, pk=pk))
    return render(request, "desk/reason.html", {"told": told})
