"""The files of a mail as people see them: what can be looked at here, and what the virus scanner said."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from mailcore.markup import content_ids
from queues.enclosures import split_files
from queues.models import Attachment, Message
from queues.presentation import size
from queues.scanning import Door, access

RASTER = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
THUMBNAIL_OCTETS = 5_000_000
PDF = "application/pdf"
READABLE = frozenset({
    "message/rfc822", "application/json", "application/xml", "application/x-yaml", "application/yaml",
    "application/ics", "application/csv", "application/x-sh", "application/sql",
})  # fmt: skip
ENDINGS = (
    ".txt", ".csv", ".tsv", ".eml", ".ics", ".log", ".md", ".json", ".xml", ".yaml", ".yml", ".ini", ".vcf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """An attachment. `look` is how it can be looked at: picture, pdf, text or ""; `state` is for people."""

    pk: int
    name: str
    size: str
    look: str
    is_small: bool
    door: str
    state: str = ""
    sentence: str = ""


def files(message: Message, *, is_supervisor: bool = False) -> tuple[tuple[File, ...], tuple[File, ...]]:
    """The attachments that the text doesn't show itself; apart from them, those that are only wrapping."""
    sent, wrapping = split_files(list(message.attachments.all()), is_signed=message.protection == "signed")
    shown = content_ids(message.html) if any(each.content_id for each in sent) else frozenset()
    free = [each for each in sent if each.content_id not in shown or not each.content_id]
    told = [
        tuple(_file(each, message.direction, is_supervisor=is_supervisor) for each in some)
        for some in (free, wrapping)
    ]
    return told[0], told[1]


def _file(attachment: Attachment, direction: str, *, is_supervisor: bool) -> File:
    found = access(attachment, direction, is_supervisor=is_supervisor)
    is_open = found.door is Door.OPEN
    return File(
        pk=attachment.pk,
        name=attachment.name or _("without a name"),
        size=size(attachment.size),
        look=look(attachment) if is_open else "",
        is_small=attachment.size <= THUMBNAIL_OCTETS,
        door=found.door.value,
        state="" if is_open else attachment.get_scan_display(),
        sentence=found.sentence,
    )


def look(attachment: Attachment) -> str:
    """How a file can be looked at without saving it."""
    kind, name = attachment.type.lower(), attachment.name.lower()
    if kind in RASTER:
        return "picture"
    if kind == PDF or (kind == "application/octet-stream" and name.endswith(".pdf")):
        return "pdf"
    return "text" if kind.startswith("text/") or kind in READABLE or name.endswith(ENDINGS) else ""
