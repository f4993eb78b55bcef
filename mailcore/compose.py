"""A draft → the bytes that go out. Composed once and kept: every retry sends the same bytes.

The result depends on the draft alone (also the boundaries), so composing twice gives the same mail.

    multipart/mixed                 only with files
      multipart/alternative         always: text for who reads text, HTML for the rest
        text/plain
        multipart/related           only with pictures within the HTML
          text/html
          image/png …
      application/pdf …

Bodies are 7bit, quoted-printable or base64, never 8bit: not every server on the way offers 8BITMIME, and the
frozen bytes must not depend on who sends them. No format=flowed: Outlook and Gmail ignore it, its trailing
spaces survive few gateways, and whoever wants text that flows has the HTML.
"""

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailcore.clean import clean_text
from mailcore.parsed import Address
from mailcore.replying import (
    new_message_id,
    read_message_id,
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
    "reply_references",
    "reply_subject",
]

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}\Z")  # RFC 5646
_MESSAGE_ID = re.compile(r"[!-;=?-~]+@[!-;=?-~]+\Z")
# No automatic answer to our automatic answer; bounces stay welcome (no NDR in the list).
_AUTOMATIC = (
    ("Auto-Submitted", "auto-replied"),
    ("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply"),
)


@dataclass(frozen=True, slots=True)
class OutFile:
    """A file to attach, in clear bytes; with a ``content_id`` (without <>) a picture that the HTML shows."""

    name: str
    type: str
    data: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail to be written. Ids without <>; of ``text`` and ``html`` an empty one is made from the other.

    ``bcc`` is for the envelope: it is never written into the mail. ``automatic`` marks it as written by a
    machine (RFC 3834). ``date`` must know its time zone. ``language`` is a tag such as "cs", "" for unknown.
    ``utf8``: the server takes addresses in any script (SMTPUTF8), so they may be written as they are.
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
    language: str = ""
    utf8: bool = False


def compose(draft: Draft) -> bytes:
    """Return the mail as it goes over the wire, CR LF.

    Raises:
        ComposeError: no recipient, an address that cannot be written, or control characters in a header.
    """
    body = _body(draft)
    return (_headers(draft) + "MIME-Version: 1.0\r\n").encode() + body


def _headers(draft: Draft) -> str:
    if not (draft.to or draft.cc or draft.bcc):
        raise ComposeError("The mail has no recipient. Add at least one address.")
    if draft.date.tzinfo is None:
        raise ComposeError("The date of the mail has no time zone.")
    lines = [address_list("From", (draft.from_,), draft.utf8)]
    groups = (("To", draft.to), ("Cc", draft.cc))
    lines += [address_list(name, group, draft.utf8) for name, group in groups if group]
    if not (draft.to or draft.cc):
        lines.append(header("To", "undisclosed-recipients:;"))
    if draft.reply_to:
        lines.append(address_list("Reply-To", (draft.reply_to,)))
    lines.append(unstructured("Subject", draft.subject))
    lines.append(header("Date", format_datetime(draft.date)))
    lines += _ids(draft)
    if _LANGUAGE.match(draft.language):
        lines.append(header("Content-Language", draft.language))
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
        raise ComposeError("The id of a mail or of a picture is not of the form name@domain.")
    return f"<{message_id}>"


def _body(draft: Draft) -> bytes:
    text = clean_text(draft.text or html_to_text(draft.html))
    html = clean_text(draft.html or text_to_html(draft.text))
    return content(text, html, draft.attachments)


def content(text: str, html: str, attachments: Sequence[OutFile]) -> bytes:
    """Return the body with its own Content headers: the text, the HTML unless it is empty, the files."""
    pictures = [file for file in attachments if file.content_id and f"cid:{file.content_id}" in html]
    shown = _text_part("html", html)
    if pictures:
        shown = _multipart("related", [shown, *(_file_part(file, inline=True) for file in pictures)])
    both = (
        _multipart("alternative", [_text_part("plain", text), shown]) if html else _text_part("plain", text)
    )
    files = [file for file in attachments if file not in pictures]
    if not files:
        return both
    return _multipart("mixed", [both, *(_file_part(file) for file in files)])


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


def _file_part(file: OutFile, *, inline: bool = False) -> bytes:
    type_ = file.type.lower().strip()
    # A message or multipart may not be base64 (RFC 2046 5.2.1): sent as a plain file it survives unchanged.
    if not _TYPE.match(type_) or type_.startswith(("multipart/", "message/")):
        type_ = "application/octet-stream"
    of_type, of_disposition = file_name_parameters(file.name)
    head = (
        header("Content-Type", type_ + of_type)
        + (header("Content-ID", _one_id(file.content_id)) if inline else "")
        + header("Content-Disposition", ("inline" if inline else "attachment") + of_disposition)
        + header("Content-Transfer-Encoding", "base64")
    )
    return head.encode() + b"\r\n" + _base64_lines(file.data)
