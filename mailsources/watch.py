"""Waits on all IMAP mailboxes at once and makes a source due when its server says that something changed.

One thread looks after all sockets and never waits for one; a small crew connects. A mailbox is watched after
its first good look, so wrong settings are tried by the polls alone. Nothing is fetched here, and whatever is
missed is found by the next poll, which is seldom as long as a mailbox is waited on (see watched.py).

    (not watched) ──good look──▶ connecting ──▶ idle ──5 to 9 minutes──▶ renewing ──▶ idle
          ▲                          │            │                         └──no answer──▶ paused
          └──switched off, changed   │            └──line is gone──▶ paused ──▶ connecting
                                     └──no IDLE, or no connection left for us──▶ polled only
"""

import logging
import queue
import random
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.utils import timezone

from mailsources import looks
from mailsources import watched as waited_on
from mailsources.crew import Crew, Lane
from mailsources.descriptors import room
from mailsources.faults import FAULTS, MailboxError, answer
from mailsources.idling import Idling, NoIdle, begin
from mailsources.models import EmailSource
from mailsources.signin import hearing_of
from mailsources.tasks import look_soon
from mailsources.wanted import Wanted, Watched, sources, wanted
from sso import communication

logger = logging.getLogger(__name__)

READ_LIST_SECONDS = 30.0
RENEW_SECONDS = (5 * 60.0, 9 * 60.0)
ANSWER_SECONDS = 20.0
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 30 * 60.0
TICK_SECONDS = 1.0
HANDS = 12
"""Few: what each thread has allocated while it connected stays with the process."""

Tell = Callable[[list[int]], None]
Outcome = Idling | Exception


class Watch:
    """The process's work; `run` returns after `stop`, which may be called from a signal or another thread.

    :param tell: is told the sources worth looking at.
    """

    def __init__(self, tell: Tell = look_soon) -> None:
        self.tell = tell
        self._watched: dict[int, Watched] = {}
        self._accounts: Counter[Lane] = Counter()
        self._hints: set[int] = set()
        self._lost: set[int] = set()
        self._outcomes: queue.SimpleQueue[tuple[Watched, Outcome]] = queue.SimpleQueue()
        self._log: queue.SimpleQueue[communication.Entry] = queue.SimpleQueue()
        self._crew = Crew("watch", HANDS)
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._stopped = threading.Event()
        self._read_list_at = 0.0
        self._beat_at = 0.0
        self._look_over_at = 0.0

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
        if now >= self._look_over_at:
            self._look_over_at = now + TICK_SECONDS / 4  # not at each of many wake-ups
            self._look_over(now)
        for key, _ in self._selector.select(TICK_SECONDS / 4):
            if key.data is None:
                self._wake.recv(1024)
            else:
                self._listen(key.data)
        self._take_outcomes()
        self._send_hints()
        self._beat()

    def _read_list(self) -> None:
        """Begin with sources that have become good, end with those that are gone or changed."""
        self._read_list_at = time.monotonic() + READ_LIST_SECONDS
        found: dict[int, Wanted] = {}
        if not self._with_database(lambda: found.update(wanted())):
            return
        for watched in list(self._watched.values()):
            one = found.get(watched.wanted.source_id)
            if one is None or one.changed_at != watched.wanted.changed_at:
                self._forget(watched)
        for source_id, one in found.items():
            if source_id not in self._watched and one.is_good:
                if len(self._watched) >= room():
                    logger.warning(
                        "no room for more than %d mailboxes: raise the limit on open files", room()
                    )
                    break
                self._watched[source_id] = Watched(one)

    def _look_over(self, now: float) -> None:
        due = [one for one in self._watched.values() if one.is_due(now)]
        ready: list[Watched] = []
        for watched in due:
            if watched.line is not None:
                self._renew(watched, watched.line)
            elif self._accounts[watched.wanted.lane] < watched.wanted.lane.account_hands:
                self._accounts[watched.wanted.lane] += 1
                watched.busy = True
                ready.append(watched)
            else:
                watched.polled_only = True
                logger.info("source %s: its account bears no more connections", watched.wanted.source_id)
        if ready:
            self._connect(ready)

    def _connect(self, ready: list[Watched]) -> None:
        found: dict[int, EmailSource] = {}
        ids = [watched.wanted.source_id for watched in ready]
        self._with_database(lambda: found.update(sources(ids)))
        for watched in ready:
            source = found.get(watched.wanted.source_id)
            if source is None:  # gone meanwhile, or the database is away
                self._outcomes.put((watched, ConnectionError("its settings can't be read")))
                continue
            self._crew.do(partial(self._begin, watched, source), watched.wanted.lane)

    def _begin(self, watched: Watched, source: EmailSource) -> None:
        """In a thread of the crew."""
        hearing = hearing_of(source)
        try:
            self._outcomes.put((watched, begin(source, hearing)))
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the loop sorts it out
            self._outcomes.put((watched, error))
            self._log.put(looks.not_watched(source, hearing, error))
        else:
            self._log.put(looks.watched(source, hearing))
        self._wake_up()

    def _wake_up(self) -> None:
        with suppress(OSError):  # full: it is awake already; closed: it has ended
            self._waker.send(b"x")

    def _take_outcomes(self) -> None:
        while not self._outcomes.empty():
            watched, outcome = self._outcomes.get()
            watched.busy = False
            current = self._watched.get(watched.wanted.source_id) is watched
            if isinstance(outcome, Idling) and current:
                watched.line, watched.began_at = outcome, timezone.now()
                self._selector.register(outcome, selectors.EVENT_READ, watched)
                self._wait_on(watched)
                self._beat_at = 0.0
                continue
            self._accounts[watched.wanted.lane] -= 1
            if isinstance(outcome, Idling):
                outcome.close()
            elif current:
                self._pause(watched, outcome)

    def _wait_on(self, watched: Watched) -> None:
        watched.failures = 0
        watched.until = time.monotonic() + random.uniform(*RENEW_SECONDS)
        self._hints.add(watched.wanted.source_id)  # mail may have come while nobody listened

    def _renew(self, watched: Watched, line: Idling) -> None:
        """Begin it, or give up what has not answered."""
        try:
            if line.is_renewing:
                raise ConnectionError(f"no answer for {ANSWER_SECONDS:.0f} s")
            watched.until = time.monotonic() + ANSWER_SECONDS
            line.renew()
        except ConnectionError as error:
            self._line_is_gone(watched, error)

    def _listen(self, watched: Watched) -> None:
        line = watched.line
        if line is None:
            return
        was_renewing = line.is_renewing
        try:
            if line.news():
                self._hints.add(watched.wanted.source_id)
        except ConnectionError as error:
            self._line_is_gone(watched, error)
            return
        if was_renewing and not line.is_renewing:
            self._wait_on(watched)

    def _line_is_gone(self, watched: Watched, error: Exception) -> None:
        """It was in IDLE, and its server is gone."""
        self._log.put(looks.no_longer_watched(watched.wanted.source_id, watched.began_at, answer(error)))
        self._hang_up(watched)
        self._pause(watched, error)

    def _pause(self, watched: Watched, error: Exception) -> None:
        if isinstance(error, NoIdle):
            watched.polled_only = True
            logger.info("source %s: the server has no IDLE, it is polled only", watched.wanted.source_id)
            return
        if isinstance(error, MailboxError) and not error.retry:
            self._forget(watched)  # a poll will show it to the administrator; we come back after a good one
            self._hints.add(watched.wanted.source_id)
        watched.failures += 1
        pause = min(FIRST_PAUSE * 2 ** min(watched.failures - 1, 16), LONGEST_PAUSE) * random.uniform(0.5, 1)
        if isinstance(error, MailboxError):
            pause = max(pause, error.wait)
        watched.until = time.monotonic() + pause
        expected = isinstance(error, (MailboxError, *FAULTS))
        logger.log(
            logging.INFO if expected else logging.ERROR,
            "source %s: not watched for %.0f s: %s", watched.wanted.source_id, pause, answer(error),
            exc_info=None if expected else error,
        )  # fmt: skip

    def _send_hints(self) -> None:
        if self._hints and self._with_database(lambda: self.tell(sorted(self._hints))):
            self._hints.clear()

    def _beat(self) -> None:
        """Say what is waited on, and what no longer is, so that polls are seldom there and usual here."""
        if self._lost and self._with_database(lambda: waited_on.let_go(self._lost)):
            self._lost.clear()
        now = time.monotonic()
        if now < self._beat_at:
            return
        self._beat_at = now + waited_on.BEAT_SECONDS
        self._with_database(self._write_log)
        idle = [source_id for source_id, one in self._watched.items() if one.line is not None]
        if idle:
            self._with_database(lambda: waited_on.note(idle))

    def _write_log(self) -> None:
        found = []
        while not self._log.empty():
            found.append(self._log.get())
        communication.look_up()
        communication.write(found)

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
        self._watched.pop(watched.wanted.source_id)
        self._hang_up(watched)

    def _hang_up(self, watched: Watched) -> None:
        if watched.line is not None:
            self._selector.unregister(watched.line)
            watched.line.close()
            watched.line = None
            self._accounts[watched.wanted.lane] -= 1
            self._lost.add(watched.wanted.source_id)

    def _close(self) -> None:
        for watched in list(self._watched.values()):
            self._forget(watched)
        self._beat()
        self._selector.close()
        self._wake.close()
        self._waker.close()
        connection.close()
