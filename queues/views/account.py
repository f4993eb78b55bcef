"""Being there, what is offered, one's own day, hearing what happens."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from agents import presence
from agents.models import Agent, AwayReason
from agents.rights import agent_of
from queues import actions, live
from queues.abilities import fits, open_units
from queues.history import Kind
from queues.models import Conversation, Event
from queues.presentation import NO_SUBJECT, contact_name, due, span
from queues.reasons import in_short
from queues.sayings import told
from queues.today import NOTHING, figures, morning
from queues.views.gate import DeskRequest, signed_in, with_event

HINTS = {
    Agent.Presence.AVAILABLE: gettext_lazy("gets work"),
    Agent.Presence.AWAY: gettext_lazy("keeps work"),
    Agent.Presence.OFFLINE: gettext_lazy("gives it back"),
}
MOST_OFFERS = 5


def presence_choices() -> list[tuple[str, str, str]]:
    """Value, label and what it means."""
    return [(choice.value, told(str(choice.label)), str(HINTS[choice])) for choice in Agent.Presence]


def reasons() -> list[str]:
    """Why one may be away."""
    return list(AwayReason.objects.values_list("name", flat=True))


def presence_label(agent: Agent) -> str:
    """Such as "Away: Lunch"."""
    label = told(agent.get_presence_display())
    is_told = agent.presence == Agent.Presence.AWAY and agent.away_reason
    return f"{label}: {told(agent.away_reason)}" if is_told else label


def presence_menu(agent: Agent | None) -> dict[str, Any]:
    """What the menu of presences needs; nothing for who has no work profile."""
    if agent is None:
        return {}
    return {"presences": presence_choices(), "reasons": reasons(), "presence_label": presence_label(agent)}


@require_POST
@signed_in
def set_presence(request: DeskRequest) -> HttpResponse:
    """Say whether I am there, and why not."""
    actions.set_presence(request.user, request.POST.get("presence", ""), request.POST.get("reason", ""))
    agent = Agent.objects.get(user=request.user)
    context = {"agent": agent, **presence_menu(agent)}
    detail = {"presence": agent.presence, "label": presence_label(agent)}
    return with_event(render(request, "desk/presence.html", context), "desk:presence", detail)


@require_POST
@signed_in
def seen(request: DeskRequest) -> HttpResponse:
    """A sign of life; answers the presence, as `value|label`."""
    agent = agent_of(request.user)
    if agent is None:
        return HttpResponse(status=204)
    presence.seen(agent)
    agent.refresh_from_db(fields=["presence", "away_reason"])
    return HttpResponse(f"{agent.presence}|{presence_label(agent)}", content_type="text/plain; charset=utf-8")


@require_GET
@signed_in
def offered(request: DeskRequest) -> HttpResponse:
    """What routing has given me and waits to be opened, with the time that is left for it."""
    agent, now = agent_of(request.user), timezone.now()
    rows = Conversation.objects.filter(agent=agent, state=Conversation.State.ASSIGNED, accept_by__gt=now)
    rows = rows.select_related("queue", "contact").prefetch_related("contact__addresses")
    found = list(rows.order_by("accept_by")[:MOST_OFFERS]) if agent else []
    given = Event.objects.filter(conversation__in=found, kind=Kind.OFFERED).order_by("pk")
    reasons_ = {event.conversation_id: in_short(event.data) for event in given}
    offers = [
        {
            "pk": row.pk,
            "subject": row.subject or NO_SUBJECT,
            "number": row.number,
            "name": contact_name(row.contact),
            "queue": row.queue.name,
            "due": due(row, now),
            "why": reasons_.get(row.pk, ""),
            "until": row.accept_by.isoformat(timespec="seconds") if row.accept_by else "",
        }
        for row in found
    ]
    return render(request, "desk/offers.html", {"offers": offers})


@require_GET
@signed_in
def today(request: DeskRequest) -> HttpResponse:
    """My own figures since this morning, and how much of my capacity is taken now."""
    agent = agent_of(request.user)
    taken = open_units([agent.pk]).get(agent.pk, 0) if agent else 0
    own = figures(morning(), user_id=request.user.pk).by_user.get(request.user.pk, NOTHING)
    share = own.in_time_share
    context = {
        "capacity": agent.capacity if agent else None,
        "taken": taken,
        "has_room": agent is not None and fits(agent.capacity, taken),
        "answered": own.answered,
        "in_time": "" if share is None else f"{int(share * 100)} %",
        "handling": "" if own.handling is None else span(own.handling),
    }
    return render(request, "desk/today.html", context)


@require_GET
@signed_in
def live_token(request: DeskRequest) -> HttpResponse:
    """What opens the stream of live updates for some minutes."""
    return HttpResponse(live.stream_token(request.user), content_type="text/plain")
