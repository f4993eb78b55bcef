"""Reads `table.txt`: method, route, and the status that each role gets, in the order of `ROLES`."""

from pathlib import Path

PLACE = Path(__file__).with_name("table.txt")
Statuses = tuple[int, ...]


def read() -> dict[tuple[str, str], Statuses]:
    """The lines by method and route; 401 is also the way to the sign-in page."""
    found = {}
    for line in PLACE.read_text().splitlines():
        if line and not line.startswith("#"):
            asked, _, statuses = line.rpartition(" | ")
            method, _, route = asked.partition(" ")
            found[method, route.strip()] = tuple(map(int, statuses.split()))
    return found
