"""What providers let a sender hand over, as data: provider_budgets.toml. Filled in, never enforced."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mailsenders.budget import FIELDS

DATA = Path(__file__).with_suffix(".toml")
FILLED = (*FIELDS, "recipients_per_message", "connections")


@dataclass(frozen=True, slots=True)
class ProviderBudget:
    """One provider; `figures` are by the names of the sender's fields."""

    name: str
    endings: tuple[str, ...]
    figures: dict[str, int]
    note: str


@lru_cache(maxsize=1)
def provider_budgets() -> tuple[ProviderBudget, ...]:
    """All that are known."""
    entries = tomllib.loads(DATA.read_text(encoding="utf-8"))["provider"]
    return tuple(
        ProviderBudget(
            name=each["name"],
            endings=tuple(each["endings"]),
            figures={name: each[name] for name in FILLED if name in each},
            note=each["note"],
        )
        for each in entries
    )


def budget_of(server_address: str) -> ProviderBudget | None:
    """The provider of this SMTP server; None when nothing is known of it."""
    host = server_address.lower().rstrip(".")
    return next(
        (each for each in provider_budgets() if any(_is_at(host, ending) for ending in each.endings)), None
    )


def _is_at(host: str, ending: str) -> bool:
    return host.endswith(ending) if ending.startswith(".") else host == ending
