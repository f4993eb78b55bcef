"""Writes winmail.dat the way Outlook does, for the tests of its reader."""

from collections.abc import Sequence
from dataclasses import dataclass

SUBJECT, BODY, PROPERTIES = 0x00018004, 0x0002800C, 0x00069003
FILE_BEGINS, FILE_TITLE, FILE_DATA, FILE_PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
CODE_PAGE = 0x00069007
MESSAGE_ID = bytes.fromhex("0703020000000000c000000000000046")


@dataclass(frozen=True, slots=True)
class Value:
    """A property: number, type and value; a name makes it a named one."""

    number: int
    type: int
    value: bytes
    name: str = ""


def attribute(number: int, data: bytes, level: int = 1) -> bytes:
    """One attribute with its checksum."""
    head = bytes([level]) + number.to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return head + data + (sum(data) & 0xFFFF).to_bytes(2, "little")


def properties(values: Sequence[Value]) -> bytes:
    """A property list."""
    out = len(values).to_bytes(4, "little")
    for each in values:
        out += each.type.to_bytes(2, "little") + each.number.to_bytes(2, "little")
        if each.name:
            name = each.name.encode("utf-16-le")
            out += bytes(16) + (1).to_bytes(4, "little") + len(name).to_bytes(4, "little") + padded(name)
        if each.type in (0x0D, 0x1E, 0x1F, 0x102):
            out += (1).to_bytes(4, "little") + len(each.value).to_bytes(4, "little")
        out += padded(each.value)
    return out


def padded(data: bytes) -> bytes:
    """Filled up to a multiple of four."""
    return data + bytes(-len(data) % 4)


def text16(number: int, text: str) -> Value:
    """A string in UTF-16."""
    return Value(number, 0x1F, text.encode("utf-16-le") + b"\0\0")


def long_name(text: str) -> Value:
    """PR_ATTACH_LONG_FILENAME."""
    return text16(0x3707, text)


def file(data: bytes, title: bytes = b"FILE~1.TXT\0", values: Sequence[Value] = ()) -> bytes:
    """One attachment."""
    return (
        attribute(FILE_BEGINS, bytes(14), 2)
        + attribute(FILE_TITLE, title, 2)
        + attribute(FILE_DATA, data, 2)
        + attribute(FILE_PROPERTIES, properties(values), 2)
    )


def winmail(*attributes: bytes, code_page: int = 1252) -> bytes:
    """A whole winmail.dat."""
    pages = code_page.to_bytes(4, "little") + bytes(4)
    return b"\x78\x9f\x3e\x22\x01\x00" + attribute(CODE_PAGE, pages) + b"".join(attributes)


def message(values: Sequence[Value]) -> bytes:
    """The properties of the message itself."""
    return attribute(PROPERTIES, properties(values))


def uncompressed_rtf(rtf: bytes) -> bytes:
    """The RTF as a value of PR_RTF_COMPRESSED that is not compressed."""
    return (len(rtf) + 12).to_bytes(4, "little") + len(rtf).to_bytes(4, "little") + b"MELA" + bytes(4) + rtf
