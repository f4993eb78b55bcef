"""Threads that wait for mail servers, so that a slow server keeps nobody else waiting.

They are daemons: a worker that is told to stop need not wait for a server's time-out, because leases and
rows say what was left undone. Work at one server stands in lanes, so that a server that doesn't answer binds
some of the hands, never all.
"""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connections

Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Lane:
    """What work stands in a row for: a server, and an account there.

    :param host_hands: how many hands may be at this server at once.
    :param account_hands: how many of them at this account.
    """

    host: str = ""
    account: str = ""
    host_hands: int = 1_000_000
    account_hands: int = 1_000_000


EVERYBODY = Lane()


class Crew:
    """A pool of threads, started when the first work comes (so never before a fork).

    :param hands: how many servers are waited for at once.

    Work must not raise. A thread's database connection is closed after each piece of work: the crew is large,
    and most of its work needs none.
    """

    def __init__(self, name: str, hands: int) -> None:
        self.name = name
        self.hands = hands
        self._change = threading.Condition()
        self._waiting: OrderedDict[str, OrderedDict[Lane, deque[Work]]] = OrderedDict()
        self._at_host: Counter[str] = Counter()
        self._at_account: Counter[tuple[str, str]] = Counter()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._queued = 0

    def do(self, work: Work, lane: Lane = EVERYBODY) -> None:
        """Have it done as soon as a hand is free and the lane lets it pass."""
        with self._change:
            self._waiting.setdefault(lane.host, OrderedDict()).setdefault(lane, deque()).append(work)
            self._queued += 1
            if self._queued > self._idle and len(self._threads) < self.hands:
                thread = threading.Thread(
                    target=self._run, name=f"{self.name}-{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            else:
                self._change.notify()

    def _run(self) -> None:
        while True:
            work, lane = self._take()
            try:
                work()
            finally:
                connections.close_all()
                self._leave(lane)

    def _take(self) -> tuple[Work, Lane]:
        with self._change:
            self._idle += 1
            while (found := self._find()) is None:
                self._change.wait()
            self._idle -= 1
            return found

    def _find(self) -> tuple[Work, Lane] | None:
        """The next work whose lane is free; servers take turns, and so do accounts."""
        for host, lanes in self._waiting.items():
            for lane, works in lanes.items():
                if self._at_host[host] >= lane.host_hands:
                    break
                if self._at_account[host, lane.account] >= lane.account_hands:
                    continue
                work = works.popleft()
                self._take_turns(lane, lanes)
                self._queued -= 1
                self._at_host[host] += 1
                self._at_account[host, lane.account] += 1
                return work, lane
        return None

    def _take_turns(self, lane: Lane, lanes: OrderedDict[Lane, deque[Work]]) -> None:
        if lanes[lane]:
            lanes.move_to_end(lane)
        else:
            del lanes[lane]
        if lanes:
            self._waiting.move_to_end(lane.host)
        else:
            del self._waiting[lane.host]

    def _leave(self, lane: Lane) -> None:
        # Nobody is woken: what this makes possible the leaving hand finds itself.
        with self._change:
            self._at_host[lane.host] -= 1
            self._at_account[lane.host, lane.account] -= 1
            if not self._at_host[lane.host]:
                del self._at_host[lane.host]
            if not self._at_account[lane.host, lane.account]:
                del self._at_account[lane.host, lane.account]
