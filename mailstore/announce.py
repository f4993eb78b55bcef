"""Tell a worker that a row is due, after the commit, and never fail on it.

The row is the truth: a sweeper finds what nobody was told about. So Redis being away costs a request a
second at most, and its work some delay.
"""

import logging
import time
from typing import Any

from celery import Signature, Task
from django.db import transaction
from kombu.exceptions import OperationalError
from prometheus_client import Counter

logger = logging.getLogger(__name__)

LOST = Counter("ucs_announcements_lost", "Tasks not handed over because Redis was away.")
PAUSE_SECONDS = 5.0


class _Pause:
    """After a failure nobody tries for a moment, or ten announcements would wait ten times."""

    until = 0.0


def announce(task: "Task[..., Any] | Signature[Any]", **kwargs: object) -> None:
    """Start a task when the open transaction has committed, or at once outside of one.

    Arguments are ids and plain values, never a secret or a body: they lie in Redis in clear.

    :param task: the task, or its signature where importing its module would make a circle.
    """
    transaction.on_commit(lambda: publish(task, kwargs), robust=True)


def publish(task: "Task[..., Any] | Signature[Any]", kwargs: dict[str, object]) -> None:
    """Hand a task over now; Redis being away is logged and counted."""
    if time.monotonic() < _Pause.until:
        LOST.inc()
        return
    try:
        task.apply_async(kwargs=kwargs)
    except (OperationalError, OSError) as error:
        _Pause.until = time.monotonic() + PAUSE_SECONDS
        LOST.inc()
        logger.warning("Redis can't be reached, %s will be found by the sweeper: %s", task.name, error)
