"""What can go wrong while mail leaves, in great numbers: is any sent twice, lost, or called what it isn't?

    python -m bench.faults [points|kills|machines|order|budget|timed …] [--rounds 50] [--kills 300]
                           [--conversations 20] [--replies 10] [--mails 300] [--per-minute 30]
                           [--timed 400] [--seed N]

points    a fault at each of 12 points of the SMTP dialogue, as a drop, silence, 4xx and 5xx in turn
kills     kill -9 of a worker around DATA
machines  the Celery workers of two machines, each with a Redis of its own, on one outbox; both Redis are
          emptied, the database is restarted and killed meanwhile
order     conversations with several replies each, while the server refuses at random
budget    replies that want to leave at once with a limit per minute and five workers, in real time
timed     answers whose time has come, while people and mails reach for them at the same moment

Servers, workers and the database are throwaway. Exit code 1 when anything is wrong.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests import services
from ucs import environment
from ucs.datafolder import DataFolder
from ucs.embedded import Embedded

PLACE = Path(tempfile.mkdtemp(prefix="ucs-faults-"))
SERVICES = Embedded(DataFolder(PLACE))  # as safe as in production: the database is killed
for name, value in environment.new_keys().items():
    os.environ.setdefault(name, value)
os.environ.update(SERVICES.start())
os.environ |= {
    "UCS_DATA_DIR": str(PLACE),
    "UCS_RETRY_LADDER": "1",
    "UCS_LEASE": "10",
    "UCS_SWEEP_INTERVAL": "2",
}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

import redis  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections as databases  # noqa: E402

from bench.outbox_trials import (  # noqa: E402
    KINDS,
    POINTS,
    Sink,
    Verdict,
    budget_trial,
    fault_round,
    is_settled,
    judge,
    kill_rounds,
    order_trial,
    short_patience,
    time_passes,
    wait_until,
)
from bench.timed_trials import Verdict as Timed  # noqa: E402
from bench.timed_trials import timed_trial  # noqa: E402
from mailsenders.models import OutgoingMail  # noqa: E402
from queues.models import Message  # noqa: E402
from tests.make import make_outgoing  # noqa: E402
from tests.servers.authority import Authority  # noqa: E402
from tests.servers.smtp import SmtpServer  # noqa: E402

TRIALS = ("points", "kills", "machines", "order", "budget", "timed")
WORKER = ["-m", "celery", "--quiet", "-A", "ucs", "worker", "-P", "threads", "-c", "4", "-B"]
QUIET = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]


def points(authority: Authority, rounds: int) -> Verdict:
    """A fault at each point, each kind in turn."""
    total = Verdict()
    passwords = {"box": "secret"}
    with (
        short_patience(),
        SmtpServer(tls="starttls", certificate=authority.certificate(), passwords=passwords) as server,
    ):
        for point, phase in POINTS:
            states: Counter[str] = Counter()
            for number in range(rounds):
                verdict = fault_round(server, point, phase, KINDS[number % len(KINDS)])
                states += verdict.states
                total.add(verdict)
            print(f"  {point:36} {dict(sorted(states.items()))}", flush=True)
    return total


def kills(authority: Authority, rounds: int) -> Verdict:
    """kill -9 around DATA; every now and then Redis is emptied."""

    def pace(number: int) -> None:
        if number % 25 == 24:
            redis.Redis.from_url(settings.REDIS_URL).flushall()
            print(f"  {number + 1} kills, {sum(sink.taken().values())} mails taken", flush=True)

    with Sink(PLACE / "kills", authority.certificate(), pause=0.1) as sink:
        return kill_rounds(sink, rounds, pace)


def machines(authority: Authority, mails: int) -> Verdict:
    """Two machines, while what they share and what they don't is taken away."""
    with (
        Sink(PLACE / "machines", authority.certificate(), trouble=0.02, pause=0.2) as sink,
        ExitStack() as stack,
    ):
        sender = sink.sender(connections=3)
        rows = [make_outgoing(sender, order_key=number % (mails // 4) + 1) for number in range(mails)]
        databases.close_all()
        urls = [services.redis_database(settings.REDIS_URL, number) for number in (1, 2)]
        for number, url in enumerate(urls):
            stack.callback(_end, _machine(number, url))
        wait_until(lambda: bool(sink.taken()), 120)  # until both have started
        for number in range(12):
            time.sleep(random.uniform(0.5, 2.0))
            redis.Redis.from_url(random.choice(urls)).flushdb()
            if number % 3 == 2:
                _restart_database(hard=number % 2 == 0)
            print(f"  {sum(sink.taken().values())} of {mails} taken", flush=True)
        done = wait_until(lambda: is_settled(sender), 240)
        print(f"  all settled: {done}", flush=True)
        time_passes(sender)
        return judge(rows, sink.taken())


def _machine(number: int, url: str) -> "subprocess.Popen[bytes]":
    folder = PLACE / f"machine-{number}"
    folder.mkdir()
    env = os.environ | {
        "REDIS_URL": url,
        "UCS_DATA_DIR": str(folder),
        "UCS_CA_BUNDLE": str(settings.CA_BUNDLE),
    }
    env["DJANGO_SETTINGS_MODULE"] = "ucs.settings"
    with (PLACE / f"machine-{number}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, *WORKER, *QUIET], env=env, stdout=log, stderr=log)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(20)


def _restart_database(*, hard: bool) -> None:
    databases.close_all()
    server = SERVICES.postgres
    if server is None:
        return
    if hard and server.process:
        server.process.send_signal(signal.SIGQUIT)
        server.process.wait(20)
    server.stop()
    server.start()


def order(authority: Authority, conversations: int, replies: int) -> Verdict:
    """Random refusals: nothing overtakes."""
    with Sink(PLACE / "order", authority.certificate(), trouble=0.12) as sink:
        return order_trial(sink, conversations, replies)


def budget(authority: Authority, mails: int, per_minute: int) -> Verdict:
    """Never more in any minute than allowed."""
    with Sink(PLACE / "budget", authority.certificate()) as sink:
        seconds = 60 * mails / per_minute + 60
        verdict, most = budget_trial(sink, mails, per_minute, window=60, seconds=seconds)
    print(f"  the most in any 60 s at the sink: {most} of {per_minute}", flush=True)
    if most > per_minute:
        verdict.faults.append(f"{most} mails in a minute, {per_minute} were allowed")
    return verdict


def main() -> int:
    """Run the trials; exit code 1 when anything is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=", ".join(TRIALS))
    for name, default in (("rounds", 50), ("kills", 300), ("conversations", 20), ("replies", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--mails", type=int, default=300)
    parser.add_argument("--per-minute", type=int, default=30)
    parser.add_argument("--timed", type=int, default=400)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    random.seed(chosen.seed)
    print(f"seed {chosen.seed}", flush=True)
    authority = Authority(PLACE)
    settings.CA_BUNDLE = str(authority.bundle)
    call_command("migrate", verbosity=0)
    trials: dict[str, Callable[[], Verdict | Timed]] = {
        "points": lambda: points(authority, chosen.rounds),
        "kills": lambda: kills(authority, chosen.kills),
        "machines": lambda: machines(authority, chosen.mails),
        "order": lambda: order(authority, chosen.conversations, chosen.replies),
        "budget": lambda: budget(authority, chosen.mails, chosen.per_minute),
        "timed": lambda: timed_trial(chosen.timed, chosen.seed),
    }
    wrong = 0
    try:
        for name in chosen.trials or TRIALS:
            # A reply waits for an earlier one of its key in doubt, and the trials count their keys from 1.
            Message.objects.all().delete()
            OutgoingMail.objects.all().delete()
            began = time.monotonic()
            verdict: Verdict | Timed = trials[name]()
            wrong += len(verdict.faults)
            print(f"{name}: {verdict}, {time.monotonic() - began:.0f} s", flush=True)
            for fault in verdict.faults[:20]:
                print("  WRONG", fault, flush=True)
    finally:
        databases.close_all()
        SERVICES.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
