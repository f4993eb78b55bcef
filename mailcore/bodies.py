"""What of a mail is shown and what is attached: choose, decode, sanitise."""

import re
from dataclasses import dataclass, field

from mailcore.charsets import decode
from mailcore.clean import clean_file_name, clean_text
from mailcore.headers import read_headers
from mailcore.markup import LONGEST_HTML, content_ids
from mailcore.mime import Part, decoded_body, read_structure
from mailcore.parsed import AttachmentPart
from mailcore.text import sanitise, text_of_sanitised, text_to_html
from mailcore.words import decode_words, parameters

_MOST_ENVELOPES = 3
LONGEST_TEXT = 2_000_000  # characters

_SHOWN = ("text/plain", "text/html", "text/enriched", "text/x-amp-html", "text/watch-html")
_ENRICHED_TAG = re.compile(r"</?[A-Za-z-]{1,60}>")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w:.-]{2,40})", re.IGNORECASE)
_ENDINGS = {
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "text/calendar": ".ics",
    "text/plain": ".txt",
    "text/html": ".html",
    "text/csv": ".csv",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/rfc822-headers": ".txt",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/pkcs7-signature": ".p7s",
    "application/pgp-signature": ".asc",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/tiff": ".tif",
    "audio/mpeg": ".mp3",
}

CUT_TEXT = "The text is very long; the rest is only in the raw mail (shortened)."
BAD_BASE64 = "A part is damaged: its base64 has characters that do not belong there, or ends too early."
BAD_CHARSET = "The letters of a part do not fit the charset it names; some may be wrong."


@dataclass(frozen=True, slots=True)
class Contents:
    """The readable side of a mail."""

    text: str
    html: str
    attachments: tuple[AttachmentPart, ...]
    defects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Body:
    """What one branch of the tree shows. ``html`` is sanitised; ``text`` is "" if only HTML was written."""

    text: str = ""
    html: str = ""

    def as_text(self) -> str:
        return self.text or text_of_sanitised(self.html)

    def as_html(self) -> str:
        return self.html or text_to_html(self.text)


@dataclass(slots=True)
class _Collector:
    raw: bytes
    attachments: list[AttachmentPart] = field(default_factory=list)
    defects: dict[str, None] = field(default_factory=dict)
    room: int = LONGEST_HTML

    def body(self, part: Part) -> _Body:
        if part.children:
            shown = [self.body(child) for child in part.children]
            if part.type == "multipart/alternative":
                return _best(shown)
            return _joined([each for each in shown if each.text or each.html])
        if _is_shown(part):
            return self.text(part)
        self.attach(part)
        return _Body()

    def text(self, part: Part) -> _Body:
        data, sound = decoded_body(self.raw, part)
        if not sound:
            self.defects[BAD_BASE64] = None
        charset = part.parameters.get("charset", "")
        meta = _META_CHARSET.search(data, 0, 4096) if part.type == "text/html" else None
        text, sure = decode(data, charset, meta[1].decode() if meta else "")
        if not sure:
            self.defects[BAD_CHARSET] = None
        return self.shown(part.type, text)

    def shown(self, type_: str, text: str) -> _Body:
        """Return decoded text as a body, within what is left of the limit for the whole mail."""
        limit = self.room if type_ == "text/html" else min(self.room, LONGEST_TEXT)
        if len(text) > limit:
            self.defects[CUT_TEXT] = None
        text = clean_text(text[:limit])
        self.room -= len(text)
        if type_ == "text/html":
            return _Body(html=sanitise(text))
        if type_ == "text/enriched":  # RFC 1896
            return _Body(text=_ENRICHED_TAG.sub("", text))
        return _Body(text=text) if type_ == "text/plain" else _Body()

    def attach(self, part: Part) -> None:
        data, sound = decoded_body(self.raw, part)
        if not sound:
            self.defects[BAD_BASE64] = None
        self.attachments.append(
            AttachmentPart(
                part=part.path,
                name=_name(part, data),
                type=part.type,
                size=len(data),
                content_id=part.headers.decoded("content-id").strip("<> "),
            )
        )


def read_contents(raw: bytes, root: Part) -> Contents:
    """Return text, HTML and attachments of a mail."""
    collector = _Collector(raw)
    body = collector.body(root)
    if not body.html and not body.text.strip():
        body = _forwarded(raw, root)
    html = body.html
    shown = content_ids(html)
    attachments = tuple(_inline(each) if each.content_id in shown else each for each in collector.attachments)
    return Contents(body.as_text().lstrip("\n").rstrip(), html, attachments, tuple(collector.defects))


def _forwarded(raw: bytes, root: Part) -> _Body:
    """Return the text of the mail inside one that is nothing but an envelope around it."""
    for _ in range(_MOST_ENVELOPES):
        inner = next((leaf for leaf in root.leaves() if leaf.type == "message/rfc822"), None)
        if inner is None:
            break
        raw = decoded_body(raw, inner)[0]
        root = read_structure(raw)[0]
        body = _Collector(raw).body(root)
        if body.html or body.text.strip():
            return body
    return _Body()


def _inline(each: AttachmentPart) -> AttachmentPart:
    if not each.content_id:
        return each
    return AttachmentPart(each.part, each.name, each.type, each.size, True, each.content_id)


def _is_shown(part: Part) -> bool:
    if part.type not in _SHOWN:
        return False
    disposition, given = _disposition(part)
    is_named = bool(given.get("filename") or part.parameters.get("name"))
    if part.depth == 0:
        return not is_named or disposition != "attachment"
    return disposition != "attachment" and not is_named


def _disposition(part: Part) -> tuple[str, dict[str, str]]:
    value = part.headers.text("content-disposition")
    if not value:
        return "", {}
    kind, semicolon, rest = value.partition(";")
    return kind.strip().lower(), parameters(semicolon + rest)


def _best(bodies: list[_Body]) -> _Body:
    """Choose among alternatives: the last HTML, and the plain text that was written, not made from HTML."""
    html = next((each.html for each in reversed(bodies) if each.html), "")
    text = next((each.text for each in bodies if each.text.strip() and not each.html), "")
    return _Body(text, html) if text or html else _Body()


def _joined(bodies: list[_Body]) -> _Body:
    """Put parts that follow each other together (text, picture, text)."""
    if len(bodies) < 2:
        return bodies[0] if bodies else _Body()
    html = "\n".join(each.as_html() for each in bodies) if any(each.html for each in bodies) else ""
    return _Body("\n".join(each.as_text() for each in bodies), html)


def _name(part: Part, data: bytes) -> str:
    """Return the file's name for people; one is made up when the mail gives none."""
    given = _disposition(part)[1].get("filename") or part.parameters.get("name") or ""
    name = clean_file_name(decode_words(given))
    if name:
        return name
    if part.type == "message/rfc822":
        subject = clean_file_name(read_headers(data, 0, min(len(data), 65_536)).decoded("subject"))
        return f"{subject or 'message'}.eml"
    stem = part.headers.decoded("content-description")[:80] or f"part-{part.path}"
    ending = _ENDINGS.get(part.type, ".bin")
    stem = clean_file_name(stem) or f"part-{part.path}"
    return stem if stem.lower().endswith(ending) else stem + ending
