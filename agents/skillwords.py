"""Skills of three kinds as pairs of name and level, and in words. Pure.

    level    1 to 5: how well somebody does it; at least so well is demanded
    yes/no   somebody has it or hasn't: a right, a certificate
    choice   somebody has some of its choices, and one of them is demanded: which products, which country

What one has or hasn't counts as `HAS`, above all levels: routing compares all three by one rule, and how
well somebody fits never depends on it. A choice is a skill of its own, “product/red”, below “product”, which
nobody has or demands by itself.

Outside (API, settings file) these are true, and a choice may be written below its skill:
{"billing": 3, "certified": true, "product": "red"}.
"""

from collections.abc import Iterable, Mapping
from typing import Any

TOP_LEVEL = 5
HAS = TOP_LEVEL + 1
"""The level of what one has or hasn't."""

BELOW = "/"
"""Between a skill and its choice; no name of a skill has it."""


def is_firm(level: int) -> bool:
    """Whether it is had or not: no wait rule lowers it, but one that names it."""
    return level > TOP_LEVEL


def shown(name: str) -> str:
    """The name for people, such as “product: red”."""
    return name.replace(BELOW, ": ", 1)


def demand_words(name: str, level: int) -> str:
    """What is demanded: “billing ≥ 2”, “certified”, “product: red”."""
    return shown(name) if is_firm(level) else f"{name} ≥ {level}"


def level_words(name: str, level: int) -> str:
    """What somebody can: “billing 3”, “certified”, “product: red”."""
    return shown(name) if is_firm(level) else f"{name} {level}"


def eased(demanded: int, enough: int) -> int:
    """What is left of a demand where a wait rule says what is enough; what one has or hasn't, or nothing."""
    return demanded if is_firm(demanded) and enough else min(demanded, enough)


def outside(pairs: Iterable[tuple[str, int]]) -> dict[str, int | bool]:
    """Names and levels for programs: what is firm is true."""
    return {name: True if is_firm(level) else level for name, level in pairs}


def spread(given: Mapping[str, Any]) -> dict[str, Any]:
    """What programs and files give, as names and levels: true is HAS, false nothing, a text names a choice.

    What is neither stays as it is: whoever reads it refuses it.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, bool):
            found |= {name: HAS} if value else {}
        elif isinstance(value, str):
            found[f"{name}{BELOW}{value}"] = HAS
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            found |= {f"{name}{BELOW}{each}": HAS for each in value}
        else:
            found[name] = value
    return found
