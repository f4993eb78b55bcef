"""The live board: queues, agents, what was decided and why."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from queues.views.gate import DeskRequest
from reports.views.gate import frame, supervisors


@require_GET
@supervisors
def board(request: DeskRequest) -> HttpResponse:
    """The whole board."""
    return render(request, "reports/board.html", frame(request, "board"))
