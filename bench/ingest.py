"""Intake: ours beside the floor and beside django-mailbox and django-helpdesk, from Dovecot, in one run.

    python -m bench.ingest [--mails 2000] [--rounds 4] [--peers FOLDER] [--no-peers]

Each round every contestant empties a mailbox with the same mails over TLS into its own database on the same
PostgreSQL, one after the other. Counted are the CPU of the contestant's processes and of the database, and
the wall clock, per mail. Memory is the most that the first process of each ever had, that of its others (our
parser), and what they share out at the end (PSS). Peers, and the floor's quick parser, are installed from the
package index into FOLDER, a virtual environment made at the first run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg2

from bench.intake.mailbag import mails
from tests import services
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot, running
from ucs.environment import THRIFT

PACKAGES = (
    "django>=5.2,<5.3",
    "django-mailbox",
    "django-helpdesk",
    "fast-mail-parser",
    "imapclient",
    "psycopg2-binary",
)
HERE = Path(__file__).parent
CONTESTANTS = {
    "floor, fast-mail-parser": ("peer", "floor.py", "rust"),
    "floor, standard library": ("peer", "floor.py", "stdlib"),
    "ours": ("own", "bench.intake.ours", ""),
    "django-mailbox": ("peer", "peers.py", "mailbox"),
    "django-helpdesk": ("peer", "peers.py", "helpdesk"),
}
PEERS = ("django-mailbox", "django-helpdesk")


@dataclass(slots=True)
class Contestant:
    """One program, kept running over the rounds; figures are per mail."""

    name: str
    process: "subprocess.Popen[str]"
    client: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def ask(self, line: str) -> str:
        """Send a line and wait for the answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"{self.name} ended in the middle")
        return answer

    def cpu(self) -> float:
        """Seconds that its processes have used."""
        return tree_cpu(psutil.Process(self.process.pid))

    def memory(self) -> tuple[float, float, float]:
        """In MB: the most that its first process had, the same of its others, and what all share out now."""
        here = psutil.Process(self.process.pid)
        others = here.children(recursive=True)
        shares = sum(each.memory_full_info().pss for each in [here, *others])
        return _peak(here) / 1024, sum(map(_peak, others)) / 1024, shares / 1024**2


def tree_cpu(process: psutil.Process) -> float:
    """Seconds of CPU of a process, its children, and those of them that have ended."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += sum(each.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue  # it has ended since, and its parent has its time
    return total


def _peak(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def postmaster() -> psutil.Process:
    """The PostgreSQL of this run."""
    here = psutil.Process()
    return next(each for each in here.children(recursive=True) if each.name().startswith("postgres"))


def install_peers(folder: Path) -> Path:
    """Their Python; made at the first run."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing peers into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def new_database(number: int) -> str:
    """An empty database on the run's PostgreSQL; its URL."""
    url = os.environ["DATABASE_URL"]
    connection = psycopg2.connect(url)
    connection.autocommit = True
    name = f"bench{number}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    address, _, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}?{query}"


def start(name: str, number: int, python: Path, authority: Authority) -> Contestant:
    """Start a contestant and wait until it is ready."""
    kind, program, argument = CONTESTANTS[name]
    url = new_database(number)
    environment = {**os.environ, "BENCH_DATABASE": url, "BENCH_CA": str(authority.bundle)}
    if kind == "own":
        command = [sys.executable, "-m", program]
        environment = THRIFT | environment | {"DATABASE_URL": url}  # as its workers are started
    else:
        command = [str(python), str(HERE / "intake" / program), argument]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout
    while (line := process.stdout.readline().strip()) != "ready":
        if not line and process.poll() is not None:
            raise RuntimeError(f"{name} didn't start")
    return Contestant(name, process)


def fill(server: Dovecot, user: str, raws: list[bytes]) -> None:
    """Put mails into a mailbox."""
    for raw in raws:
        server.drop(user, raw)


def play(contestant: Contestant, server: Dovecot, user: str, count: int, database: psutil.Process) -> None:
    """One contestant empties one mailbox."""
    cpu, below, begun = contestant.cpu(), tree_cpu(database), time.perf_counter()
    answer = contestant.ask(f"go {server.ports.imaps} {user} {PASSWORD}")
    seconds = time.perf_counter() - begun
    if int(answer) != count:
        print(f"  {contestant.name} took in {answer} of {count} mails", flush=True)
    contestant.client.append(1000 * (contestant.cpu() - cpu) / count)
    contestant.database.append(1000 * (tree_cpu(database) - below) / count)
    contestant.rate.append(count / seconds)


def report(contestants: list[Contestant]) -> None:
    """The table, with ratios to the floors."""
    whole = {
        each.name: statistics.median(a + b for a, b in zip(each.client, each.database, strict=True))
        for each in contestants
    }
    ours = whole["ours"]
    print(
        f"\n{'CPU ms per mail':26}{'client':>9}{'database':>10}"
        f"{'both':>9}{'mails/s':>9}{'of it':>7}{'ours is':>11}{'peak MB':>9}{'+':>5}{'PSS':>6}"
    )
    best = max(statistics.median(each.rate) for each in contestants)
    for each in contestants:
        client, database = statistics.median(each.client), statistics.median(each.database)
        rate = statistics.median(each.rate)
        first, others, shares = each.memory()
        print(
            f"{each.name:26}{client:9.2f}{database:10.2f}{whole[each.name]:9.2f}"
            f"{rate:9.0f}{rate / best:7.2f}{_ratio(ours, whole[each.name]):>11}"
            f"{first:9.0f}{others:5.0f}{shares:6.0f}"
        )


def _ratio(ours: float, theirs: float) -> str:
    if ours == theirs:
        return ""
    return f"{theirs / ours:.1f} x less" if theirs > ours else f"{ours / theirs:.1f} x more"


def main() -> None:
    """Play all rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "ucs-bench-peers")
    parser.add_argument("--no-peers", action="store_true", help="only the floors and ours")
    chosen = parser.parse_args()
    services.ensure()
    python = install_peers(chosen.peers)
    count = chosen.mails // chosen.rounds
    names = [name for name in CONTESTANTS if not (chosen.no_peers and name in PEERS)]
    authority = Authority(Path(tempfile.mkdtemp()))
    database = postmaster()
    with running(authority) as server:
        contestants = [start(name, number, python, authority) for number, name in enumerate(names)]
        warm = [made.raw for made in mails(20, seed=0)]
        for number in range(chosen.rounds):
            raws = [made.raw for made in mails(count, seed=number + 1)]
            for each in contestants:
                if not number:
                    fill(server, user := server.new_user("warm"), warm)
                    each.ask(f"go {server.ports.imaps} {user} {PASSWORD}")
                fill(server, user := server.new_user("bench"), raws)
                play(each, server, user, count, database)
            print(f"round {number + 1} of {chosen.rounds}", flush=True)
        report(contestants)
        ours = next(each for each in contestants if each.name == "ours")
        truth = [ours.ask(f"check {number + 1} {count}") for number in range(chosen.rounds)]
        print("ours, mail by mail:", "; ".join(truth))
        for each in contestants:
            each.process.terminate()


if __name__ == "__main__":
    main()
