"""Text that every floor above can store, compare and show."""

import re
import unicodedata
from functools import cache

# Everything below the space but tab and line feed, and what a terminal or a browser would treat as a command.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_UNUSUAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ASTRAL_LETTERS = re.compile("[\U00010000-\U0001efff]")
_SPACE_RUN = re.compile(r"\s+")
_LINE_ENDS = re.compile(r"\r+\n|\r|\x0b|\x0c|\x85|\u2028|\u2029")
# Reading direction overrides: "gpj.exe" that shows as "exe.jpg".
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')
_LONGEST_MARK_RUN = 30  # UAX 15, Stream-Safe Text Format
_LONGEST_NAME = 150


@cache
def _too_many_marks(first: int, last: int) -> re.Pattern[str]:
    """Return the pattern of runs of more combining marks than any language writes.

    ``unicodedata.normalize`` sorts a run of marks in quadratic time: 200 KB of them would hang a worker.
    """
    marks = [
        chr(code)
        for code in range(first, last)
        if not 0x3400 <= code < 0xA000
        and not 0xAC00 <= code < 0xE000
        and unicodedata.combining(unicodedata.normalize("NFD", chr(code))[0])
    ]
    return re.compile(f"[{''.join(map(re.escape, marks))}]{{{_LONGEST_MARK_RUN + 1},}}")


def clean_text(text: str) -> str:
    """Return ``text`` safe for storage: NFC, one kind of line end, no NUL, no lone surrogates."""
    if _UNUSUAL.search(text):
        text = _CONTROLS.sub(_replacement, _LINE_ENDS.sub("\n", text))
    if text.isascii():
        return text
    text = _too_many_marks(0x300, 0x10000).sub(_first_marks, text)
    if _ASTRAL_LETTERS.search(text):  # apart: one class over both planes is forty times slower
        text = _too_many_marks(0x300, 0x1F000).sub(_first_marks, text)
    return unicodedata.normalize("NFC", text)


def _first_marks(run: re.Match[str]) -> str:
    return run[0][:_LONGEST_MARK_RUN]


def _replacement(match: re.Match[str]) -> str:
    return "\ufffd" if match[0] >= "\ud800" else ""


def clean_line(text: str) -> str:
    """Return ``text`` as one line: ``clean_text`` with every run of white space made one space."""
    return _SPACE_RUN.sub(" ", clean_text(text)).strip()


def clean_file_name(name: str) -> str:
    """Return a name fit for "save as": no folders, no direction tricks, at most 150 characters.

    Returns "" when nothing is left; the caller names the file then.
    """
    name = clean_line(_DIRECTION.sub("", name))
    name = _NOT_IN_NAMES.sub("_", name).strip(". ")
    if len(name) > _LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 10 else ""
        name = name[: _LONGEST_NAME - len(ending)] + ending
    return name
