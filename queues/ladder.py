"""Which steps of escalation a conversation has before it, and when. Pure but for reading a queue's steps.

A step is at a place on the clock: so many open minutes before or after the due time. What is behind, and was
done, is in `Conversation.escalated`: the ids of steps, and the words below.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mailstore.batch import standing
from queues import hours
from queues.models import Conversation, EmailQueue, EscalationStep

LATE = "late"
UNSETTLED = "unsettled"
When = EscalationStep.When


@dataclass(frozen=True, slots=True)
class Ahead:
    """What happens unless an answer comes first: a step, or without one that it is late, or unsettled."""

    at: datetime
    key: int | str
    step: EscalationStep | None = None


def of(queue: EmailQueue) -> list[EscalationStep]:
    """The steps of a queue, asked for once in a batch."""

    def ask() -> list[EscalationStep]:
        return list(queue.escalation.select_related("to_queue")) if queue.pk else []

    return standing(("queues.ladder", queue.pk), ask)


def offset(step: EscalationStep, target: int) -> int:
    """Open minutes after the due time, negative before it.

    :param target: open minutes that an answer may take.
    """
    if step.when == When.USED:
        return -(target * (100 - min(step.amount, 100)) // 100)
    return -step.amount if step.when == When.BEFORE else step.amount


def ahead(conversation: Conversation, known: Iterable[EscalationStep] | None = None) -> list[Ahead]:
    """What lies ahead of a conversation, the next first; nothing while it isn't our turn."""
    queue, due_at, due_tick = conversation.queue, conversation.due_at, conversation.due_tick
    if due_at is None or due_tick is None:
        return []
    done = set(conversation.escalated)
    found = [] if conversation.breached_at else [Ahead(due_at, LATE)]
    if conversation.resolve_at is not None and UNSETTLED not in done:
        found.append(Ahead(conversation.resolve_at, UNSETTLED))
    opening, target = hours.of(queue), target_of(conversation)
    for step in of(queue) if known is None else known:
        if step.pk not in done:
            minutes = offset(step, target)
            found.append(Ahead(opening.at(due_tick + minutes) if minutes else due_at, step.pk, step))
    return sorted(found, key=lambda each: (each.at, str(each.key)))


def target_of(conversation: Conversation) -> int:
    """Minutes of opening hours that an answer may take."""
    if conversation.target is not None:
        return conversation.target
    return conversation.queue.next_response * conversation.queue.percent(conversation.priority) // 100
