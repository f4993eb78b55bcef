"""The clock of a conversation: since when it is our turn, and until when an answer was promised.

Whoever calls has locked the row, and saves it. What was promised stays: a clock that runs keeps its due time
through snoozing, moving and giving back; only other opening hours move it (`queues/recounting.py`).
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from agents.models import Agent
from queues import hours, ladder
from queues.models import Conversation, Turn

CLOCK = [
    *("waiting_since", "due_at", "due_tick", "target", "is_due_kept", "breached_at"),
    *("escalate_at", "escalated", "resolve_at", "resolve_left"),
]
"""The fields of a clock."""


def start_clock(conversation: Conversation, start: datetime, minutes: int) -> None:
    """It is our turn since `start`; a clock that runs already keeps its due time.

    :param minutes: the target for normal priority, in minutes of opening hours.
    """
    if conversation.due_at is not None:
        if conversation.target is None:  # it runs since before targets were written down
            conversation.target = ladder.target_of(conversation)
        return
    conversation.target = minutes * conversation.queue.percent(conversation.priority) // 100
    conversation.waiting_since = start
    conversation.due_at, conversation.due_tick = hours.due(conversation.queue, start, conversation.target)
    conversation.breached_at, conversation.is_due_kept = None, False
    conversation.escalated = [each for each in conversation.escalated if each == ladder.UNSETTLED]
    _go_on_settling(conversation, start)
    plan(conversation)


def stop_clock(conversation: Conversation) -> None:
    """It is the customer's turn, or nobody's."""
    _pause_settling(conversation, timezone.now())
    conversation.waiting_since = conversation.due_at = conversation.due_tick = None
    conversation.breached_at = None
    plan(conversation)


def take_over_due(conversation: Conversation, due_at: datetime, since: datetime) -> None:
    """Its answer is due when another conversation's was, of which it has something now."""
    if conversation.resolve_at is not None:
        _pause_settling(conversation, since)
        settle_after(conversation, since)
    conversation.waiting_since, conversation.due_at = since, due_at
    conversation.due_tick = hours.of(conversation.queue).tick(due_at)
    conversation.target, conversation.is_due_kept = ladder.target_of(conversation), True
    plan(conversation)


def change_queue(conversation: Conversation) -> None:
    """It is in another queue: arrival and due time stay, only counted in that queue's hours.

    Steps that were done are done, also if it comes back: two queues may move to each other.
    """
    opening = hours.of(conversation.queue)
    if conversation.due_at is not None:
        tick = opening.tick(conversation.due_at)
        if not conversation.is_due_kept and conversation.target is not None and conversation.waiting_since:
            same = hours.due(conversation.queue, conversation.waiting_since, conversation.target)
            if same != (conversation.due_at, tick):  # what these hours would not give, they can't count anew
                conversation.is_due_kept = True
        conversation.due_tick = tick
    plan(conversation)


def plan(conversation: Conversation) -> None:
    """When the next step of escalation is, or the breach."""
    times = [each.at for each in ladder.ahead(conversation)]
    conversation.escalate_at = min(times, default=None)


def waited(conversation: Conversation, now: datetime | None = None) -> int:
    """For how many minutes of opening hours it has been our turn."""
    if conversation.due_tick is None or conversation.target is None:
        return 0
    tick = hours.of(conversation.queue).tick(now or timezone.now())
    return tick - (conversation.due_tick - conversation.target)


def end_turn(conversation: Conversation, agent: Agent | None, now: datetime, *, is_answered: bool) -> None:
    """Write down how the promise was kept; call it before the clock is stopped."""
    if conversation.due_at is None or conversation.waiting_since is None:
        return
    kind = Turn.Kind.NEXT if _was_answered(conversation) else Turn.Kind.FIRST
    _write_turn(conversation, agent, now, kind, conversation.waiting_since, is_answered=is_answered)


def settle(conversation: Conversation, agent: Agent | None, now: datetime) -> None:
    """Write down whether the matter was settled in time; call it before the clock is stopped."""
    runs = conversation.resolve_at is not None or conversation.resolve_left is not None
    if runs and not conversation.turns.filter(kind=Turn.Kind.RESOLUTION).exists():
        _write_turn(conversation, agent, now, Turn.Kind.RESOLUTION, conversation.created_at, is_answered=True)


def take_back_turn(conversation: Conversation) -> None:
    """The answer that ended this turn was taken back; call it when the clock is as it was before."""
    began = Q(began_at=conversation.waiting_since) | Q(kind=Turn.Kind.RESOLUTION)
    conversation.turns.filter(began).delete()


def _write_turn(
    conversation: Conversation,
    agent: Agent | None,
    now: datetime,
    kind: Turn.Kind,
    began_at: datetime,
    *,
    is_answered: bool,
) -> None:
    opening = hours.of(conversation.queue)
    is_whole = kind == Turn.Kind.RESOLUTION
    due_at = _settle_by(conversation, now) if is_whole else conversation.due_at
    values = {
        "queue": conversation.queue,
        "agent": agent,
        "priority": conversation.priority,
        "language": conversation.language,
        "due_at": due_at,
        "ended_at": now,
        "minutes": opening.tick(now) - opening.tick(began_at),
        "is_answered": is_answered,
    }
    Turn.objects.get_or_create(conversation=conversation, kind=kind, began_at=began_at, defaults=values)


def _was_answered(conversation: Conversation) -> bool:
    """Whether we had written before it became our turn."""
    return conversation.messages.filter(
        direction="out", automatic="no", is_outside=False, created_at__lt=conversation.waiting_since
    ).exists()


def _go_on_settling(conversation: Conversation, start: datetime) -> None:
    """The time to settle it runs on our side alone: what was left of it counts from now on."""
    resolution = conversation.queue.resolution
    if resolution is None or conversation.resolve_at is not None:
        return
    if conversation.resolve_left is None:
        conversation.resolve_left = resolution * conversation.queue.percent(conversation.priority) // 100
    settle_after(conversation, start)


def settle_after(conversation: Conversation, start: datetime) -> None:
    """It is to be settled `resolve_left` minutes of opening hours after `start`, when our turn began."""
    if conversation.resolve_left is not None:
        conversation.resolve_at = _after(conversation, start, conversation.resolve_left)


def _pause_settling(conversation: Conversation, now: datetime) -> None:
    if conversation.resolve_at is not None:
        opening = hours.of(conversation.queue)
        conversation.resolve_left = opening.tick(conversation.resolve_at) - opening.tick(now)
        conversation.resolve_at = None


def _settle_by(conversation: Conversation, now: datetime) -> datetime:
    if conversation.resolve_at is not None:
        return conversation.resolve_at
    return _after(conversation, now, conversation.resolve_left or 0)


def _after(conversation: Conversation, start: datetime, left: int) -> datetime:
    opening = hours.of(conversation.queue)
    tick = opening.tick(start) + left
    return opening.at(tick) if left > 0 else start + timedelta(minutes=min(left, 0))
