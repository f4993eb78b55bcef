"""Which events a webhook is told of: it reads the feed from its cursor on, and what fits is a delivery."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from mailsources.models import FetchedMail
from mailstore.feed_models import FeedEvent
from webhooks.models import OF_MAIL_IN, Delivery, Webhook

AT_ONCE = 500

Origins = dict[Any, tuple[int, bool]]
"""By message, its source, and whether it was there before that was connected."""


def choose(webhook_id: int) -> None:
    """Make the deliveries of all that is new in the feed, unless another process is at it."""
    while _portion(webhook_id):
        pass


@transaction.atomic
def _portion(webhook_id: int) -> bool:
    """Whether there may be more."""
    rows = Webhook.objects.select_for_update(skip_locked=True, no_key=True).defer("secret")
    webhook = rows.filter(pk=webhook_id, is_active=True, paused_at=None).first()
    if webhook is None:
        return False
    events = list(FeedEvent.objects.filter(number__gt=webhook.cursor).order_by("number")[:AT_ONCE])
    if not events:
        return False
    Delivery.objects.bulk_create(
        (
            Delivery(webhook=webhook, event=each, number=each.number or 0, order_key=order_key(each))
            for each in fitting(webhook, events)
        ),
        ignore_conflicts=True,
    )
    webhook.cursor = events[-1].number or 0
    webhook.save(update_fields=["cursor"])
    return len(events) == AT_ONCE


def order_key(event: FeedEvent) -> int:
    """What it is about, within which the order is kept: a conversation, or else a contact."""
    return event.conversation_id or -(event.contact_id or 0)


def fitting(webhook: Webhook, events: Iterable[FeedEvent]) -> list[FeedEvent]:
    """The events that the webhook wants, but none of mail that lay in its mailbox before us."""
    wanted = [each for each in events if each.type in webhook.events and _is_of_queue(each, webhook.queue_id)]
    came = [each.message_id for each in wanted if each.type in OF_MAIL_IN and each.message_id]
    if not came:
        return [each for each in wanted if webhook.source_id is None]
    mails = FetchedMail.objects.filter(message__in=came).values_list("message", "source", "is_history")
    origins: Origins = {message: (source, is_history) for message, source, is_history in mails}
    return [each for each in wanted if _is_of_source(each, webhook.source_id, origins)]


def _is_of_queue(event: FeedEvent, queue_id: int | None) -> bool:
    """Something that leaves a queue is of that queue, too."""
    return queue_id is None or queue_id in (event.queue_id, event.data.get("from_queue"))


def _is_of_source(event: FeedEvent, source_id: int | None, origins: Origins) -> bool:
    source, is_history = origins.get(event.message_id, (None, False))
    is_old = is_history and event.type in OF_MAIL_IN
    return not is_old and source_id in (None, source)
