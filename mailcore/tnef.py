"""TNEF, Outlook's winmail.dat: the files and the text inside (MS-OXTNEF).

Every byte is looked at once per level of embedded messages, and those are counted. Never raises: what is
cut off or
damaged gives what was read up to there. Checksums are not checked; a wrong one is no reason to hide a file.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from mailcore import mapi
from mailcore.charsets import decode
from mailcore.clean import clean_file_name, clean_line, clean_text
from mailcore.mapi import Cursor, CutOff, Property, read_properties
from mailcore.naming import type_of
from mailcore.rtf import LARGEST, read_rtf, uncompressed

MOST_FILES = 500
_DEEPEST = 3
TNEF_MARK = b"\x78\x9f\x3e\x22"

_CODE_PAGE = 0x00069007
_SUBJECT = 0x00018004
_BODY = 0x0002800C
_PROPERTIES = 0x00069003
_FILE_BEGINS = 0x00069002
_FILE_TITLE = 0x00018010
_FILE_DATA = 0x0006800F
_FILE_PROPERTIES = 0x00069005
# Interface ids (IID_IMessage, IID_IStorage and relatives) that stand before the value of an object.
_MESSAGE_ID = bytes.fromhex("0703020000000000c000000000000046")
_ID_TAIL = bytes.fromhex("0000c000000000000046")
_STORAGE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class TnefFile:
    """One file. ``number`` counts from 1; "2.1" is the first file of the message that is the second."""

    number: str
    name: str
    type: str
    data: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Tnef:
    """What is inside. ``text`` and ``html`` are not sanitised; "" when there is none."""

    files: tuple[TnefFile, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""


@dataclass(slots=True)
class _File:
    """One attachment in the making."""

    title: bytes = b""
    data: bytes = b""
    properties: dict[int, Property] = field(default_factory=dict)


@dataclass(slots=True)
class _Room:
    """What is left of the limits, for the whole file: rich text grows when it is unpacked."""

    depth: int = _DEEPEST
    files: int = MOST_FILES
    rtf: int = LARGEST


def read_tnef(data: bytes) -> Tnef:
    """Read a winmail.dat; an empty one comes back when it is something else."""
    return _read(data, _Room())


def _read(data: bytes, room: _Room) -> Tnef:
    if not data.startswith(TNEF_MARK):
        return Tnef()
    code_page, subject, body = "cp1252", b"", b""
    properties: dict[int, Property] = {}
    files: list[_File] = []
    for name, value in _attributes(data):
        if name == _CODE_PAGE:
            code_page = f"cp{int.from_bytes(value[:4], 'little')}"
        elif name == _SUBJECT:
            subject = value
        elif name == _BODY:
            body = value
        elif name == _PROPERTIES:
            properties = read_properties(value)
        elif name == _FILE_BEGINS and room.files > 0:
            room.files -= 1
            files.append(_File())
        elif files:
            _fill(files[-1], name, value)
    text, html = _bodies(properties, body, code_page, room)
    found = [
        inner for number, each in enumerate(files, 1) for inner in _read_file(each, number, code_page, room)
    ]
    title = properties.get(mapi.SUBJECT)
    named = title.text(code_page) if title else decode(subject.partition(b"\0")[0], code_page)[0]
    return Tnef(tuple(found), clean_line(named), text, html)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    cursor = Cursor(data, len(TNEF_MARK) + 2)
    with suppress(CutOff):
        while cursor.at < len(data):
            cursor.take(1)  # the level, which the names tell as well
            name, size = cursor.number(4), cursor.number(4)
            # A file that is cut off is better than none.
            yield name, cursor.take(min(size, len(data) - cursor.at))
            cursor.take(2)


def _fill(file: _File, name: int, value: bytes) -> None:
    if name == _FILE_TITLE:
        file.title = value
    elif name == _FILE_DATA:
        file.data = value
    elif name == _FILE_PROPERTIES:
        file.properties = read_properties(value)


def _bodies(properties: dict[int, Property], body: bytes, code_page: str, room: _Room) -> tuple[str, str]:
    """Return text and HTML; the compressed RTF is read only when neither is there."""
    text = clean_text(decode(body.partition(b"\0")[0], code_page)[0])
    if not text and (plain := properties.get(mapi.BODY)):
        text = plain.text(code_page)
    html = ""
    if markup := properties.get(mapi.BODY_HTML):
        html = markup.text(_code_page_of(properties) or code_page)
    rich = properties.get(mapi.RTF_COMPRESSED)
    if rich and not html:
        rtf = uncompressed(rich.value, room.rtf)
        room.rtf -= len(rtf)
        found = read_rtf(rtf)
        html, text = found.html, text or found.text
    return text, html


def _code_page_of(properties: dict[int, Property]) -> str:
    named = properties.get(mapi.INTERNET_CODE_PAGE) or properties.get(mapi.MESSAGE_CODE_PAGE)
    return f"cp{named.number & 0xFFFFFFFF}" if named else ""


def _read_file(file: _File, number: int, code_page: str, room: _Room) -> Iterator[TnefFile]:
    """Yield the file, or the message that it is: its text, then its files."""
    data = file.data
    value = file.properties.get(mapi.ATTACH_DATA)
    if value and (value.is_object or not data):
        data = value.value
        if data.startswith(_MESSAGE_ID) and room.depth > 0:
            yield from _read_message(file, data[16:], number, code_page, room)
            return
        if data[6:16] == _ID_TAIL and data[:4] != _STORAGE[:4]:
            data = data[16:]
    type_ = clean_line(_text(file, mapi.ATTACH_MIME_TAG, code_page)).lower()
    content_id = clean_line(_text(file, mapi.ATTACH_CONTENT_ID, code_page)).strip("<> ")
    name = _name(file, code_page) or f"file-{number}.bin"
    yield TnefFile(str(number), name, type_ or type_of(name), data, content_id)


def _read_message(file: _File, data: bytes, number: int, code_page: str, room: _Room) -> Iterator[TnefFile]:
    room.depth -= 1
    inner = _read(data, room)
    room.depth += 1
    stem = clean_file_name(inner.subject) or _name(file, code_page) or f"message-{number}"
    body, ending = (inner.html, "html") if inner.html else (inner.text, "txt")
    type_ = "text/html" if inner.html else "text/plain"
    yield TnefFile(str(number), f"{stem}.{ending}", type_, body.encode("utf-8", "replace"))
    for each in inner.files:
        yield TnefFile(f"{number}.{each.number}", each.name, each.type, each.data, each.content_id)


def _name(file: _File, code_page: str) -> str:
    """Return the long name before the title, which is cut to 8.3 letters by old programs."""
    for number in (mapi.ATTACH_LONG_FILENAME, mapi.ATTACH_FILENAME):
        if name := clean_file_name(_text(file, number, code_page)):
            return name
    title = clean_file_name(decode(file.title.partition(b"\0")[0], code_page)[0])
    return title or clean_file_name(_text(file, mapi.DISPLAY_NAME, code_page))


def _text(file: _File, number: int, code_page: str) -> str:
    found = file.properties.get(number)
    return found.text(code_page) if found else ""
