"""Rules by which mail can be given out: ours, which asks `queues.policy`, and those of other products.

A rule answers three questions: who gets a mail that has come (`give`), what an agent with room takes (`take`)
and which of their mails somebody begins (`begin`). The run asks; a rule changes nothing.

The others are shown at their best: they know skills, languages and the same wait rule, mail that nobody has
begun leaves the inbox of who goes home, and a follow-up goes to who answered last if that agent has room.
"""

from collections.abc import Callable, Sequence
from random import Random

from queues import policy
from simulation.floor import Agent, Floor, Mail, moment


class Rule:
    """The least: an arriving mail goes to nobody, and whoever is free takes the oldest they can do.

    :cvar capacity: how many mails an agent may hold, begun or not; None: as many as their own says.
    """

    name = "oldest"
    capacity: float | None = 1

    def keep_until(self, floor: Floor, mail: Mail) -> float | None:
        """Until when a mail that has come is kept for who answered last; None: it is not."""
        return None

    def give(self, floor: Floor, mail: Mail) -> Agent | None:
        """Who gets a mail that has come; None: it waits."""
        return None

    def take(self, floor: Floor, agent: Agent) -> Mail | None:
        """What an agent with room takes of what waits."""
        found = min((line.by_age[0] for line in agent.lines if line.by_age), default=None)
        return None if found is None else floor.waiting[found]

    def begin(self, inbox: Sequence[Mail]) -> Mail:
        """What somebody begins of what they hold."""
        return inbox[0]


class TimeLeft(Rule):
    """Ours: the fewest effective minutes first (docs/routing.md)."""

    name = "time-left"

    def __init__(self, capacity: float | None = 1, knobs: policy.Knobs = policy.USUAL) -> None:
        self.capacity = capacity
        self.knobs = knobs

    def keep_until(self, floor: Floor, mail: Mail) -> float | None:
        """For its share of the target, while the agent is on duty and has no room."""
        last, share = mail.last, self._knobs(mail).own_share
        if last is None or last.id in floor.free or last.id not in mail.kind.ratios:
            return None
        passed = mail.waited(floor.now)
        if not policy.is_reserved(passed, mail.target, on_duty=last.here, share=share):
            return None
        return mail.kind.terms.clock.after(mail.arrived, share * mail.target)

    def give(self, floor: Floor, mail: Mail) -> Agent | None:
        """Of those who fit nearly best, the one idle longest."""
        free = [
            policy.Free(agent.id, self._ratio(mail, agent), moment(agent.idle_since))
            for agent in floor.able(mail.kind)
        ]
        order = policy.choose_agent(free)
        return floor.agents[order[0].agent_id] if order else None

    def take(self, floor: Floor, agent: Agent) -> Mail | None:
        """The smallest of the heads and of what is kept."""
        heads = [
            self._head(floor, floor.waiting[number], agent)
            for line in agent.lines
            for number in line.heads(floor.now)
        ]
        heads += [self._head(floor, mail, agent) for mail in agent.kept]
        return floor.waiting[policy.choose(heads)[0].conversation_id] if heads else None

    def begin(self, inbox: Sequence[Mail]) -> Mail:
        """What is due first."""
        return _due_first(inbox)

    def _head(self, floor: Floor, mail: Mail, agent: Agent) -> policy.Head:
        return policy.Head(
            mail.id,
            mail.due_tick - mail.kind.terms.clock.tick(floor.now),
            mail.target,
            self._ratio(mail, agent),
            mail.kind.scarcity,
            mail.since,
            self._knobs(mail),
        )

    def _knobs(self, mail: Mail) -> policy.Knobs:
        return mail.kind.terms.knobs or self.knobs

    @staticmethod
    def _ratio(mail: Mail, agent: Agent) -> float:
        return policy.ratio(mail.kind.ratios[agent.id], 1.0, is_own=mail.last is agent)


class LongestIdle(Rule):
    """Push, one at a time: to who answered last if free, else to who is idle longest; then the oldest."""

    name = "longest-idle"

    def give(self, floor: Floor, mail: Mail) -> Agent | None:
        """Who answered last if free, else who the rule prefers."""
        free = floor.able(mail.kind)
        return mail.last if mail.last in free else self.prefer(free, mail)

    def prefer(self, free: Sequence[Agent], mail: Mail) -> Agent | None:
        """Idle longest."""
        return min(free, key=lambda agent: (agent.idle_since, agent.id), default=None)


class BestSkill(LongestIdle):
    """To the best of the free ones; who gets free takes the oldest."""

    name = "best-skill"

    def prefer(self, free: Sequence[Agent], mail: Mail) -> Agent | None:
        """Quickest, then idle longest."""
        ratios = mail.kind.ratios
        return min(free, key=lambda agent: (ratios[agent.id], agent.idle_since, agent.id), default=None)


class PickOldest(LongestIdle):
    """Everybody picks the oldest in the list; a new mail is picked by any of those who have nothing."""

    name = "pick-oldest"

    def __init__(self) -> None:
        self._random = Random(self.name)

    def prefer(self, free: Sequence[Agent], mail: Mail) -> Agent | None:
        """Anybody."""
        return self._random.choice(free) if free else None


class DueFirst(LongestIdle):
    """To who is idle longest; who gets free takes what is due first."""

    name = "due-first"

    def take(self, floor: Floor, agent: Agent) -> Mail | None:
        """Due first."""
        found = min((line.by_due[0] for line in agent.lines if line.by_due), default=None)
        return None if found is None else floor.waiting[found[1]]


class EarlyPush(LongestIdle):
    """Into personal inboxes of ten, to who holds least; everybody begins what is due first."""

    name = "early-push"
    capacity = 10

    def prefer(self, free: Sequence[Agent], mail: Mail) -> Agent | None:
        """Holds least, then idle longest."""
        return min(free, key=lambda agent: (agent.open, agent.idle_since, agent.id), default=None)

    def begin(self, inbox: Sequence[Mail]) -> Mail:
        """What is due first."""
        return _due_first(inbox)


class RoundRobin(Rule):
    """At arrival to the next able one in the circle, who holds less than ten; everybody goes by age."""

    name = "round-robin"
    capacity = 10

    def __init__(self) -> None:
        self._latest: dict[int, int] = {}

    def give(self, floor: Floor, mail: Mail) -> Agent | None:
        """Who answered last, else the next in the circle."""
        free = floor.able(mail.kind)
        if mail.last in free:
            return mail.last
        able = sorted(agent.id for agent in free)
        if not able:
            return None
        latest = self._latest.get(mail.kind.id, -1)
        following = next((who for who in able if who > latest), able[0])
        self._latest[mail.kind.id] = following
        return floor.agents[following]


def _due_first(inbox: Sequence[Mail]) -> Mail:
    return min(inbox, key=lambda mail: (mail.due, mail.id))


RULES: dict[str, Callable[[], Rule]] = {
    made.name: made
    for made in (TimeLeft, DueFirst, BestSkill, LongestIdle, PickOldest, EarlyPush, RoundRobin)
}
"""By name, ours first."""
