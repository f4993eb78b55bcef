"""Whose payment card a number may be: the ranges that issuers number their cards from (ISO/IEC 7812).

`is_plain` ranges are believed as sixteen digits in a row. The others are shared with what shops, parcel
services and shelves number (EAN-13 begins with 4, too), so such a number is a card only when it is grouped
like one or a word beside it says so.
"""

from bisect import bisect_right
from dataclasses import dataclass

SHORTEST, LONGEST = 12, 19

_PREFIX = 6


@dataclass(frozen=True, slots=True)
class Issuer:
    """Cards with numbers that begin with `low` to `high`, and have so many digits."""

    name: str
    low: int
    high: int
    lengths: frozenset[int]
    is_plain: bool


def _range(name: str, span: str, lengths: str, *, is_plain: bool = True) -> Issuer:
    """`span` is "34" or "3528-3589", `lengths` is "16" or "16-19"."""
    low, _, high = span.partition("-")
    least, _, most = lengths.partition("-")
    return Issuer(
        name=name,
        low=int(low.ljust(_PREFIX, "0")),
        high=int((high or low).ljust(_PREFIX, "9")),
        lengths=frozenset(range(int(least), int(most or least) + 1)),
        is_plain=is_plain,
    )


_ISSUERS = (
    _range("Visa", "4", "16"),
    _range("Visa", "4", "19"),
    _range("Visa", "4", "13", is_plain=False),
    _range("Mastercard", "51-55", "16"),
    _range("Mastercard", "2221-2720", "16"),
    _range("American Express", "34", "15"),
    _range("American Express", "37", "15"),
    _range("Discover", "6011", "16-19"),
    _range("Discover", "644-649", "16-19"),
    _range("Discover", "65", "16-19"),
    _range("Diners Club", "300-305", "14-19", is_plain=False),
    _range("Diners Club", "3095", "14-19", is_plain=False),
    _range("Diners Club", "36", "14-19", is_plain=False),
    _range("Diners Club", "38-39", "14-19", is_plain=False),
    _range("JCB", "3528-3589", "16-19"),
    _range("UnionPay", "62", "16-19"),
    _range("UnionPay", "81", "16-19", is_plain=False),
    _range("Mir", "2200-2204", "16-19"),
    _range("Troy", "9792", "16"),
    _range("RuPay", "60", "16", is_plain=False),
    _range("RuPay", "82", "16", is_plain=False),
    _range("Maestro", "50", "12-19", is_plain=False),
    _range("Maestro", "56-59", "12-19", is_plain=False),
    _range("Maestro", "61", "12-19", is_plain=False),
    _range("Maestro", "63", "12-19", is_plain=False),
    _range("Maestro", "66-69", "12-19", is_plain=False),
)


def _steps() -> tuple[list[int], list[tuple[Issuer, ...]]]:
    """The prefixes at which the possible issuers change, and who is possible from there on."""
    edges = sorted({each.low for each in _ISSUERS} | {each.high + 1 for each in _ISSUERS})
    return edges, [tuple(each for each in _ISSUERS if each.low <= edge <= each.high) for edge in edges]


_EDGES, _FROM_EDGE = _steps()


def may_begin(digits: str) -> bool:
    """Whether any issuer's numbers begin like this; six digits tell."""
    return bool(_possible(digits))


def issuer(digits: str) -> Issuer | None:
    """Return whose card this could be, by range, length and check digit; a plain range before another.

    Args:
        digits: ASCII digits only.
    """
    possible = [each for each in _possible(digits) if len(digits) in each.lengths]
    if not possible or not is_checked(digits):
        return None
    return next((each for each in possible if each.is_plain), possible[0])


def _possible(digits: str) -> tuple[Issuer, ...]:
    step = bisect_right(_EDGES, int(digits[:_PREFIX])) - 1
    return _FROM_EDGE[step] if step >= 0 else ()


_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_checked(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1 annex B, "Luhn")."""
    numbers = [ord(each) - 48 for each in digits]
    return (sum(numbers[-1::-2]) + sum(_DOUBLED[each] for each in numbers[-2::-2])) % 10 == 0
