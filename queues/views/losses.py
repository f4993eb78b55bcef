"""A word to who is about to write to an address that did not take our last mail."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from mailcore.addresses import addresses
from queues import inbox
from queues.losses import losses
from queues.views.gate import DeskRequest, signed_in

LONGEST = 10_000  # characters of each field


@require_GET
@signed_in
def losses_of(request: DeskRequest) -> HttpResponse:
    """What is known of the people in the fields To and Cc of an editor."""
    typed = ", ".join(request.GET.get(name, "")[:LONGEST] for name in ("to", "cc"))
    people, _ = addresses(typed)
    pk = request.GET.get("conversation", "")
    row = inbox.conversations_for(request.user).filter(pk=int(pk)).first() if pk.isdecimal() else None
    found = losses((person.email for person in people), timezone.now(), row)
    return render(request, "desk/losses.html", {"losses": list(found.values())})
