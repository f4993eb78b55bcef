"""Tell people: one mail a day to each with all that is open, never a storm.

It leaves through a sender that works, or through the server that EMAIL_ALERTS_TO names. A mail is written
down as told in the transaction that puts it into the outbox; the other way it is told first and forgotten if
the server refuses it, so that the next hour tries again.
"""

import logging
from collections import defaultdict
from datetime import timedelta
from smtplib import SMTPException
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.utils import timezone

from alarms.models import Alarm
from mailcore.compose import Draft, compose
from mailcore.parsed import Address
from mailsenders import outbox
from mailsenders.models import EmailSender

logger = logging.getLogger(__name__)

GRACE = timedelta(minutes=5)
"""What mends itself that quickly is no news."""

AGAIN = timedelta(days=1)
SOON = timedelta(hours=1)
ORDER_KEY = -1  # no conversation has it


def mail_due() -> int:
    """Send what is due; returns the number of mails."""
    now = timezone.now()
    with transaction.atomic():
        open_ = list(
            Alarm.objects.select_for_update(skip_locked=True)
            .filter(ended_at=None, began_at__lte=now - GRACE)
            .order_by("key")
        )
        new = [alarm for alarm in open_ if alarm.mailed_at is None or alarm.mailed_at <= now - AGAIN]
        letters = _letters(open_, {alarm.pk for alarm in new})
        Alarm.objects.filter(pk__in=[alarm.pk for alarm in new]).update(mailed_at=now)
        sender = _working_sender()
        if sender and not settings.ALERTS.host:
            for recipient, alarms in letters.items():
                _enqueue(sender, recipient, _text(alarms))
            return len(letters)
    if letters and not _send_directly(letters):
        Alarm.objects.filter(pk__in=[alarm.pk for alarm in new]).update(mailed_at=now - AGAIN + SOON)
        return 0
    return len(letters)


def _letters(open_: list[Alarm], new: set[int]) -> dict[str, list[Alarm]]:
    """Who gets which alarms: all that are open, if one of them is new to that person."""
    mine: dict[str, list[Alarm]] = defaultdict(list)
    for alarm in open_:
        for recipient in {*settings.ALERTS.recipients, alarm.owner} - {""}:
            mine[recipient].append(alarm)
    return {who: alarms for who, alarms in mine.items() if any(alarm.pk in new for alarm in alarms)}


def _working_sender() -> EmailSender | None:
    """One that has sent lately and isn't failing; a switched-off one never."""
    rows = EmailSender.objects.filter(is_active=True, state__failures=0, state__last_success_at__isnull=False)
    return rows.order_by("-state__last_success_at").first()


def _subject(alarms: int) -> str:
    return f"UCS Email: {alarms} thing{'s' if alarms != 1 else ''} to see to"


def _text(alarms: list[Alarm]) -> tuple[str, str]:
    """Subject and body."""
    lines = ["These need a person:", ""]
    for alarm in sorted(alarms, key=lambda each: (not each.is_urgent, each.began_at)):
        since = timezone.localtime(alarm.began_at)
        lines += [f"* {alarm.title}, since {since:%d %b %H:%M %Z}", f"  {alarm.sentence}"]
        lines += [f"  {settings.BASE_URL}{alarm.link}"] if alarm.link else []
        lines.append("")
    lines.append(
        f"All of them: {settings.BASE_URL}/admin/alarms/alarm/ – this mail comes once a day while they last."
    )
    return _subject(len(alarms)), "\n".join(lines)


def _enqueue(sender: EmailSender, recipient: str, letter: tuple[str, str]) -> None:
    subject, text = letter
    message_id = f"alarm.{uuid4().hex}@{sender.email_address.rpartition('@')[2]}"
    draft = Draft(
        from_=Address("UCS Email", sender.email_address), to=(Address("", recipient),), subject=subject,
        text=text, date=timezone.now(), message_id=message_id, automatic=True,
    )  # fmt: skip
    outbox.enqueue(
        outbox.Envelope(
            sender,
            compose(draft),
            message_id,
            mail_from="",
            recipients=(recipient,),
            order_key=ORDER_KEY,
            is_automatic=True,
        )
    )


def _send_directly(letters: dict[str, list[Alarm]]) -> bool:
    """Through the server of EMAIL_ALERTS_TO; False when there is none or it refuses."""
    alerts = settings.ALERTS
    if not alerts.host:
        logger.warning(
            "%s alarms can't be mailed: no sender works, and EMAIL_ALERTS_TO names no server", len(letters)
        )
        return False
    server = EmailBackend(
        alerts.host, alerts.port, alerts.username, alerts.password,
        use_tls=alerts.starttls, use_ssl=alerts.ssl, timeout=30,
    )  # fmt: skip
    mails = []
    for recipient, alarms in letters.items():
        subject, text = _text(alarms)
        headers = {"Auto-Submitted": "auto-generated"}
        mails.append(EmailMessage(subject, text, alerts.sender, [recipient], headers=headers))
    try:
        server.send_messages(mails)
    except (SMTPException, OSError) as error:
        logger.warning("the server of EMAIL_ALERTS_TO doesn't take alarms: %s", error)
        return False
    return True
