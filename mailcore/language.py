"""Which of the languages our people speak a text is written in."""

import copy
import importlib
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_loading = threading.Lock()
_SHORTEST = 12  # letters
_LONGEST = 800  # characters: more does not change the answer, only the time


def detect(text: str, among: Sequence[str]) -> tuple[str, float]:
    """Return the language tag out of ``among`` that fits best, and a confidence between 0 and 1.

    Args:
        text: what the customer wrote; cut the quoted part off before.
        among: language tags ("de", "pt-BR"); compared by their first part, the tag comes back as given.

    Returns:
        ("", 0.0) when there is too little text, or no language to choose from that can be told.
    """
    text = text[:_LONGEST]
    if sum(map(str.isalpha, text)) < _SHORTEST:
        return "", 0.0
    tags = {tag.replace("_", "-").partition("-")[0].lower(): tag for tag in reversed(among)}
    identifier = _identifier(frozenset(tags))
    if identifier is None:
        return "", 0.0
    language, confidence = identifier.classify(text)
    return tags[language], min(1.0, max(0.0, float(confidence)))


@lru_cache(maxsize=64)
def _identifier(languages: frozenset[str]) -> Any:
    """Return an identifier for these languages alone; None when none of them is known to the model."""
    known = languages & frozenset(_model().labels)
    if not known:
        return None
    identifier = copy.copy(_model())  # shares the tables: 1 s and 20 MB to load
    identifier.set_languages(sorted(known))
    return identifier


def _model() -> Any:
    """The model of all languages; threads that need it at once wait for one of them to load it."""
    with _loading:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> Any:
    # Not at the top: it brings numpy, 20 MB that processes which read no mail can do without.
    langid = importlib.import_module("py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
