"""How well the members of a queue fit its kinds, as `kinds` has it written down for decisions.

`staff` is pure; `write` and `weigh` keep the rows of AgentKind and Kind, and write only what differs.
"""

from collections import defaultdict
from collections.abc import Sequence

from queues import abilities, policy
from queues.abilities import Candidate, Demand, Team, lacks
from queues.models import AgentKind, EmailQueue, Kind
from queues.steps import lowered

PLACES = 4  # of ratios and scarcities, as they are stored with each decision
FIELDS = ("ratio", "level", "eased", "after", "lacks")


def write(team: Team, kinds: Sequence[Kind]) -> None:
    """Write who can do each of these kinds of one queue."""
    there: dict[int, dict[int, AgentKind]] = defaultdict(dict)
    for row in AgentKind.objects.filter(kind__in=kinds):
        there[row.kind_id][row.agent_id] = row
    for kind in kinds:
        wanted = {row.agent_id: row for row in staff(team, kind)}
        _exchange(there[kind.pk], wanted)
        kind.able, kind.is_live = sum(not row.eased for row in wanted.values()), True
        Kind.objects.filter(pk=kind.pk).update(able=kind.able, is_live=True)


def _exchange(there: dict[int, AgentKind], wanted: dict[int, AgentKind]) -> None:
    gone = [row.pk for agent_id, row in there.items() if agent_id not in wanted]
    AgentKind.objects.filter(pk__in=gone).delete()
    AgentKind.objects.bulk_create(row for agent_id, row in wanted.items() if agent_id not in there)
    changed = []
    for agent_id, row in wanted.items():
        old = there.get(agent_id)
        if old is not None and any(getattr(old, name) != getattr(row, name) for name in FIELDS):
            row.pk = old.pk
            changed.append(row)
    AgentKind.objects.bulk_update(changed, FIELDS)


def staff(team: Team, kind: Kind) -> list[AgentKind]:
    """Who can do a kind, and who may under the wait rule; nothing is written."""
    demand = Demand(tuple((name, level) for name, level in kind.demands), kind.language, kind.language_level)
    found: list[tuple[AgentKind, float]] = []
    for member in team.members:
        missing = lacks(member, demand)
        after = _eased_after(team, member, demand) if missing else None
        if missing and after is None:
            continue
        used = _levels(member, demand)
        row = AgentKind(
            agent_id=member.agent_id,
            kind=kind,
            level=min([*used, policy.TOP_LEVEL]),
            eased=bool(missing),
            after=after or 0,
            lacks=list(missing),
        )
        found.append((row, policy.work(used)))
    best = min((work for row, work in found if not row.eased), default=None)
    best = best or min((work for _, work in found), default=1.0)
    for row, work in found:
        row.ratio = round(policy.ratio(work, best), PLACES)
    return [row for row, _ in found]


def _levels(member: Candidate, demand: Demand) -> list[int]:
    used = [member.skills.get(name, 0) for name, _ in demand.skills]
    return [*used, member.languages.get(demand.language, 0)] if demand.language else used


def _eased_after(team: Team, member: Candidate, demand: Demand) -> int | None:
    """After how many minutes the wait rule lets somebody help; 0: when nobody able is there."""
    if team.wait_rule == EmailQueue.WaitRule.UNCOVERED:
        return 0 if abilities.may_stand_in(member, demand) else None
    for number, step in enumerate(team.steps, 1):
        skills, level = lowered(demand.skills, demand.language_level, team.steps[:number])
        if not lacks(member, Demand(skills, demand.language, level)):
            return step.after
    return None


def weigh() -> None:
    """Scarcity is beside the median over all kinds, so one kind's staff may move that of others."""
    rows = list(Kind.objects.filter(is_live=True))
    median = policy.usual_number(row.able for row in rows)
    moved = []
    for row in rows:
        scarcity = round(policy.scarcity(row.able, median), PLACES)
        if scarcity != row.scarcity:
            row.scarcity = scarcity
            moved.append(row)
    Kind.objects.bulk_update(moved, ["scarcity"])
