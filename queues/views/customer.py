"""What the side panel changes: language, skills that are needed, how urgent the contact's new mail is."""

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from mailcore.clean import clean_line
from queues import actions, customers, inbox
from queues.refusals import ActionRefused
from queues.views.conversations import retold
from queues.views.gate import DeskRequest, signed_in


@require_POST
@signed_in
def language(request: DeskRequest, pk: int) -> HttpResponse:
    """Correct the language."""
    row = inbox.conversation(request.user, pk)
    customers.set_language(request.user, row, clean_line(request.POST.get("language", "")))
    return retold(request, pk)


@require_POST
@signed_in
def demand(request: DeskRequest, pk: int) -> HttpResponse:
    """Demand one skill more, or with level 0 no longer."""
    row = inbox.conversation(request.user, pk)
    level = request.POST.get("level", "")
    if not (level.isascii() and level.isdigit() and len(level) == 1):
        raise ActionRefused("Choose a level, 1 to 5.")
    wanted = actions.demanded(row) | {request.POST.get("skill", ""): int(level)}
    actions.demand(request.user, row, {name: each for name, each in wanted.items() if each})
    return retold(request, pk)


@require_POST
@signed_in
def priority(request: DeskRequest, pk: int) -> HttpResponse:
    """How urgent new conversations with the contact are."""
    row = inbox.conversation(request.user, pk)
    chosen = request.POST.get("priority", "")
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) == 1):
        raise ActionRefused("Choose how urgent new mail of this contact is.")
    customers.set_contact_priority(request.user, row, int(chosen))
    return retold(request, pk)
