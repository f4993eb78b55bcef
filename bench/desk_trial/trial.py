"""One trial: the customers write, the agents work, the servers suffer, and then it is judged."""

import random
import time
from collections import Counter
from dataclasses import dataclass

from bench.desk_trial import windows
from bench.desk_trial.hands import Hands
from bench.desk_trial.judgement import judge
from bench.desk_trial.ledger import Ledger
from bench.desk_trial.mischief import Mischief
from bench.desk_trial.office import Crowd, Office
from tests.product import eventually

END = 200.0  # seconds for the last turn of everybody
PAUSE_EACH = 0.06  # seconds between two bursts of typing, for each agent beside: the machine has few cores


@dataclass(frozen=True)
class Plan:
    """How large, and how long in seconds; `mischief` is the mean pause between two misfortunes."""

    agents: int
    browsers: int
    seconds: float
    seed: int
    mischief: float = 25.0


def run(office: Office, plan: Plan) -> Ledger:
    """Let them work, and judge."""
    ledger = Ledger()
    crowd = Crowd(office, plan.seed, waiting=plan.agents + 5, pace=0.5)
    crowd.start()
    eventually(lambda: office.waiting() >= plan.agents, "enough is waiting", 120)
    mischief = Mischief(office, ledger, random.Random(plan.seed + 1), plan.mischief)
    until = time.monotonic() + plan.seconds
    hands = _hands(office, ledger, crowd, plan, until)
    mischief.start()
    lucks = {name: random.Random(f"{plan.seed}{name}") for name in office.agents[: plan.browsers]}
    kept_here = windows.work(office, ledger, crowd, lucks, until)
    for one in hands:
        one.join(END)
    mischief.is_over.set()
    crowd.is_over.set()
    _tell_errors(hands, ledger)
    kept_here += [text for one in hands for text in one.kept_here()]
    states = judge(office, ledger, kept_here)
    _tell(office, ledger, crowd, states)
    return ledger


def _hands(office: Office, ledger: Ledger, crowd: Crowd, plan: Plan, until: float) -> list[Hands]:
    found = []
    for name in office.agents[plan.browsers :]:
        one = Hands(office, ledger, crowd, name, random.Random(f"{plan.seed}{name}"))
        one.pause, one.until = 0.3 + PAUSE_EACH * plan.agents, until
        one.start()
        found.append(one)
    return found


def _tell_errors(hands: list[Hands], ledger: Ledger) -> None:
    for one in hands:
        if one.is_alive():
            ledger.fault(f"{one.name} doesn't come to an end")
        for error in one.page.errors:
            ledger.fault(f"{one.name} met {error}")


def _tell(office: Office, ledger: Ledger, crowd: Crowd, states: Counter[str]) -> None:
    ends = Counter(str(answer.state) for answer in ledger.answers.values())
    print(f"  {crowd.count} customers, {sum(crowd.parts.values())} of their mails came later")
    print(f"  {len(ledger.answers)} answers begun: {dict(sorted(ends.items()))}; {len(ledger.notes)} notes")
    print(f"  {len(office.smtp.mails)} mails left; the outbox: {dict(sorted(states.items()))}")
    for what, count in sorted(ledger.deeds.items()):
        print(f"  {count:6} {what}")
