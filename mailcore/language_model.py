"""The model of py3langid, read into few megabytes: without numpy, and only of the languages asked for.

An automaton walks over the octets of a text and meets features; each language has a weight for each feature
(a naive Bayes classifier). The file is an xz-compressed .npz, which is a ZIP of .npy files. It is unpacked
into a temporary file and read from there piece by piece, so it is never in memory as a whole.

Most rows of the automaton differ from others in few places, so they are cut into blocks of sixteen steps, of
which each different one is kept once: 39 MB become 6.
"""

import ast
import lzma
import shutil
import struct
import tempfile
import zipfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

STEPS = 16
"""In one block."""

PIECE = 4096
"""Rows of a table, or blocks, read at once."""

FAULTS = (lzma.LZMAError, zipfile.BadZipFile, struct.error)

_TYPES = {"<u2": "H", "<u4": "I", "<i4": "i", "<f4": "f", "<f2": "H"}


class NoModel(Exception):
    """The model isn't there, or is laid out in another way. The text says which."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """`rows[state]` is where its places of blocks begin; a state without a feature has -1."""

    rows: "array[int]"
    places: "array[int]"
    blocks: "array[int]"
    features: "array[int]"

    def walk(self, text: bytes) -> list[int]:
        """The features that are met, each as often as it is."""
        rows, places, blocks, features = self.rows, self.places, self.blocks, self.features
        state, found = 0, []
        for octet in text:
            state = blocks[places[rows[state] + (octet >> 4)] + (octet & 15)]
            if features[state] >= 0:
                found.append(features[state])
        return found


@dataclass(frozen=True, slots=True)
class Column:
    """What one language gives for each feature, and for itself. Some languages have two."""

    label: str
    weights: "array[float]"
    prior: float


class Source:
    """The file, unpacked."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    @cached_property
    def labels(self) -> list[str]:
        """The language of each column."""
        with self._opened("classes") as (file, kind, _):
            width = 4 * int(kind.removeprefix("<U"))
            return [each.decode("utf-32-le").rstrip("\0") for each in iter(lambda: file.read(width), b"")]

    def automaton(self) -> Automaton:
        """The automaton, of which each block is kept once."""
        known: dict[bytes, int] = {}
        places, size = array("I"), STEPS * array("I").itemsize
        with self._opened("nextmove") as (file, kind, _):
            _check(kind == "<u4")
            while piece := file.read(size * PIECE):
                for start in range(0, len(piece), size):
                    block = piece[start : start + size]
                    places.append(known.setdefault(block, STEPS * len(known)))
        blocks = array("I", b"".join(known))
        row = 256 // STEPS
        rows = array("I", (row * each for each in self._numbers("nextmove_row")))
        return Automaton(rows, places, blocks, self._numbers("out_feat"))

    def columns(self, languages: Iterable[str]) -> list[Column]:
        """The columns of these languages."""
        wanted = [number for number, label in enumerate(self.labels) if label in set(languages)]
        halves = [array("H") for _ in wanted]
        with self._opened("ptc") as (file, kind, (_, width)):
            _check(kind == "<f2" and width == len(self.labels))
            while piece := file.read(2 * width * PIECE):
                rows = array("H", piece)
                for number, column in zip(wanted, halves, strict=True):
                    column.extend(rows[number::width])
        priors = self._numbers("pc")
        return [
            Column(self.labels[number], _floats(column), priors[number])
            for number, column in zip(wanted, halves, strict=True)
        ]

    def _numbers(self, name: str) -> "array[Any]":
        with self._opened(name) as (file, kind, _):
            return array(_TYPES[kind], file.read())

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], str, tuple[int, ...]]]:
        """An array's data, type and shape (NEP 1: the .npy format, version 1.0)."""
        with self._archive.open(f"{name}.npy") as file:
            _check(file.read(8) == b"\x93NUMPY\x01\x00")
            (size,) = struct.unpack("<H", file.read(2))
            head = ast.literal_eval(file.read(size).decode("ascii"))
            _check(not head["fortran_order"])
            yield file, head["descr"], head["shape"]


@contextmanager
def unpacked() -> Iterator[Source]:
    """Unpack the model for as long as it is read.

    Raises:
        NoModel: there is none, or none that can be read.
    """
    spec = find_spec("py3langid")  # which doesn't run it: that would bring numpy, 20 MB
    if spec is None or spec.origin is None:
        raise NoModel("The package py3langid is not installed.")
    path = Path(spec.origin).with_name("data") / "model.npz.xz"
    try:
        with tempfile.TemporaryFile() as file:
            with lzma.open(path) as packed:
                shutil.copyfileobj(packed, file, 1024 * 1024)
            with zipfile.ZipFile(file) as archive:
                yield Source(archive)
    except (
        OSError,
        EOFError,
        lzma.LZMAError,
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        struct.error,
    ) as error:
        raise NoModel(f"The model of py3langid can't be read: {error}.") from error


def _floats(halves: "array[int]") -> "array[float]":
    return array("f", struct.unpack(f"<{len(halves)}e", halves.tobytes()))


def _check(is_right: bool) -> None:
    if not is_right:
        raise ValueError("it is laid out in another way")
