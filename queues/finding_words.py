"""The words that a text is found by: folded, and as people write them who lack the letters on their keyboard.

Words with umlauts and the like are kept in each spelling ("Müller": muller, mueller; "Łódź": łodz, lodz), so
whichever is asked for is met. Chinese, Japanese, Korean and Thai have no spaces between words: each two
letters that stand together are a word there.
"""

import re
import unicodedata
from functools import lru_cache

from queues.search import LONGEST_WORD, MOST_CHARACTERS, fold

_WORD = re.compile(r"[^\W_]+")
_PLAIN = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "æ": "ae",
    "œ": "oe",
    "ı": "i",
    "ħ": "h",
    "ŧ": "t",
    "þ": "th",
}
_LONG = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
_SPELLINGS = (str.maketrans(_PLAIN), str.maketrans(_PLAIN | _LONG))
_SPECIAL = frozenset(_PLAIN | _LONG)
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_HAS_DENSE = re.compile(f"[{_DENSE}]")
_RUNS = re.compile(f"[{_DENSE}]+|[^{_DENSE}]+")
_JAMO = re.compile("[\u1100-\u11ff]")


def word_list(text: str) -> list[str]:
    """The words of a text as they follow each other, folded, in one spelling."""
    folded = _fold(text[:MOST_CHARACTERS])
    found = _WORD.findall(folded)
    if folded.isascii() or not _HAS_DENSE.search(folded):
        return [word[:LONGEST_WORD] for word in found]
    return [part for word in found for part in _split(word)]


def keys(text: str) -> list[str]:
    """The different words that a text is filed under, in the order in which they first come."""
    text = text[:MOST_CHARACTERS]
    found = dict.fromkeys(word_list(text))
    lower = "" if text.isascii() else unicodedata.normalize("NFC", text.casefold())
    if not _SPECIAL.isdisjoint(lower):
        special = [word for word in set(_WORD.findall(lower)) if not _SPECIAL.isdisjoint(word)]
        joined = "\n".join(sorted(special))
        for table in _SPELLINGS:
            found.update(dict.fromkeys(word_list(joined.translate(table))))
    return list(found)


def spellings(word: str) -> list[str]:
    """The ways in which one word may have been written, folded."""
    lower = unicodedata.normalize("NFC", word.casefold())
    ways = [lower, *(lower.translate(table) for table in _SPELLINGS)]
    return list(dict.fromkeys(_fold(way) for way in ways))


def asked_words(text: str) -> list[list[str]]:
    """The words of a question; each as the spellings of which one is enough."""
    lower = unicodedata.normalize("NFC", text[:MOST_CHARACTERS].casefold())
    whole = "".join(letter for letter in lower if not unicodedata.combining(letter))
    found: list[list[str]] = []
    for word in _WORD.findall(whole):
        ways = [[each] for each in _WORD.findall(_fold(word))]
        if _HAS_DENSE.search(word):
            found += [[part] for (each,) in ways for part in _split(each, is_asked=True)]
        elif ways == [[_fold(word)]]:
            found.append([each[:LONGEST_WORD] for each in spellings(word)])
        else:  # folding takes some letters apart, as it did when they were filed: ½, ⑴
            found += [[each[:LONGEST_WORD]] for (each,) in ways]
    return found


def is_dense(text: str) -> bool:
    """Whether it is written without spaces between the words, if only in part."""
    return _HAS_DENSE.search(text) is not None


def has_phrase(text: str, phrase: str) -> bool:
    """Whether the words of the phrase stand side by side in the text."""
    return _phrase(phrase).search(_fold(text[:MOST_CHARACTERS])) is not None


@lru_cache(maxsize=100)
def _phrase(phrase: str) -> re.Pattern[str]:
    found = _WORD.findall(_fold(phrase))
    begin = "" if not found or _HAS_DENSE.match(found[0]) else r"(?<![^\W_])"
    end = "" if not found or _HAS_DENSE.match(found[-1][-1]) else r"(?![^\W_])"
    return re.compile(begin + r"[\W_]+".join(map(re.escape, found)) + end)


def _fold(text: str) -> str:
    folded = fold(text)
    if folded.isascii() or not _JAMO.search(folded):
        return folded
    return unicodedata.normalize("NFC", folded)


def _split(word: str, *, is_asked: bool = False) -> list[str]:
    """A word as it is; one without spaces inside as its pairs and, when it is filed, its last letter."""
    if not _HAS_DENSE.search(word):
        return [word[:LONGEST_WORD]]
    parts: list[str] = []
    for run in _RUNS.findall(word):
        if not _HAS_DENSE.match(run):
            parts.append(run[:LONGEST_WORD])
            continue
        parts += [run[at : at + 2] for at in range(len(run) - 1)]
        if len(run) == 1 or not is_asked:
            parts.append(run[-1])
    return parts
