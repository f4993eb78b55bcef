"""Tell people: one mail a day to each with all that is open, never a storm.

It leaves through a sender that works, or through the server that EMAIL_ALERTS_TO names. Before that, the
next try is set to an hour from now; what reached somebody is told, and due again the next day. What else is
told within half a day goes along, so that lasting alarms come in one mail. An ending is told once for each of
its steps.
"""

import logging
from collections import defaultdict
from datetime import datetime, timedelta
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
from mailcore.writing import ComposeError
from mailsenders import outbox
from mailsenders.models import EmailSender
from sso import tls

logger = logging.getLogger(__name__)

GRACE = timedelta(minutes=5)
"""What mends itself that quickly is no news."""

AGAIN = timedelta(days=1)
GOES_ALONG = AGAIN / 2
SOON = timedelta(hours=1)
MOST_ROUNDS = 6
"""So many times a day news are told at once; then they are gathered for an hour."""


def mail_due() -> int:
    """Send what is due; returns the number of mails."""
    now = timezone.now()
    with transaction.atomic():
        rows = Alarm.objects.select_for_update().filter(ended_at=None, began_at__lte=now - GRACE)
        open_ = list(rows.order_by("key"))
        due = _due(open_, now)
        letters = _letters(open_, due) if due and not _is_enough(now) else {}
        if not letters:
            return 0
        Alarm.objects.filter(pk__in=due).update(next_mail_at=now + SOON)
        sender = None if settings.ALERTS.host else _working_sender()
        if sender:
            reached = [who for who, alarms in letters.items() if _enqueue(sender, who, _text(alarms))]
            _note(due, [letters[who] for who in reached], now)
            return len(reached)
    reached = _send_directly(letters)
    _note(due, [letters[who] for who in reached], now)
    return len(reached)


def _due(open_: list[Alarm], now: datetime) -> set[int]:
    """The alarms to be told now, and those that would follow soon."""
    due = any(alarm.is_due(now) for alarm in open_)
    return {alarm.pk for alarm in open_ if alarm.is_due(now + GOES_ALONG)} if due else set()


def _is_enough(now: datetime) -> bool:
    """Whether people have been told often today, and a short while ago."""
    rows = Alarm.objects.filter(mailed_at__gt=now - AGAIN).order_by("-mailed_at")
    rounds = list(rows.values_list("mailed_at", flat=True).distinct()[:MOST_ROUNDS])
    return len(rounds) == MOST_ROUNDS and rounds[0] is not None and rounds[0] > now - SOON


def _note(due: set[int], told: list[list[Alarm]], now: datetime) -> None:
    """Who was due and stood in a mail that left is due again the next day."""
    found = {alarm.pk for alarms in told for alarm in alarms} & due
    Alarm.objects.filter(pk__in=found).update(mailed_at=now, next_mail_at=now + AGAIN)


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
    rows = rows.exclude(state__automatic_held_until__gt=timezone.now())
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


def _enqueue(sender: EmailSender, recipient: str, letter: tuple[str, str]) -> bool:
    """Whether the outbox takes it; one address that can't be written to must not keep it from the others."""
    subject, text = letter
    message_id = f"alarm.{uuid4().hex}@{sender.email_address.rpartition('@')[2]}"
    draft = Draft(
        from_=Address("UCS Email", sender.email_address), to=(Address("", recipient),), subject=subject,
        text=text, date=timezone.now(), message_id=message_id, automatic=True,
    )  # fmt: skip
    try:
        envelope = outbox.Envelope(
            sender,
            compose(draft),
            message_id,
            mail_from="",
            recipients=(recipient,),
            order_key=_order_key(),
            is_automatic=True,
        )
        outbox.enqueue(envelope)
    except (ComposeError, outbox.EnvelopeError) as error:
        logger.warning("an alarm can't be mailed to one of its recipients: %s", error)
        return False
    return True


def _order_key() -> int:
    """One of its own: an alarm must not wait for an earlier one that a broken sender still holds.

    Conversations have keys above zero.
    """
    return -1 - uuid4().int % 2**62


def _send_directly(letters: dict[str, list[Alarm]]) -> list[str]:
    """Through the server of EMAIL_ALERTS_TO; whose mails it has taken."""
    alerts = settings.ALERTS
    if not alerts.host:
        logger.warning(
            "%s alarms can't be mailed: no sender works, and EMAIL_ALERTS_TO names no server", len(letters)
        )
        return []
    try:
        server = EmailBackend(
            alerts.host, alerts.port, alerts.username, alerts.password,
            use_tls=alerts.starttls, use_ssl=alerts.ssl, timeout=30,
        )  # fmt: skip
        server.ssl_context = tls.context()
        server.open()
    except (SMTPException, OSError) as error:
        logger.warning("the server of EMAIL_ALERTS_TO can't be used: %s", error)
        return []
    try:
        return [who for who, alarms in letters.items() if _is_taken(server, who, _text(alarms))]
    finally:
        server.close()


def _is_taken(server: EmailBackend, recipient: str, letter: tuple[str, str]) -> bool:
    subject, text = letter
    headers = {"Auto-Submitted": "auto-generated"}
    mail = EmailMessage(subject, text, settings.ALERTS.sender, [recipient], headers=headers)
    try:
        return bool(server.send_messages([mail]))
    except (SMTPException, OSError, ValueError) as error:  # ValueError: no such address can be written
        logger.warning("the server of EMAIL_ALERTS_TO doesn't take an alarm: %s", error)
        return False
