"""The exceptions from append-only, which the trigger of migration 0001 knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.db import connection


@contextmanager
def allowed(what: Literal["prune", "erase"]) -> Iterator[None]:
    """Let this transaction do it in here; call it inside of one."""
    _say(what)
    yield  # after an error the transaction is rolled back, and this with it
    _say("")


def _say(what: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ucs.audit', %s, true)", [what])
