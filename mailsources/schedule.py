"""When a mailbox is looked at next: pure, so that it can be read and tested."""

from datetime import datetime, time, timedelta

JITTER = 0.1
"""Mailboxes that came back together from an outage drift apart."""

FIRST_PAUSE = 15.0
LONGEST_PAUSE = 30 * 60.0
FIRST_PAUSE_FOR_PEOPLE = 5 * 60.0
LONGEST_PAUSE_FOR_PEOPLE = 60 * 60.0
"""Only a person can mend it, and servers lock an account after many wrong passwords."""

NIGHT = timedelta(hours=5)
"""From midnight on; every mailbox has its own minute of it."""


def next_night(now: datetime, place: float) -> datetime:
    """The time in the coming night at which a mailbox is compared with the ledger.

    :param now: in the time zone whose nights count.
    :param place: 0 to 1, where in the night; the same each night for the same mailbox.
    """
    midnight = datetime.combine(now.date(), time(), tzinfo=now.tzinfo)
    return next(
        at for days in (0, 1) if (at := midnight + timedelta(days=days) + NIGHT * place) > now or days
    )


def after_success(now: datetime, interval: float, chance: float) -> datetime:
    """The next look after a good one.

    :param interval: seconds between two looks.
    :param chance: 0 to 1, spreads the looks by a tenth around the interval.
    """
    return now + timedelta(seconds=interval * (1 - JITTER + 2 * JITTER * chance))


def after_failure(now: datetime, failures: int, chance: float, *, retry: bool, wait: float = 0) -> datetime:
    """The next look after a bad one: later each time, never never.

    :param failures: in a row, this one included.
    :param retry: False when only a person can mend it.
    :param wait: seconds that the server asked for.
    """
    first = FIRST_PAUSE if retry else FIRST_PAUSE_FOR_PEOPLE
    longest = LONGEST_PAUSE if retry else LONGEST_PAUSE_FOR_PEOPLE
    pause = min(first * 2 ** min(max(failures, 1) - 1, 16), longest)
    return now + timedelta(seconds=max(pause * (1 + JITTER * chance), wait))
