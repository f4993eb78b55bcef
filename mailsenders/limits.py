"""What counts for the budget of a sender, read from the outbox itself: all workers see the same numbers.

A mail counts from the moment a worker claims it until its window is over after the server took it; one of
which we don't know whether it was taken counts as if it was, as late as it could have been. What is sent
again counts twice (`SenderUse`), a test mail as one to a recipient outside. Nothing is kept in memory, so
changed limits hold from the next mail.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from mailsenders.budget import DAY, FIELDS, HOUR, MINUTE, Room, Rule, Use, Weight, rules
from mailsenders.models import EmailSender, OutgoingMail, SenderUse

DOUBT = timedelta(minutes=13)  # an uncertain mail was taken that long after its text began to leave, at most

# One statement, one snapshot: what another worker settles meanwhile must not fall between two counts.
USES = """
SELECT at, internal, external FROM (
    SELECT CASE state WHEN 'sending' THEN %(now)s
                      ELSE GREATEST(sent_at, data_started_at + make_interval(secs => %(doubt)s)) END AS at,
           internal, external
    FROM mailsenders_outgoingmail
    WHERE sender_id = %(sender)s AND state IN ('sending', 'uncertain')
    UNION ALL
    SELECT sent_at, internal, external FROM mailsenders_outgoingmail
    WHERE sender_id = %(sender)s AND sent_at > %(since)s AND state NOT IN ('sending', 'uncertain')
    UNION ALL
    SELECT at, internal, external FROM mailsenders_senderuse
    WHERE sender_id = %(sender)s AND at > %(since)s
    UNION ALL
    SELECT CASE state WHEN 'running' THEN %(now)s ELSE COALESCE(finished_at, started_at) END, 0, 1
    FROM mailsenders_testsend
    WHERE sender_id = %(sender)s AND started_at > %(since)s AND state IN ('running', 'taken', 'uncertain')
) AS counted WHERE at > %(since)s
"""
SUMS = (
    """
SELECT count(*) FILTER (WHERE at > %(minute)s), count(*) FILTER (WHERE at > %(hour)s), count(*),
       COALESCE(sum(internal + external), 0), COALESCE(sum(internal), 0), COALESCE(sum(external), 0)
FROM ("""
    + USES
    + """) AS used"""
)  # in the order of `budget.KINDS`


def are_set(sender: EmailSender) -> bool:
    """Whether the sender has any limit."""
    return bool(rules(sender))


def room(sender: EmailSender, now: datetime, *, since: datetime | None = None) -> Room:
    """What may leave now; exact for who holds the lock on the sender's state.

    :param since: leave out what the windows have set free since then, as it is kept for a larger mail.
    """
    found = rules(sender)
    return Room(found, _used(sender.pk, found, now, since or now) if found else [])


def _used(sender_id: int, rules: Sequence[Rule], now: datetime, since: datetime) -> list[int]:
    longest = max(rule.window for rule in rules)
    values = _values(sender_id, now, longest + (now - since))
    values |= {"minute": since - MINUTE, "hour": since - HOUR}
    with connection.cursor() as cursor:
        cursor.execute(SUMS, values)
        sums = dict(zip(FIELDS, map(int, cursor.fetchone()), strict=True))
    return [sums[rule.field] for rule in rules]


def uses(sender_id: int, now: datetime, window: timedelta = DAY) -> list[Use]:
    """Each mail that counts, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(USES + "ORDER BY at", _values(sender_id, now, window))
        return [Use(at, Weight(internal, external)) for at, internal, external in cursor.fetchall()]


def count_doubt(mail: OutgoingMail) -> None:
    """An uncertain mail is about to be sent again: that it may have been taken before goes on counting."""
    if mail.state == OutgoingMail.State.UNCERTAIN and mail.data_started_at:
        SenderUse.objects.get_or_create(
            mail=mail,
            at=min(mail.data_started_at + DOUBT, timezone.now()),
            defaults={
                "sender_id": mail.sender_id, "internal": mail.internal, "external": mail.external
            },
        )  # fmt: skip


def _values(sender_id: int, now: datetime, window: timedelta) -> dict[str, float | datetime]:
    return {"sender": sender_id, "now": now, "since": now - window, "doubt": DOUBT.total_seconds()}
