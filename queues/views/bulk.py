"""Many conversations at once: the buttons, how far it is, stopping and undoing."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.models import Agent
from agents.rights import is_supervisor
from queues import bulk, inbox
from queues.bulk import Chosen
from queues.bulk_acts import UNDOABLE
from queues.inbox import View
from queues.models import BulkAct, Tag
from queues.refusals import ActionRefused
from queues.sayings import told as in_words
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import Place, place

Verb = BulkAct.Verb
KEYS = {
    Verb.TAKE: "t",
    Verb.CLOSE: "e",
    Verb.REOPEN: "e",
    Verb.PENDING: "u",
    Verb.SPAM: "!",
    Verb.NOT_SPAM: "!",
}
BUTTONS = {
    Verb.TAKE: (gettext_lazy("Take"), "take"),
    Verb.RELEASE: (gettext_lazy("Release"), "release"),
    Verb.CLOSE: (gettext_lazy("Close"), "close"),
    Verb.REOPEN: (gettext_lazy("Reopen"), "reopen"),
    Verb.PENDING: (gettext_lazy("Customer’s turn"), "pending"),
    Verb.SPAM: (gettext_lazy("Spam"), "spam"),
    Verb.NOT_SPAM: (gettext_lazy("Not spam"), "spam"),
}
OPEN = (Verb.TAKE, Verb.CLOSE, Verb.PENDING, Verb.RELEASE, Verb.SPAM)
BY_VIEW = {
    View.MINE: (Verb.CLOSE, Verb.PENDING, Verb.RELEASE, Verb.SPAM),
    View.CLOSED: (Verb.REOPEN, Verb.SPAM),
    View.SPAM: (Verb.NOT_SPAM,),
    View.HELD: (Verb.CLOSE, Verb.SPAM),
    View.ALL: (*OPEN, Verb.REOPEN),
}
RESTING = {View.CLOSED, View.SPAM, View.HELD}  # neither snoozed nor given to anybody
DOING = {
    Verb.TAKE: gettext_lazy("Taking"),
    Verb.RELEASE: gettext_lazy("Giving back"),
    Verb.ASSIGN: gettext_lazy("Assigning"),
    Verb.TRANSFER: gettext_lazy("Moving"),
    Verb.PENDING: gettext_lazy("Setting aside"),
    Verb.SNOOZE: gettext_lazy("Snoozing"),
    Verb.CLOSE: gettext_lazy("Closing"),
    Verb.REOPEN: gettext_lazy("Reopening"),
    Verb.TAG: gettext_lazy("Tagging"),
    Verb.UNTAG: gettext_lazy("Taking the tag off"),
    Verb.SPAM: gettext_lazy("Marking as spam"),
    Verb.NOT_SPAM: gettext_lazy("Marking as no spam"),
    Verb.UNDO: gettext_lazy("Undoing"),
}
SNOOZES = (  # when that is, static/desk/snooze.js says: by the reader's own clock
    ("hour", gettext_lazy("In an hour")),
    ("evening", gettext_lazy("This evening")),
    ("tomorrow", gettext_lazy("Tomorrow")),
    ("monday", gettext_lazy("On Monday")),
)


@require_http_methods(["GET", "POST"])
@signed_in
def act(request: DeskRequest) -> HttpResponse:
    """What can be done with many in this list; do it."""
    where = place(request)
    if request.method == "GET":
        return render(request, "desk/bulk.html", _buttons(request, where))
    asked = request.POST
    chosen = Chosen(bulk.ids(asked.getlist("id")))
    if asked.get("all"):
        chosen = Chosen(listing=where.listing())
        _look_again(inbox.size(request.user, where.listing()), asked.get("told", ""))
    values = {name: asked.get(name, "") for name in ("until", "tag", "queue", "agent", "note")}
    begun = bulk.begin(request.user, asked.get("verb", ""), values, chosen, asked.get("token", ""))
    return _state(request, begun)


def _look_again(found: str, told: str) -> None:
    """Nobody acts on more than they were told: mails come while one looks at the number."""
    if found and told.isdigit() and not (found.isdigit() and int(found) <= int(told)):
        raise ActionRefused(
            f"There are {found} now, and {told} were told: look at them, and choose once more."
        )


@require_GET
@signed_in
def state(request: DeskRequest, pk: int) -> HttpResponse:
    """How far it is."""
    return _state(request, _own(request, pk))


@require_POST
@signed_in
def stop(request: DeskRequest, pk: int) -> HttpResponse:
    """Go no further."""
    own = _own(request, pk)
    bulk.cancel(request.user, own)
    return _state(request, _own(request, pk))


@require_POST
@signed_in
def undo(request: DeskRequest, pk: int) -> HttpResponse:
    """Put back what nothing has happened to since."""
    return _state(request, bulk.undo(request.user, _own(request, pk)))


def _own(request: DeskRequest, pk: int) -> BulkAct:
    found = bulk.of_user(request.user, pk)
    if found is None:
        raise Http404("There is nothing here that you may see.")
    return found


def _buttons(request: DeskRequest, where: Place) -> dict[str, Any]:
    """By the list and by right; what a conversation doesn't allow is told when it is its turn."""
    queues = list(inbox.queues_for(request.user))
    members = Agent.objects.filter(queues__in=queues, user__is_active=True).select_related("user").distinct()
    verbs = BY_VIEW.get(where.view, OPEN)
    return {
        "query": where.query,
        "buttons": [
            {"verb": verb, "label": BUTTONS[verb][0], "icon": BUTTONS[verb][1], "key": KEYS.get(verb, "")}
            for verb in verbs
        ],
        "found": inbox.size(request.user, where.listing()),
        "is_open": where.view not in RESTING,
        "queues": queues if len(queues) > 1 and where.view not in RESTING else [],
        "agents": list(members) if is_supervisor(request.user) and where.view not in RESTING else [],
        "tags": list(Tag.objects.values_list("name", flat=True)),
        "snoozes": SNOOZES,
    }


def _state(request: DeskRequest, found: BulkAct) -> HttpResponse:
    return render(request, "desk/bulk_state.html", {"bulk": told(found)})


def told(found: BulkAct) -> dict[str, Any]:
    """How far it is, in words."""
    progress = bulk.progress(found)
    is_running = found.state == BulkAct.State.RUNNING
    return {
        "pk": found.pk,
        "is_running": is_running,
        "doing": DOING[Verb(found.verb)],
        "total": progress.total,
        "tried": progress.done + progress.refused,
        "sentence": "" if is_running else _sentence(found, progress),
        "refused": progress.refused,
        "reasons": [(in_words(sentence), times) for sentence, times in progress.sentences],
        "others": progress.refused - sum(times for _sentence_, times in progress.sentences),
        "may_undo": not is_running and progress.done > 0 and found.verb in UNDOABLE,
    }


def _sentence(found: BulkAct, progress: bulk.Progress) -> str:
    done = _done_words(found.verb, progress.done)
    if found.state == BulkAct.State.CANCELLED:
        left = progress.total - progress.done - progress.refused
        stopped = ngettext(
            "Stopped: %(done)s %(left)s was left as it is.",
            "Stopped: %(done)s %(left)s were left as they are.",
            left,
        )
        return stopped % {"done": done, "left": left}
    return done


def _done_words(verb: str, count: int) -> str:
    words = {
        Verb.TAKE: ngettext("%(count)s taken.", "%(count)s taken.", count),
        Verb.RELEASE: ngettext("%(count)s given back.", "%(count)s given back.", count),
        Verb.ASSIGN: ngettext("%(count)s assigned.", "%(count)s assigned.", count),
        Verb.TRANSFER: ngettext("%(count)s moved.", "%(count)s moved.", count),
        Verb.PENDING: ngettext(
            "%(count)s waits for the customer.", "%(count)s wait for the customer.", count
        ),
        Verb.SNOOZE: ngettext("%(count)s snoozed.", "%(count)s snoozed.", count),
        Verb.CLOSE: ngettext("%(count)s closed.", "%(count)s closed.", count),
        Verb.REOPEN: ngettext("%(count)s reopened.", "%(count)s reopened.", count),
        Verb.TAG: ngettext("%(count)s tagged.", "%(count)s tagged.", count),
        Verb.UNTAG: ngettext("The tag was taken off %(count)s.", "The tag was taken off %(count)s.", count),
        Verb.SPAM: ngettext("%(count)s marked as spam.", "%(count)s marked as spam.", count),
        Verb.NOT_SPAM: ngettext("%(count)s is no spam.", "%(count)s are no spam.", count),
        Verb.UNDO: ngettext("%(count)s put back.", "%(count)s put back.", count),
    }
    return words[Verb(verb)] % {"count": count}
