"""Results that the database could not take: they are written as soon as it is back.

Without them each mailbox of a broken round would wait until its lease runs out.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0

Write = Callable[[], None]


class Owed:
    """Writes that are tried again and again by one thread, which lives only as long as there are some.

    A write that came too late for its lease does no harm, because its fence is too low; after the time of a
    lease it is forgotten.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: list[tuple[float, Write]] = []
        self._is_running = False

    def add(self, write: Write) -> None:
        """Have it written when the database is back."""
        with self._lock:
            self._writes.append((time.monotonic() + settings.LEASE, write))
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="owed", daemon=True).start()

    def __len__(self) -> int:
        return len(self._writes)

    def _run(self) -> None:
        while True:
            time.sleep(PAUSE_SECONDS)
            with self._lock:
                writes = list(self._writes)
            done = [one for one in writes if self._is_done(*one)]
            connection.close()
            with self._lock:
                self._writes = [one for one in self._writes if one not in done]
                if not self._writes:
                    self._is_running = False
                    return

    def _is_done(self, until: float, write: Write) -> bool:
        try:
            write()
        except DatabaseError as error:
            connection.close()
            if time.monotonic() < until:
                return False
            logger.warning("a result was given up, its lease is over: %s", error)
        except Exception:  # the edge of the thread: the others go on
            logger.exception("a result was not written")
        return True
