"""Refuse to start without the keys of what is stored: `migrate` and `up` ask here before anything runs."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

from sso.rotation import check_keys

REMEDY = (
    "Nothing is started, so that nothing is overwritten: put the old key behind the first one in "
    "UCS_ENCRYPTION_KEYS."
)


def complaints() -> list[str]:
    """What can't be read with the keys of this process, in sentences; empty before the first migration."""
    try:
        return check_keys()
    except DatabaseError:  # the tables, or some of their columns, are still to come
        return []


@register(Tags.database)
def check(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """As a system check, which `manage.py migrate` runs first."""
    return [Error(sentence, hint=REMEDY, id="ucs.E001") for sentence in complaints()] if databases else []
