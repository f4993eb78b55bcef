"""Background work of the queues. All of it may run twice, or late: the rows decide."""

import logging
from collections.abc import Callable

from celery import shared_task
from django.utils import timezone

from agents import presence
from agents.models import Agent
from queues import (
    bulk,
    contact_merging,
    escalation,
    gaps,
    kinds,
    later,
    notices,
    notices_mail,
    offers,
    pictures,
    recounting,
    routing,
    scanning,
    telling,
    waking,
)
from queues.models import Conversation, EmailQueue

logger = logging.getLogger(__name__)

BULK_SECONDS = 20


def _each(*steps: Callable[[], object]) -> None:
    """Take all the steps: one that fails is for the log, and must not keep the others from being taken."""
    for step in steps:
        try:
            step()
        except Exception:
            logger.exception("A step of the sweep failed: %s", step.__qualname__)


@shared_task
def sweep() -> None:
    """Every UCS_SWEEP_INTERVAL: timed answers, sleepers, presence, and what hints were lost for."""
    _each(
        presence.expire,
        offers.expire,
        waking.return_unbegun,
        waking.release_kept,
        _leave_due,
        waking.wake_due,
        kinds.refresh,
        _give_kept,
        _dispatch_all,
        gaps.note,
        bulk.resume,
        contact_merging.settle,
        scanning.sweep,
        pictures.sweep,
    )


def _leave_due() -> None:
    later.send_due(timezone.now())
    later.hint(timezone.now())


def _give_kept() -> None:
    """What is kept for somebody stands in no line: only who it is kept for can be asked."""
    kept = Conversation.objects.filter(state=Conversation.State.WAITING, queue__mode=EmailQueue.Mode.PUSH)
    free = kept.filter(reserved_for__presence=Agent.Presence.AVAILABLE)
    for agent_id in free.order_by().values_list("reserved_for", flat=True).distinct():
        offer(agent_id)


def _dispatch_all() -> None:
    waiting = Conversation.objects.filter(state=Conversation.State.WAITING, queue__mode=EmailQueue.Mode.PUSH)
    for queue_id in waiting.order_by().values_list("queue", flat=True).distinct():
        routing.dispatch(queue_id)


@shared_task
def leave(draft_id: int) -> None:
    """The time of a timed answer has come."""
    later.send_one(draft_id, timezone.now())


@shared_task
def carry_on(act_id: int) -> None:
    """Something is done with many conversations; another task goes on later, so that others get on."""
    if not bulk.carry_on(act_id, BULK_SECONDS):
        carry_on.delay(act_id=act_id)


@shared_task
def keep_promises() -> None:
    """As often: what is late, steps of escalation, and due times under other opening hours."""
    _each(escalation.run_due, notices_mail.mail_due, recounting.recount_stale)


@shared_task(name="queues.tasks.pictures")
def fetch_pictures(message_id: int) -> None:
    """Somebody wants to see the pictures of a mail."""
    try:
        pictures.fetch(message_id)
    except Exception:
        logger.exception("Fetching the pictures of message %s broke off.", message_id)


@shared_task(name="queues.tasks.scan")
def scan() -> None:
    """Files wait for the virus scanner."""
    try:
        scanning.run()
    except Exception:
        logger.exception("Scanning files for viruses broke off.")


@shared_task
def dispatch(queue_id: int) -> None:
    """Something waits in a push queue."""
    routing.dispatch(queue_id)


@shared_task
def tell(conversation_id: int) -> None:
    """Something waits in a queue whose agents are told, not given."""
    telling.tell(conversation_id)


@shared_task
def refresh_kinds() -> None:
    """Levels, demands or members may have changed."""
    kinds.refresh()


@shared_task
def check_kinds() -> None:
    """Every night: what was written by other means, and not as routing reads it."""
    kinds.unfit()
    kinds.refresh()
    for forget in (notices.forget, bulk.forget):
        while forget():
            pass


@shared_task
def offer(agent_id: int) -> None:
    """An agent has room for more."""
    while routing.offer(agent_id) is not None:
        pass
