"""Files within parts: winmail.dat, signed S/MIME and attached mails, and uuencode or PGP armour amid a text.

Such a file has the path of its part, "#" and a path inside: "2#1", "2#3.1" (in a message inside), "1#1.2"
(the part 1.2 of the signed mail). What is found when a mail is parsed is found again, by the same functions,
when it is opened.
"""

from dataclasses import dataclass

from mailcore import armour, cms, uu
from mailcore.charsets import decode
from mailcore.clean import clean_file_name
from mailcore.headers import read_headers
from mailcore.mime import Part, decoded_body, read_structure
from mailcore.naming import type_of
from mailcore.tnef import TNEF_MARK, read_tnef
from mailcore.words import decode_words

DEEPEST = 3
_CMS_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")


@dataclass(frozen=True, slots=True)
class InnerFile:
    """A file that stood in a text."""

    name: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A text with the files in it. ``protection`` as in ``ParsedMail``."""

    text: bytes
    files: tuple[InnerFile, ...] = ()
    protection: str = ""


def read_letter(text: bytes) -> Letter:
    """Find uuencoded files and PGP armour in a decoded text/plain part.

    The armour gives way to the words that were signed; uuencoded lines stay where the writer put them.
    """
    if b"begin " not in text and armour.MARK not in text:
        return Letter(text)
    files = tuple(_uu_file(each) for each in uu.blocks(text))
    locked = armour.blocks(text)
    kept: list[bytes] = []
    position = 0
    for block in locked:
        kept += [text[position : block.start], block.signed]
        position = block.end
    files += tuple(_pgp_file(each, text[each.start : each.end]) for each in locked)
    protection = "encrypted" if any(each.is_encrypted for each in locked) else "signed" if locked else ""
    return Letter(b"".join([*kept, text[position:]]), files, protection)


def _uu_file(block: uu.Block) -> InnerFile:
    name = clean_file_name(decode_words(decode(block.name)[0])) or "file.bin"
    return InnerFile(name, type_of(name), block.data)


def _pgp_file(block: armour.Block, data: bytes) -> InnerFile:
    if block.is_encrypted:
        return InnerFile("message.asc", "application/pgp", data)
    return InnerFile("signed-text.asc", "application/pgp-signature", data)


def is_tnef(data: bytes) -> bool:
    """Whether these bytes are a winmail.dat, whatever it is called."""
    return data.startswith(TNEF_MARK)


def is_cms(part: Part) -> bool:
    """Whether a part says it is an S/MIME container: by its type, or by a name such as "invoice.xml.p7m"."""
    if part.type in _CMS_TYPES:
        return True
    named = part.headers.raw("content-type") + part.headers.raw("content-disposition")
    return b".p7m" in named.lower()


def is_mail(content: bytes) -> bool:
    """Whether what was signed is a part with headers, not just a file."""
    return bool(read_headers(content, 0, min(len(content), 65_536)).raw("content-type"))


def part_data(mail: bytes, path: str, depth: int = 0) -> bytes | None:
    """Return the decoded bytes of a file by its path; None when there is none.

    Args:
        mail: headers and body, as given to ``read_structure``.
        path: ``AttachmentPart.part``.
        depth: how many containers we are in.
    """
    outer, within, inner = path.partition("#")
    root, _ = read_structure(mail)
    leaf = next((each for each in root.leaves() if each.path == outer), None)
    if leaf is None or depth > DEEPEST:
        return None
    data = decoded_body(mail, leaf)[0]
    return _inner_data(leaf, data, inner, depth) if within else data


def _inner_data(leaf: Part, data: bytes, path: str, depth: int) -> bytes | None:
    if leaf.type == "message/rfc822":
        return part_data(data, path, depth + 1)
    if is_tnef(data):
        return next((each.data for each in read_tnef(data).files if each.number == path), None)
    if is_cms(leaf):
        content = cms.signed_content(data)
        if content is None:
            return None
        if is_mail(content):
            return part_data(content, path, depth + 1)
        return content if path == "1" else None
    files = read_letter(data).files
    return files[int(path) - 1].data if path.isdecimal() and 1 <= int(path) <= len(files) else None
