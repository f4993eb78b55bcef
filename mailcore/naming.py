"""What a file of a mail is called, and of which type it is by its name."""

import re

from mailcore.clean import clean_file_name
from mailcore.headers import read_headers
from mailcore.mime import Part
from mailcore.words import decode_words, parameters

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
    "application/ics": ".ics",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/pgp-keys": ".asc",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/tiff": ".tif",
    "audio/mpeg": ".mp3",
}
# What programs call these when they give them a name.
_WHOLE_NAMES = {
    "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "text/calendar": "invitation.ics",
    "application/ics": "invitation.ics",
    "message/delivery-status": "delivery report.txt",
    "message/global-delivery-status": "delivery report.txt",
    "message/disposition-notification": "receipt.txt",
    "message/feedback-report": "complaint.txt",
    "text/rfc822-headers": "headers.txt",
    "message/global-headers": "headers.txt",
}
_TYPES = {ending: type_ for type_, ending in _ENDINGS.items()} | {
    ".txt": "text/plain",
    ".ics": "text/calendar",
    ".vcf": "text/vcard",
    ".jpeg": "image/jpeg",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
    ".htm": "text/html",
    ".xml": "text/xml",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_FILE_NAME = re.compile(r"filename\*?[0-9]{0,2}\*?\s*=", re.IGNORECASE)
_QUOTES = ("''", "“”", "‘’", "„“", "«»")
UNKNOWN_TYPE = "application/octet-stream"


def type_of(name: str) -> str:
    """Return the media type that the ending of a name stands for."""
    return _TYPES.get("." + name.rpartition(".")[2].lower(), UNKNOWN_TYPE)


def disposition(part: Part) -> tuple[str, dict[str, str]]:
    """Return Content-Disposition: "inline", "attachment" or "", and its parameters."""
    value = part.headers.text("content-disposition")
    if not value:
        return "", {}
    kind, semicolon, rest = value.partition(";")
    if not semicolon and (named := _FILE_NAME.search(value)):  # the semicolon was forgotten
        kind, rest = value[: named.start()], f";{value[named.start() :]}"
    return kind.strip().lower(), parameters(semicolon + rest)


def given_name(part: Part) -> str:
    """Return the name that the mail gives the file, fit for saving; "" when it gives none."""
    given = disposition(part)[1].get("filename") or part.parameters.get("name") or ""
    name = decode_words(given).strip()
    if len(name) > 2 and name[0] + name[-1] in _QUOTES:
        name = name[1:-1]
    return clean_file_name(name)


def file_name(part: Part, data: bytes) -> str:
    """Return the file's name for people; one is made up when the mail gives none."""
    name = given_name(part)
    if name:
        return name
    if part.type == "message/rfc822":
        subject = clean_file_name(read_headers(data, 0, min(len(data), 65_536)).decoded("subject"))
        return f"{subject or 'message'}.eml"
    described = clean_file_name(part.headers.decoded("content-description")[:80])
    if not described and part.type in _WHOLE_NAMES:
        return _WHOLE_NAMES[part.type]
    stem = described or f"part-{part.path}"
    ending = _ENDINGS.get(part.type, ".bin")
    return stem if "." in stem[-6:] or stem.lower().endswith(ending) else stem + ending
