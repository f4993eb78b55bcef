"""What is wrong with senders: not signed in, blocked, out of budget or soon to be, mails in doubt."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from alarms.trouble import Trouble
from mailsenders import budget_view
from mailsenders.models import EmailSender, OutgoingMail
from mailsenders.parking import BLOCKED
from queues import hours
from queues.models import EmailQueue, Message
from sso import causes
from sso.clicks import place_of
from sso.models import SSOProvider

DOUBT_SECONDS = 15 * 60  # by then the Sent folder has been searched, and a person should look
MOST_NAMED = 5
FAILING = ("failing", "blocked")
MINUTE = "per minute"  # a budget that is back before anybody could read of it


def sender_troubles() -> Iterator[Trouble]:
    """Each sender's; a constant number of queries, and one more for each sender with a budget."""
    now = timezone.now()
    doubted, owners, closings = _doubted(now), _owners(), _closings(now)
    for sender in EmailSender.objects.select_related("state").defer("password"):
        owner = owners.get(sender.username.lower()) or owners.get(sender.email_address.lower(), "")
        for key, sentence, is_urgent in (
            *_failing(sender),
            *_spent(sender, now),
            *_wall(sender, now, closings.get(sender.pk, [])),
        ):
            cause = causes.named(sender.state.last_cause) if key in FAILING else causes.UNKNOWN
            yield Trouble(
                f"sender:{sender.pk}:{key}",
                f"sender {sender.name}",
                sentence,
                place_of(cause, sender),
                owner,
                is_urgent,
            )
        yield from _in_doubt(sender, doubted.get(sender.pk, []))


def _failing(sender: EmailSender) -> Iterator[tuple[str, str, bool]]:
    if sender.is_active and sender.state.is_failing:
        kind = FAILING[sender.state.last_cause == BLOCKED]
        yield kind, sender.state.last_error, True


def _spent(sender: EmailSender, now: datetime) -> Iterator[tuple[str, str, bool]]:
    state = sender.state
    if not sender.is_active or state.held_why.endswith(MINUTE):
        return
    if state.held_until and state.held_until > now:
        yield (
            "spent",
            f"The budget of {state.held_why} is used up, replies wait until "
            f"{budget_view.when(state.held_until)}, nothing is dropped: raise the limit if the provider "
            "allows more, or send with another sender.",
            True,
        )
    elif state.automatic_held_until and state.automatic_held_until > now:
        yield (
            "nearly-spent",
            f"Most of the budget of {state.held_why} is used up, automatic mail waits until "
            f"{budget_view.when(state.automatic_held_until)} so that replies can leave: nothing needs to be "
            "done unless it happens often.",
            False,
        )


def _wall(sender: EmailSender, now: datetime, closings: list[datetime]) -> Iterator[tuple[str, str, bool]]:
    """Only when it comes before the day's work is over."""
    last = max(closings, default=None)
    standing = budget_view.standing(sender, now) if sender.is_active and last else None
    if standing is None or standing.wall is None or last is None or standing.held_until:
        return
    if now < standing.wall < last:
        yield (
            "wall",
            f"At the pace of the last hour the budget of {standing.wall_name} is used up at "
            f"{budget_view.when(standing.wall)}, before the queue closes at {budget_view.when(last)}: hold "
            "back automatic mail, raise the limit if the provider allows more, or use another sender.",
            False,
        )


def _closings(now: datetime) -> dict[int, list[datetime]]:
    """When the queues of each sender close today."""
    night = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    found: dict[int, list[datetime]] = defaultdict(list)
    for queue in EmailQueue.objects.filter(sender__isnull=False).select_related("calendar"):
        opening = hours.of(queue)
        found[queue.sender_id or 0].append(opening.at(opening.tick(night)))
    return found


def _owners() -> dict[str, str]:
    """Who looks after the sign-in of a mailbox."""
    rows = SSOProvider.objects.exclude(owner="").exclude(mailbox="").values_list("mailbox", "owner")
    return {mailbox.lower(): owner for mailbox, owner in rows}


def _doubted(now: datetime) -> dict[int, list[tuple[int, int | None]]]:
    """Mails that have been in doubt for long: sender → mail and the number of its conversation."""
    old = OutgoingMail.objects.filter(
        state=OutgoingMail.State.UNCERTAIN, data_started_at__lt=now - timedelta(seconds=DOUBT_SECONDS)
    )
    mails = list(old.order_by("id").values_list("sender", "pk"))
    rows = Message.objects.filter(outgoing__in=[pk for _, pk in mails])
    numbers = dict(rows.values_list("outgoing", "conversation__number"))
    found: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
    for sender_id, pk in mails:
        found[sender_id].append((pk, numbers.get(pk)))
    return found


def _in_doubt(sender: EmailSender, mails: list[tuple[int, int | None]]) -> Iterator[Trouble]:
    """One for each mail; of many, one for all that are left."""
    for pk, number in mails[:MOST_NAMED]:
        where = f" of conversation #{number}" if number else ""
        yield Trouble(
            f"sender:{sender.pk}:uncertain:{pk}",
            f"sender {sender.name}",
            f"Outgoing mail {pk}{where} may have left or not, for more than 15 minutes: ask the recipient or "
            "look into the Sent folder, then send it again or mark it as sent.",
            reverse("admin:mailsenders_outgoingmail_change", args=[pk]),
        )
    rest = len(mails) - MOST_NAMED
    if rest > 0:
        outgoing = reverse("admin:mailsenders_outgoingmail_changelist")
        yield Trouble(
            f"sender:{sender.pk}:uncertain",
            f"sender {sender.name}",
            f"{rest} more mails may have left or not: open each, then send it again or mark it as sent.",
            f"{outgoing}?sender__id__exact={sender.pk}&state__exact={OutgoingMail.State.UNCERTAIN}",
        )
