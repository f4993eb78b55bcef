"""“Round trip”: a marked mail from a sender to the mailbox of a source, timed until it is back.

started ──outbox──▶ sent ──their servers──▶ in the mailbox ──our fetch──▶ fetched ──parsed──▶ recognised
             └──refused           └──returned: the answer says why        └──not yet: what to look at

It goes the way of every mail, and stays out of the queue at its end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from mailcore.compose import ComposeError, Draft, compose
from mailcore.parsed import Address, Bounce, ParsedMail
from mailsenders import outbox
from mailsenders.marks import Mark
from mailsenders.models import EmailSender, OutgoingMail
from mailsources import lease
from mailsources.models import EmailSource, FetchedMail, RoundTrip

PATIENCE = timedelta(minutes=3)
GIVEN_UP = timedelta(hours=1)
MARK_COUNTS = timedelta(days=7)  # servers try for five days
LOOK_AGAIN = timedelta(seconds=3)
MARK = Mark("mailsources.roundtrip", "round-trip")

TEXT = (
    "This mail tests the way from the email sender “{sender}” to the email source “{source}” of the contact "
    "centre.\nIt answers itself: when it arrives there, the page of the sender says so, and nobody sees it.\n"
)
NOT_YET = (
    "Look whether it lies in the spam folder or another folder of {box} (the source reads {folder}), whether "
    "{email} is that mailbox, and whether the server of {sender} delivers late."
)

State = OutgoingMail.State


class RoundTripRefused(Exception):
    """A round trip that can't begin; the text is a sentence for the administrator."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the way. `seconds` since the beginning, None when it isn't reached."""

    name: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a round trip does: its stages, a badge's tone and word, a sentence; `is_over` ends the waiting."""

    stages: tuple[Stage, ...]
    tone: str
    word: str
    sentence: str
    is_over: bool


def address_of(source: EmailSource) -> str:
    """Where a mail must go to come in by a source; "" when its settings don't tell."""
    box = source.public_address or source.mailbox or source.username
    return box if "@" in box else ""


def start(sender: EmailSender, source: EmailSource, email: str, user_id: int | None = None) -> RoundTrip:
    """Put a marked mail to a source's mailbox into the outbox of a sender.

    :param email: the address; "" for the one of the source.
    :raises RoundTripRefused: one of the two is switched off, or the address is no address.
    """
    email = email.strip() or address_of(source)
    for row in (sender, source):
        if not row.is_active:
            raise RoundTripRefused(f"{row} is switched off: make it active first.")
    if not email:
        raise RoundTripRefused(f"The settings of {source} don't tell its address: type it in.")
    with transaction.atomic():
        trip = RoundTrip.objects.create(sender=sender, source=source, email=email[:320])
        try:
            trip.outgoing = outbox.enqueue(_envelope(trip, user_id))
        except (ComposeError, outbox.EnvelopeError) as error:
            raise RoundTripRefused(f"The mail can't be written: {error}") from error
        trip.save(update_fields=["outgoing"])
    return trip


def arrived(fetched: FetchedMail, mail: ParsedMail) -> bool:
    """Whether the mail is one of our marked ones; the first to come by its source ends the round trip."""
    number = MARK.in_subject(mail.subject)
    if number is None:
        return False
    now = timezone.now()
    trips = RoundTrip.objects.filter(pk=number, started_at__gt=now - MARK_COUNTS)
    if not trips.exists():
        return False
    trips.filter(source=fetched.source, recognised_at=None).update(
        received_at=fetched.received_at, fetched_at=fetched.fetched_at, recognised_at=now
    )
    return True


def returned(bounce: Bounce) -> bool:
    """Whether a mail server returns one of our marked mails; its words are kept."""
    number = MARK.in_id(bounce.message_id)
    if number is None:
        return False
    answer = f"{bounce.status} {bounce.answer}".strip() or "it gave no reason"
    RoundTrip.objects.filter(pk=number).update(answer=answer[:1000])
    return True


def wants_a_look(trip: RoundTrip) -> bool:
    """Whether the mailbox is to be looked at now, as somebody waits for the mail in it."""
    if trip.recognised_at or trip.source.is_forwarding or standing(trip).is_over:
        return False
    sent = trip.outgoing is not None and trip.outgoing.state in (State.SENT, State.UNCERTAIN)
    state = trip.source.state
    is_rested = state.last_success_at is None or timezone.now() - state.last_success_at > LOOK_AGAIN
    is_failing = state.is_failing and state.next_attempt_at is not None  # no storm at a server that is away
    return sent and is_rested and not is_failing


def look(trip: RoundTrip) -> None:
    """Make the mailbox due."""
    lease.make_due([trip.source_id])


def standing(trip: RoundTrip) -> Standing:
    """What there is to say of a round trip now."""
    stages = _stages(trip)
    waited = timezone.now() - trip.started_at
    if trip.recognised_at is not None:
        seconds = (trip.recognised_at - trip.started_at).total_seconds()
        return Standing(stages, "good", "back", f"The mail came back after {seconds:.1f} s: it works.", True)
    if trip.answer:
        sentence = f"A mail server returned the mail: {trip.answer}."
        return Standing(stages, "bad", "returned", sentence, True)
    mail = trip.outgoing
    if mail is None or mail.state in (State.FAILED, State.CANCELLED):
        error = mail.last_error if mail else "it is no longer in the outbox."
        return Standing(stages, "bad", "not sent", f"The mail to {trip.email} was not sent: {error}", True)
    if mail.state not in (State.SENT, State.UNCERTAIN):
        wait = mail.last_error or trip.sender.state.last_error
        return Standing(
            stages, "calm", "being sent", f"The mail goes to {trip.email}. {wait}".strip(), waited > GIVEN_UP
        )
    if waited < PATIENCE:
        sentence = f"It was sent to {trip.email}; its mailbox is looked at every few seconds …"
        return Standing(stages, "calm", "on its way", sentence, False)
    return Standing(stages, "warn", "not yet back", _what_to_check(trip), waited > GIVEN_UP)


def _stages(trip: RoundTrip) -> tuple[Stage, ...]:
    sent_at = trip.outgoing.sent_at if trip.outgoing else None
    received_at = trip.received_at
    if received_at and sent_at and trip.fetched_at:  # servers' clocks differ, and count whole seconds
        received_at = min(max(received_at, sent_at), trip.fetched_at)
    times = {
        "sent": sent_at,
        "in the mailbox": received_at,
        "fetched": trip.fetched_at,
        "recognised": trip.recognised_at,
    }
    return tuple(Stage(name, _after(trip, at)) for name, at in times.items())


def _after(trip: RoundTrip, at: datetime | None) -> float | None:
    return max((at - trip.started_at).total_seconds(), 0.0) if at else None


def _what_to_check(trip: RoundTrip) -> str:
    source = trip.source
    sentence = f"The mail was sent to {trip.email} and has not come back. "
    if source.state.is_failing:
        return f"{sentence}{source} can't be read: {source.state.last_error}"
    box = source.public_address if source.is_forwarding else source.mailbox or source.username
    return sentence + NOT_YET.format(box=box, folder=source.folder, email=trip.email, sender=trip.sender)


def _envelope(trip: RoundTrip, user_id: int | None) -> outbox.Envelope:
    sender = trip.sender
    message_id = MARK.message_id(trip.pk, sender.email_address.rpartition("@")[2])
    draft = Draft(
        from_=Address(sender.display_name, sender.email_address),
        to=(Address("", trip.email),),
        subject=MARK.subject("Round trip", trip.pk),
        date=timezone.now(),
        text=TEXT.format(sender=sender, source=trip.source),
        message_id=message_id,
        automatic=True,
    )
    return outbox.Envelope(
        sender=sender,
        raw=compose(draft),
        message_id=message_id,
        mail_from=sender.email_address,  # a refusal is what we want to hear of
        recipients=(trip.email,),
        order_key=-(10**12) - trip.pk,  # of no conversation, nor of a forwarding test
        is_automatic=True,
        created_by_id=user_id,
    )
