"""Background work of the contacts. It may run twice, or late: the rows decide."""

import logging

from celery import shared_task

from crm import importing

logger = logging.getLogger(__name__)


@shared_task
def work(import_id: int) -> None:
    """Check or import a file; a second one at the same time does nothing."""
    try:
        importing.work(import_id)
    except Exception:
        logger.exception("contact import %s broke off", import_id)
        importing.broke_off(import_id)


@shared_task
def sweep() -> None:
    """Every UCS_SWEEP_INTERVAL: imports whose worker has gone away, and files that have lain long enough."""
    importing.forget_old()
    for pk in importing.left_alone():
        work.delay(import_id=pk)
