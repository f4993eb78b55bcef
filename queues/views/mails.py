"""What strangers sent us, handed to the browser so that it can do no harm."""

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET, require_http_methods

from agents.rights import is_supervisor
from mailcore.parsed import Address
from mailcore.text import show_remote, with_cid_urls
from queues import inbox, scanning
from queues.files import look
from queues.folds import fold
from queues.fonts import with_kinds
from queues.models import Attachment, Message, Picture
from queues.opened import note_opened
from queues.scanning import Door
from queues.thread import is_coloured
from queues.views.files import download, gate, in_language, may_open, note_risk
from queues.views.gate import DeskRequest, signed_in

POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups "
    "allow-popups-to-escape-sandbox allow-same-origin"
)
STYLE = """
html { margin: 0; overflow-wrap: anywhere; }
body { margin: 0; padding: 2px; overflow: auto hidden;
  font: 14.5px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "Liberation Sans", sans-serif; }
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
    '<!doctype html><html{}><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<meta name="color-scheme" content="light dark">'
    "<title>Mail</title><style>{}</style></head><body class={}>{}</body></html>"
)


@require_GET
@signed_in
def body(request: DeskRequest, pk: int) -> HttpResponse:
    """The HTML of a mail, for the sandboxed frame; of images from the internet those that we have fetched."""
    message = inbox.message(request.user, pk)
    own = {each.content_id: each.pk for each in message.attachments.all() if _may_show(each, message)}

    def url(content_id: str) -> str | None:
        return f"{reverse('attachment', args=[own[content_id]])}?inline=1" if content_id in own else None

    html = with_cid_urls(message.html, url)
    sender = Address(message.from_name, message.from_email) if message.automatic == "no" else None
    html = fold(show_remote(html, _pictures(message).get), sender, forwarded=bool(message.forwarded))
    html = with_kinds(html)
    look = "own" if is_coloured(html) else "plain"
    page = format_html(PAGE, in_language(message), mark_safe(STYLE), look, mark_safe(html))  # noqa: S308 - sanitised on the way in
    response = HttpResponse(page)
    response["Content-Security-Policy"] = POLICY
    response["Referrer-Policy"] = "no-referrer"
    return response


def _pictures(message: Message) -> dict[str, str]:
    """Of those that were asked for and are here, address → where we serve them."""
    if "data-remote-src" not in message.html:
        return {}
    rows = message.pictures.filter(state=Picture.State.HERE).values_list("url", "pk")
    return {url: reverse("picture", args=[pk]) for url, pk in rows}


def _may_show(file: Attachment, message: Message) -> bool:
    return scanning.is_open(file, message.direction) and look(file) == "picture"


@require_http_methods(["GET", "POST"])
@signed_in
def raw(request: DeskRequest, pk: int) -> HttpResponse:
    """The mail as it came or went, byte for byte, to be saved; its files are in it."""
    message = inbox.message(request.user, pk)
    if message.raw is None:
        raise Http404("The source of this mail is not kept.")
    files = message.attachments.all()
    access = scanning.access_to_all(files, message.direction, is_supervisor=is_supervisor(request.user))
    if not may_open(request, access):
        return gate(request, access)
    if access.door is Door.ASK:
        note_risk(request, message, f"mail-{pk}.eml")
    note_opened(message)
    return download(message.raw.as_bytes(), f"mail-{pk}.eml", "text/plain")
