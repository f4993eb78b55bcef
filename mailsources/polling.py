"""Looking at many mailboxes at once: each in a thread of its own, results written together.

The round waits a moment for its mailboxes and writes their results with one transaction; those that take
longer write their own result when they are ready, so a dead server delays nobody.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from mailsources import fetch, lease
from mailsources.crew import Crew
from mailsources.fetch import Told
from mailsources.lease import Fetched, Lease

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0

crew = Crew("mailbox", hands=48)

Again = Callable[[list[int]], object]


class Round:
    """One look at each of some mailboxes.

    :param told: is told rows that were stored, as in `fetch.run`.
    :param again: is told sources that are to be looked at again at once.
    """

    def __init__(self, leases: Sequence[Lease], told: Told, again: Again) -> None:
        self.leases = leases
        self.told = told
        self.again = again
        self._lock = threading.Lock()
        self._ready: list[tuple[Lease, Fetched]] = []
        self._pending = len(leases)
        self._all_ready = threading.Event()
        self._left = False

    def go(self, patience: float = PATIENCE_SECONDS) -> None:
        """Look, and write what is ready after `patience` seconds at the latest."""
        for held in self.leases:
            crew.do(partial(self._look, held))
        if self.leases:
            self._all_ready.wait(patience)
        with self._lock:
            self._left = True
            ready = self._ready
        self._finish(ready)

    def _look(self, held: Lease) -> None:
        fetched = fetch.run(held, self.told)
        with self._lock:
            late = self._left
            if not late:
                self._ready.append((held, fetched))
            self._pending -= 1
            if not self._pending:
                self._all_ready.set()
        if late:
            self._finish_late(held, fetched)

    def _finish_late(self, held: Lease, fetched: Fetched) -> None:
        try:
            self._finish([(held, fetched)])
        except Exception:  # the edge of this thread: the lease runs out by itself
            logger.exception("source %s: the result of a look was not written", held.source.pk)

    def _finish(self, ready: list[tuple[Lease, Fetched]]) -> None:
        if ready:
            at_once = lease.finish(ready)
            if at_once:
                self.again(at_once)
