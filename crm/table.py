"""Tables of contacts as spreadsheets write them: which bytes are which characters, where columns end.

A cell that a spreadsheet would take for a formula leaves here with an apostrophe before it (CWE-1236), and
comes back without it.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crm.refusals import ContactRefused

MOST_BYTES = 50_000_000
MOST_LINES = 500_000
MOST_COLUMNS = 100
ENCODINGS = ("utf-8", "windows-1250", "windows-1252", "utf-16")
DELIMITERS = (",", ";", "\t", "|")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LOOKED_AT = 64_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How the file is to be read."""

    encoding: str
    delimiter: str


def detect(content: bytes) -> Shape:
    """Guess from the bytes; a person may know better."""
    encoding = _encoding(content)
    head = _decoded(content, encoding)[:_LOOKED_AT].split("\n", 1)[0]
    return Shape(encoding, max(DELIMITERS, key=head.count) if head else ",")


def _encoding(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1250"
    return "utf-8"


def _decoded(content: bytes, encoding: str) -> str:
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    return content.decode(name, "replace").replace("\x00", "")


def columns(content: bytes, shape: Shape) -> list[str]:
    """The names in the first line.

    Raises:
        ContactRefused: it is no table.
    """
    if len(content) > MOST_BYTES:
        raise ContactRefused(_("The file is larger than %(most)s MB.") % {"most": MOST_BYTES // 1_000_000})
    first = next(_records(content, shape), None)
    if first is None or not any(each.strip() for each in first):
        raise ContactRefused(_("The file is empty: its first line must have the names of the columns."))
    if len(first) > MOST_COLUMNS:
        raise ContactRefused(_("The file has more than %(most)s columns.") % {"most": MOST_COLUMNS})
    return [each.strip()[:100] for each in first]


def lines(content: bytes, shape: Shape, after: int = 0) -> Iterator[tuple[int, list[str]]]:
    """The records after the first line, without empty ones, each with the number that a spreadsheet shows.

    :param after: how many of them are left out.
    """
    passed = 0
    for number, record in enumerate(_records(content, shape), 1):
        if number == 1 or not any(each.strip() for each in record):
            continue
        passed += 1
        if passed > after:
            yield number, [tamed(each.strip()) for each in record]


def count(content: bytes, shape: Shape) -> int:
    """How many records there are.

    Raises:
        ContactRefused: it can't be read, or there are too many.
    """
    found = sum(1 for _each in lines(content, shape))
    if found > MOST_LINES:
        raise ContactRefused(_("The file has more than %(most)s lines.") % {"most": f"{MOST_LINES:,}"})
    return found


def _records(content: bytes, shape: Shape) -> Iterator[list[str]]:
    text = io.StringIO(_decoded(content, shape.encoding), newline="")
    try:
        yield from csv.reader(text, delimiter=shape.delimiter)
    except csv.Error as error:
        raise ContactRefused(_("The file can't be read as a table: %(why)s.") % {"why": error}) from error


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def tamed(cell: str) -> str:
    """A cell without the apostrophe of `guarded`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def written(records: Iterable[Iterable[str]], delimiter: str = ",") -> Iterator[bytes]:
    """Lines of a table in UTF-8 with its mark, as spreadsheets want it."""
    yield b"\xef\xbb\xbf"
    for record in records:
        line = io.StringIO()
        csv.writer(line, delimiter=delimiter).writerow([guarded(cell) for cell in record])
        yield line.getvalue().encode()
