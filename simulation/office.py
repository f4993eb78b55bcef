"""An office as it is: people, queues and the conversations that came; from it, a world to play.

Its times are minutes of the clock on the wall since the first day, nights included; targets are counted in
the hours of each queue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.skillwords import eased
from queues.policy import USUAL, Knobs
from simulation.clock import ALWAYS_OPEN, Clock
from simulation.demand import Issue
from simulation.people import Need, Person, Step, Terms, kinds_for
from simulation.run import World


@dataclass(frozen=True, slots=True)
class Relief:
    """After so many open minutes no more than these levels are demanded; a level of 0 is none."""

    after: int
    skills: Mapping[str, int] = field(default_factory=dict)
    language_level: int | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """A queue: what it demands and promises.

    :param first: open minutes until the first answer is due, ``following`` until each further one.
    :param wait_rule: off, uncovered or steps.
    """

    name: str
    clock: Clock = ALWAYS_OPEN
    first: int = 240
    following: int = 480
    skills: tuple[tuple[str, int], ...] = ()
    language_level: int = 3
    wait_rule: str = "uncovered"
    reliefs: tuple[Relief, ...] = ()
    knobs: Knobs = USUAL

    def need(self, case: "Case") -> Need:
        """What a conversation demands here."""
        wanted = dict(self.skills)
        for skill, level in case.skills:
            wanted[skill] = max(level, wanted.get(skill, 0))
        return _need(wanted, case.language, self.language_level, self.name)

    def steps(self, need: Need) -> tuple[Step, ...]:
        """What is enough of that later on."""
        if self.wait_rule != "steps":
            return ()
        wanted, level, made = dict(need.skills), need.language_level, []
        for relief in sorted(self.reliefs, key=lambda each: each.after):
            wanted = {name: eased(have, relief.skills.get(name, have)) for name, have in wanted.items()}
            level = min(level, level if relief.language_level is None else relief.language_level)
            made.append(Step(relief.after, _need(wanted, need.language, level, self.name)))
        return tuple(made)


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation as it came.

    :param factor: what its priority makes of the target.
    :param opened: it began in the time that is played; else its first mail here is a follow-up.
    :param works: minutes of somebody with the top levels, for each time that it was our turn.
    :param delays: minutes from an answer to the next mail of the customer.
    """

    number: int
    desk: str
    language: str
    arrived: float
    works: tuple[float, ...]
    delays: tuple[float, ...] = ()
    factor: float = 1.0
    skills: tuple[tuple[str, int], ...] = ()
    opened: bool = True
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Office:
    """All of it.

    :param since: from which minute on mail is judged: the run begins with an empty office.
    """

    people: Sequence[Person]
    desks: Mapping[str, Desk]
    cases: Sequence[Case]
    until: float
    since: float = 0.0

    def world(self) -> World:
        """People, kinds and issues for a run."""
        needs: dict[Need, int] = {}
        issues = []
        for case in self.cases:
            desk = self.desks[case.desk]
            number = needs.setdefault(desk.need(case), len(needs))
            issues.append(_issue(case, desk, number))
        terms = {
            desk.name: Terms(
                desk.clock,
                desk.knobs,
                desk.wait_rule == "uncovered",
                {need: desk.steps(need) for need in needs if need.queue == desk.name},
            )
            for desk in self.desks.values()
        }
        return World(self.people, kinds_for(self.people, list(needs), terms), issues, self.until)


def _issue(case: Case, desk: Desk, need: int) -> Issue:
    first = desk.first if case.opened else desk.following
    return Issue(
        case.arrived,
        need,
        max(first * case.factor, 1.0),
        case.works,
        case.delays,
        max(desk.following * case.factor, 1.0),
        case.last,
        case.number,
    )


def _need(wanted: Mapping[str, int], language: str, level: int, queue: str) -> Need:
    """A demand at level 0 is none."""
    skills = sorted((name, level) for name, level in wanted.items() if level)
    name, least = skills[0] if skills else ("", 0)
    return Need(name, language if level else "", least, level, tuple(skills[1:]), queue)
