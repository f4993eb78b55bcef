"""Whether agents are there: what they say themselves, and the sign of life of their browser.

    offline ──says so──▶ available ◀──says so──▶ away
       ▲                     │                     │
       └── says so, or no sign of life for 90 s ───┘

Who never gave a sign of life (a program that works for an agent) doesn't lose one.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from agents.models import Agent

HEARTBEAT_LOST = timedelta(seconds=90)
FIELDS = ["presence", "presence_at", "seen_at", "idle_since", "away_reason", "missed_offers"]


def set_presence(agent: Agent, presence: str, now: datetime | None = None) -> None:
    """Write what the agent says; becoming available begins the time that the agent is idle.

    Raises:
        ValueError: `presence` is none of `Agent.Presence`.
    """
    now = now or timezone.now()
    presence = Agent.Presence(presence)
    if presence == Agent.Presence.AVAILABLE and agent.presence != presence:
        agent.idle_since = now
    agent.presence, agent.presence_at, agent.seen_at = presence, now, now
    agent.away_reason, agent.missed_offers = "", 0
    agent.save(update_fields=FIELDS)


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


def expire(now: datetime | None = None) -> list[Agent]:
    """Set agents offline whose sign of life is older than 90 seconds; return them."""
    now = now or timezone.now()
    with transaction.atomic():
        lost = list(
            Agent.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
            .select_related("user")
            .exclude(presence=Agent.Presence.OFFLINE)
            .filter(seen_at__lt=now - HEARTBEAT_LOST)
            .order_by("pk")
        )
        for agent in lost:
            agent.presence, agent.presence_at, agent.away_reason = Agent.Presence.OFFLINE, now, ""
        Agent.objects.bulk_update(lost, ["presence", "presence_at", "away_reason"])
    return lost
