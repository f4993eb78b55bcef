"""The mentions of an agent: in which conversations, and which of them are new.

written ──the agent's page shows the conversation──▶ seen
"""

from django.db.models import Q, QuerySet
from django.utils import timezone

from agents.models import Agent
from queues.models import Conversation, Mention


def see(agent: Agent, conversation: Conversation) -> None:
    """The agent has the conversation, with all its notes, before them."""
    rows = Mention.objects.filter(agent=agent, conversation=conversation, seen_at=None)
    rows.update(seen_at=timezone.now())


def of(agent: Agent) -> Q:
    """The conversations in which the agent is mentioned."""
    return Q(pk__in=Mention.objects.filter(agent=agent).order_by().values("conversation"))


def unseen(agent: Agent, seen_by: QuerySet[Conversation]) -> int:
    """In how many conversations the agent is mentioned without having looked.

    :param seen_by: those that the agent may see.
    """
    rows = Mention.objects.filter(agent=agent, seen_at=None, conversation__in=seen_by)
    return rows.order_by().values("conversation").distinct().count()
