"""Card numbers in HTML, also with tags between their digits: found as they are read, masked in place."""

import re
from collections.abc import Iterator

from mailcore.cards import Card, find, mask, places
from mailcore.markup import CLEAN_TAG
from mailcore.text import BLOCKS

_TEXT = re.compile(r"&(?:lt|gt|quot|amp|nbsp|#x27);|[^&]|&")
_VALUE = re.compile(r'="([^"]*)"')
_BETWEEN = {"td": "\t", "th": "\t", "br": "\n"} | dict.fromkeys(BLOCKS, "\n")
_LETTERS = {"&nbsp;": " "}


def find_in_markup(html: str) -> list[Card]:
    """Return the cards in HTML that comes from ``sanitise``; their places are those in its text."""
    return find(_read(html)) + [card for tag in CLEAN_TAG.finditer(html) for card in _in_values(tag)]


def mask_markup(html: str) -> str:
    """Return HTML that comes from ``sanitise`` with its card numbers masked; tags stay as they are."""
    if not find_in_markup(html):
        return html
    text, at = _mapped(html)
    letters = list(html)
    for place in places(text, find(text)):
        letters[at[place]] = "*"
    return CLEAN_TAG.sub(
        lambda tag: _VALUE.sub(lambda value: f'="{mask(value[1])}"', tag[0]), "".join(letters)
    )


def _in_values(tag: re.Match[str]) -> Iterator[Card]:
    for value in _VALUE.finditer(tag[3]):
        yield from find(value[1])


def _read(html: str) -> str:
    """The text as it is read, without its places."""
    return CLEAN_TAG.sub(_between, html).replace("&nbsp;", " ")


def _between(tag: re.Match[str]) -> str:
    return _BETWEEN.get(tag[2], "")


def _mapped(html: str) -> tuple[str, list[int]]:
    """The same text, and where in the HTML each letter of it stands."""
    letters: list[str] = []
    at: list[int] = []

    def add(start: int, end: int) -> None:
        for each in _TEXT.finditer(html, start, end):
            letters.append(_LETTERS.get(each[0], each[0][0]))
            at.append(each.start())

    position = 0
    for tag in CLEAN_TAG.finditer(html):
        add(position, tag.start())
        between = _between(tag)
        letters += between
        at += [tag.start()] * len(between)
        position = tag.end()
    add(position, len(html))
    return "".join(letters), at
