"""The causes of trouble that are recognised, kept as data: what a server said, what it means, what to click.

    network.toml   names, ports, TLS
    mailbox.toml   IMAP and POP3 servers
    smtp.toml      SMTP servers
    policy.toml    what our own rows tell: a token for another account, another server, without the scope
    refusals.toml  OAuth 2.0 servers (beside sso/refusals.py)

Each file's head says what its entries hold. docs/causes.md is made of them (`manage.py causes`). They lie on
this floor because every floor above diagnoses with them.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILES = {
    "network": FOLDER / "network.toml",
    "mailbox": FOLDER / "mailbox.toml",
    "smtp": FOLDER / "smtp.toml",
    "policy": FOLDER / "policy.toml",
    "oauth": FOLDER.parent / "refusals.toml",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """What is to be done about a trouble, for the page and for programs; an unknown trouble has no name.

    :param name: its key in one of the files.
    :param field: the field of the object's form that is to be looked at; "provider.NAME" for one of the SSO
        provider's, "provider.key" for its 🔑.
    :param takes_time: what was changed at the provider works only after a while, and then without anything
        being changed or clicked here.
    """

    name: str = ""
    field: str = ""
    takes_time: bool = False

    def __bool__(self) -> bool:
        return bool(self.name)


UNKNOWN = Cause()


@lru_cache
def tables(name: str) -> dict[str, Any]:
    """One of FILES."""
    return tomllib.loads(FILES[name].read_text(encoding="utf-8"))


def cause_of(name: str, table: Mapping[str, Any]) -> Cause:
    """The part of an entry that all files have."""
    return Cause(name, table.get("field", ""), table.get("takes_time", False))


def named(name: str) -> Cause:
    """The cause of that name; UNKNOWN when no file has it."""
    return _all().get(name, UNKNOWN)


@lru_cache(maxsize=1)
def _all() -> dict[str, Cause]:
    entries = [*tables("network").items(), *tables("mailbox").items(), *tables("smtp")["meaning"].items()]
    entries += [*tables("oauth").items(), *tables("policy").items()]
    return {name: cause_of(name, table) for name, table in entries}


@lru_cache(maxsize=1)
def of_sign_in() -> frozenset[str]:
    """The causes that only 🔑 mends: a sign-in that has ended, or whose fresh token is refused too."""
    ended = {name for name, table in tables("oauth").items() if table["cure"] == "sign in"}
    return frozenset(ended | {"token", "not_signed_in", "scope_older"})
