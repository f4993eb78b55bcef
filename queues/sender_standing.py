"""What a queue should know of its sender: blocked, pausing, or out of budget."""

from datetime import datetime

from mailsenders.models import EmailSender
from mailsenders.parking import BLOCKED, is_parked
from queues.models import EmailQueue
from queues.presentation import clock


def banner(queue: EmailQueue, now: datetime) -> str:
    """Why answers of the queue don't leave at the moment; "" when they do."""
    sender = EmailSender.objects.select_related("state").defer("password").filter(queues=queue).first()
    if sender is None:
        return ""
    state = sender.state
    if not sender.is_active:
        return "The sender of this queue is switched off: nothing can be answered."
    if state.last_cause == BLOCKED and state.is_failing:
        return (
            "The provider has blocked the sender of this queue: answers wait, none is lost. "
            "An administrator has been told."
        )
    if is_parked(state, now) and state.next_attempt_at:
        until = clock(state.next_attempt_at)
        return f"The sender of this queue pauses until {until}: answers wait, none is lost."
    if state.held_until and state.held_until > now:
        return (
            f"The sender of this queue has used up its {state.held_why}: "
            f"answers wait until {clock(state.held_until)}, none is lost."
        )
    return ""
