"""Free ports on loopback, and waiting until somebody answers on one."""

import socket
import time

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on: all bound at once, so that they differ, then let go."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


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
