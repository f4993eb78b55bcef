"""Who might have a conversation instead of who has it now: who is able and has room stands first."""

from dataclasses import dataclass

from agents.models import Agent
from queues.abilities import lacks, open_counts, teams
from queues.demands import demanded
from queues.models import Conversation
from queues.presentation import Person, person
from queues.sayings import told

ORDER = {Agent.Presence.AVAILABLE: 0, Agent.Presence.AWAY: 1, Agent.Presence.OFFLINE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """A member of the queue, with what they have open and what they lack for it."""

    pk: int
    who: Person
    presence: str
    label: str
    lacks: str
    open: int
    capacity: int


def successors(row: Conversation) -> list[Successor]:
    """All members of its queue but who has it; the number of queries doesn't depend on how many."""
    team = teams([row.queue_id])[row.queue_id]
    demand = team.demand(row.language, demanded(row).items())
    counts = open_counts([member.agent_id for member in team.members])
    found = [
        Successor(
            pk=member.agent_id,
            who=person(member.name),
            presence=member.presence,
            label=told(str(Agent.Presence(member.presence).label)),
            lacks=", ".join(lacks(member, demand)),
            open=counts.get(member.agent_id, 0),
            capacity=member.capacity,
        )
        for member in team.members
        if member.agent_id != row.agent_id
    ]
    return sorted(found, key=_order)


def _order(each: Successor) -> tuple[bool, int, bool, str]:
    presence = ORDER[Agent.Presence(each.presence)]
    return bool(each.lacks), presence, each.open >= each.capacity, each.who.name.casefold()
