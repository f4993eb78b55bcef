"""Looking at many mailboxes at once: each in a thread of its own, results written together.

The round waits a moment for its mailboxes and writes their results with one transaction; those that take
longer write their own result when they are ready, so a dead server delays nobody. Mailboxes that found no
free hand in that time are given back, so that no lease runs out in a row of waiting ones.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from django.db import Error as DatabaseError

from mailsources import fetch, lease, looks
from mailsources.crew import Crew
from mailsources.fetch import Told
from mailsources.hosts import lane_of
from mailsources.lease import Fetched, Lease
from mailsources.owed import Owed

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0

crew = Crew("mailbox", hands=64)
owed = Owed()

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
        self._begun: set[int] = set()
        self._pending = len(leases)
        self._all_ready = threading.Event()
        self._left = False

    def go(self, patience: float = PATIENCE_SECONDS) -> None:
        """Look, and write what is ready after `patience` seconds at the latest."""
        for held in self.leases:
            source = held.source
            lane = lane_of(source.server_address, source.mailbox or source.username)
            crew.do(partial(self._look, held), lane)
        if self.leases:
            self._all_ready.wait(patience)
        with self._lock:
            self._left = True
            ready = self._ready
            waiting = [held for held in self.leases if held.source.pk not in self._begun]
        self._write(partial(self._finish, ready))
        if waiting:
            self._write(partial(lease.give_back, waiting))

    def _look(self, held: Lease) -> None:
        if not self._begins(held):
            return
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

    def _begins(self, held: Lease) -> bool:
        """Whether the mailbox is still ours; after the round has left it was given back."""
        with self._lock:
            if not self._left:
                self._begun.add(held.source.pk)
            return not self._left

    def _finish_late(self, held: Lease, fetched: Fetched) -> None:
        try:
            self._write(partial(self._finish, [(held, fetched)]))
        except Exception:  # the edge of this thread: the lease runs out by itself
            logger.exception("source %s: the result of a look was not written", held.source.pk)

    def _finish(self, ready: list[tuple[Lease, Fetched]]) -> None:
        if ready:
            at_once = lease.finish(ready)
            if at_once:
                self.again(at_once)
            looks.note(ready)

    def _write(self, write: Callable[[], None]) -> None:
        """Write now; or, when the database is away, as soon as it is back."""
        try:
            write()
        except DatabaseError as error:
            logger.warning("the result of a round is kept until the database is back: %s", error)
            owed.add(write)
