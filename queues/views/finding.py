"""What the search box suggests."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from django.views.decorators.http import require_GET

from agents.models import Agent, Language
from queues import inbox
from queues.finding_asked import PRIORITIES, STATES
from queues.finding_rows import language_names
from queues.models import Tag
from queues.views.gate import DeskRequest, signed_in

OPERATORS = {
    "from:": _("who wrote it"),
    "to:": _("whom it was sent or copied to"),
    "cc:": _("who got a copy"),
    "subject:": _("words of the subject"),
    "filename:": _("the name of a file"),
    "note:": _("words of internal notes"),
    "has:": _("an attachment or a note"),
    "is:": _("open, closed, mine, late …"),
    "queue:": _("the queue it is in"),
    "agent:": _("whom it is with: me, a name, nobody"),
    "tag:": _("a tag of the conversation"),
    "language:": _("the language it is in"),
    "priority:": _("urgent, high, normal, low"),
    "before:": _("older than 2026-03-01, 2026-03, 7d"),
    "after:": _("from 2026-03-01 on, or since 7d"),
    "on:": _("of that day, month or year"),
    "sort:best": _("the best matches first"),
}
SAYS = {
    "open": _("not closed"),
    "pending": _("it is the customer’s turn"),
    "mine": _("with me"),
    "unassigned": _("with nobody"),
    "unread": _("the customer wrote last"),
    "late": _("past its due time"),
    "received": _("mails that came"),
    "sent": _("mails of ours"),
}


@require_GET
@signed_in
def values(request: DeskRequest) -> HttpResponse:
    """The operators, and the values of those that have few."""
    operators = [{"name": name, "says": gettext(says)} for name, says in OPERATORS.items()]
    return JsonResponse({"operators": operators, "values": _values(request)})


def _values(request: DeskRequest) -> dict[str, list[dict[str, Any]]]:
    queues = inbox.queues_for(request.user)
    people = Agent.objects.filter(queues__in=queues, user__is_active=True).select_related("user").distinct()
    agents = [{"value": each.user.username, "says": each.user.get_full_name()} for each in people]
    dates = {
        "today": "",
        "yesterday": "",
        "7d": gettext("seven days ago"),
        "1m": gettext("thirty days ago"),
        "1y": gettext("a year ago"),
    }
    return {
        "queue": [{"value": queue.name} for queue in queues],
        "agent": [{"value": "me", "says": gettext("yourself")}, *agents,
                  {"value": "nobody", "says": gettext("not assigned")}],
        "tag": [{"value": tag.name} for tag in Tag.objects.all()],
        "language": [
            {"value": tag, "says": language_names(tag)[1]} if len(language_names(tag)) > 1 else {"value": tag}
            for tag in Language.objects.values_list("pk", flat=True)
        ],
        "priority": [{"value": name} for name in PRIORITIES],
        "is": [{"value": name, "says": gettext(SAYS[name]) if name in SAYS else ""} for name in STATES],
        "has": [{"value": "attachment", "says": gettext("mails with a file")},
                {"value": "note", "says": gettext("notes")}],
        "sort": [{"value": "best", "says": gettext("the best matches first")}],
        **{name: [{"value": value, "says": says} for value, says in dates.items()]
           for name in ("before", "after", "on")},
    }  # fmt: skip
