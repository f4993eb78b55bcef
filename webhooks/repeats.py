"""What a person decides: send it again, replay the feed, resume what was paused."""

from django.db import transaction
from django.utils import timezone

from webhooks.models import Delivery, Webhook

State = Delivery.State

SETTLED = (State.DELIVERED, State.FAILED, State.DROPPED)
FROM_THE_BEGINNING = {
    "state": State.WAITING, "attempts": 0, "first_attempt_at": None, "settled_at": None, "error": "",
    "status": None, "latency_ms": None, "answer": "",
}  # fmt: skip


def send_again(delivery_id: int) -> bool:
    """Send a settled delivery again, or one that waits at once; False for one that is being sent."""
    rows = Delivery.objects.filter(pk=delivery_id).exclude(state=State.SENDING)
    return bool(rows.update(next_attempt_at=timezone.now(), **FROM_THE_BEGINNING))


@transaction.atomic
def replay(webhook: Webhook, number: int) -> int:
    """Send everything again from this number of the feed on, also what was not chosen at that time.

    :return: how many deliveries there are again; others follow as the feed is read once more.
    """
    row = Webhook.objects.select_for_update(no_key=True).defer("secret").get(pk=webhook.pk)
    rows = row.deliveries.filter(number__gte=number, state__in=SETTLED)
    count = rows.update(next_attempt_at=timezone.now(), **FROM_THE_BEGINNING)
    row.cursor = min(row.cursor, max(number - 1, 0))
    row.missed_from = None if number <= (row.missed_from or 0) else row.missed_from
    row.save(update_fields=["cursor", "missed_from"])
    return count


@transaction.atomic
def resume(webhook: Webhook) -> None:
    """Go on with a webhook that was paused, or that waits after many failures: what waits goes out now."""
    row = Webhook.objects.select_for_update(no_key=True).defer("secret").get(pk=webhook.pk)
    row.paused_at = row.failing_since = row.next_attempt_at = None
    row.failures = 0
    row.save(update_fields=["paused_at", "failing_since", "next_attempt_at", "failures"])
    waiting = row.deliveries.filter(state=State.WAITING)
    waiting.update(next_attempt_at=timezone.now(), first_attempt_at=None, attempts=0)
