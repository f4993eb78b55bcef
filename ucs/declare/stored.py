"""What the entries of a settings file name in the database, and what they leave as it is stored."""

import re
from typing import Any, TypeVar

from django.db import models

from sso import serverlist
from sso.models import SSOProvider
from ucs.declare.document import Entry

M = TypeVar("M", bound=models.Model)
TOKEN_URL = re.compile(r"^(https?://[^/]+/api/v1\.0/auth/token/)([^/?#]+)/?$")


def find(entry: Entry, key: str, model: type[M], field: str, name: str, remedy: str) -> M:
    """The object that the file names, or a sentence that says where it should be."""
    row = model._default_manager.filter(**{field: name}).first()
    if row is None:
        what = str(model._meta.verbose_name)
        raise entry.wrong(f"there is no {what} “{name}”: {remedy}.", key)
    return row


def named(entry: Entry, key: str, model: type[M]) -> M | None:
    """The object whose name stands at `key`, to be found under the section of that name; None for none."""
    name = entry.text(key)
    return find(entry, key, model, "name", name, f"add it under {key}s") if name else None


def existing(model: type[M], **lookup: Any) -> M:
    """The stored object, or a new one that has the lookup's values."""
    return model._default_manager.filter(**lookup).first() or model(**lookup)


def secret(entry: Entry, key: str, stored: str) -> str:
    """A secret of the file; an absent one keeps what is stored."""
    return entry.text(key) if key in entry.values else stored


def servers(entry: Entry, key: str, stored: str) -> str:
    """A list of servers as it is stored; an absent one keeps what is there."""
    return serverlist.in_lines(" ".join(entry.names(key))) if key in entry.values else stored


def password(entry: Entry, stored: str) -> str:
    """A password, where a token URL may name its provider instead of giving the id."""
    text = secret(entry, "password", stored)
    found = TOKEN_URL.match(text)
    if not found or found[2].isdigit():
        return text
    provider = find(entry, "password", SSOProvider, "name", found[2], "add it under sso_providers")
    return f"{found[1]}{provider.pk}"
