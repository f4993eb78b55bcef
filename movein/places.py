"""Files that mail is moved in from: all below one folder (UCS_IMPORTS_DIR), whatever is typed.

Links are not followed, so nothing else of the machine can be read. Names are kept percent-encoded, as a
file's name need not be text.
"""

import gzip
import hashlib
import os
import shutil
import stat
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import quote, unquote, unquote_to_bytes

from django.conf import settings

from mailcore.clean import clean_file_name
from movein.models import Move

UPLOADS = "uploads"
UNPACKED = ".unpacked"
FREE_OCTETS = 1024**3
"""Of disk that unpacking leaves free."""

PIECE = 1024 * 1024
Hold = Callable[[], None]
UNREADABLE = (OSError, RuntimeError, IndexError, NotImplementedError, EOFError)


class PlaceRefused(Exception):
    """A path that can't be used; the text is a sentence for the administrator."""


def root() -> Path:
    """The folder below which everything lies."""
    return Path(settings.IMPORTS_DIR).resolve()


def located(place: str) -> Path:
    """The file or folder that was typed.

    :raises PlaceRefused: it is not there, or is not below the folder.
    """
    top = root()
    try:
        found = (top / place.strip().lstrip("/")).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise PlaceRefused(f"“{place}” is no path: {error}.") from error
    if not found.is_relative_to(top):
        raise PlaceRefused(f"“{place}” leads out of {top}: put the mail below that folder, without links.")
    if UNPACKED in found.relative_to(top).parts:
        raise PlaceRefused(f"“{place}” is a folder of UCS Email itself: choose another one.")
    if not found.exists():
        raise PlaceRefused(f"There is no “{place}” below {top}: put the mail there, and write the path so.")
    return found


def keep_upload(name: str, content: IO[bytes]) -> str:
    """Store a file that was sent in, and return its place."""
    folder = root() / UPLOADS / os.urandom(8).hex()
    folder.mkdir(parents=True)
    path = folder / (clean_file_name(name) or "mail")
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, PIECE)
    return path.relative_to(root()).as_posix()


def tidy(move: Move) -> None:
    """Remove what was unpacked or sent in for a move that is over."""
    shutil.rmtree(_unpacked_folder(move), ignore_errors=True)
    if move.is_uploaded:
        with suppress(PlaceRefused):
            path = located(move.place)
            if path.parent.parent == root() / UPLOADS:
                shutil.rmtree(path.parent, ignore_errors=True)


def shown(file: str) -> str:
    """The same for people."""
    return unquote(file, errors="replace")


def decoded(move: Move, file: str) -> Path:
    """The file that a row names.

    :raises PlaceRefused: it is not there any more.
    """
    top = located(move.place)
    path = top / os.fsdecode(unquote_to_bytes(file)) if file else top
    if path.is_symlink() or not path.resolve().is_relative_to(top):
        raise PlaceRefused(f"“{shown(file)}” is a link now: put the file itself there.")
    return path


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a folder, by its encoded name; or a folder that can't be opened, with a “/” behind it."""

    name: str
    path: Path
    facts: os.stat_result


def walk(top: Path, after: str = "") -> Iterator[Found]:
    """All files below a folder in the order of their encoded names, beginning at `after`.

    Folder by folder, and not into those that lie before: what comes first is known before the rest is read.
    """
    if top.is_file():
        yield Found("", top, top.stat())
        return
    yield from _below(top, "", top, after)


def _below(folder: Path, begin: str, top: Path, after: str) -> Iterator[Found]:
    """What is in a folder; `begin` is its name with a “/”, which sorts a folder as its files' names do."""
    try:
        with os.scandir(folder) as entries:
            rows = sorted((_key(each, begin), each.name, _is_folder(each)) for each in entries)
    except FileNotFoundError:
        return
    except OSError:
        if facts := _looked_at(folder, top):
            yield Found(begin, folder, facts)
        return
    for key, name, is_folder in rows:
        if is_folder and name != UNPACKED and (key >= after or after.startswith(key)):
            yield from _below(folder / name, key, top, after)
        elif not is_folder and key >= after:
            facts = _looked_at(folder / name, top)
            if facts and stat.S_ISREG(facts.st_mode):
                yield Found(key, folder / name, facts)


def _key(entry: "os.DirEntry[str]", begin: str) -> str:
    return begin + quote(os.fsencode(entry.name)) + ("/" if _is_folder(entry) else "")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False)


def _looked_at(path: Path, top: Path) -> os.stat_result | None:
    """What the file system says of it; None if it has gone.

    :raises PlaceRefused: it may not be looked at.
    """
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PlaceRefused(
            f"“{path.relative_to(top)}” can't be looked at ({error.strerror}): let the user of the "
            "workers read its folder, and scan again."
        ) from error


@contextmanager
def opened(move: Move, path: Path, hold: Hold) -> Iterator[BinaryIO]:
    """An mbox to be read anywhere in it; a compressed one is unpacked beside, once.

    :param hold: called again and again meanwhile: that may take longer than a worker is waited for.
    :raises PlaceRefused: it can't be unpacked.
    """
    plain = _plain(move, path, hold) if path.suffix.lower() == ".gz" else path
    with plain.open("rb") as stream:
        yield stream


class _Opened(threading.local):
    """The zip that a thread read last: its directory may have a hundred thousand lines."""

    name: tuple[str, int, int] | None = None
    archive: zipfile.ZipFile | None = None


_opened = _Opened()


def _archive(path: Path) -> zipfile.ZipFile:
    facts = path.stat()
    name = (str(path), facts.st_mtime_ns, facts.st_size)
    if _opened.archive is None or _opened.name != name:
        if _opened.archive is not None:
            _opened.archive.close()
        _opened.name, _opened.archive = None, None
        _opened.archive = zipfile.ZipFile(path)
        _opened.name = name
    return _opened.archive


def members(path: Path) -> Iterator[tuple[int, zipfile.ZipInfo]]:
    """The files in a zip; they are read in place, and never written anywhere."""
    try:
        found = _archive(path).infolist()
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise PlaceRefused(f"“{path.name}” is no zip that can be read: {error}.") from error
    yield from ((place, each) for place, each in enumerate(found) if not each.is_dir())


def member(path: Path, place: int, most: int) -> bytes:
    """One file in a zip, `most` octets of it.

    :raises PlaceRefused: it can't be read.
    """
    try:
        archive = _archive(path)
        with archive.open(archive.infolist()[place]) as file:
            return file.read(most)
    except (*UNREADABLE, zipfile.BadZipFile, zlib.error) as error:
        raise PlaceRefused(f"It can't be read from “{path.name}”: {error}.") from error


def _unpacked_folder(move: Move) -> Path:
    return root() / UNPACKED / str(move.pk)


def _plain(move: Move, path: Path, hold: Hold) -> Path:
    folder = _unpacked_folder(move)
    name = hashlib.sha256(os.fsencode(path)).hexdigest()
    found = folder / name
    if found.exists():
        return found
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.{os.urandom(8).hex()}"
    try:
        with closing(gzip.open(path, "rb")) as packed, part.open("wb") as file:
            while piece := packed.read(PIECE):
                hold()
                if shutil.disk_usage(folder).free < FREE_OCTETS:
                    raise PlaceRefused(f"“{path.name}” is too large to be unpacked on this disk: make room.")
                file.write(piece)
        return part.rename(found)
    except (OSError, EOFError, zlib.error) as error:
        raise PlaceRefused(f"“{path.name}” can't be unpacked: {error}.") from error
    finally:
        part.unlink(missing_ok=True)
