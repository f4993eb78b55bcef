"""Small offices for the tests: who is there, what they can do."""

from collections.abc import Iterable, Sequence
from itertools import combinations, cycle, islice

from simulation.demand import Issue, Stream, draw, steady
from simulation.floor import Mail
from simulation.people import Need, Person, Shift, kinds_for
from simulation.rules import Rule, TimeLeft
from simulation.run import Run, World

ALWAYS = (Shift(0.0, 1e9),)
PLAIN = Need("billing", "en")


def make_person(number: int = 0, shifts: tuple[Shift, ...] = ALWAYS, /, **levels: int) -> Person:
    """English speaker; levels by skill, billing 5 if none is said. Names of two letters are languages."""
    languages = {name: level for name, level in levels.items() if len(name) == 2} or {"en": 5}
    skills = {name: level for name, level in levels.items() if len(name) > 2} or {"billing": 5}
    return Person(number, skills, languages, shifts)


def make_issue(
    at: float = 0.0,
    works: Sequence[float] = (10.0,),
    target: float = 240.0,
    need: int = 0,
    delay: float = 60.0,
) -> Issue:
    """A conversation; the customer comes back after the delay as long as there are works."""
    return Issue(at, need, target, tuple(works), (delay,) * (len(works) - 1))


def play(
    people: Sequence[Person],
    issues: Iterable[Issue],
    needs: Sequence[Need] = (PLAIN,),
    rule: Rule | None = None,
    until: float = 10_000.0,
) -> list[Mail]:
    """The mails as they went."""
    world = World(people, kinds_for(people, needs), list(issues), until)
    return Run(world, rule or TimeLeft()).play().mails


def steadily(people: Sequence[Person], streams: Sequence[Stream], minutes: float, seed: str) -> list[Mail]:
    """The same at every minute, under our rule."""
    habits = steady()
    issues = draw(streams, habits, minutes / habits.day, seed)
    return play(people, issues, [stream.need for stream in streams], until=minutes)


def specialists(skills: Sequence[str], each: int, count: int) -> list[Person]:
    """So many people with so many of the skills each, all combinations in turn."""
    mixes = islice(cycle(combinations(skills, each)), count)
    return [make_person(number, ALWAYS, **dict.fromkeys(mix, 5)) for number, mix in enumerate(mixes)]
