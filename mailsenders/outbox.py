"""The life of an outgoing mail, and the only module that writes it; `returned` notes what came back.

    enqueue ──▶ held ──undo──▶ cancelled
       │          │ end of the undo time
       ▼          ▼
     queued ───claim──▶ sending ──start_data──▶ sending, text on its way
       ▲                   │ │                      │
       │                   │ └──finish──────────────┤ the server answered
       │                   │                        ├──▶ sent       taken for all who aren't refused
       │                   ▼                        ├──▶ retry      refused for now, some or all
       │                 retry ◀──lease ran out     ├──▶ failed     refused for good, or for too long
       │                   │                        └──▶ uncertain  no answer, or the lease ran out
       └───claim again─────┘                                │
     resend (failed, uncertain) ──▶ queued        mark_sent ──▶ sent
     sent, then it came back from everybody (`returned`) ──▶ failed

A mail is handed to SMTP at most once unless the server's own answer shows that it was not taken: doubt ends
in *uncertain*, which only a person leaves. `fence` rises with each claim and each decision of a person, so
that a late worker writes nothing. What is claimed is committed before the network is touched.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from celery import signature
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from mailsenders import limits, returnpath
from mailsenders.answers import delay
from mailsenders.claims import OPEN, alias, claim_many, finish_sent, is_late, start_many
from mailsenders.domains import own_domains, weigh
from mailsenders.envelope import Claim, Envelope, EnvelopeError, Outcome, wire_addresses
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailsenders.sent_copies import copy_of
from mailsenders.wire import wire_form
from mailstore import tries
from mailstore.announce import announce
from mailstore.feed import Type, tell
from mailstore.models import RawMail

__all__ = [
    "Claim",
    "Envelope",
    "EnvelopeError",
    "Outcome",
    "can_resend",
    "claim",
    "enqueue",
    "finish",
    "finish_uncertain",
    "mark_sent",
    "name_sender",
    "put_back",
    "reorder",
    "resend",
    "settle",
    "start_data",
    "sweep",
    "undo",
    "was_emptied",
]

logger = logging.getLogger(__name__)

State = OutgoingMail.State
RecipientState = OutgoingRecipient.State

CLAIMED = (State.SENDING, State.UNCERTAIN)  # of a claim whose lease ran out, the answer still counts

CRASHES_FORGIVEN = 2
SPREAD = 10  # a tenth of each pause is spread out, so that not all mails come back at once

SETTLED_FIELDS = (
    "state", "fence", "not_before", "lease_until", "data_started_at", "sent_at", "last_answer", "last_error",
    "alias",
)  # fmt: skip

TOLD = {State.SENT: Type.MAIL_SENT, State.FAILED: Type.MAIL_FAILED}
"""The ends that programs outside are told of, whatever led there."""

NOT_EMPTY = "The server takes nothing without a return path: the sender's address is put in."
UNSIGNED = (
    "The server refused the signed return path: the sender's address is put in. If that happens with each "
    "mail, choose another return path at the sender; its test mail shows what the server says."
)
LONGEST_HINT = 120  # seconds; a worker keeps in memory what it is told to do later

# By name: the task module imports this one.
SENDING_TASK = "mailsenders.tasks.send"
SEND = signature(SENDING_TASK)


# ── What the floors above do ──────────────────────────────────────────────────────────────────────────


def enqueue(envelope: Envelope) -> OutgoingMail:
    """Freeze a mail and put it on its way; call it in the transaction that writes the reply.

    :raises EnvelopeError: no recipient, or an address that no server takes.
    """
    recipients = wire_addresses(envelope.recipients)
    mail_from = wire_addresses([envelope.mail_from])[0] if envelope.mail_from else ""
    weight = weigh(recipients, own_domains())
    with transaction.atomic():
        mail = OutgoingMail.objects.create(
            sender=envelope.sender,
            raw=RawMail.objects.keep(wire_form(envelope.raw)),
            message_id=envelope.message_id,
            mail_from=mail_from,
            state=State.HELD if envelope.hold else State.QUEUED,
            order_key=envelope.order_key,
            is_automatic=envelope.is_automatic,
            internal=weight.internal,
            external=weight.external,
            not_before=timezone.now() + timedelta(seconds=envelope.hold),
            created_by_id=envelope.created_by_id,
            copy=copy_of(envelope.sender, is_automatic=envelope.is_automatic),
        )
        _sign_return_path(mail)
        OutgoingRecipient.objects.bulk_create(
            OutgoingRecipient(mail=mail, email=email) for email in recipients
        )
        # A held mail leaves when its time is over, and not up to a tick later.
        send = signature(SENDING_TASK, countdown=envelope.hold) if envelope.hold else SEND
        if envelope.hold <= LONGEST_HINT:
            announce(send, sender_id=envelope.sender.pk)
    return mail


def undo(mail: OutgoingMail) -> bool:
    """Take a mail back while it is held; False when it is too late."""
    held = OutgoingMail.objects.filter(pk=mail.pk, state=State.HELD, not_before__gt=timezone.now())
    return bool(held.update(state=State.CANCELLED))


def was_emptied(mail: OutgoingMail) -> bool:
    """Whether its text or one of its recipients was erased: what is left of it is no mail to be sent."""
    return any("@" not in each.email for each in mail.recipients.all()) or (
        RawMail.objects.filter(pk=mail.raw_id, size=0).exists()
    )


def can_resend(mail: OutgoingMail) -> bool:
    """Whether `resend` would do something."""
    return _is_open(mail) and not was_emptied(mail)


def _is_open(mail: OutgoingMail) -> bool:
    return mail.state in (State.FAILED, State.UNCERTAIN, State.RETRY) or (
        mail.state == State.SENT and mail.recipients.filter(state=RecipientState.REFUSED).exists()
    )


def resend(mail: OutgoingMail) -> bool:
    """Send the same bytes again, now, to those who haven't got it; False when there is nothing to send.

    For an uncertain mail this is a person's decision that it did not arrive.
    """
    with transaction.atomic():
        locked = OutgoingMail.objects.select_for_update().get(pk=mail.pk)
        if not can_resend(locked):
            return False
        # Refused addresses are tried again only when nobody else is left to be tried.
        open_ones = locked.recipients.filter(state__in=OPEN)
        if not open_ones.exists():
            open_ones = locked.recipients.filter(state=RecipientState.REFUSED)
        open_ones.update(state=RecipientState.PENDING, answer="", reason="", returned_at=None, delay="")
        limits.count_doubt(locked)
        _sign_return_path(locked)
        OutgoingMail.objects.filter(pk=mail.pk).update(
            state=State.QUEUED,
            fence=F("fence") + 1,
            attempts=0,
            not_before=timezone.now(),
            data_started_at=None,
            last_error="",
            folder_tries=0,
            folder_next_at=None,
            folder_note="",
        )
        tries.note(locked.raw_id, tries.What.AGAIN, "A person had it sent again.", locked.last_answer)
        announce(SEND, sender_id=locked.sender_id)
    return True


def mark_sent(mail: OutgoingMail) -> bool:
    """Note a person's word that an uncertain or failed mail has arrived; False for other mails."""
    with transaction.atomic():
        locked = OutgoingMail.objects.select_for_update().get(pk=mail.pk)
        if locked.state not in (State.UNCERTAIN, State.FAILED):
            return False
        doubted = RecipientState.PENDING if locked.state == State.UNCERTAIN else RecipientState.REFUSED
        locked.recipients.filter(state=doubted).update(
            state=RecipientState.ACCEPTED, answer="Marked as sent by a person."
        )
        locked.fence, locked.last_error = locked.fence + 1, ""
        locked.sent_at = locked.data_started_at or timezone.now()
        tries.note(locked.raw_id, tries.What.DECIDED, "A person said that it had arrived.")
        settle(locked)
        announce(SEND, sender_id=locked.sender_id)  # later mails of the conversation have waited for this one
    return True


def reorder(mail_ids: Iterable[int], order_key: int) -> None:
    """From now on these mails leave in the order of another key: they are in another conversation."""
    OutgoingMail.objects.filter(pk__in=list(mail_ids)).update(order_key=order_key)


# ── What the workers do ───────────────────────────────────────────────────────────────────────────────


def claim(sender_id: int, now: datetime) -> Claim | None:
    """Claim the next mail of a sender, see `claims.claim_many`."""
    return next(iter(claim_many(sender_id, now, most=1)), None)


def start_data(claim: Claim) -> bool:
    """Note that the text is about to be sent; False when the claim has been lost: send nothing then."""
    return bool(start_many([claim]))


def is_usual(claim: Claim, outcome: Outcome) -> bool:
    """Whether the mail has reached everybody's server at once: `claims.finish_sent` takes many of those."""
    return claim.is_whole and outcome.is_taken_for(claim.recipients)


def finish(claim: Claim, outcome: Outcome) -> bool:
    """Write down what the server said; False when the claim has been lost meanwhile.

    An answer that comes after the lease ran out still settles the mail, unless somebody has decided.
    """
    if is_usual(claim, outcome):
        return bool(finish_sent([(claim, outcome)]))
    with transaction.atomic():
        mail = _ours(claim)
        if mail is None:
            return False
        for email, (state, answer) in outcome.recipients.items():
            mail.recipients.filter(email=email).update(state=state, answer=answer)
        was_taken = any(state == RecipientState.ACCEPTED for state, _ in outcome.recipients.values())
        mail.last_answer, mail.last_error = outcome.answer, outcome.sentence
        if was_taken:
            mail.sent_at, mail.alias = timezone.now(), alias(claim, outcome)
        if outcome.is_taken_for(claim.recipients):  # what is left was no failure, it is for the next message
            mail.attempts = 1
        if outcome.sentence:
            tries.note(mail.raw_id, tries.What.SENDING, outcome.sentence, outcome.answer)
        settle(mail)
    return True


def finish_uncertain(claim: Claim, outcome: Outcome) -> bool:
    """The text was on its way and no answer came: leave the mail to a person."""
    with transaction.atomic():
        mail = _ours(claim)
        if mail is None:
            return False
        for email, (state, answer) in outcome.recipients.items():
            mail.recipients.filter(email=email).update(state=state, answer=answer)
        mail.state, mail.lease_until = State.UNCERTAIN, None
        mail.last_answer, mail.last_error = outcome.answer, outcome.sentence
        mail.save(update_fields=["state", "lease_until", "last_answer", "last_error"])
        tries.note(mail.raw_id, tries.What.DOUBT, outcome.sentence, outcome.answer)
        _tell(mail, Type.MAIL_UNCERTAIN)
    return True


def put_back(claim: Claim, sentence: str = "") -> bool:
    """Give a claim back because its sender has to pause: the mail isn't blamed and loses no try."""
    return _again(claim, sentence)


def name_sender(claim: Claim) -> bool:
    """Give a claim back with the sender's address as its return path: the server refused another one."""
    named = wire_addresses([claim.sender.email_address])[0]
    return _again(claim, UNSIGNED if claim.mail_from else NOT_EMPTY, mail_from=named)


def sweep(now: datetime) -> int:
    """Take up mails whose worker has gone; how many there were."""
    lost = OutgoingMail.objects.filter(state=State.SENDING, lease_until__lt=now).order_by("id")
    with transaction.atomic():
        mails = list(lost.select_for_update(skip_locked=True)[:500])
        for mail in mails:
            logger.warning("The worker of outgoing mail %s has gone (try %s).", mail.pk, mail.attempts)
            _take_up(mail, now)
    return len(mails)


# ── Steps of the above ────────────────────────────────────────────────────────────────────────────────


def _again(claim: Claim, sentence: str, **values: str) -> bool:
    """Let the mail be claimed anew; this try doesn't count."""
    with transaction.atomic():
        ours = OutgoingMail.objects.filter(pk=claim.mail_id, fence=claim.fence, state=State.SENDING)
        is_ours = ours.update(
            state=State.RETRY,
            attempts=F("attempts") - 1,
            not_before=timezone.now(),
            lease_until=None,
            data_started_at=None,
            last_error=sentence,
            **values,
        )
        if is_ours and sentence:
            tries.note(claim.raw.pk, tries.What.PUT_BACK, sentence)
    return bool(is_ours)


def _sign_return_path(mail: OutgoingMail) -> None:
    """Let reports come to an address that names the mail, if the sender wants that; good for a month."""
    path = returnpath.of_mail(mail)
    if path != mail.mail_from:
        mail.mail_from = path
        mail.save(update_fields=["mail_from"])


def _ours(claim: Claim) -> OutgoingMail | None:
    """The claimed mail, locked, while the claim is worth something."""
    mails = OutgoingMail.objects.filter(pk=claim.mail_id, fence=claim.fence, state__in=CLAIMED)
    mail = mails.select_for_update().first()
    if mail is None:
        is_late(claim)
    return mail


def settle(mail: OutgoingMail) -> None:
    """Write the state of a locked mail, as the states of its recipients make it."""
    was = State(mail.state)
    pause = delay(max(mail.attempts, 1), settings.RETRY_LADDER)
    if pause is None:
        mail.recipients.filter(state__in=OPEN).update(state=RecipientState.REFUSED)
    states = set(mail.recipients.values_list("state", flat=True))
    if states & set(OPEN):
        mail.state = State.RETRY
        mail.not_before = timezone.now() + _spread(mail, pause or 0)
    elif RecipientState.ACCEPTED in states:
        mail.state = State.SENT
        mail.last_error = _who_was_refused(mail) if RecipientState.REFUSED in states else ""
    else:
        mail.state = State.FAILED
    mail.lease_until = mail.data_started_at = None
    mail.save(update_fields=SETTLED_FIELDS)
    if mail.state in TOLD and mail.state != was:
        _tell(mail, TOLD[State(mail.state)], {} if was == State.SENDING else {"was": str(was)})


def _tell(mail: OutgoingMail, type_: Type, data: dict[str, str] | None = None) -> None:
    if mail.order_key > 0:  # below zero, as alarms and tests have it, it is of no conversation
        tell(type_, data, outgoing_id=mail.pk, conversation_id=mail.order_key)


def _who_was_refused(mail: OutgoingMail) -> str:
    refused = mail.recipients.filter(state=RecipientState.REFUSED).order_by("id")
    answers = "; ".join(f"{email} ({answer})" for email, answer in refused.values_list("email", "answer"))
    return f"Not delivered to {answers}: check the address, and tell the person another way."


def _spread(mail: OutgoingMail, seconds: int) -> timedelta:
    return timedelta(seconds=seconds + seconds * (mail.pk % 100) / 100 / SPREAD)


def _take_up(mail: OutgoingMail, now: datetime) -> None:
    if mail.data_started_at:
        mail.state, mail.lease_until = State.UNCERTAIN, None
        mail.last_error = (
            "Sending broke off after the text had begun to leave, so it may have arrived: ask the recipient "
            "or look into the Sent folder, then choose “Resend” or “Was sent”."
        )
        mail.save(update_fields=["state", "lease_until", "last_error"])
        tries.note(mail.raw_id, tries.What.DOUBT, mail.last_error)
        _tell(mail, Type.MAIL_UNCERTAIN)
        return
    mail.last_error = "The process that was sending this mail ended before the text left; it is tried again."
    tries.note(mail.raw_id, tries.What.SENDING, mail.last_error)
    if mail.attempts > CRASHES_FORGIVEN:  # it may be the mail that kills its worker
        settle(mail)
        return
    mail.state, mail.not_before, mail.lease_until = State.RETRY, now, None
    mail.save(update_fields=["state", "not_before", "lease_until", "last_error"])
