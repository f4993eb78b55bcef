"""Supervisors set what the agents of their queues can do; each change is in the audit log."""

from collections import defaultdict
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404

from agents.levels import Change, Outcome, set_levels
from agents.models import HAS, Agent
from audit.acts import Act
from audit.log import record
from queues import kinds
from queues.models import EmailQueue
from reports.rights import people_of

CELLS = {HAS: "yes"}
MOST = 2_000
"""Cells changed at once: a skill for a thousand people, and its undoing."""


def change_levels(actor: User, changes: Sequence[Change]) -> list[Outcome]:
    """Write the changes that still fit, and work out who can do what by them.

    Raises:
        Http404: one of the agents is none of the actor's.
        LevelError: a change makes no sense; nothing was written.
    """
    ids = {change.agent_id for change in changes}
    agents = list(people_of(actor).filter(pk__in=ids).select_related("user"))
    if len(agents) < len(ids):
        raise Http404("There is nothing here that you may see.")
    with transaction.atomic():
        outcomes = set_levels(changes)
        _record(actor, agents, [each for each in outcomes if each.is_done and each.level != each.change.was])
    kinds.refresh(EmailQueue.objects.filter(members__in=ids).distinct().values_list("pk", flat=True))
    return outcomes


def _record(actor: User, agents: list[Agent], done: list[Outcome]) -> None:
    told: dict[int, list[str]] = defaultdict(list)
    for outcome in done:
        change = outcome.change
        was, now = (CELLS.get(level, str(level)) for level in (change.was, change.level))
        told[change.agent_id].append(f"{change.kind} {change.name} from {was} to {now}")
    for agent in agents:
        if told[agent.pk]:
            record(actor, Act.DID, agent, note=f"Set {', '.join(told[agent.pk])}.")
