"""What strangers sent us, handed to the browser so that it can do no harm."""

from urllib.parse import quote

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from mailcore.parse import PartNotFound, part_bytes
from mailcore.parsed import Address
from mailcore.text import show_remote, with_cid_urls
from queues import inbox
from queues.folds import fold
from queues.thread import RASTER, is_coloured
from queues.views.gate import DeskRequest, signed_in

POLICY = (
    "default-src 'none'; img-src 'self' data:{}; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups "
    "allow-popups-to-escape-sandbox allow-same-origin"
)
NOTHING_MAY_RUN = "default-src 'none'; sandbox"
STYLE = """
html { margin: 0; overflow-wrap: anywhere; }
body { margin: 0; padding: 2px; font: 14.5px/1.55 system-ui, sans-serif; overflow: auto hidden; }
body > :first-child { margin-top: 0; } body > :last-child { margin-bottom: 0; }
img { max-width: 100%; height: auto; } table { max-width: 100%; } pre { white-space: pre-wrap; }
blockquote { margin: 8px 0 0; padding-left: 12px; border-left: 2px solid #b5bcc8; color: #596274; }
summary { display: inline-block; margin: 4px 0; padding: 0 8px; border-radius: 5px; background: #eceef2;
  color: #596274; font: 600 12px/18px system-ui, sans-serif; cursor: pointer; list-style: none; }
details:not([open]) { display: inline-block; margin-right: 6px; }
::highlight(found) { background: #ffe08a; color: #171b22; }
.own { background: #fff; color: #171b22; color-scheme: light; padding: 12px; }
.plain { background: transparent; color: #171b22; color-scheme: light; }
@media (prefers-color-scheme: dark) {
  .plain { color: #e5e8ed; color-scheme: dark; } .plain a { color: #b3beff; }
  .plain blockquote { color: #9ba6b5; border-color: #414b59; }
  .plain summary { background: #282f39; color: #9ba6b5; }
}
"""
PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<meta name="color-scheme" content="light dark">'
    "<title>Mail</title><style>{}</style></head><body class={}>{}</body></html>"
)


@require_GET
@signed_in
def body(request: DeskRequest, pk: int) -> HttpResponse:
    """The HTML of a mail, for the sandboxed frame; images from the internet only when asked for."""
    message = inbox.message(request.user, pk)
    with_images = request.GET.get("images") == "1"
    own = {each.content_id: each.pk for each in message.attachments.all() if _may_show(each.type)}

    def url(content_id: str) -> str | None:
        return f"{reverse('attachment', args=[own[content_id]])}?inline=1" if content_id in own else None

    html = with_cid_urls(message.html, url)
    sender = Address(message.from_name, message.from_email) if message.automatic == "no" else None
    html = fold(show_remote(html) if with_images else html, sender, forwarded=bool(message.forwarded))
    look = "own" if is_coloured(html) else "plain"
    page = format_html(PAGE, mark_safe(STYLE), look, mark_safe(html))  # noqa: S308 - sanitised on the way in
    response = HttpResponse(page)
    images = " https:; upgrade-insecure-requests" if with_images else ""
    response["Content-Security-Policy"] = POLICY.format(images)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _may_show(content_type: str) -> bool:
    return content_type.lower() in RASTER


@require_GET
@signed_in
def raw(request: DeskRequest, pk: int) -> HttpResponse:
    """The mail as it came or went, byte for byte, to be saved."""
    message = inbox.message(request.user, pk)
    if message.raw is None:
        raise Http404("The source of this mail is not kept.")
    return _download(message.raw.as_bytes(), f"mail-{pk}.eml", "text/plain")


@require_GET
@signed_in
def attachment(request: DeskRequest, pk: int) -> HttpResponse:
    """A file out of a mail: to be saved, or shown when it is a picture of dots."""
    row = inbox.attachment(request.user, pk)
    if row.message.raw is None:
        raise Http404("The source of this mail is not kept.")
    try:
        data = part_bytes(row.message.raw.as_bytes(), row.part)
    except PartNotFound as error:
        raise Http404("The file is not in the mail.") from error
    if request.GET.get("inline") and _may_show(row.type):
        response = _download(data, row.name, row.type.lower())
        response["Content-Disposition"] = "inline"
        response["Cache-Control"] = "private, max-age=3600"
        return response
    return _download(data, row.name, "application/octet-stream")


def _download(data: bytes, name: str, content_type: str) -> HttpResponse:
    plain = "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in "._- " else "_" for letter in name
    )
    response = HttpResponse(data, content_type=content_type)
    response["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = NOTHING_MAY_RUN
    return response
