"""Statements that the database plans once for a connection, as planning takes about as long as running them.

How long a line is differs by thousands, and the planner knows the mean alone: with bitmaps it would read all
of a long line to sort it, and a plan made while little waits must be right when much does. So it may only use
indexes, in their order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection, transaction

INDEXES_ALONE = (
    "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; "
    "SET LOCAL plan_cache_mode = force_generic_plan; "
)
PARAMETER = re.compile(r"%\((\w+)\)s")

_known: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""Connection → what it has prepared; a new connection has prepared nothing."""


@dataclass(frozen=True)
class Statement:
    """What is asked, with parameters such as `%(agent)s`, and their types in SQL."""

    topic: str
    text: str
    types: Mapping[str, str]

    @cached_property
    def _used(self) -> list[str]:
        return list(dict.fromkeys(PARAMETER.findall(self.text)))

    @cached_property
    def name(self) -> str:
        """Differs as soon as the text does."""
        return f"{self.topic}_{md5(self.text.encode(), usedforsecurity=False).hexdigest()[:8]}"

    @cached_property
    def prepare(self) -> str:
        """The statement that makes it known to a connection."""
        numbers = {name: f"${number}" for number, name in enumerate(self._used, 1)}
        text = PARAMETER.sub(lambda found: numbers[found[1]], self.text)
        return f"PREPARE {self.name} ({', '.join(self.types[name] for name in self._used)}) AS {text}"

    @cached_property
    def execute(self) -> str:
        """The statement that runs it, with the parameters by name."""
        return f"{INDEXES_ALONE}EXECUTE {self.name} ({', '.join(f'%({name})s' for name in self._used)})"


def rows(statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What the database answers; what is allowed to the planner holds until the transaction ends."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        known = _known.setdefault(connection.connection, set())
        if statement.name not in known:
            cursor.execute(statement.prepare)
            known.add(statement.name)
        cursor.execute(statement.execute, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
