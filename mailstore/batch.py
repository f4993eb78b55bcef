"""What a batch of mails shares: look-ups made once, rows written together.

Outside of a batch everything happens at once, so who calls `once` functions and `write` need not know.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from django.db import models

Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Batch:
    answers: dict[Any, Any] = field(default_factory=dict)
    rows: dict[tuple[type[models.Model], bool], list[models.Model]] = field(default_factory=dict)


_current: ContextVar[_Batch | None] = ContextVar("batch", default=None)


@contextmanager
def batch() -> Iterator[None]:
    """Begin a batch; it belongs inside a transaction, and lasts no longer than that.

    What was put off is written at the end, or never if the batch fails.
    """
    mine = _Batch()
    token = _current.set(mine)
    try:
        yield
    finally:
        _current.reset(token)
    for (model, ignore_conflicts), rows in mine.rows.items():
        model._default_manager.bulk_create(rows, ignore_conflicts=ignore_conflicts)


def once(question: Callable[[], Answer]) -> Callable[[], Answer]:
    """Ask the database once in a batch, for what changes so seldom that a moment's delay is no harm."""

    @wraps(question)
    def ask() -> Answer:
        current = _current.get()
        if current is None:
            return question()
        if question not in current.answers:
            current.answers[question] = question()
        answer: Answer = current.answers[question]
        return answer

    return ask


def write(row: models.Model, *, ignore_conflicts: bool = False) -> None:
    """Write a new row that nobody reads or names before the end of the batch."""
    current = _current.get()
    if current is None:
        type(row)._default_manager.bulk_create([row], ignore_conflicts=ignore_conflicts)
    else:
        current.rows.setdefault((type(row), ignore_conflicts), []).append(row)


def note(topic: str, answer: object) -> None:
    """Remember something for the rest of the batch; nothing outside of one."""
    current = _current.get()
    if current is not None:
        current.answers[topic] = answer


def noted(topic: str) -> Any:
    """What was noted in this batch; None if nothing was, and outside of one."""
    current = _current.get()
    return None if current is None else current.answers.get(topic)
