"""How webhooks do: for their pages, the alarms, the status and the metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from webhooks.keeping import KEPT_FOR
from webhooks.models import Delivery, Webhook, last_number
from webhooks.sending import GIVE_UP_AFTER

State = Delivery.State
LATELY = timedelta(days=1)
MOST = 10_000
TOLD_AFTER = timedelta(hours=1)
"""A webhook that fails for so long is worth an alarm, long before it is paused."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`lag` are numbers of the feed that it hasn't looked at; the rest deliveries, counted up to `MOST`."""

    waiting: str
    delivered: str
    failed: str
    lag: int
    newest: int


def standing(webhook: Webhook, now: datetime) -> Standing:
    """What waits, and what became of the deliveries of the last day."""
    rows = webhook.deliveries.order_by()
    lately = rows.filter(settled_at__gt=now - LATELY)
    newest = last_number()
    return Standing(
        waiting=_counted(rows.filter(state__in=[State.WAITING, State.SENDING])),
        delivered=_counted(lately.filter(state=State.DELIVERED)),
        failed=_counted(lately.filter(state=State.FAILED)),
        lag=newest - webhook.cursor,
        newest=newest,
    )


def _counted(rows: QuerySet[Delivery]) -> str:
    """How many, as far as anybody waits for it: each of these conditions has an index."""
    count = rows[: MOST + 1].count()
    return f"{MOST} and more" if count > MOST else str(count)


def paused_sentence(webhook: Webhook) -> str:
    """Why nothing is sent to it, and what to do."""
    last = webhook.last_error or "It was not reached."
    return (
        f"Nothing is sent to {webhook.name} any more, as it took nothing for {GIVE_UP_AFTER.days} days. "
        f"Last: {last} "
        f"Mend the receiver, then press “Resume” on its page: events are kept for {KEPT_FOR.days} days."
    )


def alarms() -> Iterator[tuple[Webhook, str, bool]]:
    """The webhooks that need a person: which, why, and whether it is urgent."""
    now = timezone.now()
    fails = Q(is_active=True, failing_since__isnull=False)
    was_ended = Q(is_active=False, gone_at__gt=now - LATELY)  # by its receiver, and no person's act since
    for webhook in Webhook.objects.filter(fails | was_ended).defer("secret"):
        if not webhook.is_active:
            sentence = f"{webhook.last_error} Delete it, or correct its URL and make it active again."
            yield webhook, sentence, False
        elif webhook.paused_at is not None:
            yield webhook, paused_sentence(webhook), True
        elif webhook.failing_since is not None and now - webhook.failing_since > TOLD_AFTER:
            ends = timezone.localtime(webhook.failing_since + GIVE_UP_AFTER).strftime("%d %b, %H:%M %Z")
            yield webhook, f"{webhook.last_error} If that lasts until {ends}, it is paused.", False


def page_of(webhook: Webhook) -> str:
    """Where it is looked after."""
    which = "crmconnection" if webhook.is_crm else "webhook"
    return reverse(f"admin:webhooks_{which}_change", args=[webhook.pk])
