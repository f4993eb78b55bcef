"""Connections that stay open between two polls, one for each mailbox, in this process only."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mailsources.descriptors import room

IDLE_SECONDS = 600
"""Servers hang up after half an hour (RFC 9051 5.4), some firewalls much earlier."""

Account = tuple[str, str]
"""A server and who signs in there."""

Line = TypeVar("Line")


@dataclass(slots=True)
class _Place(Generic[Line]):
    fingerprint: str
    line: Line
    account: Account
    since: float


class Kept(Generic[Line]):
    """A drawer of open connections. Taken out, a connection has one owner; it is put back, or dropped.

    :param hang_up: closes a connection that nobody will use any more; must not raise.
    :param limit: says how many are kept at most.
    """

    def __init__(self, hang_up: Callable[[Line], None], limit: Callable[[], int] = room) -> None:
        self._hang_up = hang_up
        self._limit = limit
        self._lock = threading.Lock()
        self._places: dict[int, _Place[Line]] = {}
        self._accounts: Counter[Account] = Counter()

    def take(self, key: int, fingerprint: str) -> Line | None:
        """The open connection of a mailbox, unless its settings have changed since."""
        with self._lock:
            place = self._pop(key)
        if place is None:
            return None
        if place.fingerprint == fingerprint and time.monotonic() - place.since < IDLE_SECONDS:
            return place.line
        self._hang_up(place.line)
        return None

    def put(self, key: int, fingerprint: str, line: Line, account: Account, share: int) -> None:
        """Keep a connection for the next poll.

        :param share: how many connections to this account are kept; one more is closed instead.
        """
        with self._lock:
            stale = [self._pop(key)]
            place = _Place(fingerprint, line, account, time.monotonic())
            if self._accounts[account] < share:
                self._places[key] = place
                self._accounts[account] += 1
            else:
                stale.append(place)
            stale += self._stale()
        for one in stale:
            if one is not None:
                self._hang_up(one.line)

    def clear(self) -> None:
        """Hang up everywhere."""
        with self._lock:
            places, self._places = list(self._places.values()), {}
            self._accounts.clear()
        for place in places:
            self._hang_up(place.line)

    def __len__(self) -> int:
        return len(self._places)

    def _pop(self, key: int) -> _Place[Line] | None:
        place = self._places.pop(key, None)
        if place is not None:
            self._accounts[place.account] -= 1
            if not self._accounts[place.account]:
                del self._accounts[place.account]
        return place

    def _stale(self) -> list[_Place[Line] | None]:
        # A dict keeps its order of insertion, so the first one has waited longest.
        stale = []
        before = time.monotonic() - IDLE_SECONDS
        while self._places:
            key, place = next(iter(self._places.items()))
            if place.since > before and len(self._places) <= self._limit():
                break
            stale.append(self._pop(key))
        return stale
