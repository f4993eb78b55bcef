"""The words of an Office file (Office Open XML, OpenDocument): XML in a ZIP, read within limits.

The runs of a paragraph are joined, as a number is often split between them. Cells stand far apart, as a
column of short numbers is no card number.
"""

import codecs
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

MOST_PARTS = 500
MOST_OCTETS = 10 * 1024 * 1024
"""Of all parts together, as they are unpacked."""

_WORDED = re.compile(
    r"word/(?:document|header|footer|footnotes|endnotes|comments)\w*\.xml"
    r"|xl/(?:sharedStrings|comments\w*|worksheets/\w+|threadedComments/\w+)\.xml"
    r"|ppt/(?:slides|notesSlides|comments)/\w+\.xml"
    r"|docProps/(?:core|app|custom)\.xml"
    r"|(?:content|meta)\.xml"
)
# No pattern looks beyond the next bracket: what is written to take long takes no longer.
_PLACE_OF_SHARED = re.compile(r'<(?:\w+:)?c\b[^<>]{0,200}\bt="s"[^<>]{0,200}>\s*<(?:\w+:)?v>\d*<')
_CELL = re.compile(r"</(?:\w+:)?(?:c|si|tc|table-cell)>")
_LINE = re.compile(r"</(?:\w+:)?(?:p|h)>")
_BLANK = re.compile(r"<(?:\w+:)?(?:br|cr|tab|s|line-break)\b[^<>]*>")
_HYPHEN = re.compile(r"<\w+:noBreakHyphen\b[^<>]*>")
_TAG = re.compile(r"<[^<>]*>")
_APART = "\n\n\n\n"
_BROKEN = (BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError, LookupError)

codecs.lookup("cp437")  # of the names in a ZIP: loaded now, as a parser can open no file when it is at work


def text_of(data: bytes) -> str | None:
    """Return the words of the parts that people write; None for no such file, and for one that is locked."""
    texts: list[str] = []
    # Of a file that is not as it should be, what was read so far counts.
    with suppress(*_BROKEN), ZipFile(BytesIO(data)) as archive:
        texts.extend(_texts(archive))
    return _APART.join(texts) if texts else None


def _texts(archive: ZipFile) -> Iterator[str]:
    left = MOST_OCTETS
    for part in archive.infolist()[:MOST_PARTS]:
        is_usual = part.compress_type in (ZIP_STORED, ZIP_DEFLATED)  # others take memory as they like
        if left > 0 and is_usual and _WORDED.fullmatch(part.filename):
            with archive.open(part) as file:
                xml = file.read(left)  # unpacks no more than that
            left -= len(xml)
            yield _words(xml.decode("utf-8", "replace"))


def _words(xml: str) -> str:
    shown = _PLACE_OF_SHARED.sub("<", xml)  # of a cell whose words stand elsewhere: only where
    for pattern, instead in ((_CELL, _APART), (_LINE, "\n"), (_BLANK, " "), (_HYPHEN, "-"), (_TAG, "")):
        shown = pattern.sub(instead, shown)
    return unescape(shown)
