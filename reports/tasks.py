"""Background work of the reports."""

import logging

from celery import shared_task

from mailstore.announce import announce
from reports import whatif

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep() -> None:
    """Every UCS_SWEEP_INTERVAL: what a killed worker left, and what no worker was told of."""
    whatif.stop_lost()
    for pk in whatif.forgotten():
        announce(play, what_if_id=pk)


@shared_task(ignore_result=True)
def play(what_if_id: int) -> None:
    """Answer a question of a supervisor; asked twice, the second call does nothing."""
    try:
        whatif.play(what_if_id)
    except Exception:
        logger.exception("what-if %s broke off", what_if_id)
