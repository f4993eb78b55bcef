"""The end of a move: what is to stay open is given to its queue, and what nobody needs any more goes."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from mailcore.parsed import Automatic
from movein import places
from movein.job import Job
from movein.models import Moved, MoveItem
from queues import nudges, states
from queues.models import Conversation, Message

TOGETHER = 20
ROWS_TOGETHER = 10_000

State = Conversation.State


def end(job: Job) -> Iterator[None]:
    """Do what is left when all is in; control comes back after each portion."""
    if job.move.open_days is not None:
        yield from _leave_open(job)
    done = MoveItem.objects.filter(move=job.move, state__in=[MoveItem.State.TAKEN, MoveItem.State.KNOWN])
    while pks := list(done.order_by().values_list("pk", flat=True)[:ROWS_TOGETHER]):
        with job.portion():
            MoveItem.objects.filter(pk__in=pks).delete()
            job.note()
        yield
    places.tidy(job.move)


def _leave_open(job: Job) -> Iterator[None]:
    last = int(job.move.cursor.get("left_open", 0))
    while rows := list(_lately(job).filter(pk__gt=last)[:TOGETHER]):
        last = rows[-1].pk
        with job.portion():
            pks = {each.conversation_id for each in rows}
            opened = sum(_open(row, job) for row in states.lock_together(pks))
            job.note(opened=F("opened") + opened, cursor=job.move.cursor | {"left_open": last})
        yield


def _lately(job: Job) -> QuerySet[Moved]:
    """What came into conversations lately: those of an earlier run may have gone on since.

    Of another system the row of the ticket says whether it was closed there.
    """
    since = timezone.now() - timedelta(days=job.move.open_days or 0)
    closed = Conversation.objects.filter(state=State.CLOSED, last_message_at__gte=since).order_by()
    rows = Moved.objects.filter(move=job.move, was_closed=False, conversation_id__in=closed.values("pk"))
    return (rows.filter(key__startswith="ticket/") if job.move.is_system else rows).order_by("pk")


def _open(row: Conversation, job: Job) -> bool:
    """Let it wait, if the customer had the last word; the clock runs anew."""
    now = timezone.now()
    if row.state != State.CLOSED or row.spam_at is not None or row.closed_at != row.last_message_at:
        return False  # somebody here has had it in hand
    newest = row.messages.filter(automatic=Automatic.NO).order_by("-created_at", "-pk").only("direction")
    last = newest.first()
    if last is None or last.direction != Message.Direction.IN:
        return False
    states.start_clock(row, now, row.queue.next_response)
    states.give_back(row, now)
    nudges.waits(row)
    return True
