"""Tasks of the wiring itself."""

from celery import shared_task

from mailstore.workers import note_heartbeat


@shared_task
def heartbeat(*, queue: str) -> None:
    """Sent into every queue by the clock: a worker that takes it proves that the queue is served."""
    note_heartbeat(queue)
