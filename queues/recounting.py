"""Other opening hours, other due times: what waits is counted anew when a queue's hours or steps change.

Routing never moves a due time; a changed calendar does, and says so in the history when it is more than a
minute. A queue keeps what its due times were counted with, so that a change made anywhere (a form, a file,
the API, TIME_ZONE) is found by the sweep. Two passes: in the first one's time somebody may still write what
they began to count with the hours from before.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from mailcore.moments import written
from queues import clocks, hours, ladder, live, states
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue, EscalationStep

BATCH = 300
SETTLED = timedelta(minutes=2)  # no transaction lasts so long
MOVED_BY = timedelta(minutes=1)
FIELDS = [*clocks.CLOCK]


def mark(queue: EmailQueue, steps: list[EscalationStep]) -> str:
    """What the due times and steps of a queue depend on."""
    told = " ".join(f"{step.pk}:{step.when}{step.amount}" for step in steps)
    return f"{hours.fingerprint(queue)} | {told}"[:300]


def stale(now: datetime | None = None) -> Iterator[EmailQueue]:
    """The queues whose conversations are to be counted anew; two queries."""
    now = now or timezone.now()
    for queue in EmailQueue.objects.select_related("calendar").prefetch_related("escalation"):
        is_second = queue.recounted_at is not None and queue.recounted_at < now - SETTLED
        if is_second or queue.counted_as != mark(queue, list(queue.escalation.all())):
            yield queue


def recount_stale() -> int:
    """Count anew where the hours or steps have changed; return how many due times moved."""
    return sum(recount(queue) for queue in list(stale()))


def recount(queue: EmailQueue) -> int:
    """Count anew what waits in a queue, in batches; return how many due times moved.

    Each batch is a transaction of its own; who stops in the middle is begun again by the next sweep.
    """
    steps = list(queue.escalation.select_related("to_queue"))
    wanted = mark(queue, steps)
    again = queue.counted_as != wanted
    moved = last = 0
    while True:
        pks = _after(queue, last)
        if not pks:
            break
        moved += _recount(pks, steps)
        last = pks[-1]
    rows = EmailQueue.objects.filter(pk=queue.pk)
    rows.update(counted_as=wanted, recounted_at=timezone.now() if again else None)
    return moved


def _after(queue: EmailQueue, last: int) -> list[int]:
    runs = Q(due_at__isnull=False) | Q(resolve_at__isnull=False)
    rows = Conversation.objects.filter(runs, queue=queue, pk__gt=last).exclude(state="closed")
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _recount(pks: list[int], steps: list[EscalationStep]) -> int:
    changed: list[Conversation] = []
    moved = 0
    for row in states.lock_together(pks):
        before = (row.due_at, row.due_tick, row.escalate_at)
        _count(row, steps)
        if (row.due_at, row.due_tick, row.escalate_at) == before:
            continue
        changed.append(row)
        if row.due_at and before[0] and abs(row.due_at - before[0]) > MOVED_BY:
            moved += 1
            _tell(row, before[0])
    Conversation.objects.bulk_update(changed, FIELDS)
    return moved


def _count(row: Conversation, steps: list[EscalationStep]) -> None:
    opening = hours.of(row.queue)
    if row.due_at is None:
        return
    if not row.is_due_kept and row.target is not None and row.waiting_since is not None:
        row.due_at, row.due_tick = hours.due(row.queue, row.waiting_since, row.target)
    else:
        row.due_tick = opening.tick(row.due_at)
    if row.resolve_at is not None and row.waiting_since is not None:
        clocks.settle_after(row, row.waiting_since)
    if row.breached_at is not None and row.due_at > timezone.now():
        row.breached_at = None  # it isn't late any more
    row.escalate_at = min((each.at for each in ladder.ahead(row, steps)), default=None)


def _tell(row: Conversation, before: datetime) -> None:
    assert row.due_at is not None
    old, new = written(before), written(row.due_at)
    sentence = f"The opening hours of {row.queue} changed: it is due at {new} instead of {old}."
    note_event(row, Kind.RECOUNTED, sentence, data={"was": before.isoformat(), "is": row.due_at.isoformat()})
    live.changed(row.pk, row.queue_id, row.agent_id)
