"""What supervisors do with the people of their queues; each of it is in the audit log."""

from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from agents import presence
from agents.audit import record
from agents.models import Agent
from agents.rights import is_administrator, is_supervisor
from mailcore.clean import clean_line
from queues import live, nudges, waking
from queues.inbox import queues_for
from queues.refusals import ActionRefused

LONGEST_REASON = 100


def check_directs(actor: User, agent: Agent) -> None:
    """Refuse who doesn't direct this agent's work."""
    shared = is_administrator(actor) or queues_for(actor).filter(members=agent).exists()
    if not (is_supervisor(actor) and shared):
        raise ActionRefused(f"Only a supervisor of a queue of {agent} may do that.")


def set_presence_of(actor: User, agent: Agent, wanted: str, reason: str = "") -> None:
    """Say for an agent whether they are there.

    Raises:
        ActionRefused: the actor doesn't direct the agent, `wanted` is no presence, or nobody is at the desk
            that is to be available.
    """
    check_directs(actor, agent)
    if wanted == Agent.Presence.AVAILABLE and not _is_at_desk(agent, timezone.now()):
        raise ActionRefused(
            f"{agent} has no desk open: what is given now would lie unopened. Ask {agent} to sign in."
        )
    seen_at = agent.seen_at
    say(agent, wanted, reason)
    Agent.objects.filter(pk=agent.pk).update(seen_at=seen_at)  # it was no sign of life of theirs
    why = f": {agent.away_reason}" if agent.away_reason else ""
    record(actor, agent, f"Set to {agent.get_presence_display().lower()} on the board{why}.")


def _is_at_desk(agent: Agent, now: datetime) -> bool:
    return agent.seen_at is not None and agent.seen_at > now - presence.HEARTBEAT_LOST


def say(agent: Agent, wanted: str, reason: str = "") -> None:
    """Write a presence, with the reason of being away, and what it means for the agent's work.

    Raises:
        ActionRefused: `wanted` is no presence.
    """
    if wanted not in Agent.Presence.values:
        raise ActionRefused(f"“{wanted}” is not a presence: choose {', '.join(Agent.Presence.values)}.")
    presence.set_presence(agent, wanted)
    agent.away_reason = clean_line(reason)[:LONGEST_REASON] if wanted == Agent.Presence.AWAY else ""
    agent.save(update_fields=["away_reason"])
    if agent.presence == Agent.Presence.OFFLINE:
        waking.return_unbegun(agent.pk)
        waking.release_kept(agent.pk)
        nudges.left(agent)
    elif agent.presence == Agent.Presence.AVAILABLE:
        nudges.freed(agent)
    live.presence_changed(agent)
