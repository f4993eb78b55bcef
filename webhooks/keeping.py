"""How long the feed and the log of deliveries are kept."""

from datetime import datetime, timedelta

from django.db.models import Max

from mailstore.feed_models import FeedEvent
from webhooks.models import Delivery

KEPT_FOR = timedelta(days=30)
AT_ONCE = 5000


def tidy(now: datetime) -> int:
    """Forget what is older, with what was never delivered of it; how many events there were.

    The newest event stays in any case, as numbers go on from it.
    """
    before = now - KEPT_FOR
    newest = FeedEvent.objects.aggregate(newest=Max("number"))["newest"] or 0
    # By their numbers, which have an index and grow with time: most of a look by time would find nothing.
    oldest = FeedEvent.objects.filter(number__lt=newest).order_by("number").values_list("pk", "at")[:AT_ONCE]
    pks = [pk for pk, at in oldest if at < before]
    Delivery.objects.filter(event__in=pks).delete()
    FeedEvent.objects.filter(pk__in=pks).delete()
    return len(pks)
