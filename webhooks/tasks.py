"""What workers do for webhooks. Tasks may come twice, late or never: the rows decide."""

import logging

from celery import shared_task
from django.utils import timezone

from mailstore.announce import announce
from webhooks import choosing, keeping, sending, sequence
from webhooks.models import Webhook

logger = logging.getLogger(__name__)


@shared_task(name="webhooks.tasks.tick")
def tick() -> None:
    """Number what is new in the feed, make deliveries of it, and wake who delivers."""
    sequence.number_new()
    for pk in Webhook.objects.filter(is_active=True, paused_at=None).values_list("pk", flat=True):
        choosing.choose(pk)
    for pk in sending.due(timezone.now()):
        announce(deliver, webhook_id=pk)


@shared_task(name="webhooks.tasks.deliver")
def deliver(webhook_id: int) -> None:
    """Deliver what is due to one webhook."""
    try:
        if sending.deliver(webhook_id):
            announce(deliver, webhook_id=webhook_id)
    except Exception:
        logger.exception("Delivering to webhook %s broke off.", webhook_id)


@shared_task(name="webhooks.tasks.sweep")
def sweep() -> None:
    """Take up what a lost worker had in hand."""
    sending.sweep(timezone.now())


@shared_task(name="webhooks.tasks.tidy")
def tidy() -> None:
    """Forget what is old."""
    while keeping.tidy(timezone.now()) == keeping.AT_ONCE:
        pass
