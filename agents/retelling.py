"""Sentences that stand in English in the code and in the database, told in the reader's language.

History, refusals and the like are written once and read by many: in the log and by programs in English, on
pages in the language of whoever reads them. So what is written is English, with the values in it, and a page
looks up which saying it is: `%(agent)s closed it.` was written as “Alice closed it.”, and is told again as
the catalogue (`locale/`) has it. A sentence that is no saying stays as it is. Moments are written in UTC
(`mailcore.moments`) and told in the zone that is active now, also to who reads English.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

from django.utils import timezone, translation
from django.utils.dates import MONTHS_3
from django.utils.formats import date_format
from django.utils.translation import gettext

from mailcore import moments
from mailcore.moments import MOMENT

ENGLISH = "en"
PLACE = re.compile(r"%\((\w+)\)s")
WRAPPED = frozenset(("told", "why"))
"""Places whose value is a whole saying: what stands around it is looked for before what is in it."""

SPOKEN = WRAPPED | {"where", "ended", "what", "priority", "reason", "said", "state", "presence", "when"}
"""Places whose value is a saying, too."""

TIMES = frozenset(("time", "new", "old"))
"""Places whose value is a moment; in old rows, it is a time that names no zone and stays as it is."""

MONTH = re.compile(rf"\b({'|'.join(moments.MONTHS)})\b")
NUMBERS = {name: number for number, name in enumerate(moments.MONTHS, 1)}
LISTED = "contents"
"""A place whose value is several sayings with commas between them."""

LOST = "recipients"
"""A place whose value is who did not get a mail, each with why: `jan@example.org: mailbox full; …`."""

SHAPES = {"count": r"[\d,]+", "server": r"\S+"}
"""How the values of some places look."""

KEPT = 4096


class Counted(NamedTuple):
    """A saying with a number, `%(count)s` in it, by which its words change."""

    one: str
    many: str
    told: Callable[[int], str]


class _Pattern(NamedTuple):
    """How a saying looks when it is written."""

    pattern: re.Pattern[str]
    saying: str | Counted


def in_english() -> AbstractContextManager[None]:
    """What is written down, not told, is English: for a `with` around it."""
    return translation.override(ENGLISH)


class Sayings:
    """What may be told again; where several fit, the one around the others, or with more words of its own."""

    def __init__(self, *sayings: str | Counted) -> None:
        self.sayings = sayings
        self.exact = frozenset(each for each in sayings if isinstance(each, str) and not PLACE.search(each))
        self._remembered = lru_cache(KEPT)(self._told)

    def told(self, sentence: str) -> str:
        """The same in the language and the time zone that are active now."""
        language = translation.get_language() or ENGLISH
        zone = timezone.get_current_timezone_name() if MOMENT.search(sentence) else ""
        if not sentence or (_is_english(language) and not zone):
            return sentence
        return self._remembered(sentence, language, zone)

    def told_within(self, text: str) -> str:
        """The same of a text of several sentences: each that is a saying, and the rest as it is."""
        language = translation.get_language() or ENGLISH
        if _is_english(language) and not MOMENT.search(text):
            return text
        for sentence in self.exact:
            if sentence.endswith("."):
                text = text.replace(sentence, gettext(sentence))
        for each in self._patterns:
            if each.pattern.pattern.endswith("."):
                text = each.pattern.sub(partial(self._found, each.saying, language), text)
        return text

    def _found(self, saying: str | Counted, language: str, found: re.Match[str]) -> str:
        return self._filled(saying, found.groupdict(), language)

    def _told(self, sentence: str, language: str, zone: str = "") -> str:
        """:param zone: the active one, where that makes a difference to what is remembered."""
        if sentence in self.exact:
            return gettext(sentence)
        for each in self._patterns:
            found = each.pattern.fullmatch(sentence)
            if found is not None:
                return self._filled(each.saying, found.groupdict(), language)
        return sentence

    @cached_property
    def _patterns(self) -> Sequence[_Pattern]:
        found = [
            _Pattern(_pattern(text), each)
            for each in self.sayings
            for text in ((each.one, each.many) if isinstance(each, Counted) else (each,))
            if PLACE.search(text)
        ]
        return sorted(found, key=_order)

    def _filled(self, saying: str | Counted, values: dict[str, str], language: str) -> str:
        if isinstance(saying, Counted):
            return saying.told(int(values["count"].replace(",", ""))) % values
        filled = {name: self._value(name, value, language) for name, value in values.items()}
        text = gettext(saying)
        for name, value in filled.items():
            if value.endswith("."):  # “27 Min.”: the full stop of an abbreviation ends the sentence, too
                text = text.replace(f"%({name})s.", f"%({name})s")
        return text % filled

    def _value(self, name: str, value: str, language: str) -> str:
        if name == LISTED:
            return ", ".join(self._told(part, language) for part in value.split(", "))
        if name == LOST:
            return "; ".join(self._lost(part, language) for part in value.split("; "))
        if name in TIMES:
            return _time(value, language)
        return self._told(value, language) if name in SPOKEN else value

    def _lost(self, part: str, language: str) -> str:
        whom, colon, why = part.partition(": ")
        return f"{self._told(whom, language)}{colon}{self._told(why, language)}"


def _is_english(language: str) -> bool:
    return language.split("-", maxsplit=1)[0] == ENGLISH


def _time(value: str, language: str) -> str:
    if MOMENT.search(value):
        return MOMENT.sub(_here, value)
    if _is_english(language):
        return value
    return MONTH.sub(lambda found: str(MONTHS_3[NUMBERS[found[0]]]), value)


def _here(found: re.Match[str]) -> str:
    at = moments.read(found)
    return found[0] if at is None else date_format(timezone.localtime(at), "CLOCK")


def _order(each: _Pattern) -> tuple[bool, int]:
    text = each.saying.many if isinstance(each.saying, Counted) else each.saying
    return WRAPPED.isdisjoint(PLACE.findall(text)), -len(PLACE.sub("", text))


def _pattern(saying: str) -> re.Pattern[str]:
    return re.compile("".join(_parts(saying)), re.DOTALL)


def _parts(saying: str) -> Iterator[str]:
    seen: set[str] = set()
    for at, part in enumerate(PLACE.split(saying)):
        if at % 2 == 0:
            yield re.escape(part.replace("%%", "%"))
        elif part in seen:
            yield f"(?P={part})"
        else:
            seen.add(part)
            yield f"(?P<{part}>{SHAPES.get(part, '.+?')})"
