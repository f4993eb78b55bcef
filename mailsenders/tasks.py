"""What workers do with outgoing mail. Tasks may come twice, late or never: the rows decide."""

import logging
from typing import Any

from celery import shared_task, signals
from django.utils import timezone

from mailsenders import connections, outbox, sending, testsend
from mailsenders.due import senders_with_due_mail
from mailstore.announce import announce

logger = logging.getLogger(__name__)


@shared_task(name="mailsenders.tasks.send_due")
def send_due() -> None:
    """Wake the senders that have something to send."""
    for sender_id in senders_with_due_mail(timezone.now()):
        announce(send, sender_id=sender_id)


@shared_task(name="mailsenders.tasks.send")
def send(sender_id: int) -> None:
    """Send what is due for one sender."""
    try:
        sending.send_due_mail(sender_id)
    except Exception:
        logger.exception("Sending for sender %s broke off.", sender_id)


@shared_task(name="mailsenders.tasks.test_send")
def test_send(test_id: int) -> None:
    """Send an administrator's test mail."""
    testsend.run(test_id)


@shared_task(name="mailsenders.tasks.sweep")
def sweep() -> None:
    """Take up mails whose worker has gone."""
    outbox.sweep(timezone.now())


@signals.worker_shutting_down.connect
def stop_sending(**kwargs: Any) -> None:
    """A worker that is asked to end finishes the mail under way, not the whole outbox."""
    sending.stop()


@signals.worker_shutdown.connect
def hang_up(**kwargs: Any) -> None:
    """Say goodbye to the servers."""
    connections.close_all()
