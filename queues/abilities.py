"""What a conversation demands, what an agent can do, and whether the two meet.

What decides is pure; `teams` reads the rows it decides on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from agents.models import Agent
from agents.skillwords import demand_words, is_firm
from queues import steps
from queues.models import Conversation, EmailQueue
from queues.steps import Step

READING_LEVEL = 2  # enough to understand a mail and answer with help


@dataclass(frozen=True, slots=True)
class Demand:
    """What it takes to handle a conversation; an empty language demands none."""

    skills: tuple[tuple[str, int], ...] = ()
    language: str = ""
    language_level: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An agent as routing sees one."""

    agent_id: int
    name: str
    skills: Mapping[str, int]
    languages: Mapping[str, int]
    presence: str = Agent.Presence.AVAILABLE
    capacity: int = 1
    open: int = 0
    idle_since: datetime | None = None

    @property
    def is_on_duty(self) -> bool:
        """Available, or away for a moment."""
        return self.presence != Agent.Presence.OFFLINE

    @property
    def is_free(self) -> bool:
        """May be given one more conversation."""
        return self.presence == Agent.Presence.AVAILABLE and fits(self.capacity, self.open)


@dataclass(frozen=True, slots=True)
class Team:
    """A queue as routing sees it: its demands, its wait rule, and its members."""

    queue_id: int
    name: str
    skills: tuple[tuple[str, int], ...]
    language_level: int
    wait_rule: str
    members: tuple[Candidate, ...]
    steps: tuple[Step, ...] = ()

    def demand(self, language: str, own: Iterable[tuple[str, int]] = ()) -> Demand:
        """What a conversation in that language demands here.

        :param own: skills that the conversation demands beyond the queue.
        """
        wanted = dict(self.skills)
        for name, level in own:
            wanted[name] = max(level, wanted.get(name, 0))
        return Demand(tuple(sorted(wanted.items())), language, self.language_level if language else 0)

    def member(self, agent_id: int) -> Candidate | None:
        """The member with this id."""
        return next((member for member in self.members if member.agent_id == agent_id), None)


def lacks(agent: Candidate, demand: Demand) -> tuple[str, ...]:
    """What the agent is short of, such as ("billing ≥ 2", "certified", "cs ≥ 3"); empty when able."""
    missing = [
        demand_words(skill, level) for skill, level in demand.skills if agent.skills.get(skill, 0) < level
    ]
    if demand.language and agent.languages.get(demand.language, 0) < demand.language_level:
        missing.append(f"{demand.language} ≥ {demand.language_level}")
    return tuple(missing)


def able(agent: Candidate, demand: Demand) -> bool:
    """Meets every demand."""
    return not lacks(agent, demand)


def reads(agent: Candidate, language: str) -> bool:
    """Understands the language well enough to help out."""
    return not language or agent.languages.get(language, 0) >= READING_LEVEL


def may_stand_in(agent: Candidate, demand: Demand) -> bool:
    """Whether somebody may help where nobody able is there: has what one has or hasn't, and can read it."""
    firm = all(agent.skills.get(skill, 0) >= level for skill, level in demand.skills if is_firm(level))
    return firm and reads(agent, demand.language)


def missing(agent: Agent, conversation: Conversation) -> tuple[str, ...]:
    """What one agent is short of for one conversation; nothing for an administrator from elsewhere."""
    queue = conversation.queue
    if not queue.members.filter(pk=agent.pk).exists():
        return ()
    skills = queue.skill_demands.order_by("skill__name").values_list("skill__name", "level")
    alone = Team(queue.pk, queue.name, tuple(skills), queue.language_level, queue.wait_rule, ())
    own = conversation.skill_demands.values_list("skill__name", "level")
    return lacks(candidate(agent, 0), alone.demand(conversation.language, own))


def may_help(agent: Candidate, demand: Demand, team: Team, waited: int = 0) -> bool:
    """Whether the team's wait rule lets somebody handle it who lacks something.

    *Uncovered*: who reads the language and has each yes/no skill and choice, when no able member is on duty.
    *Steps*: who meets what is demanded after so many minutes of waiting.
    """
    if team.wait_rule == EmailQueue.WaitRule.UNCOVERED:
        covered = any(member.is_on_duty and able(member, demand) for member in team.members)
        return not covered and may_stand_in(agent, demand)
    passed = [step for step in team.steps if step.after <= waited]
    skills, level = steps.lowered(demand.skills, demand.language_level, passed)
    return not lacks(agent, Demand(skills, demand.language, level))


def gap(language: str, team: Team, own: Iterable[tuple[str, int]] = ()) -> str:
    """Why nobody can handle the team's conversations in a language now, in a sentence; "" if somebody can.

    :param own: skills that the conversation demands beyond the queue.
    """
    demand = team.demand(language, own)
    wanted = ", ".join([demand_words(skill, level) for skill, level in demand.skills])
    wanted = ", ".join(filter(None, [wanted, f"{language} ≥ {demand.language_level}" if language else ""]))
    if not team.members:
        return _("The email queue %(queue)s has no members.") % {"queue": team.name}
    if not any(able(member, demand) for member in team.members):
        return _("Needs %(wanted)s; no member of %(queue)s has it.") % {"wanted": wanted, "queue": team.name}
    if not any(able(member, demand) and member.is_on_duty for member in team.members):
        return (
            _("Needs %(wanted)s; no agent on duty has it.") % {"wanted": wanted}
            if wanted
            else _("No agent is on duty.")
        )
    return ""


def candidate(agent: Agent, taken: int) -> Candidate:
    """The agent's row and levels as routing sees them."""
    return Candidate(
        agent_id=agent.pk,
        name=str(agent),
        skills={row.skill.name: row.level for row in agent.skill_levels.all()},
        languages={row.language_id: row.level for row in agent.language_levels.all()},
        presence=agent.presence,
        capacity=agent.capacity,
        open=taken,
        idle_since=agent.idle_since,
    )


def teams(queue_ids: Iterable[int]) -> dict[int, Team]:
    """Read the teams of these queues; the number of queries doesn't depend on how many there are."""
    queues = list(
        EmailQueue.objects.filter(pk__in=list(queue_ids)).prefetch_related(
            "skill_demands__skill",
            "members__user",
            "members__skill_levels__skill",
            "members__language_levels",
        )
    )
    counts = open_units({member.pk for queue in queues for member in queue.members.all()})
    return {queue.pk: _team(queue, counts) for queue in queues}


def _team(queue: EmailQueue, counts: Mapping[int, int]) -> Team:
    active = [member for member in queue.members.all() if member.user.is_active]
    return Team(
        queue_id=queue.pk,
        name=queue.name,
        skills=tuple(sorted((row.skill.name, row.level) for row in queue.skill_demands.all())),
        language_level=queue.language_level,
        wait_rule=queue.wait_rule,
        members=tuple(candidate(member, counts.get(member.pk, 0)) for member in active),
        steps=steps.parse(queue.steps) if queue.wait_rule == EmailQueue.WaitRule.STEPS else (),
    )


def open_counts(agent_ids: Iterable[int]) -> dict[int, int]:
    """How many conversations each agent has open: assigned, neither pending nor snoozed."""
    rows = Conversation.objects.filter(agent__in=list(agent_ids), state=Conversation.State.ASSIGNED)
    return dict(rows.order_by().values_list("agent").annotate(Count("pk")))


def open_units(agent_ids: Iterable[int]) -> dict[int, int]:
    """How much of each agent's capacity is taken by what is assigned; pending and snoozed take none."""
    rows = Conversation.objects.filter(agent__in=list(agent_ids), state=Conversation.State.ASSIGNED)
    return dict(rows.order_by().values_list("agent").annotate(Sum("queue__weight")))


def fits(capacity: int, taken: int, weight: int = 1) -> bool:
    """Whether one more conversation of this weight may be given; the first one may be larger than all."""
    return capacity > 0 and (taken + weight <= capacity or taken == 0)
