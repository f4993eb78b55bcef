"""What an editor with formatting asks for."""

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from mailcore import authored
from mailcore.pictures import picture_type
from queues import inbox
from queues.models import DraftFile, FirstDraftFile
from queues.views.files import NOTHING_MAY_RUN
from queues.views.gate import DeskRequest, signed_in


@require_GET
@signed_in
def picture(request: DeskRequest, pk: int, content_id: str) -> HttpResponse:
    """A picture within the text of the user's own draft."""
    row = inbox.conversation(request.user, pk)
    files = DraftFile.objects.filter(draft__conversation=row, draft__agent__user=request.user)
    return _shown(files.filter(content_id=content_id).exclude(content_id="").first())


@require_GET
@signed_in
def first_picture(request: DeskRequest, content_id: str) -> HttpResponse:
    """A picture within the text of the user's own first mail."""
    files = FirstDraftFile.objects.filter(draft__agent__user=request.user, content_id=content_id)
    return _shown(files.exclude(content_id="").first())


def _shown(file: DraftFile | FirstDraftFile | None) -> HttpResponse:
    kind = picture_type(bytes(file.data)) if file else ""
    if file is None or not kind:
        raise Http404("The picture is not in the draft.")
    response = HttpResponse(bytes(file.data), content_type=kind)
    response["Cache-Control"] = "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = NOTHING_MAY_RUN
    return response


@require_POST
@signed_in
def plain(request: DeskRequest) -> HttpResponse:
    """What is left of a formatted text without its formatting, as it would be sent beside it."""
    text = authored.plain(authored.tidy(request.POST.get("html", "")))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
