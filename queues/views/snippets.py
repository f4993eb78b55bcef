"""Snippets, as the editors ask for them."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from queues import inbox, macros, snippets
from queues.models import Conversation, Macro, Snippet
from queues.views.gate import DeskRequest, signed_in

EXCERPT = 120


def _conversation(request: DeskRequest, asked: str) -> Conversation | None:
    """The conversation that is answered; None for the first mail of a new one."""
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        return None
    return inbox.conversation(request.user, int(asked))


@require_http_methods(["GET", "POST"])
@signed_in
def listed(request: DeskRequest) -> HttpResponse:
    """What can be inserted, best first; keeps a text as one of the user's own."""
    if request.method == "POST":
        asked = {name: request.POST.get(name, "") for name in ("name", "html", "language")}
        row = snippets.save_own(request.user, **asked)
        return JsonResponse(_shown(row))
    row_of = _conversation(request, request.GET.get("conversation", ""))
    found = [_shown(row) for row in snippets.listed(request.user, row_of)]
    if row_of is not None and "macros" in request.GET:
        found += [_macro(row) for row in macros.available(row_of)]
    return JsonResponse({"snippets": found})


def _macro(row: Macro) -> dict[str, Any]:
    says = ", ".join([*([_("answer")] if row.html else []), *macros.steps(row)])
    return {"id": row.pk, "name": row.name, "language": "", "says": says, "own": False, "macro": True} | {
        "writes": bool(row.html)
    }


def _shown(row: Snippet) -> dict[str, Any]:
    text = " ".join(row.text.split())
    return {
        "id": row.pk,
        "name": row.name,
        "language": row.language_id or "",
        "says": text if len(text) <= EXCERPT else f"{text[: EXCERPT - 1]}…",
        "own": row.owner_id is not None,
    }


@require_POST
@signed_in
def insert(request: DeskRequest, pk: int) -> HttpResponse:
    """One of them, filled in."""
    row = _conversation(request, request.POST.get("conversation", ""))
    filled = snippets.insert(request.user, row, pk)
    return JsonResponse({"html": filled.html, "text": filled.text})


@require_http_methods(["DELETE"])
@signed_in
def delete(request: DeskRequest, pk: int) -> HttpResponse:
    """Throw one of the user's own away."""
    snippets.delete_own(request.user, pk)
    return HttpResponse(status=204)
