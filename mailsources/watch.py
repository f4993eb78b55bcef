"""Waits on all IMAP mailboxes at once and makes a source due when its server says that something changed.

One thread looks after all sockets; a small crew does what can take long: connecting and renewing. A mailbox
is watched after its first good look, so wrong settings are tried by the polls alone. Nothing is fetched here,
and whatever is missed is found by the next poll.

    (not watched) ──good look──▶ connecting ──▶ idle ──9 minutes──▶ renewing ──▶ idle
          ▲                          │            └──line is gone──▶ paused ──▶ connecting
          └──switched off, changed   └──no IDLE──▶ polled only
"""

import logging
import queue
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection

from mailsources.crew import Crew
from mailsources.faults import FAULTS, MailboxError, answer
from mailsources.idling import Idling, NoIdle, begin, renew
from mailsources.models import EmailSource
from mailsources.tasks import look_soon

logger = logging.getLogger(__name__)

READ_LIST_SECONDS = 30.0
RENEW_SECONDS = 9 * 60.0
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 30 * 60.0
TICK_SECONDS = 1.0
HANDS = 16

Tell = Callable[[list[int]], None]
Outcome = Idling | Exception


@dataclass(slots=True)
class Watched:
    """One mailbox. `line` is None unless it is idle; `until` is when something is to be done about it."""

    source: EmailSource
    line: Idling | None = None
    busy: bool = False
    polled_only: bool = False
    failures: int = 0
    until: float = 0.0

    def is_due(self, now: float) -> bool:
        return not self.busy and not self.polled_only and now >= self.until


class Watch:
    """The process's work; `run` returns after `stop`, which may be called from a signal or another thread.

    :param tell: is told the sources worth looking at.
    """

    def __init__(self, tell: Tell = look_soon) -> None:
        self.tell = tell
        self._watched: dict[int, Watched] = {}
        self._hints: set[int] = set()
        self._outcomes: queue.SimpleQueue[tuple[Watched, Outcome]] = queue.SimpleQueue()
        self._crew = Crew("watch", HANDS)
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._stopped = threading.Event()
        self._read_list_at = 0.0

    def run(self) -> None:
        """Watch until told to stop."""
        self._waker.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        try:
            while not self._stopped.is_set():
                self._turn()
        finally:
            self._close()

    def stop(self) -> None:
        """End `run` at once."""
        self._stopped.set()
        self._wake_up()

    @property
    def idle_count(self) -> int:
        """How many mailboxes are waited on now."""
        return sum(one.line is not None for one in self._watched.values())

    def _turn(self) -> None:
        now = time.monotonic()
        if now >= self._read_list_at:
            self._read_list()
        for watched in self._watched.values():
            if watched.is_due(now):
                self._put_to_work(watched)
        for key, _ in self._selector.select(TICK_SECONDS):
            if key.data is None:
                self._wake.recv(1024)
            else:
                self._listen(key.data)
        self._take_outcomes()
        self._send_hints()

    def _read_list(self) -> None:
        """Begin with sources that have become good, end with those that are gone or changed."""
        self._read_list_at = time.monotonic() + READ_LIST_SECONDS
        sources: dict[int, EmailSource] = {}
        if not self._with_database(lambda: sources.update(wanted())):
            return
        for watched in list(self._watched.values()):
            source = sources.get(watched.source.pk)
            if source is None or source.changed_at != watched.source.changed_at:
                self._forget(watched)
        for source_id, source in sources.items():
            if (
                source_id not in self._watched
                and not source.state.is_failing
                and source.state.last_success_at
            ):
                self._watched[source_id] = Watched(source)

    def _put_to_work(self, watched: Watched) -> None:
        watched.busy = True
        work: Callable[[], Idling] = partial(begin, watched.source)
        if watched.line:
            self._selector.unregister(watched.line)
            work, watched.line = partial(renew, watched.line), None
        self._crew.do(partial(self._work, watched, work))

    def _work(self, watched: Watched, work: Callable[[], Idling]) -> None:
        """In a thread of the crew."""
        try:
            self._outcomes.put((watched, work()))
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the loop sorts it out
            self._outcomes.put((watched, error))
        self._wake_up()

    def _wake_up(self) -> None:
        with suppress(OSError):  # full: it is awake already; closed: it has ended
            self._waker.send(b"x")

    def _take_outcomes(self) -> None:
        while not self._outcomes.empty():
            watched, outcome = self._outcomes.get()
            watched.busy = False
            current = self._watched.get(watched.source.pk) is watched
            if isinstance(outcome, Idling):
                if current:
                    self._wait_on(watched, outcome)
                else:
                    outcome.close()
            elif current:
                self._pause(watched, outcome)

    def _wait_on(self, watched: Watched, line: Idling) -> None:
        watched.line, watched.failures = line, 0
        watched.until = time.monotonic() + RENEW_SECONDS
        self._selector.register(line, selectors.EVENT_READ, watched)
        self._hints.add(watched.source.pk)  # mail may have come while nobody listened

    def _listen(self, watched: Watched) -> None:
        line = watched.line
        if line is None:
            return
        try:
            if line.news():
                self._hints.add(watched.source.pk)
        except ConnectionError as error:
            self._selector.unregister(line)
            line.close()
            watched.line = None
            self._pause(watched, error)

    def _pause(self, watched: Watched, error: Exception) -> None:
        if isinstance(error, NoIdle):
            watched.polled_only = True
            logger.info("source %s: the server has no IDLE, it is polled only", watched.source.pk)
            return
        watched.failures += 1
        pause = min(FIRST_PAUSE * 2 ** min(watched.failures - 1, 16), LONGEST_PAUSE)
        watched.until = time.monotonic() + pause * random.uniform(0.5, 1)
        expected = isinstance(error, (MailboxError, *FAULTS))
        logger.log(
            logging.INFO if expected else logging.ERROR,
            "source %s: not watched for %.0f s: %s", watched.source.pk, pause, answer(error),
            exc_info=None if expected else error,
        )  # fmt: skip

    def _send_hints(self) -> None:
        if self._hints and self._with_database(lambda: self.tell(sorted(self._hints))):
            self._hints.clear()

    def _with_database(self, work: Callable[[], None]) -> bool:
        """Do it; False when the database is away, then it is tried again later."""
        close_old_connections()
        try:
            work()
        except DatabaseError as error:
            logger.warning("the database can't be asked, trying again: %s", answer(error))
            return False
        return True

    def _forget(self, watched: Watched) -> None:
        self._watched.pop(watched.source.pk)
        if watched.line:
            self._selector.unregister(watched.line)
            watched.line.close()

    def _close(self) -> None:
        for watched in list(self._watched.values()):
            self._forget(watched)
        self._selector.close()
        self._wake.close()
        self._waker.close()
        connection.close()


def wanted() -> dict[int, EmailSource]:
    """Active IMAP sources with their state."""
    found = EmailSource.objects.filter(is_active=True, server_type=EmailSource.ServerType.IMAP)
    return {source.pk: source for source in found.select_related("state")}
