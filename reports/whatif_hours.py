"""When queues are open and agents on duty, for what is played and what is forecast."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from queues import hours
from queues.models import Conversation, EmailQueue
from queues.states import TARGET_PERCENT

Span = tuple[datetime, datetime]


def open_spans(queue: EmailQueue, start: datetime, end: datetime) -> Iterator[Span]:
    """The times at which a queue is open, in order."""
    opening = hours.calendar(queue.hours)
    day = (start.astimezone(opening.zone).date() - hours.FIRST_DAY).days
    while day <= (end.astimezone(opening.zone).date() - hours.FIRST_DAY).days:
        yield from opening._spans(day)
        day += 1


def on_duty(agent_ids: Iterable[int], start: datetime, end: datetime) -> dict[int, list[Span]]:
    """The planned shifts of agents; those who have none have no entry."""
    return {}


def factor(queue: EmailQueue, priority: int) -> float:
    """What a priority makes of the targets of a queue."""
    return TARGET_PERCENT[Conversation.Priority(priority)] / 100
