"""Deliver what waits: claim one, commit, send it, write down what came of it.

A delivery is claimed by one worker alone (a locked row, then a lease and a fence), and only as the first open
one of its conversation. It may come twice, if a worker dies between the answer and the note of it; its id is
the same then.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from webhooks import payload, recording
from webhooks.models import Delivery, Webhook
from webhooks.post import Outcome, Verdict, post

logger = logging.getLogger(__name__)

State = Delivery.State

LADDER = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
"""Seconds until the next attempt; the last one from then on."""

GIVE_UP_AFTER = timedelta(days=3)
MANY_FAILURES = 10
"""In a row: then the whole webhook waits, and tries one delivery at a time."""

LEASE = timedelta(minutes=5)
"""More than twice what the longest delivery takes: that of a CRM asks `contract.MOST_CALLS` times."""

LONGEST_PAUSE = timedelta(minutes=10)
"""Of a whole webhook: what fails may be one conversation alone, and others must not wait for it."""

FOUND_AFTER = timedelta(minutes=1)
"""Until a CRM finds by our id what it has just made: asked sooner, it would be made twice."""

MOST_AT_ONCE = 2
"""Requests to one webhook at the same time; one, while it fails."""

MOST_IN_ALL = 4
"""Requests to all webhooks at the same time: servers that hang must leave threads to those who fetch mail."""

TURN_SECONDS = 20.0

CLAIM = """
UPDATE webhooks_delivery SET state = 'sending', attempts = attempts + 1, fence = fence + 1,
    lease_until = %(lease)s, first_attempt_at = COALESCE(first_attempt_at, %(now)s)
WHERE id = (
    SELECT first.id FROM webhooks_delivery AS first
    WHERE first.webhook_id = %(webhook)s AND first.state = 'waiting' AND first.next_attempt_at <= %(now)s
        AND NOT EXISTS (
            SELECT FROM webhooks_delivery AS earlier
            WHERE earlier.webhook_id = first.webhook_id AND earlier.order_key = first.order_key
                AND earlier.state IN ('waiting', 'sending') AND earlier.number < first.number
        )
        AND (SELECT count(*) FROM webhooks_delivery AS other
             WHERE other.webhook_id = %(webhook)s AND other.state = 'sending') < %(most)s
        AND (SELECT count(*) FROM webhooks_delivery AS other WHERE other.state = 'sending') < %(in_all)s
    ORDER BY first.number LIMIT 1 FOR UPDATE OF first SKIP LOCKED
)
RETURNING id
"""


def claim(webhook: Webhook, now: datetime) -> Delivery | None:
    """Take the next delivery of a webhook; None when nothing is due, or enough is under way."""
    values: dict[str, Any] = {"webhook": webhook.pk, "now": now, "lease": now + LEASE}
    values |= {"most": 1 if webhook.is_failing else MOST_AT_ONCE, "in_all": MOST_IN_ALL}
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        row = cursor.fetchone()
    return Delivery.objects.select_related("event").get(pk=row[0]) if row else None


def deliver(webhook_id: int) -> bool:
    """Send what is due for some seconds; whether something may be left."""
    until = time.monotonic() + TURN_SECONDS
    while time.monotonic() < until:
        now = timezone.now()
        webhook = Webhook.objects.filter(pk=webhook_id).first()
        if webhook is None or not is_open(webhook, now):
            return False
        delivery = claim(webhook, now)
        if delivery is None:
            return False
        attempt(webhook, delivery)
    return True


def is_open(webhook: Webhook, now: datetime) -> bool:
    """Whether something may be sent to it now."""
    return webhook.runs and (webhook.next_attempt_at is None or webhook.next_attempt_at <= now)


def attempt(webhook: Webhook, delivery: Delivery) -> None:
    """Send a claimed delivery, once."""
    try:
        outcome = _told(webhook, delivery)
    except payload.Erased as erased:
        _settle(delivery, State.DROPPED, error=str(erased))
        return
    except Exception:  # the edge: one that can't be told must not hold back the others for ever
        logger.exception("delivery %s can't be made", delivery.pk)
        outcome = Outcome(Verdict.AGAIN, "It could not be made: see the log of the workers.")
    _note(webhook, delivery, outcome)


def _told(webhook: Webhook, delivery: Delivery) -> Outcome:
    if webhook.is_crm:
        return recording.tell(webhook, delivery.event)
    return post(webhook, delivery.event.public_id, payload.build(delivery.event, webhook))


def _note(webhook: Webhook, delivery: Delivery, outcome: Outcome) -> None:
    """Write down what came of it, for the delivery and for the webhook, unless the claim has been lost."""
    now = timezone.now()
    seen = {"status": outcome.status, "latency_ms": outcome.latency_ms, "answer": outcome.answer}
    with transaction.atomic():
        row = Webhook.objects.select_for_update(no_key=True).defer("secret").get(pk=webhook.pk)
        if outcome.verdict is Verdict.TAKEN:
            if _settle(delivery, State.DELIVERED, error="", **seen):
                _works(row)
            return
        if outcome.verdict is Verdict.GONE:
            if _settle(delivery, State.FAILED, error=outcome.sentence, **seen):
                _fails(row, outcome.sentence, now)
                Webhook.objects.filter(pk=row.pk).update(is_active=False, gone_at=now)
            return
        began = delivery.first_attempt_at or now
        is_alone = row.last_success_at is not None and row.last_success_at > began
        if is_alone and now - began >= GIVE_UP_AFTER:
            _settle(delivery, State.FAILED, error=outcome.sentence, **seen)
            return
        later = {"state": State.WAITING, "lease_until": None, "error": outcome.sentence, **seen}
        asked = max(outcome.wait or FOUND_AFTER, FOUND_AFTER) if webhook.is_crm else outcome.wait
        if _ours(delivery).update(next_attempt_at=now + pause(delivery.attempts, asked), **later):
            _fails(row, outcome.sentence, now)


def pause(attempts: int, asked: timedelta | None = None) -> timedelta:
    """How long to wait after so many attempts; longer if the server asks for it."""
    usual = timedelta(seconds=LADDER[min(max(attempts, 1), len(LADDER)) - 1])
    return max(usual, asked or usual)


def _ours(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, fence=delivery.fence, state=State.SENDING)


def _settle(delivery: Delivery, state: State, **values: object) -> bool:
    """The end of a delivery; False when its claim has been lost."""
    done = _ours(delivery).update(state=state, settled_at=timezone.now(), lease_until=None, **values)
    if not done:
        logger.warning("A late result for delivery %s is dropped (fence %s).", delivery.pk, delivery.fence)
    return bool(done)


def _works(row: Webhook) -> None:
    row.failing_since = None
    row.save(update_fields=["failing_since"])
    row.succeeded()


def _fails(row: Webhook, sentence: str, now: datetime) -> None:
    """Count it; after many in a row all of it waits, and after days nothing is sent any more."""
    row.failing_since = row.failing_since or now
    is_over = now - row.failing_since >= GIVE_UP_AFTER
    if is_over:
        row.paused_at = now
    row.save(update_fields=["failing_since", "paused_at"])
    over = row.failures + 1 - MANY_FAILURES
    row.failed(sentence, now + min(pause(over + 1), LONGEST_PAUSE) if over >= 0 and not is_over else None)


def sweep(now: datetime) -> int:
    """Take up deliveries whose worker has gone; how many there were."""
    lost = Delivery.objects.filter(state=State.SENDING, lease_until__lt=now)
    return lost.update(
        state=State.WAITING,
        lease_until=None,
        fence=F("fence") + 1,
        next_attempt_at=now,
        error="The process that sent it ended before the answer came: it is sent again.",
    )


def due(now: datetime) -> list[int]:
    """The webhooks that have something to send now."""
    is_ready = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    waiting = Delivery.objects.filter(webhook=OuterRef("pk"), state=State.WAITING, next_attempt_at__lte=now)
    rows = Webhook.objects.filter(is_ready, Exists(waiting), is_active=True, paused_at=None)
    return list(rows.order_by("pk").values_list("pk", flat=True))
