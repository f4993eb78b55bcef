"""What time does to a promise: steps of escalation, each once in a turn of ours, and the breach itself.

    running ──step's time──▶ raised, told, moved, noted ──due──▶ late (`breached_at`) ──▶ later steps

One index holds when something is next for any conversation, so a sweep reads what is due and nothing else.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from agents.retelling import in_english
from mailcore.moments import written
from queues import clocks, ladder, live, notices, states
from queues.history import Kind, note_event
from queues.ladder import Ahead
from queues.models import Conversation, EscalationStep, Notice
from queues.notes import write_note

logger = logging.getLogger(__name__)

BATCH = 200
AGAIN = timedelta(hours=1)
Act = EscalationStep.Act
State = Conversation.State
ESCALATED = [*clocks.CLOCK, "priority"]


def run_due(now: datetime | None = None) -> int:
    """Walk the steps that are due, and mark what has become late; return how many conversations it was."""
    now = now or timezone.now()
    due = Conversation.objects.filter(escalate_at__lte=now).order_by("escalate_at")
    return sum(_tried(pk, now) for pk in list(due.values_list("pk", flat=True)[:BATCH]))


def _tried(pk: int, now: datetime) -> bool:
    try:
        return _walk(pk, now)
    except Exception:
        logger.exception("The steps of conversation %s failed: they are tried again in an hour", pk)
        Conversation.objects.filter(pk=pk).update(escalate_at=now + AGAIN)
        return False


@transaction.atomic
def _walk(pk: int, now: datetime) -> bool:
    row = states.lock_free(pk)
    if row is None or row.escalate_at is None or row.escalate_at > now:
        return False
    for each in [each for each in ladder.ahead(row) if each.at <= now]:
        if row.due_at is None and row.resolve_at is None:
            break
        here = row.queue_id
        _happen(row, each, now)
        if row.queue_id != here:  # what lies ahead are the steps of that queue now
            break
    clocks.plan(row)
    row.save(update_fields=ESCALATED)
    live.changed(row.pk, row.queue_id, row.agent_id)
    return True


def _happen(row: Conversation, each: Ahead, now: datetime) -> None:
    if each.key == ladder.LATE:
        row.breached_at = row.due_at
        note_event(row, Kind.BREACHED, f"It is late: our answer was due at {written(each.at)}.")
        return
    row.escalated = [*row.escalated, each.key]
    if each.step is None:
        note_event(row, Kind.BREACHED, f"It isn't settled: that was due at {written(each.at)}.")
        return
    with in_english():
        told = f"{_when(each.step)} {_do(row, each.step, now)}"
    data = {"step": each.step.pk, "act": each.step.act, "at": each.at.isoformat()}
    note_event(row, Kind.ESCALATED, told, data=data)


def _do(row: Conversation, step: EscalationStep, now: datetime) -> str:
    """Do what a step says; the sentence for the history."""
    if step.act == Act.PRIORITY:
        return _raise_priority(row)
    if step.act == Act.NOTE:
        write_note(row, None, step.text)
        return "A note was added."
    if step.act == Act.MOVE:
        return _move(row, step, now)
    return _tell(row, step)


def _raise_priority(row: Conversation) -> str:
    if row.priority == Conversation.Priority.URGENT:
        return "It is urgent already."
    row.priority -= 1
    return f"Its priority is {row.get_priority_display().lower()} now."


def _move(row: Conversation, step: EscalationStep, now: datetime) -> str:
    if step.to_queue is None or step.to_queue_id == row.queue_id:
        return f"It is in {row.queue} already."
    if row.state != State.WAITING:  # who has it in hand answers it sooner than somebody new
        return f"It stays in {row.queue}, as it is not waiting for anybody."
    before = row.queue
    states.move(row, step.to_queue, now)
    return f"It was moved from {before} to {row.queue}."


def _tell(row: Conversation, step: EscalationStep) -> str:
    members = row.queue.members.filter(user__is_active=True).select_related("user")
    if step.act == Act.SUPERVISOR:
        people = list(members.filter(role=Agent.Role.SUPERVISOR))
        nobody = f"{row.queue} has no supervisor among its members, so nobody was told."
    else:
        people = list(members.exclude(presence=Agent.Presence.OFFLINE))
        nobody = f"No member of {row.queue} is on duty, so nobody was told."
    if not people:
        return nobody
    notices.tell(people, Notice.Kind.STEP, row)
    return f"{', '.join(str(person) for person in people)} {'was' if len(people) == 1 else 'were'} told."


def _when(step: EscalationStep) -> str:
    words = str(step).partition(":")[0]
    return f"{words[0].upper()}{words[1:]}:"
