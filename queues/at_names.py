"""“@alice” in a text: whose names stand there, and how they are shown. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from django.utils.safestring import SafeString, mark_safe

# A user name as Django takes them; one that goes on before the @ is an address.
NAME = re.compile(r"(?<![\w@.+-])@([\w.@+-]{1,150})")
AT_ITS_END = ".+-@"  # allowed in names, but rather the end of a sentence
_TAG = re.compile(r"(<[^>]*>)")

One = TypeVar("One")


def named(text: str, known: Mapping[str, One]) -> list[One]:
    """Those who are named in a text, each once.

    :param known: by user name in lower case.
    """
    found = (_known(match[1], known) for match in NAME.finditer(text))
    return [known[name] for name in dict.fromkeys(found) if name]


def _known(word: str, known: Collection[str]) -> str:
    """The name that the word is, but for the end of the sentence; "" for nobody's."""
    name = word.lower()
    while name not in known and name[-1:] and name[-1] in AT_ITS_END:
        name = name[:-1]
    return name if name in known else ""


def with_names(html: SafeString, names: Iterable[str]) -> SafeString:
    """Text that is HTML already, with the names of these people standing out; links stay as they are."""
    known = {name.lower() for name in names}
    if not known:
        return html
    depth, parts = 0, []
    for piece in _TAG.split(html):
        is_tag = piece.startswith("<")
        depth += is_tag * (piece.startswith("<a ") - piece.startswith("</a"))
        is_text = not is_tag and not depth
        parts.append(NAME.sub(lambda match: _shown(match, known), piece) if is_text else piece)
    return mark_safe("".join(parts))  # noqa: S308 - only our own tags are added


def _shown(match: re.Match[str], known: Collection[str]) -> str:
    name = _known(match[1], known)
    if not name:
        return match[0]
    end = 1 + len(name)
    return f'<span class="mention">{match[0][:end]}</span>{match[0][end:]}'
