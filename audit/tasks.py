"""The audit log's night."""

import logging

from celery import shared_task
from django.utils import timezone

from audit import keeping, pruning

logger = logging.getLogger(__name__)


@shared_task
def keep() -> None:
    """Seal what is settled, and delete what is older than it must be kept."""
    now = timezone.now()
    try:
        while keeping.seal(now):
            pass
        while pruning.prune(now):
            pass
    except Exception:
        logger.exception("Keeping the audit log broke off.")
