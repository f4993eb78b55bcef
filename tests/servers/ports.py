"""Free ports on loopback, and waiting until somebody answers on one."""

import itertools
import os
import secrets
import socket
import time
from collections.abc import Iterator

HOST = "127.0.0.1"
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
OURS = range(12_000 + 2_250 * WORKER, 12_000 + 2_250 * (WORKER + 1))
"""Of this worker alone; below those that the kernel gives to who asks for any port: one that was let go stays
free for seconds."""

_following: Iterator[int] = itertools.islice(itertools.cycle(OURS), secrets.randbelow(len(OURS)), None)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each given once: a process that starts may take it later."""
    return list(itertools.islice(filter(_is_free, _following), count))


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Somebody listens on this port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_for(port: int, *, seconds: float = 10) -> None:
    """Wait until somebody listens on the port. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not answers(port):
        if time.monotonic() > end:
            raise TimeoutError(f"nobody listens on port {port} after {seconds} seconds")
        time.sleep(0.01)
