"""Many conversations go to another queue together, because the mailbox that they come by is moved there.

waiting, held, snoozed, customer's turn ──▶ the same in the other queue, with the due times they had
in an agent's hands ──▶ stays there if the agent works in the other queue, else it waits in it
"""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q

from agents.models import Agent
from queues import feeding, kinds, live, nudges, states
from queues.clocks import change_queue
from queues.finding_filed import refile
from queues.history import Kind, note_event
from queues.models import Conversation, EmailQueue

State = Conversation.State


def go_along(pks: Iterable[int], queue: EmailQueue, actor: User | None, why: str, now: datetime) -> int:
    """Move these within the transaction of the caller; say how many there were.

    Those that were closed or merged meanwhile, or are in the queue already, stay as they are.

    :param why: the sentence for their history.
    """
    rows = [
        row for row in states.lock_together(pks) if row.queue_id != queue.pk and row.state != State.CLOSED
    ]
    states.lock_agents(*rows)
    members = set(
        Agent.objects.filter(Q(queues=queue), user__is_active=True).values_list("pk", flat=True).distinct()
    )
    for row in rows:
        _move(row, queue, members, now)
        note_event(row, Kind.TRANSFERRED, why, actor, {"to": queue.pk})
        if row.state == State.WAITING:
            nudges.waits(row)
    return len(rows)


def _move(row: Conversation, queue: EmailQueue, members: set[int], now: datetime) -> None:
    left, owner = row.queue_id, row.agent
    is_lost = row.state == State.ASSIGNED and row.agent_id not in members
    if row.state == State.WAITING or is_lost:
        states.move(row, queue, now)
        if owner is not None:
            nudges.freed(owner)
        return
    row.queue = queue
    change_queue(row)
    row.kind_id = kinds.of(row)
    states.save(row, states.MOVED)
    refile(row.pk, queue.pk)
    live.changed(row.pk, left)
    feeding.tell_of_move(row, left)
