"""The meaning of a provider's refusal: refusals.toml, read once."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from mailcore.clean import clean_text
from sso import causes
from sso.causes import Cause

LONGEST_DESCRIPTION = 300
NUMBER = re.compile(r"AADSTS\d{4,8}")
TELLING = (
    (re.compile(r"invalid_rapt|reauth related error", re.IGNORECASE), "invalid_rapt"),
    (re.compile(r"test user|verification process", re.IGNORECASE), "not_a_test_user"),
    (re.compile(r"account (has been )?(restricted|suspended)", re.IGNORECASE), "account_restricted"),
    (re.compile(r"account (has been |was )?(disabled|deleted)", re.IGNORECASE), "account_gone"),
)
"""Words of a description that are more exact than the error code beside them."""


class Cure(Enum):
    """Who can mend it."""

    SIGN_IN = "sign in"
    SETTINGS = "settings"
    WAIT = "wait"


@dataclass(frozen=True)
class Refusal:
    """An error of a provider with what to do put in words."""

    cure: Cure
    remedy: str
    cause: Cause = causes.UNKNOWN


UNKNOWN = Refusal(Cure.SETTINGS, "check the provider's settings, then click 🔑 again")


def refusal(error: str, description: str = "", *, of_code: bool = False) -> Refusal:
    """The meaning of an error, also of one that nobody has heard of.

    :param description: where Microsoft puts its number, and others a telling word.
    :param of_code: it is about the code of a callback, not about a refresh token.
    """
    for name in (*NUMBER.findall(description)[:1], *_telling(description)):
        if name in refusals():
            return refusals()[name]
    return refusals().get("code_expired" if of_code and error == "invalid_grant" else error, UNKNOWN)


@lru_cache(maxsize=1)
def refusals() -> dict[str, Refusal]:
    """All that are known, by error code or number."""
    return {
        name: Refusal(Cure(table["cure"]), table["remedy"], causes.cause_of(name, table))
        for name, table in causes.tables("oauth").items()
    }


def _telling(description: str) -> list[str]:
    return [name for pattern, name in TELLING if pattern.search(description)]


def quote(error: str, description: str) -> str:
    """The provider's own words, short and in one line, for the end of a sentence."""
    words = " ".join(clean_text(f"{error}: {description}" if description else error).split())
    return words[:LONGEST_DESCRIPTION]
