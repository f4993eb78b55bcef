"""All that the oracle of routing looks at, levels and rows without kinds, read in a few queries."""

from collections import defaultdict
from datetime import datetime
from functools import cached_property
from math import sqrt
from statistics import median
from typing import NamedTuple, Self

from django.utils import timezone

from agents.models import Agent, AgentLanguage, AgentSkill
from queues import hours
from queues.abilities import READING_LEVEL
from queues.models import Conversation, ConversationSkill, EmailQueue, QueueSkill

State = Conversation.State
Presence = Agent.Presence
Wait = EmailQueue.WaitRule
Levels = dict[str, int]
FIRM = 6
"""Of what one has or hasn't."""


class Fit(NamedTuple):
    """How a member fits what waits: what is written of each in AgentKind."""

    agent: int
    ratio: float
    level: int
    eased: bool
    after: int
    lacks: tuple[str, ...]


OF_ROUTING = ("rows", "agents", "taken")
LASTING = ("queues", "levels", "teams", "demanded", "own")


class World:
    """The centre at one moment; what isn't asked for isn't read."""

    def __init__(self) -> None:
        self.at = timezone.now()

    def read(self) -> Self:
        """Read what steps of routing change, and what they fill up."""
        for name in OF_ROUTING:
            getattr(self, name)
        return self

    def later(self) -> "World":
        """After a step of routing: what that doesn't touch is read once."""
        found = World()
        found.__dict__.update({name: getattr(self, name) for name in LASTING})
        return found

    @cached_property
    def rows(self) -> dict[int, Conversation]:
        """Conversations, with the merged ones."""
        return {row.pk: row for row in Conversation.objects.order_by("pk")}

    @cached_property
    def queues(self) -> dict[int, EmailQueue]:
        """Queues with their calendars."""
        return {row.pk: row for row in EmailQueue.objects.select_related("calendar")}

    @cached_property
    def agents(self) -> dict[int, Agent]:
        """Agents, also those who are switched off."""
        return {row.pk: row for row in Agent.objects.select_related("user").order_by("pk")}

    @cached_property
    def levels(self) -> dict[int, Levels]:
        """Agent → what they can do: skills by name, languages by tag."""
        found: dict[int, Levels] = defaultdict(dict)
        skills = AgentSkill.objects.values_list("agent", "skill__name", "level")
        for agent, name, level in [*skills, *AgentLanguage.objects.values_list("agent", "language", "level")]:
            found[agent][name] = level
        return found

    @cached_property
    def teams(self) -> dict[int, list[int]]:
        """Queue → its members, also those who are switched off."""
        found: dict[int, list[int]] = defaultdict(list)
        rows = EmailQueue.members.through.objects.order_by("agent")
        for queue, agent in rows.values_list("emailqueue", "agent"):
            found[queue].append(agent)
        return found

    @cached_property
    def demanded(self) -> dict[int, Levels]:
        """What queues demand."""
        found: dict[int, Levels] = defaultdict(dict)
        for queue, name, level in QueueSkill.objects.values_list("queue", "skill__name", "level"):
            found[queue][name] = level
        return found

    @cached_property
    def own(self) -> dict[int, Levels]:
        """What conversations demand beyond their queues."""
        found: dict[int, Levels] = defaultdict(dict)
        rows = ConversationSkill.objects.values_list("conversation", "skill__name", "level")
        for conversation, name, level in rows:
            found[conversation][name] = level
        return found

    @cached_property
    def taken(self) -> dict[int, list[int]]:
        """Agent → the weights of what is assigned to them."""
        found: dict[int, list[int]] = {pk: [] for pk in self.agents}
        for row in self.rows.values():
            if row.state == State.ASSIGNED and row.agent_id is not None:
                found[row.agent_id].append(self.queues[row.queue_id].weight)
        return found

    def waiting(self) -> list[Conversation]:
        """What waits, for anybody or somebody."""
        return [row for row in self.rows.values() if row.state == State.WAITING]

    def members(self, queue: int) -> list[Agent]:
        """Who works in it and may sign in."""
        people = (self.agents[pk] for pk in self.teams[queue])
        return [agent for agent in people if agent.user.is_active]

    def wanted(self, row: Conversation) -> Levels:
        """Skill → level; the wanted level of the language under its tag, which is last."""
        found = dict(self.demanded[row.queue_id])
        for name, level in self.own[row.pk].items():
            found[name] = max(level, found.get(name, 0))
        in_order = {name: found[name] for name in sorted(found)}
        return in_order | ({row.language: self.queues[row.queue_id].language_level} if row.language else {})

    def lacks(self, agent: Agent, wanted: Levels) -> tuple[str, ...]:
        """What the agent is short of, as it is told."""
        has = self.levels[agent.pk]
        short = {name: level for name, level in wanted.items() if has.get(name, 0) < level}
        return tuple(
            name.replace("/", ": ") if level == FIRM else f"{name} ≥ {level}" for name, level in short.items()
        )

    def is_able(self, agent: Agent, row: Conversation) -> bool:
        """Has every level that is demanded."""
        return not self.lacks(agent, self.wanted(row))

    def is_covered(self, row: Conversation) -> bool:
        """Whether somebody able is on duty."""
        there = (each for each in self.members(row.queue_id) if each.presence != Presence.OFFLINE)
        return any(self.is_able(each, row) for each in there)

    def tick(self, row: Conversation) -> int:
        """Now, in minutes of the opening hours of its queue."""
        return self.ticks(self.at)[row.queue_id]

    def waited(self, row: Conversation) -> int:
        """Minutes of opening hours since it is our turn."""
        assert row.due_tick is not None
        assert row.target is not None
        return self.tick(row) - (row.due_tick - row.target)

    def _eased(self, agent: Agent, row: Conversation) -> int | None:
        """After how many minutes the wait rule may let somebody have it who lacks something."""
        queue = self.queues[row.queue_id]
        if queue.wait_rule == Wait.UNCOVERED:
            reads = not row.language or self.levels[agent.pk].get(row.language, 0) >= READING_LEVEL
            firm = {name: level for name, level in self.wanted(row).items() if level == FIRM}
            return 0 if reads and not self.lacks(agent, firm) else None
        if queue.wait_rule != Wait.STEPS:
            return None
        wanted = self.wanted(row)
        for step in sorted(queue.steps, key=lambda each: int(each["after_minutes"])):
            lower = {**step.get("skills", {})}
            if row.language and "language_level" in step:
                lower[row.language] = step["language_level"]
            for name in [each for each, level in wanted.items() if level == FIRM and lower.get(each) != 0]:
                lower[name] = FIRM
            wanted = {name: min(level, lower.get(name, level)) for name, level in wanted.items()}
            if not self.lacks(agent, wanted):
                return int(step["after_minutes"])
        return None

    def eased_after(self, agent: Agent, row: Conversation) -> int | None:
        """The same now: None also while the rule is “uncovered” and somebody able is there."""
        after = self._eased(agent, row)
        is_uncovered = self.queues[row.queue_id].wait_rule == Wait.UNCOVERED
        return None if is_uncovered and self.is_covered(row) else after

    def may_get(self, agent: Agent, row: Conversation) -> bool:
        """Whether routing may give it to this member now, room and offers aside."""
        if self.is_able(agent, row):
            return True
        after = self.eased_after(agent, row)
        return after is not None and self.waited(row) >= after

    def has_room(self, agent: Agent, row: Conversation) -> bool:
        """Whether what waits fits the capacity."""
        return self.has_room_for(agent, self.queues[row.queue_id].weight)

    def has_room_for(self, agent: Agent, weight: int) -> bool:
        """A first one may be larger than all of the capacity."""
        taken = self.taken[agent.pk]
        return agent.capacity > 0 and (not taken or sum(taken) + weight <= agent.capacity)

    def staff(self, row: Conversation) -> set[Fit]:
        """Who can do what it demands, and who may under the wait rule."""
        wanted, found, works = self.wanted(row), [], {}
        for agent in self.members(row.queue_id):
            lacks = self.lacks(agent, wanted)
            after = self._eased(agent, row) if lacks else 0
            if after is None:
                continue
            level = min([5, *(self.levels[agent.pk].get(name, 0) for name in wanted)])
            works[agent.pk] = 1.6 - 0.6 * level / 5
            found.append(Fit(agent.pk, 1.0, level, bool(lacks), after, lacks))
        best = min((works[fit.agent] for fit in found if not fit.eased), default=0.0)
        best = best or min(works.values(), default=1.0)
        return {fit._replace(ratio=round(works[fit.agent] / best, 4)) for fit in found}

    def effective(self, agent: Agent, row: Conversation, scarcity: float) -> float:
        """Effective minutes left, as docs/routing.md tells them."""
        queue, target = self.queues[row.queue_id], row.target or 0
        left = (row.due_tick or 0) - self.tick(row)
        ratio = next((fit.ratio for fit in self.staff(row) if fit.agent == agent.pk), 1.0)
        if row.answered_by_id == agent.pk:
            ratio *= 2 / 3
        late = 10 * target * 0.5 ** (max(-left, 0) / (queue.late_halving * target)) if target else 0.0
        return float((left if left >= 5 else late) * ratio**queue.exponent * scarcity)

    def for_agent(self, agent: Agent) -> list[Conversation]:
        """What is kept for an agent, or may be theirs, if there were room."""
        rows = [row for row in self.waiting() if agent.pk in self.teams[row.queue_id]]
        kept = [row for row in rows if row.reserved_for_id == agent.pk]
        return kept + [row for row in rows if row.reserved_for_id is None and self.may_get(agent, row)]

    def first(self, agent: Agent, rows: list[Conversation], scarcities: dict[int, float]) -> set[int]:
        """What the agent should get of these: one, or several that count the same."""
        counted = {row.pk: self.effective(agent, row, scarcities.get(row.pk, 1.0)) for row in rows}
        least = min(counted.values(), default=0.0)
        return {pk for pk, minutes in counted.items() if minutes <= least * (1 + 1e-9)}

    def ticks(self, at: datetime) -> dict[int, int]:
        """That moment, in the hours of each queue."""
        return {pk: hours.of(queue).tick(at) for pk, queue in self.queues.items()}


def scarcity(able: int, among: list[int]) -> float:
    """Of a kind that so many can do, beside those of which there is one at least."""
    usual = median([number for number in among if number] or [1])
    return round(min(max(sqrt(able / usual), 0.5), 2.0), 4)
