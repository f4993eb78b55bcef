"""What of a mail is shown and what is attached: choose, decode, sanitise."""

import re
from dataclasses import dataclass, field

from mailcore import calendar, cms
from mailcore.charsets import decode
from mailcore.clean import clean_text
from mailcore.inside import DEEPEST, InnerFile, is_cms, is_mail, is_tnef, read_letter
from mailcore.markup import LONGEST_HTML, content_ids
from mailcore.mime import Part, decoded_body, read_structure
from mailcore.naming import UNKNOWN_TYPE, disposition, file_name, type_of
from mailcore.parsed import AttachmentPart, Invitation
from mailcore.rtf import read_rtf
from mailcore.text import sanitise, text_of_sanitised, text_to_html
from mailcore.tnef import read_tnef

_MOST_ENVELOPES = 3
_MOST_OPENED = 5  # winmail.dat of one mail
_MOST_CALENDARS = 20
LONGEST_TEXT = 2_000_000  # characters

_SHOWN = ("text/plain", "text/html", "text/enriched", "text/x-amp-html", "text/watch-html")
_CALENDARS = ("text/calendar", "application/ics", "text/x-vcalendar")
_ENRICHED_TAG = re.compile(r"</?[A-Za-z-]{1,60}>")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w:.-]{2,40})", re.IGNORECASE)
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
    invitations: tuple[Invitation, ...] = ()
    protection: str = ""


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
class _Findings:
    """What was found in a mail, and in the mails that it is only an envelope of."""

    attachments: list[AttachmentPart] = field(default_factory=list)
    defects: dict[str, None] = field(default_factory=dict)
    invitations: dict[tuple[str, str, str], Invitation] = field(default_factory=dict)
    protection: str = ""
    room: int = LONGEST_HTML
    opened: int = 0
    calendars: int = 0
    spare: _Body = field(default_factory=_Body)

    def protect(self, kind: str) -> None:
        """Note that the mail is signed or encrypted; what can't be read outweighs what is signed."""
        if self.protection != "encrypted":
            self.protection = kind or self.protection


@dataclass(slots=True)
class _Collector:
    """Walks the parts of one mail. ``prefix`` is the path of the container that the mail was in."""

    raw: bytes
    found: _Findings = field(default_factory=_Findings)
    prefix: str = ""
    depth: int = 0
    only_files: bool = False

    def body(self, part: Part) -> _Body:
        """Return what a branch shows, and collect its files."""
        if part.children:
            if part.type in ("multipart/signed", "multipart/encrypted"):
                self.found.protect(part.type.removeprefix("multipart/"))
                _name_encrypted(part)
            shown = [self.body(child) for child in part.children]
            if part.type == "multipart/alternative":
                return _best(part, shown)
            return _joined([each for each in shown if each.text or each.html])
        if _is_shown(part):
            return _Body() if self.only_files else self.text(part)
        return self.file(part)

    def decoded(self, part: Part) -> bytes:
        data, sound = decoded_body(self.raw, part)
        if not sound:
            self.found.defects[BAD_BASE64] = None
        return data

    def text(self, part: Part) -> _Body:
        data = self.decoded(part)
        if part.type == "text/plain":
            letter = read_letter(data)
            data = letter.text
            self.found.protect(letter.protection)
            for number, file in enumerate(letter.files, 1):
                self.inner(f"{part.path}#{number}", file)
        charset = part.parameters.get("charset", "")
        meta = _META_CHARSET.search(data, 0, 4096) if part.type == "text/html" else None
        text, sure = decode(data, charset, meta[1].decode() if meta else "")
        if not sure:
            self.found.defects[BAD_CHARSET] = None
        return self.shown(part.type, text)

    def shown(self, type_: str, text: str) -> _Body:
        """Return decoded text as a body, within what is left of the limit for the whole mail."""
        room = self.found.room
        limit = room if type_ == "text/html" else min(room, LONGEST_TEXT)
        if len(text) > limit:
            self.found.defects[CUT_TEXT] = None
        text = clean_text(text[:limit])
        self.found.room -= len(text)
        if type_ == "text/html":
            return _Body(html=sanitise(text))
        if type_ == "text/enriched":  # RFC 1896
            return _Body(text=_ENRICHED_TAG.sub("", text))
        return _Body(text=text) if type_ == "text/plain" else _Body()

    def file(self, part: Part) -> _Body:
        """Attach a part, and what is inside it; return the mail inside one that is only signed."""
        data = self.decoded(part)
        name, type_ = file_name(part, data), part.type
        if type_ == "application/pgp-encrypted":
            self.found.protect("encrypted")
        elif type_ == "application/pgp-signature":
            self.found.protect("signed")
        content_id = part.headers.decoded("content-id").strip("<> ")
        file = AttachmentPart(self.prefix + part.path, name, type_, len(data), content_id=content_id)
        self.found.attachments.append(file)
        if is_tnef(data) and self.found.opened < _MOST_OPENED:
            self.tnef(part, data)
        elif is_cms(part):
            return self.cms(part, name, data)
        elif type_ in _CALENDARS or name.lower().endswith(".ics"):
            self.calendar(data, part.parameters)
        elif type_.startswith("text/") and _is_for_reading(part):
            # Markdown and other words that nobody named: better than no text at all.
            text = decode(data, part.parameters.get("charset", ""))[0]
            rich = read_rtf(data) if type_ == "text/rtf" else None
            self.spare(rich.text if rich else text, rich.html if rich else "")
        return _Body()

    def spare(self, text: str, html: str) -> None:
        """Keep what is shown if the mail has no other words; the first of its kind."""
        if _is_empty(self.found.spare):
            shown = self.shown("text/html", html) if html else _Body()
            self.found.spare = _Body(self.shown("text/plain", text).text, shown.html)

    def tnef(self, part: Part, data: bytes) -> None:
        self.found.opened += 1
        inside = read_tnef(data)
        for each in inside.files:
            path = f"{part.path}#{each.number}"
            self.inner(path, InnerFile(each.name, each.type, each.data), each.content_id)
        self.spare(inside.text, inside.html)

    def cms(self, part: Part, name: str, data: bytes) -> _Body:
        content = cms.signed_content(data)
        if content is None or self.depth >= DEEPEST:
            if cms.kind_of(data) == "encrypted":
                self.found.protect("encrypted")
            return _Body()
        if not is_mail(content):
            inner = name[:-4] if name.lower().endswith(".p7m") else f"{name}.bin"
            self.inner(f"{part.path}#1", InnerFile(inner, type_of(inner), content))
            return _Body()
        self.found.protect("signed")
        prefix = f"{self.prefix}{part.path}#"
        within = _Collector(content, self.found, prefix, self.depth + 1, self.only_files)
        return within.body(read_structure(content)[0])

    def calendar(self, data: bytes, given: dict[str, str]) -> None:
        self.found.calendars += 1
        if self.found.calendars > _MOST_CALENDARS:
            return
        for each in calendar.read_invitations(data, given.get("charset", ""), given.get("method", "")):
            if len(self.found.invitations) < calendar.MOST:
                # The same one often comes twice, as a part to act on and as a file to keep.
                self.found.invitations.setdefault((each.uid, each.starts, each.summary), each)

    def inner(self, path: str, file: InnerFile, content_id: str = "") -> None:
        path = self.prefix + path
        self.found.attachments.append(
            AttachmentPart(path, file.name, file.type, len(file.data), content_id=content_id)
        )
        if file.name.lower().endswith(".ics"):
            self.calendar(file.data, {})


def read_contents(raw: bytes, root: Part) -> Contents:
    """Return text, HTML, files, invitations and protection of a mail."""
    found = _Findings()
    body = _Collector(raw, found).body(root)
    if root.type != "multipart/report":
        _add_attached_mails(raw, root, found)
    if _is_empty(body):
        body = found.spare
    if _is_empty(body):
        body = _forwarded(raw, root)
    invitations = tuple(found.invitations.values())
    if _is_empty(body) and invitations:
        body = _Body(invitations[0].description or invitations[0].summary)
    shown = content_ids(body.html)
    return Contents(
        text=body.as_text().lstrip("\n").rstrip(),
        html=body.html,
        attachments=tuple(_inline(each) if each.content_id in shown else each for each in found.attachments),
        defects=tuple(found.defects),
        invitations=invitations,
        protection=found.protection,
    )


def _add_attached_mails(raw: bytes, root: Part, found: _Findings) -> None:
    """List the files of mails that are attached beside them: what somebody forwards is often one of these."""
    attached = [leaf for leaf in root.leaves() if leaf.type == "message/rfc822"]
    for leaf in attached[:_MOST_ENVELOPES]:
        mail = decoded_body(raw, leaf)[0]
        inner = _Findings(room=0)
        _Collector(mail, inner, f"{leaf.path}#", 1, only_files=True).body(read_structure(mail)[0])
        files = [each for each in inner.attachments if not _is_picture_of_text(each)]
        at = next(index for index, each in enumerate(found.attachments, 1) if each.part == leaf.path)
        found.attachments[at:at] = files
        for key, invitation in inner.invitations.items():
            found.invitations.setdefault(key, invitation)


def _is_picture_of_text(each: AttachmentPart) -> bool:
    return bool(each.content_id) and each.type.startswith("image/")


def _is_empty(body: _Body) -> bool:
    return not body.html and not body.text.strip()


def _forwarded(raw: bytes, root: Part) -> _Body:
    """Return the text of the mail inside one that is nothing but an envelope around it."""
    for _ in range(_MOST_ENVELOPES):
        inner = next((leaf for leaf in root.leaves() if leaf.type == "message/rfc822"), None)
        if inner is None:
            break
        raw = decoded_body(raw, inner)[0]
        root = read_structure(raw)[0]
        body = _Collector(raw).body(root)
        if not _is_empty(body):
            return body
    return _Body()


def _inline(each: AttachmentPart) -> AttachmentPart:
    if not each.content_id:
        return each
    return AttachmentPart(each.part, each.name, each.type, each.size, True, each.content_id)


def _name_encrypted(part: Part) -> None:
    """Give the nameless file of RFC 3156 the name that most programs give it."""
    for child in part.children:
        if part.type == "multipart/encrypted" and child.type == UNKNOWN_TYPE:
            child.parameters.setdefault("name", "encrypted.asc")


def _is_shown(part: Part) -> bool:
    return part.type in _SHOWN and _is_for_reading(part)


def _is_for_reading(part: Part) -> bool:
    """Whether a text is words of the mail, not a file put to it."""
    kind, given = disposition(part)
    is_named = bool(given.get("filename") or part.parameters.get("name"))
    if part.depth == 0:
        return not is_named or kind != "attachment"
    return kind != "attachment" and not is_named


def _best(part: Part, bodies: list[_Body]) -> _Body:
    """Choose among alternatives: the last HTML, and the plain text that was written, not made from HTML.

    Several plain texts are no alternatives of each other: some program added to the mail. They are joined.
    """
    html = next((each.html for each in reversed(bodies) if each.html), "")
    texts = [each.text for each in bodies if each.text.strip() and not each.html]
    plain = dict.fromkeys(
        body.text for child, body in zip(part.children, bodies, strict=True) if child.type == "text/plain"
    )
    joined = "\n".join(text for text in plain if text.strip())
    return _Body(joined or next(iter(texts), ""), html)


def _joined(bodies: list[_Body]) -> _Body:
    """Put parts that follow each other together (text, picture, text)."""
    if len(bodies) < 2:
        return bodies[0] if bodies else _Body()
    html = "\n".join(each.as_html() for each in bodies) if any(each.html for each in bodies) else ""
    return _Body("\n".join(each.as_text() for each in bodies), html)
