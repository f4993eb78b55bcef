"""Which of the languages our people speak a text is written in.

The classifier of langid.py (Lui and Baldwin, 2012), with the model of py3langid, its successor: each feature
counts by the logarithm of how often it is met, and the confidence is made even by the length of the text.
"""

import logging
import math
import threading
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from operator import itemgetter, mul

from mailcore.language_model import Automaton, Column, NoModel, unpacked

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 60.0
"""After the model could not be read: trying costs half a second each time."""

_SHORTEST = 12  # letters
_LONGEST = 500  # characters: more does not change the answer, only the time


def detect(text: str, among: Sequence[str]) -> tuple[str, float]:
    """Return the language tag out of ``among`` that fits best, and a confidence between 0 and 1.

    Args:
        text: what the customer wrote; cut the quoted part off before.
        among: language tags ("de", "pt-BR"); compared by their first part, the tag comes back as given.

    Returns:
        ("", 0.0) when there is too little text, or no language to choose from that can be told.
    """
    text = text[:_LONGEST]
    if not among or sum(map(str.isalpha, text)) < _SHORTEST:
        return "", 0.0
    tags = {tag.replace("_", "-").partition("-")[0].lower(): tag for tag in reversed(among)}
    try:
        automaton, columns = _model.of(frozenset(tags))
    except NoModel as error:  # a mail is delivered without its language, too
        logger.error("no language can be told: %s", error)
        return "", 0.0
    if not columns:
        return "", 0.0
    language, confidence = _classify(_octets(text), automaton, columns)
    return tags[language], confidence


def _octets(text: str) -> bytes:
    """The text as the model was made of texts."""
    return unicodedata.normalize("NFC", text.lower() if text.isupper() else text).encode("utf-8", "replace")


def _classify(text: bytes, automaton: Automaton, columns: Sequence[Column]) -> tuple[str, float]:
    met = Counter(automaton.walk(text))
    scores = _scores(met, columns) if met else [0.0] * len(columns)
    highest = max(scores)
    shares = defaultdict[str, float](float)
    for column, score in zip(columns, scores, strict=True):
        shares[column.label] += math.exp((score - highest) / math.sqrt(len(text)))
    language = max(shares, key=shares.__getitem__)
    return language, shares[language] / sum(shares.values())


def _scores(met: Counter[int], columns: Sequence[Column]) -> list[float]:
    counts = [math.log1p(count) for count in met.values()]
    if len(met) == 1:  # of which `itemgetter` makes no tuple
        ((feature, _),) = met.items()
        return [counts[0] * column.weights[feature] + column.prior for column in columns]
    pick = itemgetter(*met)
    return [sum(map(mul, counts, pick(column.weights)), column.prior) for column in columns]


class _Model:
    """What was read of the model so far; threads that need more at once wait for one of them to read it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._automaton: Automaton | None = None
        self._columns: dict[str, list[Column]] = {}
        self._failed: tuple[float, NoModel] | None = None

    def of(self, languages: frozenset[str]) -> tuple[Automaton, list[Column]]:
        """The automaton, and the columns of those languages that the model knows."""
        if self._automaton is None or not languages <= self._columns.keys():
            self._read(languages)
        assert self._automaton is not None
        return self._automaton, [column for each in sorted(languages) for column in self._columns[each]]

    def _read(self, languages: frozenset[str]) -> None:
        with self._lock:
            missing = languages - self._columns.keys()
            if self._automaton is not None and not missing:
                return
            if self._failed and time.monotonic() < self._failed[0]:
                raise NoModel(*self._failed[1].args)
            try:
                with unpacked() as source:
                    automaton = self._automaton or source.automaton()
                    read = source.columns(missing)
            except NoModel as error:
                self._failed = (time.monotonic() + PAUSE_SECONDS, error)
                raise
            for each in missing:
                self._columns[each] = [column for column in read if column.label == each]
            self._automaton = automaton


_model = _Model()
