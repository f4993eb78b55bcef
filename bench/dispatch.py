"""Routing on PostgreSQL: how long a decision takes as more waits, and whether many dispatchers agree.

    python -m bench.dispatch [--agents 1000] [--waiting 100000] [--kinds 1000] [--seconds 40]
                             [--dispatchers 8] [--decisions 200]
    python -m bench.dispatch --mixed 60

On a throwaway database. Each agent works in a fifth of the queues and can do every kind there. First the
decision alone with a tenth of what waits, then with all of it; then dispatchers in processes of their own,
of which two are killed half way. Exit code 1 when anything was given twice, lost, or over capacity.
With `--mixed` nothing of that, but for so many seconds everything that locks conversations at once.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from agents.models import Agent  # noqa: E402
from bench import dispatch_trials, mixed_trials  # noqa: E402
from bench.dispatch_trials import LANGUAGES, House  # noqa: E402
from queues import inbox, lines, routing  # noqa: E402
from queues.models import AgentKind, EmailQueue  # noqa: E402
from queues.policy import choose  # noqa: E402


class _Undone(Exception):
    """Takes a decision back."""


@dataclass(slots=True)
class Spent:
    """What one thing cost each time, in ms: by the clock, and of processors here and in PostgreSQL."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


class Watch:
    """Notes what things cost; what others keep the machine busy with tells on the clock alone."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = {}
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        self._schedstat = Path(f"/proc/{pid}/schedstat")  # where PostgreSQL runs elsewhere: ours alone

    def _processor(self) -> float:
        there = int(self._schedstat.read_text().split()[0]) / 1e6 if self._schedstat.exists() else 0.0
        return 1000 * time.process_time() + there

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Note the block under this name."""
        processor, clock = self._processor(), time.perf_counter()
        yield
        spent = self.spent.setdefault(name, Spent())
        spent.clock.append(1000 * (time.perf_counter() - clock))
        spent.processor.append(self._processor() - processor)


def decisions(count: int) -> None:
    """Read the heads, decide, decide and claim; for agents drawn at random, nothing kept."""
    draw, watch = Random("decisions"), Watch()
    agents = list(Agent.objects.select_related("user"))
    for _ in range(count):
        agent = draw.choice(agents)
        with watch.of("SELECT 1, the floor"), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        where = lines.places(EmailQueue.objects.filter(members=agent.pk), routing.clock())
        now = routing.clock()
        with watch.of("heads read"):
            found = lines.heads(agent.pk, where, now)
        with watch.of("the rule"):
            choose(line.head for line in found)
        _decide(agent, watch)
        with watch.of("the list"):
            inbox.page(agent.user, inbox.Listing(inbox.View.WAITING))
    for name, spent in watch.spent.items():
        _print(name, spent.clock, spent.processor)


def _decide(agent: Agent, watch: Watch) -> None:
    try:
        with transaction.atomic():
            with watch.of("decision with claim"):
                routing.offer(agent.pk)
            raise _Undone
    except _Undone:
        pass


def _print(name: str, *columns: list[float]) -> None:
    cells = [
        f"{number:.2f}"
        for times in columns
        for number in (statistics.median(times), sorted(times)[int(0.99 * len(times))])
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def mixed(seconds: float) -> int:
    """Everything at once."""
    mixed_trials.populate(agents=20)
    trial = mixed_trials.play(seconds)
    connection.close()
    done = ", ".join(f"{number:,} × {name}" for name, number in sorted(trial.done.items()))
    print(f"{done}; {trial.refused:,} refused; {trial.again} done again after a deadlock")
    print("\n".join(trial.wrong) or "no error, nothing broken")
    return 1 if trial.wrong else 0


def main() -> int:
    """Build, measure, dispatch, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, usual in (("agents", 1000), ("waiting", 100_000), ("kinds", 1000), ("dispatchers", 8)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--mixed", type=float, metavar="SECONDS")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    if options.mixed:
        return mixed(options.mixed)
    queues = max(options.kinds // len(LANGUAGES), 1)
    few = options.waiting // 10
    dispatch_trials.build(House(options.agents, queues, max(queues // 5, 1), few))
    each = AgentKind.objects.count() / options.agents
    print(f"{options.agents} agents who can do {each:.0f} of {queues * len(LANGUAGES)} kinds each")
    for more, waiting in ((0, few), (options.waiting - few, options.waiting)):
        dispatch_trials.wait(more)
        print(f"\n| {waiting} wait, ms | median | p99 | of processors | p99 |\n|---|---:|---:|---:|---:|")
        decisions(options.decisions)
    outcome = dispatch_trials.dispatch_at_once(options.dispatchers, options.seconds, options.seconds / 2)
    print(
        f"\n| {options.dispatchers} dispatchers, {outcome.killed} killed, ms | median | p99 |\n"
        "|---|---:|---:|"
    )
    _print("decision with claim", outcome.times)
    print(f"\n{outcome.given} given, {outcome.given / options.seconds:.0f} a second")
    print("; ".join(outcome.wrong) or "none given twice, none lost, nobody over capacity")
    connection.close()
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
