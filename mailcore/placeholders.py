"""Texts with places to fill in, such as ``{{ agent.name }}``: names alone, no code, filled in once.

What is filled in is never read again, so a customer called ``{{ agent.email }}`` stays one. The result is
plain text; who makes HTML of it escapes it.
"""

import re
from collections.abc import Iterable, Mapping

_PLACE = re.compile(r"\{\{([^{}\n]{0,100})\}\}")
_STRAY = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")


class PlaceholderError(ValueError):
    """A text with a place that nothing is known for; the message says which and what may stand there."""


def check(text: str, known: Iterable[str]) -> None:
    """Refuse what can't be filled in.

    Raises:
        PlaceholderError: a name that isn't known, or braces that make no name.
    """
    names = sorted(known)
    choices = ", ".join(f"{{{{ {name} }}}}" for name in names)
    for match in _PLACE.finditer(text):
        if match[1].strip() not in names:
            raise PlaceholderError(f"“{match[0]}” is not known: there are {choices}.")
    stray = _STRAY.search(_PLACE.sub("", text))
    if stray:
        raise PlaceholderError(f"“{stray[0]}” stands alone: write a place like one of {choices}.")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill in; a line whose places are all empty, and that has nothing else in it, is left out.

    A name that isn't known, as an old text may have, counts as empty.
    """
    lines = []
    for line in text.split("\n"):
        filled = _PLACE.sub(lambda match: values.get(match[1].strip(), ""), line)
        if filled.strip(" ,;|·–-") or not _PLACE.search(line):
            lines.append(filled.rstrip() if filled != line else filled)
    return "\n".join(lines)
