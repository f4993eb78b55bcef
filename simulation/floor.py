"""The office at one moment: who is there, what they hold, and what waits."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from queues.policy import OWN, SAVABLE
from simulation.demand import Issue
from simulation.people import Kind, Person

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)


def moment(at: float) -> datetime:
    """The minute as the rule wants it; only the order counts."""
    return FIRST_DAY + timedelta(minutes=at)


@dataclass(eq=False, slots=True)
class Mail:
    """A mail that somebody has to answer: the first of its conversation, or a follow-up (step 1, 2, …).

    :ivar due: in minutes of the run; ``due_tick`` in open minutes of its queue.
    """

    id: int
    issue: Issue
    step: int
    kind: Kind
    arrived: float
    due: float
    due_tick: float
    since: datetime
    last: "Agent | None" = None
    holder: "Agent | None" = None
    reserved: bool = False
    begun: float | None = None
    answered: float | None = None

    @property
    def target(self) -> float:
        """Open minutes it may take."""
        later = self.issue.next_target
        return self.issue.target if self.step == 0 or later is None else later

    def waited(self, until: float) -> float:
        """Open minutes until that minute of the run."""
        clock = self.kind.terms.clock
        return clock.tick(until) - clock.tick(self.arrived)

    def minutes_of(self, agent: "Agent") -> float:
        """How long this agent works on it."""
        known = OWN if self.last is agent else 1.0
        pace = agent.person.paces.get(self.kind.need.skill, 1.0)
        return self.issue.works[self.step] * self.kind.works[agent.id] * known * pace


class Line:
    """What waits of one kind with one target, by due time and by age.

    Late mail loses half of its minutes with each target that passes: of two late ones the urgent one comes to
    the front sooner, whichever was due first. Within a target the order never changes.
    """

    __slots__ = ("by_age", "by_due", "kind")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.by_due: list[tuple[float, int]] = []
        self.by_age: list[int] = []

    def add(self, mail: Mail) -> None:
        """It waits."""
        insort(self.by_due, (mail.due_tick, mail.id))
        insort(self.by_age, mail.id)

    def remove(self, mail: Mail) -> None:
        """It waits no longer."""
        del self.by_due[bisect_left(self.by_due, (mail.due_tick, mail.id))]
        del self.by_age[bisect_left(self.by_age, mail.id)]

    def heads(self, now: float) -> Iterator[int]:
        """The first that can still be in time, and the first of those that can't."""
        savable = bisect_left(self.by_due, (self.kind.terms.clock.tick(now) + SAVABLE, -1))
        if savable < len(self.by_due):
            yield self.by_due[savable][1]
        if savable:
            yield self.by_due[0][1]


@dataclass(eq=False, slots=True)
class Agent:
    """A person at work.

    :ivar lines: of the mail they can do.
    :ivar inbox: assigned and not begun.
    :ivar kept: follow-ups that wait for this agent alone.
    :ivar busy: minutes worked; ``present``: minutes on duty and not away, work after the end included.
    """

    person: Person
    capacity: float
    lines: list[Line] = field(default_factory=list)
    here: bool = False
    away: bool = False
    current: Mail | None = None
    inbox: list[Mail] = field(default_factory=list)
    kept: list[Mail] = field(default_factory=list)
    idle_since: float = 0.0
    busy: float = 0.0
    present: float = 0.0
    present_since: float | None = None
    starts: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.starts = [shift.start for shift in self.person.shifts]

    def comes(self, since: float, until: float) -> bool:
        """Whether a shift begins from the one minute on and before the other."""
        following = bisect_left(self.starts, since)
        return following < len(self.starts) and self.starts[following] < until

    @property
    def id(self) -> int:
        """The person's."""
        return self.person.id

    @property
    def available(self) -> bool:
        """On duty and not away for a moment."""
        return self.here and not self.away

    @property
    def open(self) -> int:
        """How many mails they hold."""
        return len(self.inbox) + (self.current is not None)


class Floor:
    """Everything a rule may look at.

    :ivar free: agents who are available and below capacity.
    :ivar waiting: what waits for anybody or for one agent alone, by number.
    """

    def __init__(self, people: Sequence[Person], capacity: float | None) -> None:
        self.now = 0.0
        self.waiting: dict[int, Mail] = {}
        self.lines: dict[tuple[int, float], Line] = {}
        self.agents = {person.id: Agent(person, capacity or person.capacity or 1) for person in people}
        self.free: dict[int, Agent] = {}

    def settle(self, agent: Agent) -> None:
        """After any change: may this agent get something?"""
        if agent.here and not agent.away and agent.open < agent.capacity:
            self.free[agent.id] = agent
        else:
            self.free.pop(agent.id, None)
        self._clock(agent)

    def able(self, kind: Kind) -> list[Agent]:
        """Free agents who can do this kind."""
        return [agent for agent in self.free.values() if agent.id in kind.ratios]

    def wait(self, mail: Mail) -> None:
        """Let it wait for whoever can do it."""
        self.waiting[mail.id] = mail
        self._line(mail).add(mail)

    def keep(self, mail: Mail, agent: Agent) -> None:
        """Let it wait for this agent alone."""
        mail.reserved = True
        self.waiting[mail.id] = mail
        agent.kept.append(mail)

    def pull(self, mail: Mail) -> None:
        """It waits no longer."""
        del self.waiting[mail.id]
        if mail.reserved:
            assert mail.last is not None
            mail.last.kept.remove(mail)
            mail.reserved = False
        else:
            self._line(mail).remove(mail)

    def is_covered(self, kind: Kind, due: float) -> bool:
        """Whether somebody able is on duty, or comes on duty before the mail is due."""
        return any(self.agents[who].here or self.agents[who].comes(self.now, due) for who in kind.ratios)

    def _line(self, mail: Mail) -> Line:
        key = (mail.kind.id, mail.target)
        if key not in self.lines:
            self.lines[key] = Line(mail.kind)
            for who in mail.kind.ratios:
                self.agents[who].lines.append(self.lines[key])
        return self.lines[key]

    def _clock(self, agent: Agent) -> None:
        """Count the minutes in which the agent works or could."""
        counts = agent.available or agent.current is not None
        if counts and agent.present_since is None:
            agent.present_since = self.now
        elif not counts and agent.present_since is not None:
            agent.present += self.now - agent.present_since
            agent.present_since = None
