"""What a supervisor does from the board: give away, take back, say whether somebody is there."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.models import Agent
from queues import actions, directing, inbox
from queues.models import Conversation
from queues.presentation import person
from queues.refusals import ActionRefused
from queues.sayings import told
from queues.successors import successors
from queues.views.account import presence_choices, reasons
from queues.views.gate import DeskRequest, with_event
from reports.board_rows import work_row
from reports.rights import people_of, supervised
from reports.views.gate import number, supervisors

MOST_OPEN = 50
DONE = "board:acted"
State = Conversation.State


@require_GET
@supervisors
def agent(request: DeskRequest, pk: int) -> HttpResponse:
    """What can be done with an agent, as a dialog."""
    row = get_object_or_404(people_of(request.user).select_related("user"), pk=pk)
    return render(request, "reports/agent.html", _agent(request, row))


def _agent(request: DeskRequest, row: Agent) -> dict[str, Any]:
    now = timezone.now()
    own = Conversation.objects.filter(agent=row, state=State.ASSIGNED, queue__in=supervised(request.user))
    work = own.select_related("queue").order_by("due_at", "pk")[:MOST_OPEN]
    return {
        "agent": row,
        "who": person(str(row)),
        "presences": presence_choices(),
        "reasons": reasons(),
        "work": [work_row(each, now) for each in work],
        "queues": supervised(request.user).filter(members=row).only("name"),
        "skills": row.skill_levels.select_related("skill").order_by("skill__name"),
        "languages": row.language_levels.order_by("language"),
    }


@require_POST
@supervisors
def presence(request: DeskRequest, pk: int) -> HttpResponse:
    """Say for an agent whether they are there; it is recorded."""
    row = get_object_or_404(people_of(request.user).select_related("user"), pk=pk)
    wanted, reason = request.POST.get("presence", ""), request.POST.get("reason", "")
    directing.set_presence_of(request.user, row, wanted, reason)
    row.refresh_from_db()
    return _done(
        request,
        _("%(agent)s is %(presence)s now.")
        % {"agent": row, "presence": told(row.get_presence_display().lower())},
    )


@require_http_methods(["GET", "POST"])
@supervisors
def assign(request: DeskRequest, pk: int) -> HttpResponse:
    """Choose who gets a conversation; who fits best stands first."""
    row = inbox.conversation(request.user, pk)
    if request.method == "POST":
        chosen = number(request.POST.get("agent", ""))
        if chosen is None:
            raise ActionRefused("Choose an agent first.")
        wanted = get_object_or_404(row.queue.members.select_related("user"), pk=chosen)
        actions.assign(request.user, row, wanted)
        values = {"number": row.number, "agent": wanted}
        return _done(request, _("#%(number)s is with %(agent)s now.") % values)
    return render(request, "reports/assign.html", {"row": row, "choices": successors(row)})


@require_POST
@supervisors
def release(request: DeskRequest, pk: int) -> HttpResponse:
    """Take a conversation back into its queue."""
    row = inbox.conversation(request.user, pk)
    actions.release(request.user, row)
    return _done(
        request, _("#%(number)s waits in %(queue)s again.") % {"number": row.number, "queue": row.queue}
    )


def _done(request: DeskRequest, sentence: str) -> HttpResponse:
    toast = {"text": sentence, "seconds": 5}
    response = render(request, "desk/toast.html", {"toast": toast})
    response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "beforeend"
    return with_event(response, DONE, {})
