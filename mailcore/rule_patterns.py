"""What a condition of a rule looks for in a text: safe on any pattern and any text.

    invoice | Rechnung       either of them
    *@customer.example       * stands for any characters, none as well, ? for exactly one

Nothing of it goes back in the text: the pieces between the stars are looked for one after the other, so the
time grows with the lengths of text and pattern alone, whatever stands in them.
"""

import re
from functools import lru_cache

LONGEST_VALUE = 500
"""Characters of a condition's value."""

LONGEST_TEXT = 100_000
"""Characters of a text that are looked at."""

MOST_CHOICES = 50
EITHER = "|"
_SPACE = re.compile(r"\s+")


def folded(text: str) -> str:
    """A text as it is compared: capitals and line breaks make no difference."""
    return _SPACE.sub(" ", text[:LONGEST_TEXT].casefold()).strip()


@lru_cache(1024)
def choices(value: str) -> tuple[str, ...]:
    """The alternatives of a value, folded."""
    found = (folded(each) for each in value.split(EITHER))
    return tuple(dict.fromkeys(each for each in found if each))


def equals(text: str, value: str) -> bool:
    """Whether a folded text is one of the alternatives."""
    return text in choices(value)


def contains(text: str, value: str) -> bool:
    """Whether one of the alternatives stands anywhere in a folded text."""
    return any(each in text for each in choices(value))


def has_words(text: str, value: str) -> bool:
    """Whether all words of one of the alternatives stand in a folded text, as whole words in any order."""
    return any(all(_word(word).search(text) for word in each.split()) for each in choices(value))


def matches(text: str, value: str) -> bool:
    """Whether one of the patterns covers a folded text from its beginning to its end."""
    return any(_covers(each, text) for each in choices(value))


@lru_cache(1024)
def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


@lru_cache(1024)
def _pieces(pattern: str) -> tuple[re.Pattern[str], ...]:
    """The pieces between the stars: each matches one length only, so it has nothing to go back to."""
    return tuple(
        re.compile("".join("." if letter == "?" else re.escape(letter) for letter in piece), re.DOTALL)
        for piece in pattern.split("*")
    )


def _covers(pattern: str, text: str) -> bool:
    first, *rest = _pieces(pattern)
    if not rest:
        return first.fullmatch(text) is not None
    start = first.match(text)
    if start is None:
        return False
    *middle, last = rest
    at = start.end()
    for piece in middle:
        found = piece.search(text, at)
        if found is None:
            return False
        at = found.end()
    length = pattern[::-1].find("*")  # of the last piece
    return len(text) - length >= at and last.fullmatch(text, len(text) - length) is not None
