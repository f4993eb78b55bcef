"""The words of texts, as they are indexed and asked for.

Words are folded (case, accents, width) and stored as plain lexemes: what is indexed and what is asked are
split in one place, by us. PostgreSQL's own parser takes addresses and order numbers for words of other kinds.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db.models import Func, TextField, Value

LONGEST_WORD = 60
MOST_CHARACTERS = 300_000  # of one mail; PostgreSQL takes 1 MB of lexemes
MOST_BYTES = 500_000
SHORTEST_PREFIX = 3  # shorter words must match as a whole: "a" begins too many

_WORD = re.compile(r"[^\W_]+")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def fold(text: str) -> str:
    """Lower case without accents: "Straße", "STRASSE" and "strasse" are the same."""
    lower = text.casefold()
    if lower.isascii():
        return lower
    decomposed = unicodedata.normalize("NFKD", lower)
    if _ASTRAL.search(decomposed):  # apart: one class over both planes is forty times slower
        return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _marks().sub("", decomposed)


@cache
def _marks() -> re.Pattern[str]:
    """Accents, as they stand apart from their letters."""
    marks = [chr(code) for code in range(0x300, 0x10000) if unicodedata.combining(chr(code))]
    return re.compile(f"[{''.join(map(re.escape, marks))}]+")


def words(text: str) -> list[str]:
    """The different words of a text in the order in which they first come."""
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(fold(text[:MOST_CHARACTERS]))))


class Vector(Func):
    """A search vector of these lexemes, in which no word has a place."""

    def __init__(self, lexemes: list[str]) -> None:
        self.lexemes = lexemes
        value = Value(lexemes, output_field=ArrayField(TextField()))
        super().__init__(value, function="array_to_tsvector", output_field=SearchVectorField())


def vector(texts: Iterable[str]) -> Vector:
    """The value of `Message.search` for these texts, the most telling first."""
    kept, size = [], 0
    for word in words("\n".join(texts)):
        size += len(word.encode())
        if size > MOST_BYTES:
            break
        kept.append(word)
    return Vector(kept)


class Lexemes(SearchQuery):
    """A query made of our own lexemes, so PostgreSQL must not split it again."""

    template = "(%(expressions)s)::tsquery"

    def __init__(self, asked: list[str]) -> None:
        # Our words hold letters and digits only, so quoting needs no escape.
        marks = [f"'{word}'" + (":*" if len(word) >= SHORTEST_PREFIX else "") for word in asked]
        self.lexemes = " & ".join(marks)
        super().__init__(self.lexemes)
