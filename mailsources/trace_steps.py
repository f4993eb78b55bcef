"""What a step of a traced mail is, and those that mails in and out have in common."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from django.urls import reverse
from django.utils.translation import gettext as _

from mailstore.models import MailTry
from sso.communication_models import ConnectionLog

Tone = Literal["", "good", "bad", "warn"]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a mail.

    :param at: None when it is still to come, or nobody noted when it was.
    :param answer: a server's words, or a reason as it was noted.
    :param url: of the object it is about; "" for none, or for who may not see it.
    :param after: seconds since the step before it.
    """

    at: datetime | None
    words: str
    answer: str = ""
    url: str = ""
    tone: Tone = ""
    after: float | None = None


def in_order(steps: Iterable[Step]) -> list[Step]:
    """By time, each with the seconds since the one before; those without a time at the end."""
    found = list(steps)
    timed = sorted([(step.at, step) for step in found if step.at], key=lambda pair: pair[0])
    told = [
        replace(step, after=(at - timed[number - 1][0]).total_seconds() if number else None)
        for number, (at, step) in enumerate(timed)
    ]
    return told + [step for step in found if not step.at]


def tries(raw_id: int | None) -> Iterator[Step]:
    """Tries that came to nothing, and what people decided."""
    words = {
        MailTry.What.READING: _("Reading it failed."),
        MailTry.What.DELIVERY: _("Putting it into its queue failed."),
        MailTry.What.AGAIN: _("It is tried again, as a person wants."),
        MailTry.What.SENDING: _("Sending it failed."),
        MailTry.What.DOUBT: _("Nobody knows whether it arrived."),
        MailTry.What.PUT_BACK: _("It was put back: this try doesn't count."),
        MailTry.What.DECIDED: _("A person decided."),
    }
    calm = (MailTry.What.AGAIN, MailTry.What.DECIDED)
    for one in MailTry.objects.filter(raw=raw_id) if raw_id else ():
        what = MailTry.What(one.what)
        answer = one.words if not one.answer or one.answer in one.words else f"{one.words} {one.answer}"
        yield Step(one.at, words[what], answer, tone="" if what in calm else "warn")


def connections(mail_id: int, *, out: bool, is_open: bool) -> Iterator[Step]:
    """The connections on which it came or left, from the communication log.

    :param is_open: who asks may open the log.
    """
    kinds = [ConnectionLog.Kind.SENDING] if out else [ConnectionLog.Kind.POLL, ConnectionLog.Kind.INTAKE]
    rows = ConnectionLog.objects.filter(mails__contains=[mail_id], kind__in=kinds).order_by("began_at")
    for row in rows.defer("sealed", "lines")[:20]:
        url = reverse("admin:sso_connectionlog_change", args=[row.pk]) if is_open else ""
        words = _("A connection with %(server)s began.") % {"server": row.peer}
        if row.kind == ConnectionLog.Kind.INTAKE:
            words = _("A connection from %(server)s began.") % {"server": row.peer}
        failed = row.outcome == ConnectionLog.Outcome.FAILED
        yield Step(row.began_at, words, row.sentence if failed else "", url, "warn" if failed else "")
