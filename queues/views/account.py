"""Being there, hearing what happens."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from agents import presence
from agents.models import Agent
from agents.rights import agent_of
from queues import actions, live
from queues.views.gate import DeskRequest, signed_in, with_event

HINTS = {
    Agent.Presence.AVAILABLE: "gets work",
    Agent.Presence.AWAY: "keeps work",
    Agent.Presence.OFFLINE: "gives it back",
}


def presence_choices() -> list[tuple[str, str, str]]:
    """Value, label and what it means."""
    return [(choice.value, str(choice.label), HINTS[choice]) for choice in Agent.Presence]


def reasons() -> list[str]:
    """Why one may be away."""
    return ["Lunch", "Meeting", "Training", "Other"]


@require_POST
@signed_in
def set_presence(request: DeskRequest) -> HttpResponse:
    """Say whether I am there."""
    actions.set_presence(request.user, request.POST.get("presence", ""))
    agent = Agent.objects.get(user=request.user)
    context = {"agent": agent, "presences": presence_choices()}
    detail = {"presence": agent.presence, "label": agent.get_presence_display()}
    return with_event(render(request, "desk/presence.html", context), "desk:presence", detail)


@require_POST
@signed_in
def seen(request: DeskRequest) -> HttpResponse:
    """A sign of life; answers the presence, as `value|label`."""
    agent = agent_of(request.user)
    if agent is None:
        return HttpResponse(status=204)
    value = presence.seen(agent)
    return HttpResponse(f"{value}|{Agent.Presence(value).label}", content_type="text/plain; charset=utf-8")


@require_GET
@signed_in
def live_token(request: DeskRequest) -> HttpResponse:
    """What opens the stream of live updates for some minutes."""
    return HttpResponse(live.stream_token(request.user), content_type="text/plain")
