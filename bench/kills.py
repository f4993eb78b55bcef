"""kill -9 at random moments while mail comes in: what is lost, what is doubled.

    python -m bench.kills [--rounds 200] [--seed N]

A whole product with its own PostgreSQL and Redis fetches from a real Dovecot over IMAP (left on the server),
IMAP (deleted after import) and POP3 (deleted). Each round mails are dropped into the mailboxes and, a random
moment later, one of its processes is killed: worker (fetcher and deliverer), parser, database server, one of
its backends, broker, clock, watcher. At the end every mail must be the message of one conversation, once.
"""

import argparse
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import psycopg2

from tests.product import Product, eventually
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot, running
from ucs.datafolder import DataFolder

# As `manage.py up`, but a killed process is started again at once: 200 rounds would take hours otherwise.
UP = (
    "import runpy; from ucs import supervisor; supervisor.LONGEST_PAUSE = 0.2\n"
    "runpy.run_path('manage.py', run_name='__main__')\n"
)
SETTINGS = """
queues:
  - {{name: Rounds}}
sources:
{sources}
"""
SOURCE = """  - {{name: {name}, server_type: {kind}, server_address: 127.0.0.1, service_port: {port},
     use_ssl: true, username: {user}, password: "{password}", after_import: {after}, queue: Rounds}}
"""
VICTIMS = ("worker", "parser", "postgres", "backend", "redis", "beat", "watch")


class Rounds(Product):
    """The product, and who can be killed in it."""

    def start(self, seconds: float = 90) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-c", UP, "up", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, cwd=Path(__file__).parent.parent
            )
        eventually(self._ready, "the product answers", seconds)

    def victims(self, kind: str) -> list[psutil.Process]:
        """The processes of one kind that live now."""
        assert self.process
        found = []
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if _kind(each) == kind:
                    found.append(each)
        return found


def _kind(process: psutil.Process) -> str:
    words = process.cmdline()
    line = " ".join(words)
    if process.name().startswith("postgres"):
        return (
            "postgres" if "-D" in words else "backend" if line.endswith(("idle", "SELECT", "COMMIT")) else ""
        )
    if process.name().startswith(("valkey", "redis")):
        return "redis"
    if "parser" in line and "celery" not in line:
        return "parser"
    return next((kind for kind in ("worker", "beat", "watch") if kind in words), "")


def mail(number: int) -> bytes:
    """A small mail that no other resembles."""
    return (
        f"From: customer{number % 97}@customer.example\r\nTo: support@company.example\r\n"
        f"Subject: Round mail {number}\r\nMessage-ID: <round-{number}@customer.example>\r\n"
        f"Date: Mon, 02 Mar 2026 08:00:00 +0000\r\n\r\nMail number {number} of the rounds.\r\n"
    ).encode()


def settings(server: Dovecot, users: dict[str, str]) -> str:
    """The settings file: three mailboxes, one queue."""
    kinds = {"left": ("IMAP", server.ports.imaps, "leave"), "deleted": ("IMAP", server.ports.imaps, "delete")}
    kinds["popped"] = ("POP3", server.ports.pop3s, "delete")
    sources = "".join(
        SOURCE.format(name=name, kind=kind, port=port, user=users[name], password=PASSWORD, after=after)
        for name, (kind, port, after) in kinds.items()
    )
    return SETTINGS.format(sources=sources)


def stored(folder: Path) -> Counter[str]:
    """How often each mail stands in a conversation."""
    url = DataFolder(folder).database_url
    with contextlib.closing(psycopg2.connect(url)) as database, database.cursor() as cursor:
        cursor.execute("SELECT message_id FROM queues_message WHERE direction = 'in'")
        return Counter(row[0] for row in cursor.fetchall())


def play(product: Rounds, server: Dovecot, users: dict[str, str], rounds: int, chance: random.Random) -> int:
    """All rounds; how many mails were dropped."""
    sent, killed = 0, Counter[str]()
    for number in range(1, rounds + 1):
        for _ in range(chance.randint(2, 6)):
            server.drop(chance.choice(list(users.values())), mail(sent))
            sent += 1
        time.sleep(chance.uniform(0.0, 2.5))
        kind = chance.choice(VICTIMS)
        if product.process and product.process.poll() is not None:
            raise RuntimeError(f"the product has ended in round {number}, its log is {product.log}")
        for victim in product.victims(kind)[: 1 if kind == "backend" else 9]:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
                killed[kind] += 1
        if number % 20 == 0:
            print(f"round {number}: {sent} mails, killed {dict(killed)}", flush=True)
    return sent


def main() -> int:
    """Play, wait until all is quiet, count; exit code 1 when anything is lost or doubled."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    place = Path(tempfile.mkdtemp(prefix="rounds-"))
    authority = Authority(place)
    product = Rounds(place / "data", UCS_CA_BUNDLE=str(authority.bundle))
    try:
        with running(authority) as server:
            product.start()
            users = {name: server.new_user(name) for name in ("left", "deleted", "popped")}
            product.apply(settings(server, users))
            sent = play(product, server, users, chosen.rounds, random.Random(chosen.seed))
            return judge(product, sent)
    finally:
        product.stop()


def judge(product: Rounds, sent: int) -> int:
    """Wait for the last mail, then count."""
    wanted = {f"round-{number}@customer.example" for number in range(sent)}
    deadline = time.monotonic() + 300
    found: Counter[str] = Counter()
    while time.monotonic() < deadline and not wanted <= set(found):
        time.sleep(1)
        with contextlib.suppress(psycopg2.Error):
            found = stored(product.folder)
    lost, doubled = wanted - set(found), [name for name, times in found.items() if times > 1]
    print(f"{sent} mails: lost {len(lost)}, doubled {len(doubled)}", flush=True)
    if lost or doubled:
        print("lost:", sorted(lost)[:20], "doubled:", doubled[:20], "log:", product.log)
    return 1 if lost or doubled else 0


if __name__ == "__main__":
    sys.exit(main())
