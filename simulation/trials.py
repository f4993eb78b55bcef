"""Many runs of many rules: means with what chance does to them, and rules compared pair by pair."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from math import sqrt
from statistics import fmean, stdev

from queues.policy import USUAL, Knobs
from simulation import reference
from simulation.measures import Measures, measure
from simulation.rules import RULES, Rule, TimeLeft
from simulation.run import Run

STUDENT = (
    12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11,
    2.10, 2.09, 2.09, 2.08, 2.07, 2.07, 2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04,
)  # fmt: skip
"""Student's t, two-sided 95 %, for 1, 2, … degrees of freedom; beyond the last it is near enough to 2."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    :param loads: 1 is 100 %.
    :param runs: seeds 0, 1, …: each another team and other mail.
    :param capacity: of an agent, and ``knobs``: both for our rule alone.
    :param unknown: how far people's speed lies from what their levels say, see `reference.team`.
    """

    loads: Sequence[float]
    runs: int = 8
    rules: Sequence[str] = tuple(RULES)
    days: int = reference.DAYS
    capacity: int = 1
    knobs: Knobs = USUAL
    unknown: float = 0.0

    def rule(self, name: str) -> Rule:
        """A fresh one: some remember whose turn it is."""
        return TimeLeft(self.capacity, self.knobs) if name == TimeLeft.name else RULES[name]()


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and how far the true one may lie off, with 95 % confidence; 0 if there is one value only."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """Student's interval of independent values."""
        if len(values) < 2:
            return cls(fmean(values), 0.0)
        student = STUDENT[len(values) - 2] if len(values) - 2 < len(STUDENT) else 2.0
        return cls(fmean(values), student * stdev(values) / sqrt(len(values)))


@dataclass(frozen=True, slots=True)
class Row:
    """A rule at a load, over all runs.

    :ivar ahead: by how many points of mail in time our rule is ahead, compared run by run.
    """

    load: float
    rule: str
    in_time: Interval
    p95: Interval
    work: Interval
    busy: Interval
    weaker: Interval
    longest: float
    ahead: Interval | None


def rows(plan: Plan, processes: int = 1) -> Iterator[Row]:
    """One for each load and rule, load by load."""
    for load, by_rule in _measured(plan, processes):
        ours = by_rule.get(TimeLeft.name)
        for name, found in by_rule.items():
            yield _row(load, name, found, ours if name != TimeLeft.name else None)


def trial(plan: Plan, load: float, seed: int) -> list[Measures]:
    """Every rule of the plan on one team and its mail."""
    world = reference.world(load, seed, plan.days, plan.unknown)
    return [measure(Run(world, plan.rule(name)).play(), reference.WARM_UP) for name in plan.rules]


def _measured(plan: Plan, processes: int) -> Iterator[tuple[float, dict[str, list[Measures]]]]:
    wanted = list(product(plan.loads, range(plan.runs)))
    arguments = ([plan] * len(wanted), [load for load, _ in wanted], [seed for _, seed in wanted])
    if processes == 1:
        yield from _gathered(plan, map(trial, *arguments))
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from _gathered(plan, pool.map(trial, *arguments))


def _gathered(
    plan: Plan, results: Iterator[list[Measures]]
) -> Iterator[tuple[float, dict[str, list[Measures]]]]:
    for load in plan.loads:
        seeds = [next(results) for _ in range(plan.runs)]
        yield load, {name: [seed[number] for seed in seeds] for number, name in enumerate(plan.rules)}


def _row(load: float, name: str, found: Sequence[Measures], ours: Sequence[Measures] | None) -> Row:
    ahead = None
    if ours is not None:
        ahead = Interval.of([own.in_time - other.in_time for own, other in zip(ours, found, strict=True)])
    return Row(
        load,
        name,
        Interval.of([one.in_time for one in found]),
        Interval.of([one.p95 for one in found]),
        Interval.of([one.work for one in found]),
        Interval.of([one.busy for one in found]),
        Interval.of([one.weaker for one in found]),
        max(one.longest for one in found),
        ahead,
    )
