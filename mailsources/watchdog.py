"""A time limit for talks with servers: who goes on sending a little now and then outwits every time-out."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

LOOK_AROUND_SECONDS = 1.0

Cut = Callable[[], None]


class Watchdog:
    """One thread that cuts what has taken too long; it begins with the first limit, never before a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self._limits: dict[int, tuple[float, Cut]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def limit(self, seconds: float, cut: Cut) -> Iterator[None]:
        """Run the body; after `seconds` call `cut` from another thread, again and again until it ends."""
        number = next(self._numbers)
        with self._lock:
            self._limits[number] = (time.monotonic() + seconds, cut)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._limits[number]

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_AROUND_SECONDS)
            now = time.monotonic()
            with self._lock:
                late = [cut for until, cut in self._limits.values() if now > until]
            for cut in late:
                cut()
