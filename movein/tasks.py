"""Background work of moves. It may run twice, or late: the rows decide."""

import logging

from celery import shared_task

from movein import moving

logger = logging.getLogger(__name__)


@shared_task
def work(move_id: int) -> None:
    """A turn of a move; a second one at the same time does nothing."""
    try:
        moving.work(move_id)
    except Exception:
        logger.exception("move %s broke off", move_id)
        moving.broke_off(move_id)


@shared_task
def sweep() -> None:
    """Every UCS_SWEEP_INTERVAL: moves whose worker has gone away, and those whose pause is over."""
    for pk in moving.left_alone():
        work.delay(move_id=pk)
