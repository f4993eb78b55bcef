"""What a supervisor does from the board: give away, take back, say whether somebody is there."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.models import Agent
from queues import actions, directing, inbox
from queues.abilities import lacks, open_counts, teams
from queues.models import Conversation
from queues.presentation import person
from queues.refusals import ActionRefused
from queues.views.account import presence_choices, reasons
from queues.views.gate import DeskRequest, with_event
from reports.board_rows import work_row
from reports.rights import people_of, supervised
from reports.views.gate import number, supervisors

MOST_OPEN = 50
DONE = "board:acted"
ORDER = {Agent.Presence.AVAILABLE: 0, Agent.Presence.AWAY: 1, Agent.Presence.OFFLINE: 2}
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
    return _done(request, f"{row} is {row.get_presence_display().lower()} now.")


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
        return _done(request, f"#{row.number} is with {wanted} now.")
    return render(request, "reports/assign.html", {"row": row, "choices": _choices(row)})


def _choices(row: Conversation) -> list[dict[str, Any]]:
    team = teams([row.queue_id])[row.queue_id]
    demand = team.demand(row.language, actions.demanded(row).items())
    counts = open_counts([member.agent_id for member in team.members])
    found = [
        {
            "pk": member.agent_id,
            "who": person(member.name),
            "presence": member.presence,
            "label": Agent.Presence(member.presence).label,
            "lacks": ", ".join(lacks(member, demand)),
            "open": counts.get(member.agent_id, 0),
            "capacity": member.capacity,
        }
        for member in team.members
        if member.agent_id != row.agent_id
    ]
    return sorted(
        found,
        key=lambda each: (
            bool(each["lacks"]),
            ORDER[each["presence"]],
            each["open"] >= each["capacity"],
            each["who"].name.casefold(),
        ),
    )


@require_POST
@supervisors
def release(request: DeskRequest, pk: int) -> HttpResponse:
    """Take a conversation back into its queue."""
    row = inbox.conversation(request.user, pk)
    actions.release(request.user, row)
    return _done(request, f"#{row.number} waits in {row.queue} again.")


def _done(request: DeskRequest, sentence: str) -> HttpResponse:
    toast = {"text": sentence, "seconds": 5}
    response = render(request, "desk/toast.html", {"toast": toast})
    response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "beforeend"
    return with_event(response, DONE, {})
