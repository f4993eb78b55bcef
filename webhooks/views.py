"""The files that webhooks link to."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from queues.models import Attachment
from queues.views.files import bytes_of, download
from webhooks import links
from webhooks.models import Webhook


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponse:
    """A file, to be saved, for whoever has a link that is still good; asked anew whether it may be given."""
    try:
        webhook_id, attachment_id = links.read(token)
    except links.LinkEnded as error:
        return _shut(str(error), 410)
    except links.LinkWrong as error:
        raise Http404("There is no such file.") from error
    rows = Attachment.objects.select_related("message__raw", "message__conversation")
    row = rows.filter(pk=attachment_id).first()
    if row is None or not Webhook.objects.filter(pk=webhook_id, is_active=True).exists():
        raise Http404("There is no such file.")
    if why := links.withheld(row):
        return _shut(why, 409)
    response = download(bytes_of(row), row.name, "application/octet-stream")
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _shut(sentence: str, status: int) -> HttpResponse:
    response = HttpResponse(sentence + "\n", content_type="text/plain; charset=utf-8", status=status)
    response["Cache-Control"] = "no-store"
    return response
