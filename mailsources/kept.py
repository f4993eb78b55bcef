"""Connections that stay open between two polls, one for each mailbox, in this process only."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

IDLE_SECONDS = 600
"""Servers hang up after half an hour (RFC 9051 5.4), some firewalls much earlier."""

LIMIT = 2000

Line = TypeVar("Line")


@dataclass(slots=True)
class _Place(Generic[Line]):
    fingerprint: str
    line: Line
    since: float


class Kept(Generic[Line]):
    """A drawer of open connections. Taken out, a connection has one owner; it is put back, or dropped.

    :param hang_up: closes a connection that nobody will use any more; must not raise.
    """

    def __init__(self, hang_up: Callable[[Line], None]) -> None:
        self._hang_up = hang_up
        self._lock = threading.Lock()
        self._places: dict[int, _Place[Line]] = {}

    def take(self, key: int, fingerprint: str) -> Line | None:
        """The open connection of a mailbox, unless its settings have changed since."""
        with self._lock:
            place = self._places.pop(key, None)
        if place is None:
            return None
        if place.fingerprint == fingerprint and time.monotonic() - place.since < IDLE_SECONDS:
            return place.line
        self._hang_up(place.line)
        return None

    def put(self, key: int, fingerprint: str, line: Line) -> None:
        """Keep a connection for the next poll."""
        with self._lock:
            old = self._places.pop(key, None)
            self._places[key] = _Place(fingerprint, line, time.monotonic())
            stale = [old] if old else []
            stale += self._stale()
        for place in stale:
            self._hang_up(place.line)

    def clear(self) -> None:
        """Hang up everywhere."""
        with self._lock:
            places, self._places = list(self._places.values()), {}
        for place in places:
            self._hang_up(place.line)

    def __len__(self) -> int:
        return len(self._places)

    def _stale(self) -> list[_Place[Line]]:
        # A dict keeps its order of insertion, so the first ones have waited longest.
        stale = []
        limit = time.monotonic() - IDLE_SECONDS
        for key, place in list(self._places.items()):
            if place.since > limit and len(self._places) <= LIMIT:
                break
            stale.append(self._places.pop(key))
        return stale
