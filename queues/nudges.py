"""Hints to routing: something waits, somebody has room. Losing one is harmless, as the sweep looks too.

The tasks are named, not imported: they do what agents do, too, and that gives hints.
"""

from celery import signature

from agents.models import Agent
from mailstore.announce import announce
from queues.models import Conversation, EmailQueue

DISPATCH, TELL, OFFER = "queues.tasks.dispatch", "queues.tasks.tell", "queues.tasks.offer"
Mode = EmailQueue.Mode


def waits(conversation: Conversation) -> None:
    """The conversation waits for somebody; in a queue that tells, `states.give_back` has called already."""
    if conversation.queue.mode == Mode.PUSH:
        announce(signature(DISPATCH), queue_id=conversation.queue_id)


def calls(conversation: Conversation) -> None:
    """It waits, again or for more people than before: where agents are told, they are told so."""
    if conversation.queue.mode == Mode.NOTIFY:
        announce(signature(TELL), conversation_id=conversation.pk)


def suits_others(conversation: Conversation) -> None:
    """What waits demands something else than before: it may be for others than those who were told."""
    waits(conversation)
    calls(conversation)


def freed(agent: Agent) -> None:
    """The agent may have room for more."""
    if agent.presence == Agent.Presence.AVAILABLE and agent.queues.filter(mode=Mode.PUSH).exists():
        announce(signature(OFFER), agent_id=agent.pk)


def left(agent: Agent) -> None:
    """The agent has gone, and what they had not begun is everybody's."""
    for queue_id in agent.queues.filter(mode=Mode.PUSH).values_list("pk", flat=True):
        announce(signature(DISPATCH), queue_id=queue_id)
