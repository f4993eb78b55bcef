"""The last 14 days of a mailbox, in and out: how much, how slow, what failed; figures for the picture.

Mail that was in the mailbox before us is left out: it says nothing of the days.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection
from django.utils import timezone

from mailsources.models import EmailSource

DAYS = 14

CAME_IN = """
SELECT (fetched_at AT TIME ZONE %(zone)s)::date,
       count(*) FILTER (WHERE state <> 'skipped'),
       count(*) FILTER (WHERE state = 'failed'),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY
           greatest(extract(epoch FROM delivered_at - received_at), 0))
           FILTER (WHERE delivered_at IS NOT NULL AND received_at IS NOT NULL)
FROM mailsources_fetchedmail
WHERE source_id = %(source)s AND coalesce(received_at, fetched_at) >= %(begin)s AND fetched_at >= %(begin)s
      AND NOT is_history
GROUP BY 1
"""
"""The first condition is the one that has an index (fetched_came)."""

WENT_OUT = """
SELECT day, sum(good), sum(bad), max(wait) FROM (
    SELECT (sent_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS good, 0 AS bad,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY
               greatest(extract(epoch FROM sent_at - created_at), 0)) AS wait
    FROM mailsenders_outgoingmail
    WHERE sender_id = %(sender)s AND sent_at >= %(begin)s
    GROUP BY 1
    UNION ALL
    SELECT (created_at AT TIME ZONE %(zone)s)::date, 0, count(*), NULL
    FROM mailsenders_outgoingmail
    WHERE sender_id = %(sender)s AND state IN ('failed', 'uncertain') AND created_at >= %(begin)s
    GROUP BY 1
) AS each GROUP BY day
"""
"""Two parts, as each has an index of its own: outgoing_used and outgoing_trouble."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a mailbox. Delays are the 95th percentile in seconds, None without mail.

    :param came: mails that came in; `stuck` of them are in quarantine.
    :param delay: from the mail server's clock to the conversation.
    :param looks_failed: how often the mailbox could not be looked into.
    :param sent: mails that left; `unsent` ones failed or are in doubt. `wait`: from the answer to the server.
    :param is_before: the mailbox was not there yet, and nothing happened.
    """

    day: date
    came: int = 0
    stuck: int = 0
    delay: float | None = None
    looks_failed: int = 0
    error: str = ""
    sent: int = 0
    unsent: int = 0
    wait: float | None = None
    is_before: bool = False

    @property
    def failures(self) -> int:
        """All that went wrong, in and out."""
        return self.stuck + self.looks_failed + self.unsent


def days_of(source: EmailSource, sender_id: int | None, now: datetime | None = None) -> list[Day]:
    """The last days, the oldest first, today included."""
    today = timezone.localdate(now)
    first = today - timedelta(days=DAYS - 1)
    begin = timezone.make_aware(datetime.combine(first, time()))
    values: dict[str, datetime | int | str] = {
        "zone": timezone.get_current_timezone_name(),
        "begin": begin,
        "source": source.pk,
    }
    came = _by_day(CAME_IN, values)
    sent = _by_day(WENT_OUT, values | {"sender": sender_id}) if sender_id else {}
    failed = {row.day: row for row in source.days.filter(day__gte=first)}
    begun = timezone.localdate(source.created_at)
    found = []
    for day in (first + timedelta(days=number) for number in range(DAYS)):
        bad = failed.get(day)
        in_count, stuck, delay = came.get(day, (0, 0, None))
        out_count, unsent, wait = sent.get(day, (0, 0, None))
        found.append(
            Day(
                day=day,
                came=in_count,
                stuck=stuck,
                delay=delay,
                looks_failed=bad.failures if bad else 0,
                error=bad.last_error if bad else "",
                sent=out_count,
                unsent=unsent,
                wait=wait,
                is_before=day < begun and not (bad or in_count or stuck or out_count or unsent),
            )
        )
    return found


def _by_day(
    statement: str, values: dict[str, datetime | int | str]
) -> dict[date, tuple[int, int, float | None]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return {day: (int(number), int(bad), delay) for day, number, bad, delay in cursor.fetchall()}
