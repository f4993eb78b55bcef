"""What the search box suggests."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from agents.models import Agent, Language
from queues import inbox
from queues.finding_asked import PRIORITIES, STATES
from queues.finding_rows import language_names
from queues.models import Tag
from queues.views.gate import DeskRequest, signed_in

OPERATORS = {
    "from:": "who wrote it",
    "to:": "whom it was sent or copied to",
    "cc:": "who got a copy",
    "subject:": "words of the subject",
    "filename:": "the name of a file",
    "note:": "words of internal notes",
    "has:": "an attachment or a note",
    "is:": "open, closed, mine, late …",
    "queue:": "the queue it is in",
    "agent:": "whom it is with: me, a name, nobody",
    "tag:": "a tag of the conversation",
    "language:": "the language it is in",
    "priority:": "urgent, high, normal, low",
    "before:": "older than 2026-03-01, 2026-03, 7d",
    "after:": "from 2026-03-01 on, or since 7d",
    "on:": "of that day, month or year",
    "sort:best": "the best matches first",
}
SAYS = {
    "open": "not closed",
    "pending": "it is the customer’s turn",
    "mine": "with me",
    "unassigned": "with nobody",
    "unread": "the customer wrote last",
    "late": "past its due time",
    "received": "mails that came",
    "sent": "mails of ours",
}


@require_GET
@signed_in
def values(request: DeskRequest) -> HttpResponse:
    """The operators, and the values of those that have few."""
    operators = [{"name": name, "says": says} for name, says in OPERATORS.items()]
    return JsonResponse({"operators": operators, "values": _values(request)})


def _values(request: DeskRequest) -> dict[str, list[dict[str, Any]]]:
    queues = inbox.queues_for(request.user)
    people = Agent.objects.filter(queues__in=queues, user__is_active=True).select_related("user").distinct()
    agents = [{"value": each.user.username, "says": each.user.get_full_name()} for each in people]
    dates = {
        "today": "",
        "yesterday": "",
        "7d": "seven days ago",
        "1m": "thirty days ago",
        "1y": "a year ago",
    }
    return {
        "queue": [{"value": queue.name} for queue in queues],
        "agent": [{"value": "me", "says": "yourself"}, *agents, {"value": "nobody", "says": "not assigned"}],
        "tag": [{"value": tag.name} for tag in Tag.objects.all()],
        "language": [
            {"value": tag, "says": language_names(tag)[1]} if len(language_names(tag)) > 1 else {"value": tag}
            for tag in Language.objects.values_list("pk", flat=True)
        ],
        "priority": [{"value": name} for name in PRIORITIES],
        "is": [{"value": name, "says": SAYS.get(name, "")} for name in STATES],
        "has": [{"value": "attachment", "says": "mails with a file"}, {"value": "note", "says": "notes"}],
        "sort": [{"value": "best", "says": "the best matches first"}],
        **{name: [{"value": value, "says": says} for value, says in dates.items()]
           for name in ("before", "after", "on")},
    }  # fmt: skip
