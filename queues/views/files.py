"""Files out of mails: to be saved, or looked at where nothing in them can run.

Three policies. A picture is only ever a picture by its first octets. Text is put into a page of ours,
escaped, without anything else. A PDF is shown by the browser's own viewer, which keeps its scripts away from
the page; as not every browser starts its viewer in a sandbox, it gets a policy that loads nothing instead.
"""

import io
import zipfile
from urllib.parse import quote

from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from agents.rights import is_supervisor
from mailcore.charsets import decode
from mailcore.clean import clean_text
from mailcore.parse import PartNotFound, parse, part_bytes
from mailcore.parsed import ParsedMail
from mailcore.pictures import picture_type
from queues import inbox, scanning
from queues.files import PDF, RASTER, look
from queues.history import Kind, note_event
from queues.models import Attachment, Message
from queues.presentation import clock
from queues.scanning import Access, Door
from queues.views.gate import DeskRequest, signed_in

NOTHING_MAY_RUN = "default-src 'none'; sandbox"
PDF_POLICY = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; img-src data: blob:; "
    "frame-ancestors 'self'"
)
TEXT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
LONGEST_TEXT = 500_000  # octets
MOST_ZIPPED = 200_000_000  # octets in one archive
TEXT_PAGE = (
    '<!doctype html><html{}><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    "<title>{}</title><style>body {{ margin: 0; }} pre {{ margin: 0; padding: 16px; white-space: pre-wrap; "
    "overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }}</style></head>"
    "<body><pre>{}</pre></body></html>"
)


@require_http_methods(["GET", "POST"])
@signed_in
def attachment(request: DeskRequest, pk: int) -> HttpResponse:
    """A file to be saved; with `inline` a picture or PDF to be looked at. POST is after a word of warning."""
    row = inbox.attachment(request.user, pk)
    access = scanning.access(row, row.message.direction, is_supervisor=is_supervisor(request.user))
    if not may_open(request, access):
        scanning.want(row)
        return gate(request, access)
    data = bytes_of(row)
    if access.door is Door.ASK:
        note_risk(request, row.message, row.name)
    elif request.GET.get("inline"):
        return _shown(row, data)
    return download(data, row.name, "application/octet-stream")


@require_GET
@signed_in
def text(request: DeskRequest, pk: int) -> HttpResponse:
    """A file as text, in a page that is nothing but that; of a mail its head and words."""
    row = inbox.attachment(request.user, pk)
    access = scanning.access(row, row.message.direction, is_supervisor=is_supervisor(request.user))
    if access.door is not Door.OPEN:
        return gate(request, access)
    if look(row) != "text":
        raise Http404("This file is no text.")
    words = escape(_words(row, bytes_of(row)))
    response = HttpResponse(TEXT_PAGE.format(in_language(row.message), escape(row.name), words))
    response["Content-Security-Policy"] = TEXT_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=3600"
    return response


@require_GET
@signed_in
def archive(request: DeskRequest, pk: int) -> HttpResponse:
    """All files of a mail in one archive, but those that may not be opened."""
    message = inbox.message(request.user, pk)
    raw, left, data = _raw(message), MOST_ZIPPED, io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as into:
        for row in message.attachments.all():
            access = scanning.access(row, message.direction, is_supervisor=False)
            left -= row.size
            if access.door is Door.OPEN and left >= 0:
                into.writestr(_unique(row.name, taken), _part(raw, row))
            else:
                reason = access.sentence or _("There is too much for one archive: save it by itself.")
                into.writestr(_unique(f"{row.name}.txt", taken), f"{reason}\n")
    return download(data.getvalue(), f"mail-{pk}.zip", "application/zip")


def may_open(request: DeskRequest, access: Access) -> bool:
    """Whether a file is given out now: at once, or when somebody has been warned."""
    return access.door is Door.OPEN or (access.door is Door.ASK and request.method == "POST")


def gate(request: DeskRequest, access: Access) -> HttpResponse:
    """The page that says why a file stays shut, or asks whether it is wanted all the same."""
    context = {"sentence": access.sentence, "may_open": access.door is Door.ASK, "address": request.path}
    return render(request, "desk/file_gate.html", context, status=409)


def note_risk(request: DeskRequest, message: Message, name: str) -> None:
    """Write into the history who wanted it all the same."""
    who = request.user.get_full_name() or request.user.get_username()
    with transaction.atomic():
        sentence = f"{who} opened “{name}” in spite of a warning."
        note_event(message.conversation, Kind.RISKED, sentence, request.user, {"message": message.pk})


def in_language(message: Message) -> SafeString:
    """For the `html` of what a customer wrote: its language if it is known, and that of no page of ours."""
    language = message.conversation.language
    return format_html(' lang="{}"', language) if language else SafeString("")


def bytes_of(row: Attachment) -> bytes:
    """The decoded bytes of a file, or `Http404`."""
    return _part(_raw(row.message), row)


def _raw(message: Message) -> bytes:
    if message.raw is None:
        raise Http404("The source of this mail is not kept.")
    return message.raw.as_bytes()


def _part(raw: bytes, row: Attachment) -> bytes:
    try:
        return part_bytes(raw, row.part)
    except PartNotFound as error:
        raise Http404("The file is not in the mail.") from error


def _shown(row: Attachment, data: bytes) -> HttpResponse:
    """A picture or PDF as what it is; anything else is to be saved."""
    is_bitmap = data[:2] == b"BM" and row.type.lower() == "image/bmp"
    kind = "image/bmp" if is_bitmap else picture_type(data)
    if look(row) == "picture" and kind in RASTER:
        response = download(data, row.name, kind)
    elif look(row) == "pdf" and b"%PDF-" in data[:1024]:
        response = download(data, row.name, PDF)
        response["Content-Security-Policy"] = PDF_POLICY
    else:
        return download(data, row.name, "application/octet-stream")
    response["Content-Disposition"] = response["Content-Disposition"].replace("attachment", "inline", 1)
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _words(row: Attachment, data: bytes) -> str:
    rest = f"\n\n… {_('The rest is only in the file.')}" if len(data) > LONGEST_TEXT else ""
    if row.type == "message/rfc822" or row.name.lower().endswith(".eml"):
        mail = parse(data[:LONGEST_TEXT])  # of this length the worst of mails takes a fifth of a second
        return f"{_head(mail)}\n\n{mail.text}"[:LONGEST_TEXT] + rest
    return clean_text(decode(data[:LONGEST_TEXT])[0]) + rest


def _head(mail: ParsedMail) -> str:
    """From whom, to whom, when and about what; the date with its zone, as no script runs in this page."""
    names = ", ".join(each.name for each in mail.attachments)
    lines = [
        (_("From"), str(mail.from_)),
        (_("To"), ", ".join(map(str, mail.to))),
        (_("Date"), f"{clock(mail.date)} {timezone.localtime(mail.date):%Z}" if mail.date else "?"),
        (_("Subject"), mail.subject),
        *([(_("Files"), names)] if names else []),
    ]
    return "\n".join(f"{name}: {value}" for name, value in lines)


def _unique(name: str, taken: set[str]) -> str:
    """A name without folders that is not in the archive yet."""
    bare = name.replace("/", "_").replace("\\", "_").lstrip(".") or "file"
    stem, dot, end = bare.rpartition(".") if "." in bare else (bare, "", "")
    number, found = 1, bare
    while found.lower() in taken:
        number += 1
        found = f"{stem} ({number}){dot}{end}"
    taken.add(found.lower())
    return found


def download(data: bytes, name: str, content_type: str) -> HttpResponse:
    """Bytes to be saved under a name, as which no browser takes them for anything that could run."""
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
