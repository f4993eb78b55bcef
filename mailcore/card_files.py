"""What can be read in a file, to look for card numbers: plain text, HTML, RTF, PDF and Office files.

A PDF is read within limits: pages, octets and seconds; so is an Office file, which is a ZIP. What can't be
read (a scan, a locked PDF, an archive) says so.
"""

from dataclasses import dataclass

from mailcore import card_office
from mailcore.charsets import decode
from mailcore.rtf import read_rtf
from mailcore.text import html_to_text

MOST_OCTETS = 10 * 1024 * 1024

_TEXTS = (
    ".txt", ".csv", ".tsv", ".md", ".log", ".json", ".xml", ".yaml", ".yml", ".ini", ".eml", ".ics", ".vcf",
)  # fmt: skip
_MARKUP = (".html", ".htm", ".xhtml")
_WORDED = (
    "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/csv",
    "application/ics", "application/sql",
)  # fmt: skip
_RICH = ("text/rtf", "application/rtf", "application/x-rtf")
_UNKNOWN = ("", "application/octet-stream")
_LOOKED_AT = 4096
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Readable:
    """The words of a file. ``is_text``: the file is nothing else, so it can be written anew from them."""

    text: str
    is_text: bool = False


def read(name: str, type_: str, data: bytes) -> Readable | None:
    """Return what a file says, None if that can't be known.

    Args:
        type_: its media type, which is believed less than its name.
    """
    lower = name.lower()
    if data.startswith(b"%PDF-") or lower.endswith(".pdf"):
        return _read_pdf(data)
    if data.startswith(_ZIP):
        text = card_office.text_of(data) if len(data) <= MOST_OCTETS else None
        return None if text is None else Readable(text)
    if type_ in _RICH or lower.endswith(".rtf"):
        rich = read_rtf(data)
        return Readable(rich.text or html_to_text(rich.html)) if rich else None
    if type_ in ("text/html", "application/xhtml+xml") or lower.endswith(_MARKUP):
        return Readable(html_to_text(decode(data[:MOST_OCTETS])[0]), is_text=True)
    is_worded = type_.startswith("text/") or type_ in _WORDED or type_.endswith(("+xml", "+json"))
    if is_worded or lower.endswith(_TEXTS) or (type_ in _UNKNOWN and _is_text(data)):
        return Readable(decode(data[:MOST_OCTETS])[0], is_text=True)
    return None


def _is_text(data: bytes) -> bool:
    """Whether a file of no known kind begins like plain text."""
    head = data[:_LOOKED_AT]
    return bool(head) and not any(octet < 32 and octet not in b"\t\n\r\f" for octet in head)


def be_ready() -> None:
    """Load what reads PDFs, in a process that will not be able to open files."""
    from mailcore import card_pdf  # noqa: F401, PLC0415 - 8 MB that most processes never need


def _read_pdf(data: bytes) -> Readable | None:
    from mailcore import card_pdf  # noqa: PLC0415 - see above

    text = card_pdf.text_of(data) if len(data) <= MOST_OCTETS else None
    return None if text is None else Readable(text)
