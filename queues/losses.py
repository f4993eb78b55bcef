"""Addresses that did not take a mail of ours lately, for who is about to write there again.

A loss counts until something shows that the address works: a mail from it, or a later one of ours that was
taken and stayed there for a while, both in the conversation that is open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from mailcore.parsed import DEAD_ADDRESS, Reason
from mailcore.reasons import WORDS
from mailsenders.models import OutgoingRecipient
from queues.models import Conversation, Message
from queues.sayings import told

LATELY = timedelta(days=180)
STAYED = timedelta(hours=1)
MOST_ADDRESSES = 60
MOST_ROWS = 300
LONGEST_WORDS = 200

State = OutgoingRecipient.State


@dataclass(frozen=True, slots=True)
class Loss:
    """An address, when it last refused or returned a mail of ours, and why in our words or the server's."""

    email: str
    at: datetime
    reason: str
    words: str
    is_hard: bool

    @property
    def sentence(self) -> str:
        """Such as: jan@example.org bounced on 12 Nov: the recipient's mailbox is full."""
        day = date_format(timezone.localtime(self.at), "SHORT_DAY_AND_YEAR")
        values = {"email": self.email, "day": day, "words": told(self.words)}
        return _("%(email)s bounced on %(day)s: %(words)s.") % values


def losses(emails: Iterable[str], now: datetime, conversation: Conversation | None = None) -> dict[str, Loss]:
    """The addresses of these that failed last time, in lower case, each with its loss."""
    wanted = {email.lower() for email in emails if email}
    found = _newest(set(sorted(wanted)[:MOST_ADDRESSES]), now)
    if not found or conversation is None:
        return found
    works = _work_since(conversation, set(found), now)
    return {email: loss for email, loss in found.items() if email not in works or works[email] < loss.at}


def _newest(emails: set[str], now: datetime) -> dict[str, Loss]:
    if not emails:
        return {}
    rows = OutgoingRecipient.objects.annotate(lower=Lower("email")).filter(
        lower__in=emails, state=State.REFUSED, mail__created_at__gt=now - LATELY
    )
    found: dict[str, Loss] = {}
    for row in rows.select_related("mail").order_by("-id")[:MOST_ROWS]:
        at = row.returned_at or row.mail.sent_at or row.mail.created_at
        known = found.get(row.email.lower())
        if known is None or known.at < at:
            found[row.email.lower()] = _loss(row, at)
    return found


def _loss(row: OutgoingRecipient, at: datetime) -> Loss:
    reason = Reason(row.reason) if row.reason in Reason._value2member_map_ else Reason.UNKNOWN
    words = WORDS[reason] or " ".join(row.answer.split())[:LONGEST_WORDS] or "the server gave no reason"
    return Loss(row.email, at, row.reason, words.rstrip("."), reason in DEAD_ADDRESS)


def _work_since(conversation: Conversation, emails: set[str], now: datetime) -> dict[str, datetime]:
    """When each of these addresses last showed in a conversation that it works."""
    shown: dict[str, datetime] = {}
    heard = conversation.messages.filter(direction=Message.Direction.IN, automatic="no")
    for email, at in heard.values_list("from_email", "created_at"):
        _later(shown, email.lower(), at)
    taken = OutgoingRecipient.objects.filter(
        mail__message__conversation=conversation, state=State.ACCEPTED, mail__sent_at__lt=now - STAYED
    )
    for email, sent_at in taken.values_list("email", "mail__sent_at"):
        _later(shown, email.lower(), sent_at)
    return {email: at for email, at in shown.items() if email in emails}


def _later(shown: dict[str, datetime], email: str, at: datetime | None) -> None:
    if at is not None and (email not in shown or shown[email] < at):
        shown[email] = at
