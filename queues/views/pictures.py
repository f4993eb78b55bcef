"""Pictures from the internet: asked for, counted, served from here, and wanted always or no longer."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from queues import inbox, pictures
from queues.models import Message
from queues.views.files import NOTHING_MAY_RUN
from queues.views.gate import DeskRequest, signed_in


@require_http_methods(["GET", "POST"])
@signed_in
def of_mail(request: DeskRequest, pk: int) -> HttpResponse:
    """What is known of the pictures of a mail; POST lets them be fetched."""
    message = inbox.message(request.user, pk)
    if request.method == "POST":
        pictures.want(message)
    return _bar(request, message)


@require_POST
@signed_in
def always(request: DeskRequest, pk: int) -> HttpResponse:
    """From now on those of this sender without asking, or no longer."""
    message = inbox.message(request.user, pk)
    is_wanted = request.POST.get("always") == "1"
    pictures.trust(request.user, message.from_email, is_wanted=is_wanted)
    if is_wanted:
        pictures.want(message)
    return _bar(request, message)


def _bar(request: DeskRequest, message: Message) -> HttpResponse:
    mail = {
        "pk": message.pk,
        "email": message.from_email,
        "album": pictures.album(message, message.pictures.defer("data")),
        "is_trusted": pictures.trusts(request.user, message.from_email),
    }
    return render(request, "desk/pictures.html", {"mail": mail})


@require_GET
@signed_in
def picture(request: DeskRequest, pk: int) -> HttpResponse:
    """One that was fetched, to who may see its mail."""
    row = pictures.shown(request.user, pk)
    response = HttpResponse(bytes(row.data), content_type=row.type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = NOTHING_MAY_RUN
    response["Cache-Control"] = "private, max-age=3600"
    return response
