"""A moment in a sentence that is stored: in UTC, and saying so, as nobody knows where it will be read.

A page tells it again in the zone of its reader (`agents/retelling.py`); as it stands, it is true everywhere.
"""

import re
from datetime import UTC, datetime

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
MOMENT = re.compile(rf"\b(\d\d) ({'|'.join(MONTHS)}) (\d{{4}}) (\d\d):(\d\d) UTC\b")


def written(at: datetime) -> str:
    """Such as “23 Nov 2026 14:00 UTC”.

    :param at: with its zone.
    """
    at = at.astimezone(UTC)
    return f"{at.day:02} {MONTHS[at.month - 1]} {at.year:04} {at:%H:%M} UTC"


def read(found: re.Match[str]) -> datetime | None:
    """The moment that `MOMENT` found; None for a day that no calendar has."""
    day, month, year, hour, minute = found.groups()
    try:
        return datetime(int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), tzinfo=UTC)
    except ValueError:
        return None
