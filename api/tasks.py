"""What the API leaves behind goes after a while."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from api import repeats
from api.models import APIKey

SPENT_KEPT = timedelta(days=1)


@shared_task
def tidy() -> None:
    """Delete answers that nobody asks for again, and the keys of clients that are over."""
    repeats.forget()
    APIKey.objects.filter(client__isnull=False, expires_at__lt=timezone.now() - SPENT_KEPT).delete()
