"""Why did I get this? The numbers behind a decision, as they were stored with it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.models import Agent
from queues import inbox
from queues.grounds import Grounds, agents_in, conversations_in, grounds
from queues.history import ASSIGNMENTS, MOVED_FROM
from queues.models import Event
from queues.views.gate import DeskRequest, signed_in

LONGEST_ID = 19  # digits


@require_GET
@signed_in
def why(request: DeskRequest, pk: int) -> HttpResponse:
    """Of the last time that somebody got this conversation, or of one event of its history."""
    row = inbox.conversation(request.user, pk)
    own = row.events.filter(kind__in=ASSIGNMENTS)
    asked = request.GET.get("event", "")
    if asked.isascii() and asked.isdigit() and len(asked) < LONGEST_ID:
        own = own.filter(pk=int(asked))
    else:
        own = own.exclude(data__has_key=MOVED_FROM)
    event = own.order_by("-pk").first()
    return render(request, "desk/reason.html", {"told": grounds_of(request, event) if event else None})


def grounds_of(request: DeskRequest, event: Event) -> Grounds | None:
    """What a decision rests on, with names as far as the reader may see what they name."""
    seen = inbox.conversations_for(request.user).filter(pk__in=conversations_in(event.data))
    agents = Agent.objects.filter(pk__in=agents_in(event.data)).select_related("user")
    mine = Agent.objects.filter(pk=event.data.get("agent"), user=request.user.pk).exists()
    numbers = dict(seen.order_by().values_list("pk", "number"))
    return grounds(event.data, numbers, {agent.pk: str(agent) for agent in agents}, to_agent=mine)
