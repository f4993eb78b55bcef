"""A mail taken apart for reading: what is new, what is quoted, what is the signature. Nothing is lost.

The tail (``quote_at``) and the signature above it (``signature_at``) are offsets that every mail has. Quotes
in the open, above an answer or between answers, are found again whenever they are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from mailcore.quoting import (
    MOST_LINES,
    attribution_end,
    heads,
    is_header_block,
    is_mark,
    is_quoted,
    next_filled,
)

_SHORT_QUOTE = 6  # lines, which an answer below them needs to be understood
_MOST_FIELDS = 14


class Kind(StrEnum):
    """What a piece of a mail is."""

    NEW = "new"
    QUOTE = "quote"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a mail that belong together."""

    kind: Kind
    text: str


def pieces(text: str, signature_at: int, quote_at: int) -> tuple[Piece, ...]:
    """Return all of ``text`` in order; joined again, the pieces are the text.

    A quote of a few lines between two answers counts as new: it says what is answered. A mail whose
    offsets would leave nothing new is one new piece.
    """
    if not text[:signature_at].strip():
        return (Piece(Kind.NEW, text),)
    tail = (Piece(Kind.SIGNATURE, text[signature_at:quote_at]), Piece(Kind.QUOTE, text[quote_at:]))
    return (*_open_pieces(text[:signature_at]), *(piece for piece in tail if piece.text))


@lru_cache(maxsize=24)  # a batch is told the languages of first, then it is shown and searched
def new_text(text: str, signature_at: int, quote_at: int) -> str:
    """Return what the writer wrote, without quotes and signature; never nothing when there is text."""
    shown = pieces(text, signature_at, quote_at)
    return "".join(piece.text for piece in shown if piece.kind is Kind.NEW).strip("\n").rstrip()


def _open_pieces(text: str) -> Iterator[Piece]:
    """Yield new text and the quotes in the open, above an answer or long ones between two."""
    lines = text.split("\n")
    worth_a_look = heads(lines)
    begun = position = 0
    is_first = True
    while position < min(len(lines), MOST_LINES):
        end = position
        if position in worth_a_look or is_quoted(lines[position]):
            end = _end_of_quote(lines, position)
        if _may_be_folded(lines, position, end, is_first=is_first):
            if position > begun:
                yield Piece(Kind.NEW, _joined(lines, begun, position))
            yield Piece(Kind.QUOTE, _joined(lines, position, end))
            begun = end
        is_first = is_first and not lines[position].strip()
        position = max(end, position + 1)
    if begun < len(lines):
        yield Piece(Kind.NEW, _joined(lines, begun, len(lines)))


def _joined(lines: list[str], first: int, end: int) -> str:
    return "\n".join(lines[first:end]) + ("\n" if end < len(lines) else "")


def _may_be_folded(lines: list[str], first: int, end: int, *, is_first: bool) -> bool:
    """Whether a quote is long, or is the whole of the earlier mail above the answer to it."""
    if end == first or (is_first and not any(line.strip() and not is_quoted(line) for line in lines[end:])):
        return False
    if end - first > _SHORT_QUOTE:
        return True
    return is_first and not is_quoted(lines[first]) and not any(map(is_quoted, lines[end:]))


def _end_of_quote(lines: list[str], number: int) -> int:
    """Return the line after the quote that begins here, ``number`` when none does."""
    if is_quoted(lines[number]):
        return _end_of_marks(lines, number)
    if not lines[number].strip():
        return number
    if is_mark(lines[number]):
        below = next(next_filled(lines, number + 1, 1), number)
        return _end_of_fields(lines, below, number) if is_header_block(lines, below) else number
    end = attribution_end(lines, number)
    if end < 0:
        return number
    below = next(next_filled(lines, end, 1), -1)
    return _end_of_marks(lines, below) if below >= 0 and is_quoted(lines[below]) else number


def _end_of_marks(lines: list[str], number: int) -> int:
    """Return the line after the last of these ``>`` lines, empty ones between them included."""
    end = number
    for position in range(number, len(lines)):
        if is_quoted(lines[position]):
            end = position + 1
        elif lines[position].strip():
            break
    return end


def _end_of_fields(lines: list[str], first: int, opening: int) -> int:
    """Return the line after the header fields of a forwarded mail, which an empty line ends."""
    for end in range(first, min(len(lines), first + _MOST_FIELDS)):
        if not lines[end].strip():
            return end + 1
    return opening
