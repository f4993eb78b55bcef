"""The bell: what I was told about conversations, and that I have seen it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.models import Agent
from agents.rights import agent_of
from queues import notices
from queues.notices_worded import worded
from queues.presentation import NO_SUBJECT, age
from queues.views.gate import DeskRequest, signed_in


@require_GET
@signed_in
def told(request: DeskRequest) -> HttpResponse:
    """The bell and its list; nothing for who has no work profile."""
    agent = agent_of(request.user)
    return HttpResponse(status=204) if agent is None else _bell(request, agent)


@require_POST
@signed_in
def seen(request: DeskRequest) -> HttpResponse:
    """I have seen the one with the id `notice`, or without an id all of them."""
    agent = agent_of(request.user)
    if agent is None:
        return HttpResponse(status=204)
    pk = request.POST.get("notice", "")
    if pk.isascii() and pk.isdigit() and len(pk) < 19:
        notices.see_one(agent, int(pk))
    elif not pk:
        notices.see_all(agent)
    return _bell(request, agent)


def _bell(request: DeskRequest, agent: Agent) -> HttpResponse:
    now, found = timezone.now(), notices.of(agent)
    lines = [
        {
            "pk": each.pk,
            "conversation": each.conversation_id,
            "text": worded(each, now),
            "subject": each.conversation.subject or NO_SUBJECT,
            "is_new": each.pk in found.unseen,
            "age": age(each.at, now),
            "iso": each.at.isoformat(timespec="seconds"),
        }
        for each in found.notices
    ]
    context = {"lines": lines, "count": found.count, "many": found.count >= notices.MOST_COUNTED}
    return render(request, "desk/told.html", context)
