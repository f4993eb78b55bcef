"""Which mails may leave now, and which senders could send one. Reads only; claiming is `outbox.claim`."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from mailsenders import limits
from mailsenders.budget import Room, Weight
from mailsenders.models import EmailSender, OutgoingMail, SenderState
from mailsenders.parking import is_parked, not_parked

State = OutgoingMail.State

WAITING = (State.HELD, State.QUEUED, State.RETRY)
LEAST = Weight(internal=0, external=0)  # a message, to whomever
UNSETTLED = (*WAITING, State.SENDING, State.UNCERTAIN)


def due(now: datetime) -> QuerySet[OutgoingMail]:
    """Mails whose time has come, unless an earlier one of their key is not settled: none overtakes it.

    An automatic mail keeps nobody waiting unless it is under way: in doubt no person looks after it, and for
    its next try or its share of the budget it may have to wait for a day.
    """
    earlier = OutgoingMail.objects.filter(
        Q(state=State.SENDING) | Q(is_automatic=False),
        order_key=OuterRef("order_key"),
        id__lt=OuterRef("id"),
        state__in=UNSETTLED,
    )
    return OutgoingMail.objects.filter(~Exists(earlier), state__in=WAITING, not_before__lte=now)


def may_send(state: SenderState, now: datetime) -> bool:
    """Whether a sender may send at all, if its budget lets it: switched on and not parked."""
    return state.sender.is_active and not is_parked(state, now)


def senders_with_due_mail(now: datetime) -> list[int]:
    """The ids of senders to wake; whether their limits leave room is seen when they claim."""
    waiting = due(now).filter(sender=OuterRef("sender"))
    states = SenderState.objects.filter(not_parked(now), Exists(waiting), sender__is_active=True)
    return list(states.order_by("sender").values_list("sender", flat=True))


def ready_sender(sender_id: int, now: datetime) -> EmailSender | None:
    """The sender with its present settings, if it would get a mail to send; to look before connecting."""
    state = SenderState.objects.select_related("sender").filter(sender=sender_id).first()
    if state is None or not may_send(state, now):
        return None
    mails, room = due(now).filter(sender=sender_id), limits.room(state.sender, now)
    has_mail = any(within(mails, room, is_automatic=which).exists() for which in (False, True))
    return state.sender if has_mail else None


def within(mails: QuerySet[OutgoingMail], room: Room, *, is_automatic: bool) -> QuerySet[OutgoingMail]:
    """Those of one kind that an exhausted limit does not shut out."""
    mails = mails.filter(is_automatic=is_automatic)
    if not room.fits(LEAST, is_automatic=is_automatic):
        return mails.none()
    for measure in ("internal", "external"):
        if room.closed(measure, is_automatic=is_automatic):
            mails = mails.filter(**{measure: 0})
    return mails
