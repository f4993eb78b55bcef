"""A mail without the card numbers in it, and whether it has any (PCI DSS: what isn't kept can't be stolen).

A mail that holds a card is written anew from what was read of it: the headers that are left, text and HTML
masked, files that hold none. What can't be masked within (a PDF, a signed or Outlook container) gives way to
a sentence. So nothing passes that was not looked at; signatures no longer fit, which can't be otherwise.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from mailcore import card_files, uu
from mailcore.bodies import CUT_TEXT
from mailcore.card_markup import find_in_markup, mask_markup
from mailcore.cards import find, mask
from mailcore.charsets import decode
from mailcore.compose import OutFile, content
from mailcore.headers import FIELD
from mailcore.inside import is_tnef
from mailcore.mime import decoded_body, read_structure
from mailcore.parse import normal, parse, part_bytes
from mailcore.parsed import Address, AttachmentPart, ParsedMail
from mailcore.text import html_to_text
from mailcore.tnef import read_tnef
from mailcore.words import decode_words
from mailcore.writing import address_list, unstructured

DEEPEST = 3
"""Mails attached to mails that are looked into."""

TAKEN_OUT = "This file was taken out: it held the number of a payment card."
ALL_TAKEN_OUT = "The content of this mail was taken out: it held the number of a payment card."

_UNSEEN = re.compile(r"<!--(.*?)-->|<title\b[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)

_NOT_KEPT = re.compile(
    r"content-|mime-version\Z|dkim-signature\Z|arc-|x-google-dkim|x-gm-message-state\Z", re.I
)
_ADDRESSES: dict[str, Callable[[ParsedMail], tuple[Address, ...]]] = {
    "from": lambda mail: (mail.rewritten_from or mail.from_,),
    "to": lambda mail: mail.to,
    "cc": lambda mail: mail.cc,
    "reply-to": lambda mail: mail.reply_to,
}
_CONTAINERS = (
    "application/ms-tnef", "application/vnd.ms-tnef", "application/pkcs7-mime", "application/x-pkcs7-mime",
)  # fmt: skip


def parse_guarded(raw: bytes) -> ParsedMail:
    """Return the mail as ``parse`` does, and if it holds card numbers, its bytes without them, too."""
    card_files.be_ready()
    mail = parse(raw)
    if not holds_cards(raw, mail):
        return mail
    clean = masked(raw, mail)
    if _in_content(clean, parse(clean)):  # in a shape that can be read, but not be written anew
        clean = without_content(raw, ALL_TAKEN_OUT)
    return replace(mail, has_cards=True, masked=base64.b64encode(clean).decode())


def without_content(raw: bytes, words: str) -> bytes:
    """Return the mail's headers, which hold no card any more, over these words."""
    return _head(raw, parse(raw)) + b"MIME-Version: 1.0\r\n" + content(words, "", ())


def holds_cards(raw: bytes, mail: ParsedMail, depth: int = 0) -> bool:
    """Whether any part of the mail that can be read holds a card number.

    Args:
        mail: what ``parse`` read in these bytes.
        depth: how many mails this one is attached to.
    """
    return any(map(find, _headers(raw))) or _in_content(raw, mail, depth)


def _in_content(raw: bytes, mail: ParsedMail, depth: int = 0) -> bool:
    if find(mail.text) or find_in_markup(mail.html) or any(map(find, _unseen(raw, mail))):
        return True
    return any(find(each.name) or _in_file(raw, each, depth) for each in mail.attachments)


def _unseen(raw: bytes, mail: ParsedMail) -> Iterator[str]:
    """What the mail says where people don't read it: comments, further shapes, the end of a long text."""
    raw = normal(raw)
    is_cut = CUT_TEXT in mail.defects
    for leaf in read_structure(raw)[0].leaves():
        if not leaf.type.startswith("text/") or (leaf.type == "text/plain" and not is_cut):
            continue
        data = decoded_body(raw, leaf)[0][: card_files.MOST_OCTETS]
        text = decode(data, leaf.parameters.get("charset", ""))[0]
        if leaf.type == "text/html":
            yield from (each[1] or each[2] or "" for each in _UNSEEN.finditer(text))
        if leaf.type != "text/html" or is_cut:
            yield html_to_text(text) if "html" in leaf.type else text


def masked(raw: bytes, mail: ParsedMail, depth: int = 0) -> bytes:
    """Return the mail without its card numbers; see ``holds_cards``."""
    text, html = mask(_without_uu(raw, mail, depth)), mask_markup(mail.html)
    files = tuple(_files(raw, mail, depth))
    return _head(raw, mail) + b"MIME-Version: 1.0\r\n" + content(text, html, files)


def _without_uu(raw: bytes, mail: ParsedMail, depth: int) -> str:
    """The text without the files that are written into it, if one of those holds a card."""
    data = mail.text.encode()
    blocks = uu.blocks(data)
    inner = (each for each in mail.attachments if "#" in each.part)
    if not blocks or not any(_in_file(raw, each, depth) for each in inner):
        return mail.text
    for block in reversed(blocks):
        data = data[: block.start] + TAKEN_OUT.encode() + b"\n" + data[block.end :]
    return data.decode()


def _headers(raw: bytes) -> Iterator[str]:
    """The values of the mail's own headers, decoded; those that only machines write are left out."""
    for name, value in _fields(raw):
        if not _is_technical(name):
            yield decode_words(value)


def _fields(raw: bytes) -> Iterator[tuple[str, str]]:
    raw = normal(raw)
    end = read_structure(raw)[0].start
    position = 0
    while match := FIELD.match(raw, position, end):
        value = re.sub(rb"\s*\r?\n[ \t]+", b" ", match[2]).strip().decode("utf-8", "replace")
        yield match[1].decode("ascii"), value
        position = match.end()


def _is_technical(name: str) -> bool:
    return name.lower() in ("message-id", "in-reply-to", "references", "received", "date", "return-path")


def _head(raw: bytes, mail: ParsedMail) -> bytes:
    """The headers: as they came, or written anew where they hold a card."""
    lines: list[str] = []
    for name, value in _fields(raw):
        if _NOT_KEPT.match(name):
            continue
        if not find(decode_words(value)) or _is_technical(name):
            lines.append(f"{name}: {value}\r\n")
        elif name.lower() in _ADDRESSES:
            known = _ADDRESSES[name.lower()](mail)
            lines.append(address_list(name, [replace(each, name=mask(each.name)) for each in known]))
        elif name.lower() == "subject":
            lines.append(unstructured(name, mask(mail.subject)))
    return "".join(lines).encode("utf-8", "replace")


def _files(raw: bytes, mail: ParsedMail, depth: int) -> Iterator[OutFile]:
    """The files, in order; those within another come with that one."""
    is_told = bool(find(mail.text) or find_in_markup(mail.html))
    for each in mail.attachments:
        if "#" in each.part:
            continue
        inner = [one for one in mail.attachments if one.part.startswith(f"{each.part}#")]
        if _is_mail(each.name, each.type) and depth < DEEPEST:
            yield _attached(raw, each, depth)
        elif any(_in_file(raw, one, depth) for one in inner) or _is_container(raw, each, depth, is_told):
            yield OutFile(mask(each.name) + ".txt", "text/plain", TAKEN_OUT.encode())
        else:
            yield _file(raw, each)


def _attached(raw: bytes, file: AttachmentPart, depth: int) -> OutFile:
    data = part_bytes(raw, file.part)
    mail = parse(data)
    if holds_cards(data, mail, depth + 1):
        data = masked(data, mail, depth + 1)
    return OutFile(mask(file.name), file.type, data, file.content_id)


def _file(raw: bytes, file: AttachmentPart) -> OutFile:
    """The file, or what stands for it if it holds a card: its masked words, when it has nothing else."""
    data, name = part_bytes(raw, file.part), mask(file.name)
    read = card_files.read(file.name, file.type, data)
    if read is None or not find(read.text):
        return OutFile(name, file.type, data, file.content_id)
    words = mask(read.text) if read.is_text else TAKEN_OUT
    return OutFile(name if name.endswith(".txt") else f"{name}.txt", "text/plain", words.encode())


def _is_container(raw: bytes, file: AttachmentPart, depth: int, is_told: bool) -> bool:
    """Whether a file holds the card, but nothing that can be written anew.

    Args:
        is_told: the mail's own words hold one, which may have come out of this file.
    """
    if is_told and (file.type in _CONTAINERS or file.name.lower().endswith(".p7m")):
        return True
    data = part_bytes(raw, file.part)
    return is_tnef(data) and (is_told or in_file(file.name, file.type, data, depth))


def _in_file(raw: bytes, file: AttachmentPart, depth: int) -> bool:
    return in_file(file.name, file.type, part_bytes(raw, file.part), depth)


def in_file(name: str, type_: str, data: bytes, depth: int = 0) -> bool:
    """Whether a file that can be read holds a card number: words, or a mail, or what Outlook wraps.

    Args:
        depth: how many mails it is attached to.
    """
    if _is_mail(name, type_) and depth < DEEPEST:
        return holds_cards(data, parse(data), depth + 1)
    if is_tnef(data) and depth < DEEPEST:
        inside = read_tnef(data)
        files = ((each.name, each.type, each.data) for each in inside.files)
        is_written = find(inside.text) or find(html_to_text(inside.html))
        return bool(is_written) or any(in_file(*each, depth + 1) for each in files)
    read = card_files.read(name, type_, data)
    return read is not None and bool(find(read.text))


def _is_mail(name: str, type_: str) -> bool:
    return type_ == "message/rfc822" or name.lower().endswith(".eml")
