"""How many mails a sender may hand over per minute and per day, counted in the database.

A window slides: a mail counts from the moment the server took it until a minute, or a day, later. Mails on
their way count as well, and those of which we don't know whether they were taken.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from mailsenders.models import EmailSender, OutgoingMail

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
DOUBT = timedelta(minutes=13)  # an uncertain mail was taken that long after its text began to leave, at most

State = OutgoingMail.State


def are_set(sender: EmailSender) -> bool:
    """Whether the sender has any limit."""
    return sender.limit_per_minute is not None or sender.limit_per_day is not None


def room(sender: EmailSender, now: datetime) -> bool:
    """Whether one more mail may leave now; exact for who holds the lock on the sender's state."""
    return all(
        limit is None or used(sender.pk, now - window) < limit
        for limit, window in ((sender.limit_per_minute, MINUTE), (sender.limit_per_day, DAY))
    )


def used(sender_id: int, since: datetime) -> int:
    """How many mails count since then."""
    counted = (
        Q(state=State.SENT, sent_at__gt=since)
        | Q(state=State.SENDING)
        | Q(state=State.RETRY, sent_at__gt=since)  # taken for some of its recipients
        | Q(state=State.UNCERTAIN, data_started_at__gt=since - DOUBT)
    )
    # One statement, one snapshot: what another worker settles meanwhile must not fall between two counts.
    return OutgoingMail.objects.filter(counted, sender=sender_id).count()
