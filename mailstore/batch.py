"""What a batch of mails shares: look-ups made once, rows written together.

Batches that follow one another in a series share what is set by administrators, for a moment.

Outside of a batch everything happens at once, so who calls `once` functions and `write` need not know.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from django.db import models

from mailstore.copying import copy_in, update_in

Answer = TypeVar("Answer")

MOMENT = 2.0
"""Seconds that a series believes what was set."""


@dataclass(slots=True)
class _Batch:
    answers: dict[Any, Any] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    rows: dict[tuple[type[models.Model], bool], list[models.Model]] = field(default_factory=dict)
    amended: dict[tuple[type[models.Model], tuple[str, ...]], dict[int, models.Model]] = field(
        default_factory=dict
    )


_current: ContextVar[_Batch | None] = ContextVar("batch", default=None)
_series: ContextVar[dict[Hashable, tuple[float, Any]] | None] = ContextVar("series", default=None)


@contextmanager
def series() -> Iterator[None]:
    """Begin a series of batches; around their transactions."""
    token = _series.set({})
    try:
        yield
    finally:
        _series.reset(token)


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
    _write(mine, list(mine.rows))
    _amend(mine)


def _amend(mine: _Batch) -> None:
    for (_, names), rows in mine.amended.items():
        update_in(list(rows.values()), names)
    mine.amended.clear()


def _write(mine: _Batch, kinds: Iterable[tuple[type[models.Model], bool]]) -> None:
    for model, ignore_conflicts in kinds:
        rows = mine.rows.pop((model, ignore_conflicts))
        if ignore_conflicts:
            model._default_manager.bulk_create(rows, ignore_conflicts=True)
        else:
            copy_in(rows)


def is_open() -> bool:
    """Whether this is inside of a batch."""
    return _current.get() is not None


def touch(*topics: str) -> None:
    """Say what the rows put off so far are about."""
    current = _current.get()
    if current is not None:
        current.touched.update(topics)


def flush(*topics: str) -> None:
    """Write now the rows with ids of their own, as somebody is about to read them.

    :param topics: only if something was put off about one of these; in any case when none is given.
    """
    current = _current.get()
    if current is None or (topics and current.touched.isdisjoint(topics)):
        return
    current.touched.clear()
    _write(current, [kind for kind, rows in current.rows.items() if rows[0].pk is not None])
    _amend(current)


def once(question: Callable[[], Answer]) -> Callable[[], Answer]:
    """Ask the database once in a batch, for what changes so seldom that a moment's delay is no harm."""

    @wraps(question)
    def ask() -> Answer:
        return standing(question, question)

    return ask


def standing(topic: Hashable, question: Callable[[], Answer]) -> Answer:
    """The same for a question about something, which `topic` names, too; nothing that rows will point to."""
    current = _current.get()
    if current is None:
        return question()
    if topic not in current.answers:
        current.answers[topic] = _lately(topic, question)
    answer: Answer = current.answers[topic]
    return answer


def _lately(topic: Hashable, question: Callable[[], Answer]) -> Answer:
    known = _series.get()
    if known is None:
        return question()
    at, answer = known.get(topic, (0.0, None))
    if topic not in known or time.monotonic() - at > MOMENT:
        answer = question()
        known[topic] = time.monotonic(), answer
    found: Answer = answer
    return found


def write(row: models.Model, *, ignore_conflicts: bool = False) -> None:
    """Write a new row that nobody reads or names before the end of the batch."""
    current = _current.get()
    if current is None:
        type(row)._default_manager.bulk_create([row], ignore_conflicts=ignore_conflicts)
    else:
        current.rows.setdefault((type(row), ignore_conflicts), []).append(row)


def write_now(row: models.Model) -> None:
    """Write a new row that the batch itself may read, behind those of its kind that were put off."""
    current = _current.get()
    write(row)
    if current is not None:
        _write(current, [kind for kind in current.rows if kind[0] is type(row)])


def amend(row: models.Model, fields: Sequence[str]) -> None:
    """Save these fields of a locked row, which nobody reads before the end of the batch."""
    current = _current.get()
    if current is None:
        row.save(update_fields=fields)
    else:
        current.amended.setdefault((type(row), tuple(fields)), {})[row.pk] = row


def note(topic: str, answer: object) -> None:
    """Remember something for the rest of the batch; nothing outside of one."""
    current = _current.get()
    if current is not None:
        current.answers[topic] = answer


def noted(topic: str) -> Any:
    """What was noted in this batch; None if nothing was, and outside of one."""
    current = _current.get()
    return None if current is None else current.answers.get(topic)
