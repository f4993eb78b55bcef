"""One transaction for one action: everything of it happens, or nothing.

Actions keep one order of locks, but mails come in batches, and a batch locks conversations as its mails come.
When both wait for each other, PostgreSQL undoes one of them; if that is an action, it is simply done again.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 3
DEADLOCK = "40P01"


def whole(act: Callable[P, R]) -> Callable[P, R]:
    """Run in a transaction; after a deadlock, which has undone everything, again.

    Inside another transaction only that one can be repeated, so it is left to whoever began it.
    """

    @wraps(act)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(TRIES - 1):
            try:
                with transaction.atomic():
                    return act(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not _is_deadlock(error):
                    raise
                logger.warning("%s met a deadlock and is done again", act.__qualname__)
        with transaction.atomic():
            return act(*args, **kwargs)

    return run


def _is_deadlock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "pgcode", None) == DEADLOCK
