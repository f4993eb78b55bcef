"""Until when the budget of a sender holds mail back: noted on the sender, and told of a mail that waits.

For people to see; nobody is kept from sending by it, as only the numbers of the moment decide (`limits`).
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from mailsenders import budget, limits
from mailsenders.admission import room_beside
from mailsenders.budget import Room, Rule, Weight
from mailsenders.due import UNSETTLED, WAITING, due, may_send
from mailsenders.models import OutgoingMail, SenderState
from mailsenders.parking import is_parked

State = OutgoingMail.State
FARTHEST = 2000  # how many mails ahead of one are looked at


def note(sender_id: int, now: datetime) -> None:
    """Write down until when mail that is due has to wait for the budget, and for which limit."""
    state = SenderState.objects.select_related("sender").filter(sender=sender_id).first()
    if state is None or not may_send(state, now) or not limits.are_set(state.sender):
        return
    for name, is_automatic in (("held_until", False), ("automatic_held_until", True)):
        noted = getattr(state, name)
        if noted is None or noted <= now:
            _note(state, name, now, is_automatic=is_automatic)


def _note(state: SenderState, name: str, now: datetime, *, is_automatic: bool) -> None:
    """Note it for those that others wait behind, not for a large mail that smaller ones pass."""
    mails = due(now).filter(sender=state.sender_id, is_automatic=is_automatic, overtaken_since=None)
    first = mails.order_by("not_before", "id").first()
    if first is None:
        return
    room = room_beside(state.sender, now, is_automatic=is_automatic)
    weight = Weight(first.internal, first.external)
    spent = list(room.spent(weight, is_automatic=is_automatic))
    if not spent:
        return
    uses = limits.uses(state.sender_id, now)
    larger = _overtaken(state.sender_id, is_automatic=is_automatic)
    at = budget.release(room.rules, uses, now, [*larger, weight], is_automatic=is_automatic)
    longest = max(spent, key=lambda rule: rule.window)
    SenderState.objects.filter(pk=state.pk).update(**{name: at, "held_why": words(longest)})


def words(rule: Rule) -> str:
    """A limit as people read it: “2,000 messages per day”."""
    return str(rule)


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a mail that is due has not left, in words that follow “until …: ”; `at` None: nobody knows when."""

    at: datetime | None
    why: str


def wait_of(mail: OutgoingMail, now: datetime) -> Wait | None:
    """What keeps a waiting mail whose time has come; None when nothing does, or its time has not come."""
    if mail.state not in WAITING or mail.not_before > now:
        return None
    state = mail.sender.state
    if not mail.sender.is_active:
        return Wait(None, f"the sender “{mail.sender}” is switched off")
    if is_parked(state, now):
        return Wait(state.next_attempt_at, f"the sender “{mail.sender}” pauses")
    earlier = _earlier(mail, now)
    if earlier is not None and earlier.state == State.UNCERTAIN:
        return Wait(None, "it is not known whether an earlier mail of this conversation was sent")
    if earlier is not None:
        return Wait(earlier.not_before, "an earlier mail of this conversation is tried again then")
    at = release_of(mail, now)
    return Wait(at, f"the budget of “{mail.sender}” is used up") if at else None


def _earlier(mail: OutgoingMail, now: datetime) -> OutgoingMail | None:
    """What a mail of the same conversation, which has to leave before, waits for: a person, or a time."""
    before = OutgoingMail.objects.filter(order_key=mail.order_key, pk__lt=mail.pk, is_automatic=False)
    doubt_or_later = Q(state=State.UNCERTAIN) | Q(state=State.RETRY, not_before__gt=now)
    rows = before.filter(doubt_or_later, state__in=UNSETTLED)
    return min(
        rows, key=lambda row: (row.state != State.UNCERTAIN, -row.not_before.timestamp()), default=None
    )


def release_of(mail: OutgoingMail, now: datetime) -> datetime | None:
    """When the budget of its sender lets a waiting mail leave; None when it does not hold it back.

    Those ahead of it leave first: replies of people before automatic mail, then the oldest. Larger ones that
    wait for room only when there is none for it beside them.
    """
    if mail.state not in WAITING or mail.not_before > now:
        return None
    rules = budget.rules(mail.sender)
    if not rules or not may_send(mail.sender.state, now):
        return None
    in_line = [*_ahead(mail), Weight(mail.internal, mail.external)]
    if mail.overtaken_since is None:
        beside = room_beside(mail.sender, now, is_automatic=mail.is_automatic)
        if _fit(beside, in_line, is_automatic=mail.is_automatic):
            return None
        in_line = [*_overtaken(mail.sender_id, is_automatic=mail.is_automatic), *in_line]
    uses = limits.uses(mail.sender_id, now)
    at = budget.release(rules, uses, now, in_line, is_automatic=mail.is_automatic)
    return at if at is not None and at > now else None


def _fit(room: Room, in_line: list[Weight], *, is_automatic: bool) -> bool:
    """Whether there is room for all of them."""
    for weight in in_line:
        if not room.fits(weight, is_automatic=is_automatic):
            return False
        room.take(weight)
    return True


def _overtaken(sender_id: int, *, is_automatic: bool) -> list[Weight]:
    rows = OutgoingMail.objects.filter(
        sender=sender_id, state__in=WAITING, overtaken_since__isnull=False
    ).order_by("overtaken_since", "pk")
    if not is_automatic:
        rows = rows.filter(is_automatic=False)
    return [Weight(*row) for row in rows.values_list("internal", "external")[:FARTHEST]]


def _ahead(mail: OutgoingMail) -> list[Weight]:
    waiting = OutgoingMail.objects.filter(sender=mail.sender_id, state__in=WAITING)
    if mail.overtaken_since is not None:
        before = waiting.filter(overtaken_since__lte=mail.overtaken_since).exclude(pk=mail.pk)
        if not mail.is_automatic:
            before = before.filter(is_automatic=False)
        return [Weight(*row) for row in before.values_list("internal", "external")[:FARTHEST]]
    larger = waiting.filter(overtaken_since__isnull=False).values("order_key")
    waiting = waiting.exclude(order_key__in=larger)  # whoever has to leave after it does not leave before us
    before = waiting.filter(is_automatic=mail.is_automatic, not_before__lt=mail.not_before)
    if mail.is_automatic:
        before = before | waiting.filter(is_automatic=False, not_before__lte=mail.not_before)
    rows = before.order_by("not_before").values_list("internal", "external")
    return [Weight(*row) for row in rows[:FARTHEST]]
