"""Words by which mail servers refuse us, and what each one means: sso/causes/mailbox.toml, read once."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sso import causes
from sso.causes import Cause


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of refusal; see the file for the fields. `words` is None for what no answer tells."""

    code: str
    words: "re.Pattern[str] | None"
    ssl: bool | None
    sentence: str
    wait: float
    retry: bool
    cause: Cause
    samples: tuple[str, ...]


def find(text: str, *, ssl: bool = True) -> tuple[Refusal, float] | None:
    """What a server's words mean, and for how many seconds to stay away; None: nothing special.

    :param ssl: the connection is encrypted.
    """
    for refusal in known().values():
        if refusal.words is None or refusal.ssl not in (None, ssl):
            continue
        found = refusal.words.search(text)
        if found:
            return refusal, int(found["ms"]) / 1000 if "ms" in found.groupdict() else refusal.wait
    return None


@lru_cache(maxsize=1)
def known() -> dict[str, Refusal]:
    """All entries by name, in order."""
    return {name: _refusal(name, table) for name, table in causes.tables("mailbox").items()}


def _refusal(name: str, table: dict[str, Any]) -> Refusal:
    words = table.get("words")
    return Refusal(
        code=table.get("code", name),
        words=re.compile(words, re.IGNORECASE) if words else None,
        ssl=table.get("ssl"),
        sentence=table["sentence"],
        wait=table.get("wait", 0),
        retry=table.get("retry", True),
        cause=causes.cause_of(name, table),
        samples=tuple(table["samples"]),
    )
