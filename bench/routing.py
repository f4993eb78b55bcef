"""The routing rule: how long a decision takes, how long ten days take, and theory at length.

    python -m bench.routing [--decisions 2000] [--days 10] [--rounds 12]

Decisions: 1,000 agents who can do 200 of 1,000 kinds each, 100,000 mails waiting; pure Python, no database.
Days: the reference team of `manage.py simulate`. Rounds: Erlang C, Cobham and pooling, other mail each time,
with a 95 % interval. Times are processor time of this process, as others may be at work on the machine.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from random import Random
from statistics import fmean, median

from queues.policy import Free, Head, choose, choose_agent
from simulation import reference
from simulation.demand import Issue, Stream
from simulation.floor import Floor, Mail, moment
from simulation.people import Kind, Need, Person
from simulation.rules import RULES, TimeLeft
from simulation.run import Run
from simulation.trials import Interval
from tests.simulation.offices import make_person, specialists, steadily
from tests.simulation.theory import cobham, erlang_c

AGENTS, KINDS, WAITING, KINDS_EACH = 1_000, 1_000, 100_000, 200
SKILLS = ("billing", "delivery", "returns", "technical", "contracts", "complaints")


def crowd(random: Random) -> Floor:
    """The floor of the decisions; half of the mails are late."""
    kinds = [Kind(number, Need("billing", "en"), scarcity=random.uniform(0.5, 2)) for number in range(KINDS)]
    people = [make_person(number) for number in range(AGENTS)]
    for person in people:
        for kind in random.sample(kinds, KINDS_EACH):
            kind.ratios[person.id] = random.uniform(1, 1.5)
    floor = Floor(people, 1)
    floor.now = 10_000.0
    for number in range(WAITING):
        kind, target = random.choice(kinds), 240.0
        arrived = floor.now - random.uniform(0, 2 * target)
        issue = Issue(arrived, kind.id, target, (10.0,))
        due = arrived + target
        floor.wait(Mail(number, issue, 0, kind, arrived, due, due, moment(arrived)))
    return floor


def decisions(count: int) -> None:
    """What somebody who finished takes, and who gets a mail that has come."""
    random = Random("decisions")
    floor, rule = crowd(random), TimeLeft()
    agents = list(floor.agents.values())
    takes = [_milliseconds(lambda: rule.take(floor, random.choice(agents))) for _ in range(count)]
    heads = [_head(random, number) for number in range(2 * KINDS_EACH)]
    orders = [_milliseconds(lambda: choose(heads)) for _ in range(count)]
    idle = [Free(number, random.uniform(1, 1.5), moment(random.random())) for number in range(KINDS_EACH)]
    gives = [_milliseconds(lambda: choose_agent(idle)) for _ in range(count)]
    print("| decision, CPU ms | median | p99 |\n|---|---:|---:|")
    _print_times(f"the rule: {len(heads)} heads in order", orders)
    _print_times("the same with finding them: somebody finished and takes", takes)
    _print_times(f"the rule: {KINDS_EACH} free agents in order, for a mail that has come", gives)


def days(count: int) -> None:
    """The reference team at 100 %, by rule."""
    print(f"\n| {count} days at 100 % | mails | CPU s |\n|---|---:|---:|")
    world = reference.world(1.0, 0, count)
    for name, rule in RULES.items():
        started = time.process_time()
        run = Run(world, rule()).play()
        print(f"| {name} | {len(run.mails)} | {time.process_time() - started:.2f} |", flush=True)


def theory(rounds: int) -> None:
    """The simulator beside what is computed with the rates and works as they were meant."""
    print("\n| mean wait, min | computed | simulated |\n|---|---:|---:|")
    five = [make_person(number) for number in range(5)]
    one_kind = [Stream(Need("billing", "en"), 0.4, 10, 240)]
    _print_waits("five alike, 80 % load", [erlang_c(5, 0.4, 10)], rounds, five, one_kind, 250_000)
    two = [Stream(Need("billing", "en"), 0.03, 10, 1e6), Stream(Need("billing", "de"), 0.05, 10, 1e8)]
    both = [make_person(en=5, de=5)]
    _print_waits("two classes, 80 % load", cobham([0.03, 0.05], 10, 200), rounds, both, two, 1_000_000)
    six = [Stream(Need(skill, "en"), 1.38, 10, 240) for skill in SKILLS]
    for each, servers in ((1, 15), (2, None), (6, 90)):
        computed = [] if servers is None else [erlang_c(servers, 8.28 * servers / 90, 10)]
        team = specialists(SKILLS, each, 90)
        _print_waits(f"90 agents of {each} skills, 92 % load", computed, rounds, team, six, 10_000)


def _print_waits(
    name: str,
    computed: Sequence[float],
    rounds: int,
    people: Sequence[Person],
    streams: Sequence[Stream],
    minutes: float,
) -> None:
    found: list[list[float]] = []
    for seed in range(rounds):
        mails = steadily(people, streams, minutes, f"{name} {seed}")
        groups = len(computed) or 1
        found.append(
            [_wait([m for m in mails if groups == 1 or m.issue.need == group]) for group in range(groups)]
        )
    simulated = [Interval.of(values) for values in zip(*found, strict=True)]
    print(
        f"| {name} | {', '.join(f'{value:.2f}' for value in computed)} "
        f"| {', '.join(f'{value.mean:.2f} ± {value.half:.2f}' for value in simulated)} |",
        flush=True,
    )


def _wait(mails: Sequence[Mail]) -> float:
    return fmean(mail.begun - mail.arrived for mail in mails if mail.begun is not None)


def _head(random: Random, number: int) -> Head:
    left, ratio, scarcity = random.uniform(-240, 240), random.uniform(1, 1.5), random.uniform(0.5, 2)
    return Head(number, left, 240.0, ratio, scarcity, moment(-number))


def _milliseconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return 1000 * (time.process_time() - started)


def _print_times(name: str, times: Sequence[float]) -> None:
    print(f"| {name} | {median(times):.2f} | {sorted(times)[int(0.99 * len(times))]:.2f} |", flush=True)


def main() -> None:
    """All three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decisions", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    decisions(options.decisions)
    days(options.days)
    theory(options.rounds)


if __name__ == "__main__":
    main()
