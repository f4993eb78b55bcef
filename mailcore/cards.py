"""Payment card numbers in a text: told by issuer, length, check digit, grouping, and the words beside them.

A check digit alone is right for one number in ten, and shops and parcel services number with sixteen digits
as well. So a number must be grouped as people group one, must not go on at either end, and must not be called
an order, a parcel or an account right before.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailcore import card_words
from mailcore.card_issuers import LONGEST, SHORTEST, Issuer, issuer, may_begin

SHOWN = 4
"""Digits at the end that may be shown (PCI DSS 3.4 allows the first six, too)."""

_RUN = re.compile(r"\d+")
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]+")
_BLANK = re.compile(r"[^\S\n\t\v\f\r]{1,4}\Z")
_MARK = re.compile(r"[^\S\n\r]?([-\u2010-\u2015\u2212_./\u00b7*,:])[^\S\n\r]?\Z")
_CELL = re.compile(r"[^\S\n\r]*(?:[|;\t]|\r?\n(?:[^\S\n\r]*>)*)[^\S\n\r]*(?:\r?\n)?[^\S\n\r]*\Z")
_IS_AMOUNT = re.compile(r"(?:[+€$£]|\d[.,])\Z")
_LONGEST_GAP = 12
_WRAPPED = 60  # characters of a line that a mail program has broken

_GROUPINGS = frozenset(
    {
        (4, 4, 4, 4),
        (4, 6, 5),
        (4, 6, 4),
        (4, 4, 4, 4, 3),
        (4, 4, 4, 4, 2),
        (4, 4, 4, 4, 1),
        (4, 4, 5),
        (6, 13),
    }
    | {
        (4, 4, 4, 2),
        (4, 4, 4),
        (6, 10),
        (8, 8),
        (4, 12),
        (12, 4),
        (4, 8, 4),
        (4, 4, 8),
        (8, 4, 4),
        (4, 3, 3, 3),
    }
    | {(4, 5, 6), (4, 4, 4, 3), (6, 4, 6), (4, 5, 5), (6, 6, 4), (5, 5, 5), (5, 5, 6), (4, 7, 4)}
)


@dataclass(frozen=True, slots=True)
class Card:
    """A number at `text[start:end]`, with whatever stands between its groups."""

    start: int
    end: int
    issuer: str


@dataclass(frozen=True, slots=True)
class _Run:
    """Digits in a row, and what separates them from the run before: one character, "" for nothing."""

    start: int
    end: int
    digits: str
    gap: str

    @property
    def size(self) -> int:
        return len(self.digits)


def find(text: str) -> list[Card]:
    """Return the card numbers of a text, in order, none overlapping.

    Args:
        text: as people read it; table cells are parted by a tab, a bar or a line break.
    """
    found: list[Card] = []
    for chain in _chains(text):
        at = 0
        while at < len(chain):
            count = _longest(text, chain, at)
            if count:
                kind = _issuer(chain[at : at + count])
                assert kind is not None
                found.append(Card(chain[at].start, chain[at + count - 1].end, kind.name))
            at += count or 1
    return found


def mask(text: str) -> str:
    """Return the text with a star for each digit of a card but its last four, and of the codes after it."""
    return masked(text, find(text))


def masked(text: str, cards: Sequence[Card]) -> str:
    """Return the text with these cards masked; it stays as long as it is."""
    if not cards:
        return text
    letters = list(text)
    for place in places(text, cards):
        letters[place] = "*"
    return "".join(letters)


def places(text: str, cards: Sequence[Card]) -> Iterator[int]:
    """Where in the text the digits are that nobody may see."""
    for card in cards:
        digits = [place for place in range(card.start, card.end) if text[place].isdecimal()]
        yield from digits[:-SHOWN]
        for start, end in card_words.codes(text, card.end):
            yield from range(start, end)


def _chains(text: str) -> Iterator[list[_Run]]:
    """Runs of digits with nothing but a separator between them, together at least as long as a card."""
    chain: list[_Run] = []
    for each in _RUN.finditer(text):
        gap = _gap(text[chain[-1].end : each.start()]) if chain else None
        if gap is None and chain:
            yield from _long_enough(chain)
            chain = []
        digits = "".join(str(int(one)) for one in each[0]) if not each[0].isascii() else each[0]
        chain.append(_Run(each.start(), each.end(), digits, gap or ""))
    yield from _long_enough(chain)


def _long_enough(chain: list[_Run]) -> Iterator[list[_Run]]:
    if sum(run.size for run in chain) >= SHORTEST:
        yield chain


def _gap(between: str) -> str | None:
    """What separates two runs, as one character; None if they have nothing to do with each other."""
    if len(between) > _LONGEST_GAP:
        return None
    between = _HIDDEN.sub("", between)
    if not between:
        return ""
    if _BLANK.match(between):
        return " "
    mark = _MARK.match(between)
    if mark:
        return "-" if mark[1] in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212" else mark[1]
    return "\n" if _CELL.match(between) else None


def _longest(text: str, chain: Sequence[_Run], at: int) -> int:
    """How many runs from here on are a card; 0 if none are."""
    if not may_begin("".join(run.digits[:LONGEST] for run in chain[at : at + 6])):
        return 0
    best = size = 0
    for number in range(at, len(chain)):
        size += chain[number].size
        if size > LONGEST:
            break
        count = number - at + 1
        if size >= SHORTEST and _is_card(text, chain, at, count):
            best = count
    return best


def _issuer(runs: Sequence[_Run]) -> Issuer | None:
    return issuer("".join(run.digits for run in runs))


def _is_card(text: str, chain: Sequence[_Run], at: int, count: int) -> bool:
    runs = chain[at : at + count]
    kind = _issuer(runs) if _is_grouped(text, runs) else None
    if kind is None:
        return False
    start, end = runs[0].start, runs[-1].end
    before, after = text[max(0, start - card_words.BEFORE) : start], text[end : end + card_words.AFTER]
    if not _stands_alone(before, after):
        return False
    if card_words.names_other(before):
        return card_words.names_card("", after)
    if card_words.names_card(before, after):
        return True
    return not _goes_on(chain, at, count) and (kind.is_plain or (count > 1 and _is_usual(runs)))


def _is_grouped(text: str, runs: Sequence[_Run]) -> bool:
    """Whether people write a card like this: in one, in known groups, or in equal ones."""
    gaps = {run.gap for run in runs[1:]} - {""}
    if not gaps:
        return True
    sizes = tuple(run.size for run in runs)
    if gaps == {"\n"} and len(runs) == 2 and sizes not in _GROUPINGS:
        return _is_wrapped(text, runs[0])
    if len(gaps) > 1 and not (len(gaps) == 2 and "\n" in gaps):
        return False
    if gaps & {":", ","} and sizes not in _GROUPINGS:
        return False
    return _is_usual(runs)


def _is_usual(runs: Sequence[_Run]) -> bool:
    sizes = tuple(run.size for run in runs)
    return sizes in _GROUPINGS or (max(sizes) <= 3 and len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0])


def _is_wrapped(text: str, run: _Run) -> bool:
    """Whether the line that ends with the run is so long that a program may have broken it."""
    return run.end - text.rfind("\n", 0, run.end) > _WRAPPED


def _stands_alone(before: str, after: str) -> bool:
    """Whether neither letters nor decimals hang on the number."""
    if before[-1:].isalpha() and not card_words.is_glued_to_card(before):
        return False
    if _IS_AMOUNT.search(before):
        return False
    return not after[:1].isalpha() or card_words.begins_with_code(after)


def _goes_on(chain: Sequence[_Run], at: int, count: int) -> bool:
    """Whether the groups are a part of a longer number: more of their size follow or go before."""
    first, last = chain[at], chain[at + count - 1]
    gap = chain[at + 1].gap if count > 1 else None
    if at and first.gap and (gap is None or first.gap == gap) and first.gap != "\n":
        return True
    if at + count == len(chain):
        return False
    follower = chain[at + count]
    if gap is None or follower.gap != gap or gap == "\n":
        return gap is None and follower.gap in ("-", "/", ".") and follower.size > SHOWN
    return follower.size >= last.size and not _is_expiry(follower.digits)


def _is_expiry(digits: str) -> bool:
    """Whether this is a month and a year, as on a card: 0527."""
    return len(digits) == 4 and "01" <= digits[:2] <= "12"
