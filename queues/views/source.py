"""A mail as mail administrators look at it, on a page of its own."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from mailcore.source import read_source
from queues import inbox
from queues.genuine import standing
from queues.opened import note_opened
from queues.views.gate import DeskRequest, signed_in

LONGEST = 200_000  # octets of the text that are shown; all of it is in the file to be saved


@require_GET
@signed_in
def source(request: DeskRequest, pk: int) -> HttpResponse:
    """Who sent it, its headers decoded and as they came, and its text as it came."""
    message = inbox.message(request.user, pk)
    if message.raw is None:
        raise Http404("The source of this mail is not kept.")
    note_opened(message)
    context = {
        "message": message,
        "standing": standing(message),
        "source": read_source(message.raw.as_bytes(), LONGEST),
    }
    return render(request, "desk/source.html", context)
