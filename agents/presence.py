"""Whether agents are there: what they say themselves, and the sign of life of their browser or program.

    offline ──says so──▶ available ◀──says so──▶ away
       ▲                     │                     │
       └── says so, or no sign of life for 90 s ───┘

What was said at the desk holds as long as a browser gives signs of life. What a program said by the API
holds until something else is said, or for as long as the program wanted (`presence_until`); a browser that is
opened and closed meanwhile changes nothing of it. Who never gave a sign of life doesn't lose one.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents.models import Agent

HEARTBEAT_LOST = timedelta(seconds=90)
FIELDS = ["presence", "presence_at", "idle_since", "away_reason", "missed_offers"]
SIGNS = ["seen_at", "presence_by_program", "presence_until"]


def set_presence(agent: Agent, presence: str, now: datetime | None = None) -> None:
    """Write what the agent says at the desk; becoming available begins the time that the agent is idle.

    Raises:
        ValueError: `presence` is none of `Agent.Presence`.
    """
    now = now or timezone.now()
    agent.seen_at, agent.presence_by_program, agent.presence_until = now, False, None
    _write(agent, presence, now, SIGNS)


def set_by_program(agent: Agent, presence: str, until: datetime | None, now: datetime | None = None) -> None:
    """Write what a program says that works for the agent.

    :param until: when it is offline if it says nothing before; None for never.

    Raises:
        ValueError: `presence` is none of `Agent.Presence`.
    """
    agent.presence_by_program, agent.presence_until = True, until
    _write(agent, presence, now or timezone.now(), SIGNS)


def set_for(agent: Agent, presence: str, now: datetime | None = None) -> None:
    """Write what somebody else says for the agent, which is no sign of life of theirs.

    Raises:
        ValueError: `presence` is none of `Agent.Presence`.
    """
    _write(agent, presence, now or timezone.now(), [])


def _write(agent: Agent, presence: str, now: datetime, signs: list[str]) -> None:
    presence = Agent.Presence(presence)
    if presence == Agent.Presence.AVAILABLE and agent.presence != presence:
        agent.idle_since = now
    agent.presence, agent.presence_at = presence, now
    agent.away_reason, agent.missed_offers = "", 0
    agent.save(update_fields=[*FIELDS, *signs])


def set_away(agent: Agent, reason: str, now: datetime | None = None) -> None:
    """Write that the agent is away although they said nothing; a sign of life it is not.

    :param reason: as colleagues read it, such as "lunch".
    """
    agent.presence, agent.presence_at = Agent.Presence.AWAY, now or timezone.now()
    agent.away_reason, agent.missed_offers = reason, 0
    agent.save(update_fields=["presence", "presence_at", "away_reason", "missed_offers"])


def seen(agent: Agent, now: datetime | None = None) -> str:
    """Note a sign of life and return the presence, which may have been lost in the meantime."""
    agent.seen_at = now or timezone.now()
    agent.save(update_fields=["seen_at"])
    agent.refresh_from_db(fields=["presence"])
    return agent.presence


def is_there(agent: Agent, now: datetime) -> bool:
    """Whether somebody, or a program, would open what is given to the agent."""
    if agent.presence_by_program:
        return agent.presence != Agent.Presence.OFFLINE and not (
            agent.presence_until and agent.presence_until <= now
        )
    return agent.seen_at is not None and agent.seen_at > now - HEARTBEAT_LOST


def lost(now: datetime) -> Q:
    """The agents of whom no sign of life has come for too long."""
    silent = Q(presence_by_program=False, seen_at__lt=now - HEARTBEAT_LOST)
    return silent | Q(presence_by_program=True, presence_until__lte=now)


def expire(now: datetime | None = None) -> list[Agent]:
    """Set agents offline whose sign of life is older than 90 seconds, or whose time is over; return them."""
    now = now or timezone.now()
    with transaction.atomic():
        found = list(
            Agent.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("user")
            .exclude(presence=Agent.Presence.OFFLINE)
            .filter(lost(now))
            .order_by("pk")
        )
        for agent in found:
            agent.presence, agent.presence_at, agent.away_reason = Agent.Presence.OFFLINE, now, ""
        Agent.objects.bulk_update(found, ["presence", "presence_at", "away_reason"])
    return found
