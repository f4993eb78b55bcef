"""The single mails in mbox files, Maildirs and folders of .eml files, one after the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import stat_result
from pathlib import Path
from stat import S_ISDIR
from zipfile import ZipInfo

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from mailcore.headers import read_headers
from movein import mbox
from movein.models import Move, MoveItem
from movein.places import Found, Hold, PlaceRefused, decoded, located, member, members, opened, walk

Kind = Move.Kind
LONGEST_HEAD = 64 * 1024
EXPUNGED = 0x0008
"""The bit of X-Mozilla-Status that says so, until Thunderbird compacts the file."""

UNWANTED = frozenset(("spam", "trash", "draft", "drafts", "chat"))
"""Labels in Google's archives, where English is spoken."""

WHOLE = -1
"""The position in a file that is dealt with."""

CLOSED_FOLDER = (
    "This folder can't be opened, so nothing in it was seen: let the user of the workers read it, and scan "
    "again."
)
NO_BEGINNING = (
    "No mail was found in it: each has to begin with a line “From …” that has a date, and headers behind it."
)

SIDE_FILES = (".msf", ".dat", ".html", ".json", ".sqlite", ".ds_store")
"""What mail programs put beside their mboxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A mail, or a file that is none, for the reason `why`; reading goes on at `following` in its file.

    :param posted: when the store says that it came, for a mail that doesn't say so itself.
    """

    file: str
    following: int
    offset: int = 0
    size: int = 0
    posted: datetime | None = None
    raw: bytes = b""
    why: str = ""


def pieces(move: Move, hold: Hold, file: str = "", position: int = 0) -> Iterator[Piece]:
    """What is there, in an order that stays, from a position in a file on.

    :param hold: see `places.opened`.
    :raises PlaceRefused: the place can't be read.
    """
    top = located(move.place)
    if move.kind == Kind.MAILDIR and not top.is_dir():
        raise PlaceRefused(f"“{move.place}” is no folder: give the one that has “cur” and “new” in it.")
    for each in walk(top, file):
        start = position if each.name == file else 0
        if start != WHOLE:
            yield from _of_file(move, each, start, hold)


def fetch(move: Move, item: MoveItem, hold: Hold) -> bytes:
    """Read one mail again.

    :param hold: see `places.opened`.
    :raises PlaceRefused: it is not there any more.
    """
    path = decoded(move, item.file)
    try:
        if move.kind == Kind.MBOX:
            with opened(move, path, hold) as stream:
                return mbox.read(stream, mbox.Span(item.offset, item.size))
        if _is_zip(path):
            return mbox.on_the_wire(member(path, item.offset, settings.LARGEST_MAIL + 1))
        return mbox.on_the_wire(path.read_bytes())
    except OSError as error:
        raise PlaceRefused(
            f"The file can't be read: {error.strerror}. Was it moved since the scan?"
        ) from error


def _of_file(move: Move, found: Found, start: int, hold: Hold) -> Iterator[Piece]:
    path, facts, name = found.path, found.facts, found.name
    if S_ISDIR(facts.st_mode):
        yield _left(name, CLOSED_FOLDER, 0)
        return
    try:
        if move.kind == Kind.MBOX:
            yield from _of_mbox(move, found, start, hold)
        elif move.kind == Kind.MAILDIR:
            yield from _of_maildir(path, facts, name)
        elif _is_zip(path):
            yield from _of_zip(path, name, start)
        elif path.suffix.lower() == ".eml":
            yield _plain(path, facts, name)
        else:
            yield _left(name, "It is no .eml file.", facts.st_size)
    except (OSError, PlaceRefused) as error:
        yield _left(name, f"It can't be read: {getattr(error, 'strerror', '') or error}.", facts.st_size)


def _of_mbox(move: Move, found: Found, start: int, hold: Hold) -> Iterator[Piece]:
    path, name = found.path, found.name
    if path.suffix.lower() in SIDE_FILES or path.name.lower() in SIDE_FILES:
        return
    with opened(move, path, hold) as stream:
        if not mbox.is_mbox(stream):
            yield _left(name, "It is no mbox: its first line does not begin with “From ”.", 0)
            return
        is_empty = True
        for span in mbox.spans(stream, start):
            is_empty = False
            at = Piece(
                file=name,
                offset=span.offset,
                size=span.size,
                following=span.offset + span.size,
                posted=span.posted,
            )
            if span.size > settings.LARGEST_MAIL:
                yield replace(at, why=_too_large(span.size))
            else:
                raw = mbox.read(stream, span)
                yield replace(at, raw=raw, why=_thrown_away(raw))
        if is_empty and not start and (size := stream.seek(0, 2)):
            yield _left(name, NO_BEGINNING, size)


def _thrown_away(raw: bytes) -> str:
    """Why a mail that is still in the file was no longer wanted by its owner."""
    block = read_headers(raw, 0, min(len(raw), LONGEST_HEAD))
    status = block.text("x-mozilla-status").strip()
    if re.fullmatch(r"[0-9A-Fa-f]{4}", status) and int(status, 16) & EXPUNGED:
        return "Thunderbird had deleted it."
    labels = {each.strip().strip('"').lower() for each in block.decoded("x-gmail-labels").split(",")}
    found = sorted(labels & UNWANTED)
    return f"Gmail had it under “{found[0]}”." if found else ""


def _of_maildir(path: Path, facts: stat_result, name: str) -> Iterator[Piece]:
    """Messages lie in `cur` and `new`; what stands beside belongs to the mail server."""
    if path.parent.name not in ("cur", "new"):
        return
    flags = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
    if "T" in flags:
        yield _left(name, "It is marked as deleted.", facts.st_size)
    elif "D" in flags:
        yield _left(name, "It is a draft.", facts.st_size)
    else:
        yield _plain(path, facts, name)


def _plain(path: Path, facts: stat_result, name: str) -> Piece:
    if facts.st_size > settings.LARGEST_MAIL:
        return _left(name, _too_large(facts.st_size), facts.st_size)
    raw = mbox.on_the_wire(path.read_bytes())
    posted = datetime.fromtimestamp(facts.st_mtime, UTC)
    return Piece(file=name, following=WHOLE, size=len(raw), posted=posted, raw=raw)


def _of_zip(path: Path, name: str, start: int) -> Iterator[Piece]:
    for place, info in members(path):
        if place < start:
            continue
        at = Piece(file=name, offset=place, following=place + 1, posted=_written_at(info))
        if not info.filename.lower().endswith(".eml"):
            yield replace(at, why=f"“{info.filename}” is no .eml file.")
        elif info.file_size > settings.LARGEST_MAIL:
            yield replace(at, size=info.file_size, why=_too_large(info.file_size))
        else:
            yield _of_member(path, at)


def _of_member(path: Path, at: Piece) -> Piece:
    try:
        data = member(path, at.offset, settings.LARGEST_MAIL + 1)
    except PlaceRefused as error:
        return replace(at, why=str(error))
    if len(data) > settings.LARGEST_MAIL:  # its directory told less
        return replace(at, why=_too_large(len(data)))
    return replace(at, size=len(data), raw=mbox.on_the_wire(data))


def _written_at(info: ZipInfo) -> datetime | None:
    try:
        return datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None


def _left(name: str, why: str, size: int) -> Piece:
    return Piece(file=name, following=WHOLE, size=size, why=why)


def _too_large(size: int) -> str:
    return f"It has {filesizeformat(size)}, and at most {filesizeformat(settings.LARGEST_MAIL)} are taken."


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"
