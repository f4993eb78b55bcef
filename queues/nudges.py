"""Hints to routing: something waits, somebody has room. Losing one is harmless, as the sweep looks too."""

from agents.models import Agent
from mailstore.announce import announce
from queues import tasks
from queues.models import Conversation, EmailQueue

Mode = EmailQueue.Mode


def waits(conversation: Conversation) -> None:
    """The conversation waits for somebody."""
    if conversation.queue.mode == Mode.PUSH:
        announce(tasks.dispatch, queue_id=conversation.queue_id)
    elif conversation.queue.mode == Mode.NOTIFY:
        announce(tasks.tell, conversation_id=conversation.pk)


def freed(agent: Agent) -> None:
    """The agent may have room for more."""
    if agent.presence == Agent.Presence.AVAILABLE and agent.queues.filter(mode=Mode.PUSH).exists():
        announce(tasks.offer, agent_id=agent.pk)


def left(agent: Agent) -> None:
    """The agent has gone, and what they had not begun is everybody's."""
    for queue_id in agent.queues.filter(mode=Mode.PUSH).values_list("pk", flat=True):
        announce(tasks.dispatch, queue_id=queue_id)
