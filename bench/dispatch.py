"""Routing on PostgreSQL: how long a decision takes as more waits, and whether many dispatchers agree.

    python -m bench.dispatch [--agents 1000] [--waiting 100000] [--kinds 1000] [--seconds 40]
                             [--dispatchers 8] [--decisions 200]

On a throwaway database. Each agent works in a fifth of the queues and can do every kind there. First the
decision alone with a tenth of what waits, then with all of it; then dispatchers in processes of their own,
of which two are killed half way. Exit code 1 when anything was given twice, lost, or over capacity.
"""

import argparse
import os
import statistics
import sys
import time
from random import Random

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from agents.models import Agent  # noqa: E402
from bench import dispatch_trials  # noqa: E402
from bench.dispatch_trials import LANGUAGES, House  # noqa: E402
from queues import inbox, lines, routing  # noqa: E402
from queues.models import AgentKind, EmailQueue  # noqa: E402
from queues.policy import choose  # noqa: E402


class _Undone(Exception):
    """Takes a decision back."""


def decisions(count: int) -> None:
    """Read the heads, decide, decide and claim; for agents drawn at random, nothing kept."""
    draw = Random("decisions")
    agents = list(Agent.objects.select_related("user"))
    names = ("SELECT 1, the floor", "heads read", "the rule", "decision with claim", "the list")
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(count):
        agent = draw.choice(agents)
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        times["SELECT 1, the floor"].append(1000 * (time.perf_counter() - started))
        where = lines.places(EmailQueue.objects.filter(members=agent.pk), routing.clock())
        started = time.perf_counter()
        found = lines.heads(agent.pk, where, routing.clock(), routing.DEPTH)
        times["heads read"].append(1000 * (time.perf_counter() - started))
        heads = [line.head for line in found]
        started = time.perf_counter()
        choose(heads)
        times["the rule"].append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        try:
            with transaction.atomic():
                routing.offer(agent.pk)
                times["decision with claim"].append(1000 * (time.perf_counter() - started))
                raise _Undone
        except _Undone:
            pass
        started = time.perf_counter()
        inbox.page(agent.user, inbox.Listing(inbox.View.WAITING))
        times["the list"].append(1000 * (time.perf_counter() - started))
    for name, measured in times.items():
        _print(name, measured)


def _print(name: str, times: list[float]) -> None:
    p99 = sorted(times)[int(0.99 * len(times))]
    print(f"| {name} | {statistics.median(times):.2f} | {p99:.2f} |", flush=True)


def main() -> int:
    """Build, measure, dispatch, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, usual in (("agents", 1000), ("waiting", 100_000), ("kinds", 1000), ("dispatchers", 8)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=40)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    queues = max(options.kinds // len(LANGUAGES), 1)
    few = options.waiting // 10
    dispatch_trials.build(House(options.agents, queues, max(queues // 5, 1), few))
    each = AgentKind.objects.count() / options.agents
    print(f"{options.agents} agents who can do {each:.0f} of {queues * len(LANGUAGES)} kinds each")
    for more, waiting in ((0, few), (options.waiting - few, options.waiting)):
        dispatch_trials.wait(more)
        print(f"\n| {waiting} wait, ms | median | p99 |\n|---|---:|---:|")
        decisions(options.decisions)
    os.environ["DJANGO_SETTINGS_MODULE"] = "ucs.settings"
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
