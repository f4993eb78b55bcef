"""Property lists as Outlook writes them into TNEF (MS-OXTNEF 2.1.3.4). Bounds-checked; never raises."""

from contextlib import suppress
from dataclasses import dataclass

from mailcore.charsets import decode
from mailcore.clean import clean_text

ATTACH_DATA = 0x3701
ATTACH_FILENAME = 0x3704
ATTACH_LONG_FILENAME = 0x3707
ATTACH_MIME_TAG = 0x370E
ATTACH_CONTENT_ID = 0x3712
ATTACH_HIDDEN = 0x7FFE
BODY = 0x1000
BODY_HTML = 0x1013
DISPLAY_NAME = 0x3001
INTERNET_CODE_PAGE = 0x3FDE
MESSAGE_CODE_PAGE = 0x3FFD
RTF_COMPRESSED = 0x1009
SUBJECT = 0x0037

_OBJECT, _STRING_8, _STRING_16, _BINARY = 0x0D, 0x1E, 0x1F, 0x102
_VARIABLE = frozenset({_OBJECT, _STRING_8, _STRING_16, _BINARY})
# Octets of each value of fixed size, as padded.
_SIZES = {
    0x00: 0, 0x01: 0, 0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8,
    0x40: 8, 0x48: 16,
}  # fmt: skip
_MULTIPLE = 0x1000
_NAMED = 0x8000


class CutOff(ValueError):
    """The bytes end before what they announce."""


@dataclass(slots=True)
class Cursor:
    """Reads little-endian numbers and runs of bytes, never beyond the end."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            CutOff: there are fewer.
        """
        end = self.at + count
        if end > len(self.data):
            raise CutOff
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, octets: int) -> int:
        """Return the next unsigned number; raises like ``take``."""
        return int.from_bytes(self.take(octets), "little")

    def padded(self, count: int) -> bytes:
        """Return ``count`` bytes and go on at the next multiple of four; raises like ``take``."""
        taken = self.take(count)
        self.at = min(self.at + -count % 4, len(self.data))
        return taken


@dataclass(frozen=True, slots=True)
class Property:
    """The first value of a property."""

    type: int
    value: bytes

    def text(self, code_page: str) -> str:
        """Return a string value as clean text; 8-bit ones are written in ``code_page``."""
        if self.type == _STRING_16:
            even = self.value[: len(self.value) // 2 * 2]
            return clean_text(even.decode("utf-16-le", "replace").partition("\0")[0])
        return clean_text(decode(self.value.partition(b"\0")[0], code_page)[0])

    @property
    def is_object(self) -> bool:
        """Whether the value is an object: an interface id, then what that interface stores."""
        return self.type == _OBJECT

    @property
    def number(self) -> int:
        """The value as an unsigned number."""
        return int.from_bytes(self.value[:8], "little")


def read_properties(data: bytes) -> dict[int, Property]:
    """Return the properties with numbers of their own (below 0x8000) by number."""
    found: dict[int, Property] = {}
    cursor = Cursor(data)
    with suppress(CutOff):
        for _ in range(cursor.number(4)):
            kind, number = cursor.number(2), cursor.number(2)
            if number >= _NAMED:
                _skip_name(cursor)
            values = _values(cursor, kind)
            if number < _NAMED and values:
                found.setdefault(number, Property(kind & ~_MULTIPLE, values[0]))
    return found


def _skip_name(cursor: Cursor) -> None:
    cursor.take(16)
    if cursor.number(4) == 0:
        cursor.take(4)
    else:
        cursor.padded(cursor.number(4))


def _values(cursor: Cursor, kind: int) -> list[bytes]:
    """Read the values of one property; only the first is kept, since no list matters to us."""
    single = kind & ~_MULTIPLE
    is_variable = single in _VARIABLE
    size = _SIZES.get(single)
    if size is None and not is_variable:
        raise CutOff  # an unknown type has an unknown size: nothing behind it can be read
    if size == 0:
        return []
    count = cursor.number(4) if is_variable or kind & _MULTIPLE else 1
    first: list[bytes] = []
    for index in range(count):
        value = cursor.padded(cursor.number(4)) if size is None else cursor.take(size)
        if index == 0:
            first.append(value)
    return first
