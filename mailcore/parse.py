"""Raw bytes → ParsedMail. Never raises, on any bytes; what is odd becomes a sentence in ``defects``.

The way through: structure (``mime``) → headers (``headers``) → what is shown and what is attached
(``bodies``) →
who wrote it, a person or a machine (``automatic``, ``bounce``) → one dataclass.
"""

import hashlib
import re
from datetime import datetime

from mailcore.authentication import read_findings
from mailcore.automatic import automatic
from mailcore.bodies import Contents, read_contents
from mailcore.bounce import read_bounce
from mailcore.challenge import CHALLENGERS, is_challenge
from mailcore.clean import clean_line
from mailcore.confirmation import read_confirmation
from mailcore.forwarded import Envelope, read_attached, read_forwarded
from mailcore.headers import MOST_REFERENCES, SYNTHETIC_DOMAIN, HeaderBlock, message_ids, read_date
from mailcore.inside import part_data
from mailcore.mime import Part, decoded_body, read_structure
from mailcore.origin import noted_recipients, true_sender
from mailcore.parsed import Address, Automatic, Bounce, Forwarded, ParsedMail
from mailcore.quoting import quote_at
from mailcore.signature import signature_at

_MBOX_LINE = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*+\r*+\n)*(?:>?From [^\r\n]*\r*\n)?")

NO_SENDER = "The mail has no From; the sender is unknown."
NO_ID = "The mail has no Message-ID; one was made from its content."
NO_DATE = "The mail has no Date header."
BAD_DATE = "The Date header could not be read."
MANY_ADDRESSES = (
    "The mail has more than 500 addresses in one header; the rest is only in the raw mail (shortened)."
)
MANY_REFERENCES = (
    "The mail names more than 50 others in References; only the first and the last count (shortened)."
)
EMPTY = "The mail is empty."


class PartNotFound(LookupError):
    """The mail has no such part. The text names the part."""


def parse(raw: bytes) -> ParsedMail:
    """Read one mail.

    Args:
        raw: the bytes as fetched; a leading mbox "From " line is tolerated.
    """
    mail = normal(raw)
    root, structural = read_structure(mail)
    defects = dict.fromkeys(structural)
    if not mail.strip():
        defects[EMPTY] = None
    contents = read_contents(mail, root)
    defects.update(dict.fromkeys(contents.defects))
    headers = root.headers
    subject = headers.decoded("subject")
    shown = _sender(headers, defects)
    sender = true_sender(headers, shown)
    bounce, kind = _kind(mail, root, subject, sender, contents)
    to, cc = (_addresses(headers, name, defects) for name in ("to", "cc"))
    text, end = contents.text, quote_at(contents.text)
    is_person = kind is Automatic.NO
    envelope = Envelope(subject, sender, to + cc)
    return ParsedMail(
        message_id=_message_id(raw, headers, defects),
        in_reply_to=next(iter(message_ids(headers.text("in-reply-to"))), ""),
        references=_references(headers, defects),
        subject=subject,
        from_=sender,
        rewritten_from=None if sender is shown else shown,
        reply_to=_addresses(headers, "reply-to", defects),
        to=to,
        cc=cc,
        date=_date(headers, defects),
        text=text,
        html=contents.html,
        quote_at=end,
        signature_at=signature_at(text, end, sender) if is_person else end,
        attachments=contents.attachments,
        automatic=kind,
        bounce=bounce,
        forwarded=_forwarded(mail, root, text, envelope) if is_person else None,
        invitations=contents.invitations,
        confirmation=None
        if bounce
        else read_confirmation(sender, subject, contents.text, contents.html, to + cc),
        protection=contents.protection,
        delivered_to=noted_recipients(headers),
        authentication=read_findings(headers),
        defects=tuple(defects),
    )


def part_bytes(raw: bytes, part: str) -> bytes:
    """Return the decoded bytes of an attachment.

    Args:
        raw: the same bytes that were parsed.
        part: ``AttachmentPart.part``.

    Raises:
        PartNotFound: the mail has no part of that number.
    """
    data = part_data(normal(raw), part)
    if data is None:
        raise PartNotFound(f"The mail has no part {part}.")
    return data


def normal(raw: bytes) -> bytes:
    """Cut what stands before the first header; make bare carriage returns (old Macs) line feeds."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    start = _MBOX_LINE.match(raw)
    return raw[start.end() :] if start and start.end() else raw


def _sender(headers: HeaderBlock, defects: dict[str, None]) -> Address:
    """Return From, or else Sender; of several addresses the first that has one."""
    for name in ("from", "sender"):
        found = headers.addresses(name)[0]
        named = next((address for address in found if address.email), None)
        if named:
            return named
        if found:
            break
    defects[NO_SENDER] = None
    return found[0] if found else Address()


def _addresses(headers: HeaderBlock, name: str, defects: dict[str, None]) -> tuple[Address, ...]:
    found, shortened = headers.addresses(name)
    if shortened:
        defects[MANY_ADDRESSES] = None
    return tuple(address for address in found if address.email)


def _message_id(raw: bytes, headers: HeaderBlock, defects: dict[str, None]) -> str:
    value = headers.text("message-id")
    ids = message_ids(value)
    if ids:
        return ids[0]
    bare = clean_line(value).strip("<> ")
    if bare and " " not in bare and len(bare) < 500:
        return bare
    defects[NO_ID] = None
    return f"{hashlib.sha256(raw).hexdigest()[:32]}@{SYNTHETIC_DOMAIN}"


def _references(headers: HeaderBlock, defects: dict[str, None]) -> tuple[str, ...]:
    value = " ".join(headers.texts("references"))
    found = message_ids(value)
    if len(found) >= MOST_REFERENCES and value.count("<") > MOST_REFERENCES:
        defects[MANY_REFERENCES] = None
    return found


def _date(headers: HeaderBlock, defects: dict[str, None]) -> datetime | None:
    value = headers.text("date")
    date = read_date(value)
    if date is None:
        defects[BAD_DATE if value else NO_DATE] = None
    return date


def _kind(
    mail: bytes, root: Part, subject: str, sender: Address, contents: Contents
) -> tuple[Bounce | None, Automatic]:
    bounce, kind = read_bounce(mail, root, subject, sender, contents.text)
    if kind is Automatic.NO:
        kind = automatic(root, sender, subject, contents.text)
    if kind in CHALLENGERS and is_challenge(f"{subject} {bounce.answer if bounce else ''}", contents.text):
        kind = Automatic.CHALLENGE
    return bounce, kind


def _forwarded(mail: bytes, root: Part, text: str, envelope: Envelope) -> Forwarded | None:
    """Whose mail this was, by the one mail that is attached, or by the text."""
    attached = [leaf for leaf in root.leaves() if leaf.type == "message/rfc822"]
    inner = read_attached(decoded_body(mail, attached[0])[0]) if len(attached) == 1 else None
    return inner or read_forwarded(text, envelope)
