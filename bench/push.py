"""From a mail on the server to the agent's list, with many mailboxes waiting in IDLE in one process.

    python -m bench.push [--mailboxes 1000] [--mails 100] [--clear] [--quiet SECONDS]

The whole product runs as `manage.py up` starts it, against a real Dovecot on the same machine; its limits are
raised. A mail is dropped into the Maildir as an MDA does it. "Noticed" is when the source became due again
and its mail was stored; "in the list" is the live update that makes an agent's page read its list again.
"""

import argparse
import json
import random
import resource
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import requests

from tests.product import Product, eventually
from tests.product import running as product_running
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot

FEW = 20
LIMITS = """
default_process_limit = 6000
default_client_limit = 12000
service imap {
  process_limit = 6000
}
service imap-login {
  client_limit = 12000
  process_min_avail = 2
}
"""

MAIL = """\
From: charlie{number}@customer.example
To: {to}
Subject: {subject}
Message-ID: <{number}@customer.example>
Content-Type: text/plain; charset=utf-8

Where is my order? I have waited for a week now.
"""


class Roomy(Dovecot):
    """A Dovecot that takes thousands of connections."""

    def _configuration(self) -> str:
        return super()._configuration() + LIMITS


class Desk(threading.Thread):
    """An agent's open page: hears the live updates, and when each conversation's first one came."""

    def __init__(self, product: Product) -> None:
        super().__init__(daemon=True)
        self.product = product
        self.heard: dict[int, float] = {}
        self.is_open = threading.Event()

    def run(self) -> None:
        """Until the process ends; a stream's token lives five minutes."""
        with suppress(requests.RequestException, RuntimeError):  # the product stops
            while True:
                self._listen()

    def _listen(self) -> None:
        token = self.product.manage("shell", "--no-imports", "-c", TOKEN).strip().splitlines()[-1]
        address = f"{self.product.url}/sse"
        with requests.get(address, params={"token": token}, stream=True, timeout=60) as stream:
            self.is_open.set()
            for line in stream.iter_lines(chunk_size=1):
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    if "conversation" in event:
                        self.heard.setdefault(event["conversation"], time.time())


TOKEN = (
    "from django.contrib.auth import get_user_model; from queues.live import stream_token; "
    "print(stream_token(get_user_model().objects.get(username='alice')))"
)


class Database:
    """The product's database, looked into from outside."""

    def __init__(self, product: Product) -> None:
        services = (product.folder / "services.env").read_text()
        found = dict(line.split("=", 1) for line in services.splitlines())
        self.connection = psycopg2.connect(found["DATABASE_URL"])
        self.connection.autocommit = True

    def ask(self, sql: str, *values: object) -> list[Any]:
        """The rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    def number(self, sql: str) -> int:
        """The one number of a query."""
        return int(self.ask(sql)[0][0])


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Print how long the body took."""
    began = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


def settings_file(server: Dovecot, users: list[str], clear: bool) -> str:
    """One queue with all mailboxes, and an agent."""
    port = server.ports.imap if clear else server.ports.imaps
    sources = "".join(
        f"  - {{name: box-{number}, server_type: IMAP, server_address: 127.0.0.1, service_port: {port}, "
        f"use_ssl: {str(not clear).lower()}, username: {user}, password: {PASSWORD}, queue: Support}}\n"
        for number, user in enumerate(users)
    )
    alice = "{username: alice, password: a-long-password, email: alice@company.example, role: agent}"
    queue = "{name: Support, members: [alice], mode: pick}"
    return f"agents:\n  - {alice}\nqueues:\n  - {queue}\nsources:\n{sources}"


def watch_process(product: Product) -> psutil.Process:
    """The one that holds the connections."""
    mark = f"UCS_DATA_DIR={product.folder}"
    for process in psutil.process_iter():
        try:
            if (
                "watch" in process.cmdline()
                and mark in f"UCS_DATA_DIR={process.environ().get('UCS_DATA_DIR')}"
            ):
                return process
        except psutil.Error:
            continue
    raise LookupError("the watch isn't running")


def memory(process: psutil.Process) -> float:
    """Megabytes."""
    return float(process.memory_info().rss) / 1e6


def cpu(process: psutil.Process) -> float:
    """Seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def wait_until_watched(database: Database, count: int) -> None:
    """All have been looked at, and somebody waits on each."""
    watched = "SELECT count(*) FROM mailsources_sourcestate WHERE watched_until > now()"
    eventually(lambda: database.number(watched) == count, f"{count} are watched", 600)


def add(product: Product, database: Database, text: str, count: int) -> None:
    """Apply settings and wait until all of it is watched."""
    with phase(f"{count} sources made"):
        product.apply(text)
    with phase(f"{count} looked at and watched (logins are paced)"):
        wait_until_watched(database, count)


def rest(process: psutil.Process, seconds: float) -> None:
    """What waiting costs."""
    before, began = cpu(process), time.monotonic()
    time.sleep(seconds)
    spent = (cpu(process) - before) / (time.monotonic() - began)
    print(f"CPU of the watch while nothing happens: {100 * spent:.2f} % of a core")


def deliver(server: Dovecot, users: list[str], count: int) -> dict[str, float]:
    """Drop mails into random mailboxes now and then; subject → when."""
    dropped = {}
    for number in random.sample(range(1_000_000), count):
        subject = f"Order {number:06}"
        user = random.choice(users)
        raw = MAIL.format(number=number, subject=subject, to=user).replace("\n", "\r\n")
        dropped[subject] = time.time()
        server.drop(user, raw.encode())
        time.sleep(random.uniform(0.2, 0.8))
    return dropped


def wait_until_delivered(database: Database, count: int) -> None:
    """So many mails have arrived in their queue."""
    ours = "SELECT count(*) FROM mailsources_fetchedmail WHERE state = 'delivered'"
    eventually(lambda: database.number(ours) >= count, f"{count} mails are delivered", 400)


def report(database: Database, desk: Desk, dropped: dict[str, float]) -> None:
    """Delays from the drop, in seconds."""
    wait_until_delivered(database, len(dropped) + FEW)
    rows = database.ask(
        "SELECT m.subject, extract(epoch FROM f.fetched_at), extract(epoch FROM f.delivered_at),"
        " m.conversation_id FROM mailsources_fetchedmail f JOIN queues_message m ON m.id = f.message_id"
    )
    stages: dict[str, Callable[[Any], float | None]] = {
        "stored": lambda row: float(row[1]),
        "delivered": lambda row: float(row[2]),
        "in the agent's list": lambda row: desk.heard.get(row[3]),
    }
    for name, when in stages.items():
        ours_alone = [row for row in rows if row[0] in dropped]
        times = [at - dropped[row[0]] for row in ours_alone if (at := when(row)) is not None]
        cuts = statistics.quantiles(times, n=20)
        spread = f"p50 {cuts[9]:.2f} s  p95 {cuts[18]:.2f} s  worst {max(times):.2f} s"
        print(f"{name:22} {len(times):5} mails  {spread}")


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mailboxes", type=int, default=1000)
    parser.add_argument("--mails", type=int, default=100)
    parser.add_argument("--clear", action="store_true", help="without TLS")
    parser.add_argument("--quiet", type=float, default=60, help="seconds to measure the rest for")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix="bench-push-"))
    authority = Authority(folder)
    server = Roomy(authority, tls=not options.clear)
    try:
        server.start()
        with product_running(
            folder / "data", UCS_CA_BUNDLE=str(authority.bundle), UCS_POLL_INTERVAL="60", UCS_LEASE="300"
        ) as product:
            measure(product, server, options)
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def measure(product: Product, server: Dovecot, options: argparse.Namespace) -> None:
    """The figures."""
    users = [server.new_user() for _ in range(options.mailboxes)]
    database = Database(product)
    add(product, database, settings_file(server, users[:FEW], options.clear), FEW)
    watch = watch_process(product)
    before = memory(watch)
    add(product, database, settings_file(server, users, options.clear), len(users))
    after = memory(watch)
    each = 1000 * (after - before) / max(len(users) - FEW, 1)
    print(f"memory of the watch: {after:.0f} MB, {each:.0f} KB for each of {len(users)} connections")
    rest(watch, options.quiet)
    desk = Desk(product)
    desk.start()
    assert desk.is_open.wait(60)
    deliver(server, users[:FEW], FEW)  # the worker's first mails wait for its parser and language model
    wait_until_delivered(database, FEW)
    report(database, desk, deliver(server, users[FEW:] or users, options.mails))


if __name__ == "__main__":
    main()
