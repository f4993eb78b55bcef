"""What supervisors do with the people of their queues; each of it is in the audit log."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.contrib.auth.models import User
from django.utils import timezone

from agents import presence
from agents.models import Agent
from agents.rights import is_administrator, is_supervisor
from audit.acts import Act
from audit.log import record
from mailcore.clean import clean_line
from queues import live, nudges, waking
from queues.inbox import queues_for
from queues.ownership import profile
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
    if wanted == Agent.Presence.AVAILABLE and not presence.is_there(agent, timezone.now()):
        raise ActionRefused(
            f"{agent} has no desk open: what is given now would lie unopened. Ask {agent} to sign in."
        )
    say(agent, wanted, reason, presence.set_for)
    why = f": {agent.away_reason}" if agent.away_reason else ""
    told = f"Set to {agent.get_presence_display().lower()} on the board{why}."
    record(actor, Act.DID, agent, note=told)


def say_by_program(actor: User, wanted: str, reason: str = "", seconds: int | None = None) -> Agent:
    """Say by a program whether the user is there; no browser has to give signs of life for it.

    :param seconds: for how long it holds unless it is said again; None until something else is said.

    Raises:
        ActionRefused: `wanted` is no presence, or the user is no agent.
    """
    agent = profile(actor)
    until = timezone.now() + timedelta(seconds=seconds) if seconds else None
    say(agent, wanted, reason, partial(presence.set_by_program, until=until))
    return agent


def say(
    agent: Agent, wanted: str, reason: str = "", write: Callable[[Agent, str], None] = presence.set_presence
) -> None:
    """Write a presence, with the reason of being away, and what it means for the agent's work.

    :param write: who says it: the agent at the desk, a program, or somebody else.

    Raises:
        ActionRefused: `wanted` is no presence.
    """
    if wanted not in Agent.Presence.values:
        raise ActionRefused(f"“{wanted}” is not a presence: choose {', '.join(Agent.Presence.values)}.")
    write(agent, wanted)
    agent.away_reason = clean_line(reason)[:LONGEST_REASON] if wanted == Agent.Presence.AWAY else ""
    agent.save(update_fields=["away_reason"])
    if agent.presence == Agent.Presence.OFFLINE:
        waking.return_unbegun(agent.pk)
        waking.release_kept(agent.pk)
        nudges.left(agent)
    elif agent.presence == Agent.Presence.AVAILABLE:
        nudges.freed(agent)
    live.presence_changed(agent)
