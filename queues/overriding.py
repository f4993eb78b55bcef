"""Who may have a conversation again although they lack what it demands: whom a supervisor gave it once.

What a supervisor decided holds for what the agent lacked then. It doesn't hold for what is demanded since,
nor for what the wait rule let somebody do for want of a better one: that waits for everybody.
"""

from dataclasses import dataclass

from agents.models import Agent
from agents.rights import is_supervisor
from queues.abilities import missing
from queues.history import ASSIGNMENTS, MOVED_FROM
from queues.models import Conversation


@dataclass(frozen=True, slots=True)
class Fitness:
    """What an agent lacks for a conversation, and who gave it to them all the same; "" if nobody did."""

    lacks: tuple[str, ...] = ()
    despite: str = ""

    @property
    def may_have(self) -> bool:
        """Able, or meant to have it."""
        return not self.lacks or bool(self.despite)


def fitness(agent: Agent, conversation: Conversation) -> Fitness:
    """Whether a conversation may come back to this agent; a few queries."""
    lacks = missing(agent, conversation)
    return Fitness(lacks, given_by(agent, conversation, lacks)) if lacks else Fitness()


def given_by(agent: Agent, conversation: Conversation, lacks: tuple[str, ...]) -> str:
    """The supervisor who gave it to them although they lacked all of this; "" when nobody did."""
    events = conversation.events.filter(kind__in=ASSIGNMENTS).exclude(data__has_key=MOVED_FROM)
    last = events.select_related("user__agent").order_by("-pk").first()
    if last is None or last.data.get("agent", agent.pk) != agent.pk:
        return ""
    if not set(lacks) <= set(last.data.get("lacks", ())):
        return ""
    if "rule" in last.data:  # routing has let it come back once already
        return str(last.data.get("despite", ""))
    if last.user is None or not is_supervisor(last.user):
        return ""
    return last.user.get_full_name() or last.user.username
