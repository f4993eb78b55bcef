"""How hard we may press a mail server: connections to one account, logins a second, talks at once.

The figures are data (hosts.toml) and count for one process. Those that poll and the one that waits in IDLE
know nothing of each other, so what an account allows is split between them beforehand.
"""

import threading
import time
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mailsources.crew import Lane

BURST_SECONDS = 0.2
"""After a rest so much of a second's logins may come at once."""

SHARES = 3
"""Of an account's connections: some are in use, some are kept for the next poll, some wait in IDLE."""

_DATA = Path(__file__).with_name("hosts.toml")


@dataclass(frozen=True, slots=True)
class Host:
    """What one mail server bears; see hosts.toml."""

    endings: tuple[str, ...]
    account: int
    logins: float
    hands: int
    checks_as: tuple[str, ...] = ()

    @property
    def share(self) -> int:
        """Connections to one account for each of the three; more than one is needed for several folders."""
        return max(self.account // SHARES, 1)


@lru_cache(maxsize=1)
def known() -> tuple[Host, ...]:
    """All entries; the first is for servers that nobody has described."""
    entries = tomllib.loads(_DATA.read_text(encoding="utf-8"))["host"]
    lists = ("endings", "checks_as")
    hosts = [Host(**(entry | {name: tuple(entry.get(name, ())) for name in lists})) for entry in entries]
    return tuple(sorted(hosts, key=lambda host: bool(host.endings)))


def host_of(server_address: str) -> Host:
    """The entry that counts for a server."""
    name = f".{server_address.lower().rstrip('.')}"
    return next((host for host in known() if host.endings and name.endswith(host.endings)), known()[0])


def lane_of(server_address: str, account: str, *, most: int = 1_000) -> Lane:
    """Where work at a mailbox stands in a row: with the others of its server and of its account.

    :param most: hands at one server, in a crew that has few.
    """
    host = host_of(server_address)
    return Lane(server_address.lower(), account.lower(), min(host.hands, most), host.share)


class Gate:
    """Lets logins pass at each server's pace, in the order in which they come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def wait(self, server_address: str) -> None:
        """Sleep until it is this login's turn."""
        pause = self.reserve(server_address, time.monotonic())
        if pause > 0:
            time.sleep(pause)

    def reserve(self, server_address: str, now: float) -> float:
        """Take the next free place, and return how many seconds it is away."""
        pace = 1 / host_of(server_address).logins
        name = server_address.lower()
        with self._lock:
            at = max(self._next.get(name, 0.0), now - BURST_SECONDS)
            self._next[name] = at + pace
        return max(at - now, 0.0)


gate = Gate()
