"""What became of a mail of ours, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from mailsenders import holds
from mailsenders.models import OutgoingMail, OutgoingRecipient
from queues.presentation import clock
from queues.sayings import told
from queues.sayings_unsent import UNSENT

TRYING = timedelta(days=6)  # servers give up after five (RFC 5321 4.5.4.1)
NOBODY: Mapping[str, datetime] = {}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a mail of ours, and what can be done about it.

    `again` is the number of seconds after which to look once more, 0 when nothing will change by itself;
    `held_until` counts down the time left for undo.
    """

    level: str
    label: str
    answer: str = ""
    held_until: str = ""
    again: int = 0
    can_resend: bool = False
    may_have_left: bool = False
    refused: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    delayed: tuple[str, ...] = ()


def delivery(mail: OutgoingMail, now: datetime, heard: Mapping[str, datetime] = NOBODY) -> Delivery:
    """Say in words where a mail of ours is; only of one that waits, the database is asked why."""
    state = OutgoingMail.State
    error = UNSENT.told_within(mail.last_error)
    answer = error or mail.last_answer
    refused = tuple(
        f"{each.email}: {each.answer}" if each.answer else each.email
        for each in mail.recipients.all()
        if each.state == "refused" and not each.returned_at and not answer.startswith(f"{each.email}:")
    )
    back = tuple(
        f"{each.email}, {clock(each.returned_at)}: {told(each.answer)}"
        for each in mail.recipients.all()
        if each.returned_at
    )
    delayed = tuple(
        f"{each.email}: {told(each.delay)}"
        for each in mail.recipients.all()
        if _is_late(each, mail, now, heard)
    )
    soon = 2 if now - mail.created_at < timedelta(minutes=1) else 15
    if mail.state == state.HELD and mail.not_before > now:
        left = int((mail.not_before - now).total_seconds()) + 1
        until = mail.not_before.isoformat(timespec="milliseconds")
        return Delivery("", _("Leaves in"), held_until=until, again=left + 1)
    wait = holds.wait_of(mail, now)
    if wait is not None:
        label = _("Waits: %(why)s") if wait.at is None else _("Waits until %(time)s: %(why)s")
        label %= {"why": told(wait.why), "time": clock(wait.at) if wait.at else ""}
        return Delivery("warn", label, error, again=15, refused=refused)
    if mail.state in (state.HELD, state.QUEUED):
        return Delivery("", _("Waiting to be sent"), again=soon)
    if mail.state == state.SENDING:
        return Delivery("", _("Being sent"), again=soon)
    if mail.state == state.SENT:
        label = _("Sent %(time)s") % {"time": clock(mail.sent_at)} if mail.sent_at else _("Sent")
        level = "bad" if refused or back else "warn" if delayed else "good"
        return Delivery(level, label, refused=refused, back=back, delayed=delayed)
    if mail.state == state.RETRY:
        label = _("Not sent yet, next try %(time)s") % {"time": clock(mail.not_before)}
        again = 5 if mail.not_before - now < timedelta(minutes=2) else 30
        return Delivery("warn", label, answer, again=again, refused=refused)
    is_whole = all("@" in each.email for each in mail.recipients.all())  # nobody of it was erased
    if mail.state == state.UNCERTAIN:
        label = _("It is not known whether this was sent")
        answer = f"{answer} {UNSENT.told_within(mail.folder_note)}".strip()
        return Delivery("bad", label, answer, can_resend=is_whole, may_have_left=True, refused=refused)
    if mail.state == state.FAILED:
        if back:
            return Delivery("bad", _("Came back"), can_resend=is_whole, refused=refused, back=back)
        return Delivery("bad", _("Could not be sent"), answer, can_resend=is_whole, refused=refused)
    return Delivery("", _("Taken back"))


def _is_late(
    row: OutgoingRecipient, mail: OutgoingMail, now: datetime, heard: Mapping[str, datetime]
) -> bool:
    """Whether a server may still be trying: not when the person wrote since, nor after its days of trying."""
    sent_at = mail.sent_at or mail.created_at
    spoke = heard.get(row.email.lower())
    return bool(row.delay) and now - sent_at < TRYING and (spoke is None or spoke < sent_at)
