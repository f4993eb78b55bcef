"""Background work of erasing and of keeping mail no longer than it may be kept."""

import logging

from celery import shared_task

from privacy import erasing, retention, stripping

logger = logging.getLogger(__name__)


@shared_task
def work(erasure_id: int) -> None:
    """Go on erasing a person; a second one at the same time does nothing."""
    try:
        if erasing.work(erasure_id):
            work.delay(erasure_id=erasure_id)
    except stripping.StillNeeded as found:
        erasing.broke_off(erasure_id, str(found))
    except Exception:
        logger.exception("erasure %s broke off", erasure_id)
        erasing.broke_off(erasure_id)


@shared_task
def sweep() -> None:
    """Every UCS_SWEEP_INTERVAL: erasures that no worker holds."""
    for pk in erasing.left_alone():
        work.delay(erasure_id=pk)


@shared_task
def retain() -> None:
    """Now and then at night: what has been closed long enough goes, queue by queue."""
    try:
        retention.run()
    except Exception:
        logger.exception("Retention broke off.")
