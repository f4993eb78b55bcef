"""Threads that wait for mail servers, so that a slow server keeps nobody else waiting.

They are daemons: a worker that is told to stop need not wait for a server's time-out, because leases and
rows say what was left undone.
"""

import queue
import threading
from collections.abc import Callable

from django.db import connections

Work = Callable[[], None]


class Crew:
    """A pool of threads, started when the first work comes (so never before a fork).

    :param hands: how many servers are waited for at once.

    Work must not raise. A thread's database connection is closed after each piece of work: the crew is large,
    and most of its work needs none.
    """

    def __init__(self, name: str, hands: int) -> None:
        self.name = name
        self.hands = hands
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0

    def do(self, work: Work) -> None:
        """Have it done as soon as a hand is free."""
        with self._lock:
            self._work.put(work)
            if self._idle > 0:
                self._idle -= 1
            elif len(self._threads) < self.hands:
                thread = threading.Thread(
                    target=self._run, name=f"{self.name}-{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _run(self) -> None:
        while True:
            work = self._work.get()
            try:
                work()
            finally:
                connections.close_all()
                with self._lock:
                    self._idle += 1
