"""From one hand to another: taking over, giving to somebody or a queue with a note, a draft left behind."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.models import Agent
from agents.rights import is_supervisor
from queues import actions, handing, inbox
from queues.audiences import people
from queues.models import Conversation, Draft
from queues.ownership import holder
from queues.presentation import NO_SUBJECT
from queues.refusals import ActionRefused
from queues.sayings import told
from queues.successors import successors
from queues.views.conversations import retold
from queues.views.editor import composer
from queues.views.gate import DeskRequest, signed_in, with_event
from queues.views.lists import place

DONE = "desk:acted"
BACK = "back"


@require_http_methods(["GET", "POST"])
@signed_in
def take_over(request: DeskRequest, pk: int) -> HttpResponse:
    """Ask whether a colleague's conversation is to be the user's own, telling what it means; do it."""
    row = inbox.conversation(request.user, pk)
    if request.method == "POST":
        return _told(request, lambda: actions.take(request.user, row, take_over=True))
    owner = holder(row)
    context = {
        "conversation": row,
        "owner": owner,
        "words": sum(len(each.text.split()) for each in _drafts_of(row, owner)),
        "query": place(request).query,
    }
    return render(request, "desk/take_over.html", context)


def _drafts_of(row: Conversation, owner: Agent | None) -> list[Draft]:
    return list(handing.writing(row).filter(agent=owner)) if owner else []


@require_http_methods(["GET", "POST"])
@signed_in
def transfer(request: DeskRequest, pk: int) -> HttpResponse:
    """Choose a colleague or a queue, with a note; from the list as well as from the conversation."""
    row = inbox.conversation(request.user, pk)
    if request.method == "POST":
        target, note = _target(request, row), request.POST.get("note", "")
        return _told(request, lambda: target.give(note), target.said)
    may_give = is_supervisor(request.user) or (row.agent is not None and row.agent.user_id == request.user.pk)
    context = {
        "conversation": row,
        "subject": row.subject or NO_SUBJECT,
        "people": successors(row) if may_give else [],
        "queues": [queue for queue in inbox.queues_for(request.user) if queue.pk != row.queue_id],
        "may_give_back": holder(row) is not None and row.state != Conversation.State.PENDING,
        "is_listed": "listed" in request.GET,
        "query": place(request).query,
    }
    return render(request, "desk/transfer.html", context)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where it goes, and the sentence that says so."""

    give: Callable[[str], object]
    said: str


def _target(request: DeskRequest, row: Conversation) -> _Target:
    kind, _colon, number = request.POST.get("to", "").partition(":")
    pk = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
    values = {"number": row.number}
    if kind == BACK:
        said = _("#%(number)s waits in %(queue)s again.") % (values | {"queue": row.queue})
        return _Target(lambda note: actions.release(request.user, row, note), said)
    if kind == "agent":
        agent = get_object_or_404(row.queue.members.select_related("user"), pk=pk)
        said = _("#%(number)s is with %(agent)s now.") % (values | {"agent": agent})
        return _Target(lambda note: actions.assign(request.user, row, agent, note), said)
    if kind == "queue":
        queue = get_object_or_404(inbox.queues_for(request.user), pk=pk)
        said = _("#%(number)s is in %(queue)s now.") % (values | {"queue": queue})
        return _Target(lambda note: actions.transfer(request.user, row, queue, note), said)
    raise ActionRefused(_("Choose a colleague or a queue first."))


def _told(request: DeskRequest, act: Callable[[], object], sentence: str = "") -> HttpResponse:
    """Do it and show the conversation, or, asked from the list, a toast; a refusal is told in the dialog."""
    try:
        act()
    except ActionRefused as refusal:
        response = render(request, "desk/refusal.html", {"sentence": told(refusal.sentence)}, status=409)
        response["HX-Retarget"], response["HX-Reswap"] = "#act-refusal", "innerHTML"
        return response
    toast = {"text": sentence, "seconds": 5} if sentence else None
    if "listed" in request.POST:
        response = render(request, "desk/toast.html", {"toast": toast})
        response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "beforeend"
        return with_event(response, DONE, {})
    pk = int(request.resolver_match.kwargs["pk"]) if request.resolver_match else 0
    row = inbox.followed(request.user, pk)
    return with_event(retold(request, pk, toast=toast, **composer(request, row)), DONE, {"conversation": pk})


@require_POST
@signed_in
def adopt(request: DeskRequest, pk: int, draft: int) -> HttpResponse:
    """Go on with a draft that a colleague has left."""
    row = inbox.conversation(request.user, pk)
    actions.adopt(request.user, row, draft)
    return retold(request, pk, composer_reset=True, **composer(request, row))


@require_GET
@signed_in
def names(request: DeskRequest, pk: int) -> HttpResponse:
    """Who can be mentioned in a note here, the holder first: `{"people": [{name, user, is_holder}]}`."""
    row = inbox.conversation(request.user, pk)
    found = [
        {"name": str(each), "user": each.user.get_username(), "is_holder": each.pk == row.agent_id}
        for each in people(row.queue)
        if each.user_id != request.user.pk
    ]
    return JsonResponse({"people": sorted(found, key=lambda each: not each["is_holder"])})


@require_POST
@signed_in
def follow(request: DeskRequest, pk: int) -> HttpResponse:
    """Be told of what happens to it (`follows` is 1), or no longer."""
    follows = request.POST.get("follows", "") == "1"
    actions.follow(request.user, inbox.conversation(request.user, pk), follows=follows)
    return retold(request, pk)
