"""Hints to routing: something waits, somebody has room. Losing one is harmless, as the sweep looks too."""

from agents.models import Agent
from mailstore.announce import announce
from queues import tasks
from queues.models import Conversation, EmailQueue


def waits(conversation: Conversation) -> None:
    """The conversation waits for somebody."""
    if conversation.queue.mode == EmailQueue.Mode.PUSH:
        announce(tasks.dispatch, queue_id=conversation.queue_id)


def freed(agent: Agent) -> None:
    """The agent may have room for more."""
    if agent.presence == Agent.Presence.AVAILABLE and agent.queues.filter(mode=EmailQueue.Mode.PUSH).exists():
        announce(tasks.offer, agent_id=agent.pk)
