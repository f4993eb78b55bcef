"""One run: events in order of time, from the first minute to the last.

A mail comes → somebody gets it, or it waits → begun → answered → perhaps the customer comes back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

from simulation.demand import Issue
from simulation.floor import Agent, Floor, Mail, moment
from simulation.people import Kind, Person
from simulation.rules import Rule

ROUNDING = 1e-6
LOOKS_UP = 2_000  # events between two questions whether to go on


class Stopped(Exception):
    """Whoever asked for the run doesn't want it any longer."""


@dataclass(frozen=True, slots=True)
class World:
    """A team and what comes in; every rule gets the same."""

    people: Sequence[Person]
    kinds: Sequence[Kind]
    issues: Sequence[Issue]
    until: float


class Run:
    """A world under a rule; after `play` the mails and agents tell how it went."""

    def __init__(self, world: World, rule: Rule) -> None:
        self.world, self.rule = world, rule
        self.floor = Floor(world.people, rule.capacity)
        self.mails: list[Mail] = []
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()

    def play(self, go_on: Callable[[], bool] = lambda: True) -> "Run":
        """All of it.

        :raises Stopped: `go_on`, asked now and then, said no.
        """
        self._plan()
        events, floor, until = self._events, self.floor, self.world.until
        passed = 0
        while events and events[0][0] <= until:
            floor.now, _, happen, what = heappop(events)
            happen(*what)
            passed += 1
            if passed % LOOKS_UP == 0 and not go_on():
                raise Stopped
        floor.now = until
        for agent in floor.agents.values():
            if agent.present_since is not None:
                agent.present += until - agent.present_since
        return self

    def _plan(self) -> None:
        for agent in self.floor.agents.values():
            for shift in agent.person.shifts:
                self._at(shift.start, self._come, agent)
                for start, end in shift.pauses:
                    self._at(start, self._pause, agent)
                    self._at(end, self._come, agent)
                self._at(shift.end, self._go, agent)
        for issue in self.world.issues:
            last = None if issue.last is None else self.floor.agents.get(issue.last)
            self._at(issue.arrived, self._arrive, issue, 0, last)

    def _at(self, at: float, happen: Callable[..., None], *what: object) -> None:
        heappush(self._events, (at, next(self._order), happen, what))

    # What happens to agents

    def _come(self, agent: Agent) -> None:
        """On duty, or back from a pause."""
        agent.here, agent.away = True, False
        if agent.current is None:
            agent.idle_since = self.floor.now
        self.floor.settle(agent)
        self._fill(agent)

    def _pause(self, agent: Agent) -> None:
        agent.away = True
        self.floor.settle(agent)

    def _go(self, agent: Agent) -> None:
        """Home; what is begun is finished, all else belongs to everybody again."""
        agent.here = False
        self.floor.settle(agent)
        back = agent.inbox + agent.kept
        for mail in agent.kept[:]:
            self.floor.pull(mail)
        agent.inbox = []
        for mail in sorted(back, key=lambda mail: mail.id):
            mail.holder = None
            self._offer(mail)
        self._ease(agent)

    def _fill(self, agent: Agent) -> None:
        """Let somebody take what they have room for, and begin."""
        while agent.id in self.floor.free:
            mail = self.rule.take(self.floor, agent)
            if mail is None:
                break
            self.floor.pull(mail)
            self._assign(mail, agent)
        self._begin(agent)

    def _begin(self, agent: Agent) -> None:
        if agent.current is not None or not agent.inbox or not agent.available:
            return
        mail = self.rule.begin(agent.inbox)
        agent.inbox.remove(mail)
        agent.current = mail
        mail.begun = self.floor.now
        minutes = mail.minutes_of(agent)
        agent.busy += minutes
        self._at(self.floor.now + minutes, self._answered, agent, mail)

    # What happens to mails

    def _arrive(self, issue: Issue, step: int, last: Agent | None) -> None:
        now = self.floor.now
        kind = self.world.kinds[issue.need]
        clock = kind.terms.clock
        mail = Mail(len(self.mails), issue, step, kind, now, now, 0.0, moment(now), last)
        mail.due_tick = clock.tick(now) + mail.target
        mail.due = max(clock.at(mail.due_tick), now)
        self.mails.append(mail)
        for after, later in kind.later:
            self._at(clock.after(now, after), self._relax, mail, later)
        if kind.eased and not self.floor.is_covered(kind, mail.due):
            mail.kind = kind.eased
        self._offer(mail)

    def _offer(self, mail: Mail) -> None:
        until = self.rule.keep_until(self.floor, mail)
        if until is not None:
            assert mail.last is not None
            self.floor.keep(mail, mail.last)
            self._at(until + ROUNDING, self._release, mail)
            return
        agent = self.rule.give(self.floor, mail)
        if agent is None:
            self.floor.wait(mail)
        else:
            self._assign(mail, agent)
            self._begin(agent)

    def _release(self, mail: Mail) -> None:
        """Nobody waits for the last agent any longer."""
        if mail.reserved:
            self.floor.pull(mail)
            self._offer(mail)

    def _relax(self, mail: Mail, later: Kind) -> None:
        """It has waited so long that less is demanded."""
        if mail.id in self.floor.waiting and mail.kind.need == later.need:
            self.floor.pull(mail)
            mail.kind = later
            self._offer(mail)

    def _assign(self, mail: Mail, agent: Agent) -> None:
        mail.holder = agent
        agent.inbox.append(mail)
        self.floor.settle(agent)

    def _answered(self, agent: Agent, mail: Mail) -> None:
        floor = self.floor
        mail.answered = agent.idle_since = floor.now
        agent.current = None
        floor.settle(agent)
        if mail.step < len(mail.issue.delays):
            self._at(floor.now + mail.issue.delays[mail.step], self._arrive, mail.issue, mail.step + 1, agent)
        self._fill(agent)

    def _ease(self, gone: Agent) -> None:
        """Somebody went home: mail that nobody able will see in time is for all who can read it."""
        for line in gone.lines[:]:
            if line.kind.eased is None:
                continue
            for due, number in line.by_due[:]:
                if self.floor.is_covered(line.kind, due):
                    break  # what is due later is covered too
                mail = self.floor.waiting[number]
                self.floor.pull(mail)
                mail.kind = line.kind.eased
                self._offer(mail)
