"""Finding contacts by their names: the beginnings of words, without regard to case and accents."""

import re
import unicodedata
from typing import Any, cast

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Func, QuerySet, Value
from django.db.models.functions import Lower

# Lower-case letters of Latin-1 and Latin Extended-A that are a plain letter with something on it.
_MARKED = [chr(code) for code in range(0xE0, 0x180) if chr(code).islower()]
_BARE = {letter: unicodedata.normalize("NFD", letter)[0] for letter in _MARKED} | {
    "ł": "l",
    "ø": "o",
    "đ": "d",
}
ACCENTED = "".join(letter for letter, bare in _BARE.items() if bare.isascii())
PLAIN = "".join(_BARE[letter] for letter in ACCENTED)
_TABLE = str.maketrans(ACCENTED, PLAIN)
_WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 8


def words_of(field: str) -> SearchVector:
    """What the index of a column of names is made of."""
    folded = Func(Lower(field), Value(ACCENTED), Value(PLAIN), function="translate")
    return SearchVector(folded, config="simple")


def fold(text: str) -> str:
    """A name as names are compared."""
    return unicodedata.normalize("NFC", text).lower().translate(_TABLE)


def words(text: str) -> list[str]:
    """The words of a name as they are compared."""
    return _WORD.findall(fold(text))


def named(rows: QuerySet[Any], text: str, *, whole: bool = False) -> QuerySet[Any]:
    """Those of the contacts whose name has all these words, or words that begin so; none for no word."""
    found = words(text)[:MOST_WORDS]
    if not found:
        return rows.none()
    end = "" if whole else ":*"
    query = SearchQuery(" & ".join(f"{word}{end}" for word in found), config="simple", search_type="raw")
    return cast(QuerySet[Any], rows.annotate(name_words=words_of("name")).filter(name_words=query))
