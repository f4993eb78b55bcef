"""Saved views: keeping the list that is open, and putting one's views in order."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from agents.rights import is_administrator, is_supervisor
from queues import inbox, saved
from queues.models import EmailQueue, SavedView
from queues.refusals import ActionRefused
from queues.saved import Kept
from queues.sayings import told
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import LABELS, navigation, place


@require_http_methods(["GET", "POST"])
@signed_in
def views(request: DeskRequest) -> HttpResponse:
    """The dialog: name the list that is open; keep it."""
    where = place(request)
    if request.method == "POST":
        asked = request.POST
        kept = Kept(
            name=asked.get("name", ""),
            view=where.view,
            queue=where.queue,
            text=where.text,
            sort=where.sort,
            icon=asked.get("icon", SavedView.Icon.BOOKMARK),
            team=_team(request),
        )
        try:
            found = saved.save(request.user, kept)
        except ActionRefused as refusal:
            return _dialog(request, told(refusal.sentence), name=kept.name)
        if asked.get("start"):
            saved.begin_with(request.user, found)
        return _done(
            request, _("The view “%(name)s” was saved.") % {"name": found.name}, f"?saved={found.pk}"
        )
    return _dialog(request)


@require_POST
@signed_in
def view(request: DeskRequest, pk: int) -> HttpResponse:
    """Rename it, share it, move it, begin with it, or delete it."""
    found = get_object_or_404(saved.visible(request.user), pk=pk)
    asked = request.POST.get("act", "")
    try:
        if asked == "delete":
            name, is_open = found.name, place(request).saved == found
            saved.delete(request.user, found)
            if is_open:
                return _done(request, _("The view “%(name)s” was deleted.") % {"name": name}, "")
        elif asked in ("up", "down"):
            saved.move(request.user, found, -1 if asked == "up" else 1)
        elif asked == "start":
            begun = saved.start(request.user)
            is_begun = begun is not None and begun.saved_id == found.pk
            saved.begin_with(request.user, None if is_begun else found)
        else:
            _rename(request, found)
    except ActionRefused as refusal:
        return _dialog(request, told(refusal.sentence))
    return _dialog(request)


@require_POST
@signed_in
def begin(request: DeskRequest) -> HttpResponse:
    """Begin with one of the lists that everybody has."""
    saved.begin_with(request.user, plain=request.POST.get("view", ""))
    return _dialog(request)


def _rename(request: DeskRequest, found: SavedView) -> None:
    kept = Kept(
        name=request.POST.get("name", found.name),
        view=found.view,
        queue=found.queue,
        text=found.text,
        sort=found.sort,
        icon=request.POST.get("icon", found.icon),
        team=_team(request) if "team" in request.POST else found.team,
    )
    saved.change(request.user, found, kept)


def _team(request: DeskRequest) -> EmailQueue | None:
    pk = request.POST.get("team", "")
    if not pk:
        return None
    number = int(pk) if pk.isascii() and pk.isdigit() and len(pk) < 19 else 0
    return get_object_or_404(inbox.queues_for(request.user), pk=number)


def _dialog(request: DeskRequest, refusal: str = "", name: str = "") -> HttpResponse:
    where = place(request)
    found = list(saved.visible(request.user))
    begun, own = saved.start(request.user), saved.changeable_of(request.user, found)
    context: dict[str, Any] = {
        "query": where.query,
        "title": where.title,
        "text": where.text,
        "name": name,
        "refusal": refusal,
        "icons": SavedView.Icon.choices,
        "teams": list(inbox.queues_for(request.user)) if is_supervisor(request.user) else [],
        "saved": [{"row": each, "may_change": each.pk in own} for each in found],
        "start": begun,
        "plain": [(view.value, str(label)) for view, label in LABELS.items()],
    }
    if request.method == "POST":  # the links on the left say it, too
        context |= {"nav": navigation(request, where), "is_administrator": is_administrator(request.user)}
    return render(request, "desk/views.html", context)


def _done(request: DeskRequest, sentence: str, query: str) -> HttpResponse:
    toast = {"text": sentence, "seconds": 5}
    response = render(request, "desk/views_saved.html", {"toast": toast, "to": f"/{query}"})
    response["HX-Trigger"] = "desk:acted"
    return response
