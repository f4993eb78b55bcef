"""A draft → the bytes that go out. Composed once and kept: every retry sends the same bytes.

The result depends on the draft alone (also the boundaries), so composing twice gives the same mail.
"""

import base64
import binascii
import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailcore.clean import clean_text
from mailcore.parsed import Address
from mailcore.replying import (
    new_message_id,
    read_message_id,
    recipients_for_reply,
    reply_references,
    reply_subject,
    shorten_references,
)
from mailcore.text import html_to_text, text_to_html
from mailcore.writing import ComposeError, address_list, file_name_parameters, fold, header, unstructured

__all__ = [
    "ComposeError",
    "Draft",
    "OutFile",
    "compose",
    "new_message_id",
    "read_message_id",
    "recipients_for_reply",
    "reply_references",
    "reply_subject",
]

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\Z")
_MESSAGE_ID = re.compile(r"[!-;=?-~]+@[!-;=?-~]+\Z")
# No automatic answer to our automatic answer; bounces stay welcome (no NDR in the list).
_AUTOMATIC = (
    ("Auto-Submitted", "auto-replied"),
    ("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply"),
)


@dataclass(frozen=True, slots=True)
class OutFile:
    """A file to attach, in clear bytes."""

    name: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail to be written. Ids without <>; of ``text`` and ``html`` an empty one is made from the other.

    ``bcc`` is for the envelope: it is never written into the mail. ``automatic`` marks it as written by a
    machine (RFC 3834). ``date`` must know its time zone.
    """

    from_: Address
    to: tuple[Address, ...]
    subject: str
    date: datetime
    text: str = ""
    html: str = ""
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    message_id: str = ""
    attachments: tuple[OutFile, ...] = ()
    automatic: bool = False
    reply_to: Address | None = None


def compose(draft: Draft) -> bytes:
    """Return the mail as it goes over the wire, CR LF.

    Raises:
        ComposeError: no recipient, an address that cannot be written, or control characters in a header.
    """
    body = _body(draft)
    return (_headers(draft) + "MIME-Version: 1.0\r\n").encode("ascii") + body


def _headers(draft: Draft) -> str:
    if not (draft.to or draft.cc or draft.bcc):
        raise ComposeError("The mail has no recipient. Add at least one address.")
    if draft.date.tzinfo is None:
        raise ComposeError("The date of the mail has no time zone.")
    lines = [address_list("From", (draft.from_,))]
    lines += [address_list(name, group) for name, group in (("To", draft.to), ("Cc", draft.cc)) if group]
    if not (draft.to or draft.cc):
        lines.append(header("To", "undisclosed-recipients:;"))
    if draft.reply_to:
        lines.append(address_list("Reply-To", (draft.reply_to,)))
    lines.append(unstructured("Subject", draft.subject))
    lines.append(header("Date", format_datetime(draft.date)))
    lines += _ids(draft)
    lines += [header(name, value) for name, value in _AUTOMATIC if draft.automatic]
    return "".join(lines)


def _ids(draft: Draft) -> list[str]:
    message_id = draft.message_id or f"{uuid.uuid4().hex}@{draft.from_.email.rpartition('@')[2]}"
    lines = [header("Message-ID", _one_id(message_id))]
    parent = shorten_references([draft.in_reply_to])
    references = shorten_references(draft.references)
    lines += [header("In-Reply-To", f"<{each}>") for each in parent]
    if references:
        lines.append(header("References", fold([f"<{each}>" for each in references], used=12)))
    return lines


def _one_id(message_id: str) -> str:
    message_id = message_id.removeprefix("<").removesuffix(">")
    if not _MESSAGE_ID.match(message_id):
        raise ComposeError("The Message-ID is not of the form name@domain.")
    return f"<{message_id}>"


def _body(draft: Draft) -> bytes:
    text = clean_text(draft.text or html_to_text(draft.html))
    html = clean_text(draft.html or text_to_html(draft.text))
    both = _multipart("alternative", [_text_part("plain", text), _text_part("html", html)])
    if not draft.attachments:
        return both
    return _multipart("mixed", [both, *(_file_part(file) for file in draft.attachments)])


def _multipart(subtype: str, parts: list[bytes]) -> bytes:
    # "=_" can stand neither in base64 nor in quoted-printable, the hash keeps it out of plain text.
    boundary = "=_" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]
    start = header("Content-Type", f'multipart/{subtype};\r\n boundary="{boundary}"').encode() + b"\r\n"
    marker = b"--" + boundary.encode()
    return start + b"".join(marker + b"\r\n" + part + b"\r\n" for part in parts) + marker + b"--\r\n"


def _text_part(subtype: str, text: str) -> bytes:
    data = text.replace("\n", "\r\n").encode()
    if data and not data.endswith(b"\r\n"):
        data += b"\r\n"
    encoding, body = _encode_text(data)
    type_ = header("Content-Type", f"text/{subtype}; charset=utf-8")
    return (type_ + header("Content-Transfer-Encoding", encoding)).encode() + b"\r\n" + body


def _encode_text(data: bytes) -> tuple[str, bytes]:
    """Choose what stays readable in transit: as it is, quoted-printable, base64 for other scripts."""
    if data.isascii() and all(len(line) <= 900 for line in data.split(b"\r\n")) and b"\nFrom " not in data:
        return "7bit", data
    foreign = len(data.translate(None, bytes(range(128))))
    if foreign * 4 <= len(data):
        return "quoted-printable", binascii.b2a_qp(data, istext=True)
    return "base64", _base64_lines(data)


def _base64_lines(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _file_part(file: OutFile) -> bytes:
    type_ = file.type.lower().strip()
    # A message or multipart may not be base64 (RFC 2046 5.2.1): sent as a plain file it survives unchanged.
    if not _TYPE.match(type_) or type_.startswith(("multipart/", "message/")):
        type_ = "application/octet-stream"
    of_type, of_disposition = file_name_parameters(file.name)
    head = (
        header("Content-Type", type_ + of_type)
        + header("Content-Disposition", "attachment" + of_disposition)
        + header("Content-Transfer-Encoding", "base64")
    )
    return head.encode() + b"\r\n" + _base64_lines(file.data)
