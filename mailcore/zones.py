"""Time zones of calendars: by their IANA name, or else by the rules a calendar brings (RFC 5545 3.6.5).

Only what real calendars hold is read: for standard and for daylight time each an offset, and "the last Sunday
of October" as the rule. That is enough for an hour to be shown right, and needs no recurrence machine.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAME = re.compile(
    r"(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[\w+/-]+\Z"
)
_YEARS = range(1900, 2200)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"([+-]?\d)?(MO|TU|WE|TH|FR|SA|SU)\Z")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?\Z")


@dataclass(frozen=True, slots=True)
class Observance:
    """Standard or daylight time: from ``starts`` on, each year anew when ``month`` is given.

    ``week`` is 1 for the first ``weekday`` (Monday is 0) of the month, -1 for the last.
    """

    starts: datetime
    offset: timedelta
    month: int = 0
    week: int = 0
    weekday: int = 0

    def onset(self, year: int) -> datetime | None:
        """When it begins in a year, in local time; None when it does not."""
        if not self.month:
            return self.starts if self.starts.year <= year else None
        if year < self.starts.year:
            return None
        if not self.week:
            return self.starts.replace(year=year, month=self.month, day=min(self.starts.day, 28))
        if self.week > 0:
            first = self.starts.replace(year=year, month=self.month, day=1)
            return first + timedelta(days=(self.weekday - first.weekday()) % 7 + 7 * (self.week - 1))
        next_month = self.starts.replace(year=year + self.month // 12, month=self.month % 12 + 1, day=1)
        last = next_month - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - self.weekday) % 7 - 7 * (self.week + 1))


def observance(starts: datetime, offset: str, rule: dict[str, str]) -> Observance | None:
    """Return an observance read from DTSTART, TZOFFSETTO and RRULE; None when it makes no sense."""
    match = _OFFSET.match(offset.strip())
    if match is None:
        return None
    sign = -1 if match[1] == "-" else 1
    length = sign * timedelta(hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
    if abs(length) >= timedelta(hours=24):
        return None
    month, by_day = rule.get("BYMONTH", ""), _BY_DAY.match(rule.get("BYDAY", ""))
    if rule.get("FREQ") != "YEARLY" or rule.get("UNTIL"):
        return Observance(starts, length)
    number = int(month) if month.isdecimal() and 1 <= int(month) <= 12 else starts.month
    if by_day is None:
        return Observance(starts, length, number)
    return Observance(starts, length, number, int(by_day[1] or 1), _DAYS.index(by_day[2]))


def offset_at(local: datetime, observances: Sequence[Observance]) -> timedelta | None:
    """Return what is added to UTC at a local time: that of the latest observance begun; None without any."""
    begun: list[tuple[datetime, timedelta]] = []
    for each in observances if local.year in _YEARS else ():
        # It may have begun last year: the southern summer.
        for year in (local.year, local.year - 1):
            onset = each.onset(year)
            if onset is not None and onset <= local:
                begun.append((onset, each.offset))
                break
    if begun:
        return max(begun)[1]
    return min(observances, key=lambda each: each.starts).offset if observances else None


@lru_cache(maxsize=500)
def zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name, also at the end of a longer one ("/example.org/Europe/Prague")."""
    if name in ("UTC", "GMT", "Z", "Etc/UTC"):
        return UTC
    match = _NAME.search(name[-60:])
    if match is None:
        return None
    try:
        return ZoneInfo(match[0])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
