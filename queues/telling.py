"""Queues that give nothing: those who could do it are told that it waits, and one of them takes it."""

from queues import kinds, live, standing
from queues.models import Conversation, EmailQueue
from queues.routing import clock

MOST_TOLD = 200


def tell(conversation_id: int) -> list[int]:
    """Tell the open desks of those who are able and free; return the agents, the one that fits best first."""
    kinds.fill()
    rows = Conversation.objects.select_related("queue__calendar").filter(state=Conversation.State.WAITING)
    row = rows.filter(pk=conversation_id, queue__mode=EmailQueue.Mode.NOTIFY).first()
    if row is None:
        return []
    if row.reserved_for_id is not None:
        free = [row.reserved_for_id]
    else:
        free = [each.agent_id for each in standing.free_for(row, clock())]
    live.waits_for(row.pk, row.queue_id, free[:MOST_TOLD])
    return free
