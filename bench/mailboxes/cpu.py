"""What work costs: CPU of this process, CPU of its database, wall clock, memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from django.db import connection


@dataclass(slots=True)
class Cost:
    """Seconds."""

    client: float = 0.0
    database: float = 0.0
    wall: float = 0.0

    def shown(self, count: int) -> str:
        """For a table: milliseconds for each of `count`, and how many a second."""
        client, database = 1000 * self.client / count, 1000 * self.database / count
        return f"{client:8.2f} {database:8.2f} {count / self.wall:10.0f}"


HEADING = f"{'':52}{'client':>8} {'database':>8} {'a second':>10}"


@contextmanager
def counted() -> Iterator[Cost]:
    """The cost of the body."""
    cost, server = Cost(), _database()
    client, database, wall = time.process_time(), _spent(server), time.perf_counter()
    yield cost
    cost.client = time.process_time() - client
    cost.database = _spent(server) - database
    cost.wall = time.perf_counter() - wall


def memory() -> float:
    """Megabytes that this process has in memory."""
    return psutil.Process().memory_info().rss / 1e6


def _database() -> psutil.Process:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    server = backend.parent()
    assert server
    return server


def _spent(server: psutil.Process) -> float:
    times = server.cpu_times()
    spent = float(times.user + times.system + times.children_user + times.children_system)
    for child in server.children():
        try:
            times = child.cpu_times()
        except psutil.Error:
            continue  # its time is among the server's children's now
        spent += float(times.user + times.system)
    return spent
