"""Macros, as the editors and the dialog ask for them."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from queues import inbox, macros
from queues.views.conversations import retold
from queues.views.gate import DeskRequest, signed_in, with_event


@require_GET
@signed_in
def prepare(request: DeskRequest, pk: int, macro: int) -> HttpResponse:
    """What it writes, and what it does when that is sent."""
    found = macros.prepare(request.user, inbox.conversation(request.user, pk), macro)
    answer = {"html": found.answer.html, "text": found.answer.text}
    return JsonResponse(answer | {"id": macro, "name": found.macro.name, "steps": ", ".join(found.steps)})


@require_http_methods(["GET", "POST"])
@signed_in
def run(request: DeskRequest, pk: int, macro: int) -> HttpResponse:
    """The dialog that tells what a macro without an answer will do; does it."""
    row = inbox.conversation(request.user, pk)
    if request.method == "GET":
        asked = macros.find(row, macro)
        context = {"conversation": row, "macro": asked, "steps": macros.steps(asked, is_whole=True)}
        return render(request, "desk/macro.html", context)
    done = macros.run(request.user, row, macro)
    toast = {"text": _("The macro “%(name)s” was run.") % {"name": done.name}, "seconds": 5}
    return with_event(retold(request, pk, toast=toast), "desk:acted", {})
