"""Many mailboxes, queues and agents side by side, two of the mailboxes dead: nobody waits for those.

    python -m bench.together [--sources 50] [--queues 10] [--agents 30] [--mails 600]

A whole product with its own PostgreSQL and Redis, a real Dovecot and an SMTP server. Each mailbox feeds one
queue, each agent works in two. One mailbox more refuses connections, one takes them and never says a word.
While mails are dropped into the others, the agents take what waits, answer and close it by the API. At the
end each mail must be one conversation, in the queue of its mailbox, answered once; exit code 1 if not.
"""

import argparse
import contextlib
import email
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg2
import requests

from tests import product as products
from tests.product import Product, eventually
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.ports import free_ports
from tests.servers.smtp import SmtpServer
from ucs.datafolder import DataFolder

BOSS = "together-boss"
SENDER = "together@company.example"
CLOSED, SILENT = "together-closed", "together-silent"
TAKEN_BY_OTHERS = (403, 404, 409)
KEYS = """
from django.contrib.auth.models import User
from api import scopes
from api.models import APIKey
for name in {names}:
    user, scope = User.objects.get(username=name), scopes.written([scopes.EVERYTHING])
    row = APIKey(user=user, name="bench", scope=scope)
    secret = row.cut()
    row.save()
    print(secret)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are of each."""

    sources: int = 50
    queues: int = 10
    agents: int = 30
    mails: int = 600


@dataclass(slots=True)
class Result:
    """What came of it: seconds from the mailbox to the conversation, who answered how much, what is wrong."""

    waits: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0
    wrong: list[str] = field(default_factory=list)


def queue_of(number: int, size: Size) -> str:
    """The queue of a mailbox."""
    return f"Together {number % size.queues}"


def queues_of(agent: int, size: Size) -> list[str]:
    """Where an agent works."""
    return sorted({queue_of(agent, size), queue_of(agent + 1, size)})


def mail(number: int) -> bytes:
    """A mail of a customer of its own."""
    return (
        f"From: Customer {number} <together{number}@customer.example>\r\nTo: support@company.example\r\n"
        f"Subject: Together {number}\r\nMessage-ID: <together-{number}@customer.example>\r\n"
        f"Date: Mon, 02 Mar 2026 08:00:00 +0000\r\n\r\nWhere is my order {number}?\r\n"
    ).encode()


def settings(size: Size, dovecot: Dovecot, smtp: SmtpServer, silent: int) -> str:
    """The settings file of all of them."""
    lines = ["languages: [en]", "agents:"]
    lines += [f"  - {{username: together{each}, languages: {{en: 5}}}}" for each in range(size.agents)]
    lines.append(f"  - {{username: {BOSS}, role: administrator}}")
    lines.append(
        f"senders:\n  - {{name: together, server_type: STARTTLS, server_address: 127.0.0.1,"
        f" service_port: {smtp.port}, username: {SENDER}, password: {PASSWORD}, email_address: {SENDER}}}"
    )
    lines.append("queues:")
    for number in range(size.queues):
        name = queue_of(number, size)
        members = [f"together{each}" for each in range(size.agents) if name in queues_of(each, size)]
        lines.append(f"  - {{name: {name}, sender: together, mode: pick, members: [{', '.join(members)}]}}")
    lines.append("sources:")
    ports = {f"together{number}": dovecot.ports.imaps for number in range(size.sources)}
    ports |= {CLOSED: free_ports(1)[0], SILENT: silent}
    for number, (name, port) in enumerate(ports.items()):
        lines.append(
            f"  - {{name: {name}, server_type: IMAP, server_address: 127.0.0.1, service_port: {port},"
            f" username: {name}@company.example, password: {PASSWORD}, queue: {queue_of(number, size)}}}"
        )
    return "\n".join(lines)


@contextmanager
def nobody_speaks() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield listener.getsockname()[1]


class Agent(threading.Thread):
    """Takes what waits in the own queues, answers and closes it, until told to stop."""

    def __init__(self, number: int, size: Size, product: Product, key: str) -> None:
        super().__init__(name=f"together{number}", daemon=True)
        self.queues, self.random = queues_of(number, size), Random(number)
        self.api = f"{product.url}/api/v1.0/conversations"
        self.web = requests.Session()
        self.web.trust_env = False
        self.web.headers["Authorization"] = f"Bearer {key}"
        self.over = threading.Event()
        self.answered = 0
        self.trouble = ""
        self.refused = ""

    def run(self) -> None:
        try:
            while not self.over.is_set():
                if not self._answer_one():
                    self.over.wait(0.3)
        except (requests.RequestException, AssertionError) as error:
            self.trouble = f"{self.name}: {error}"

    def _answer_one(self) -> bool:
        wanted: dict[str, Any] = {"queue": self.random.choice(self.queues), "state": "waiting", "limit": 20}
        listed = self.web.get(self.api, params=wanted, timeout=60)
        assert listed.ok, listed.text[:300]
        rows = listed.json()["results"]
        if not rows:
            return False
        row = self.random.choice(rows)
        taken = self.web.post(f"{self.api}/{row['id']}/take", timeout=60)
        if taken.status_code in TAKEN_BY_OTHERS:
            self.refused = taken.text[:300]
            return True
        assert taken.ok, taken.text[:300]
        body = {"text": "It is on its way.", "close": True, "undo": 0}
        replied = self.web.post(f"{self.api}/{row['id']}/replies", json=body, timeout=60)
        assert replied.ok, replied.text[:300]
        self.answered += 1
        return True


def play(size: Size, product: Product, dovecot: Dovecot, smtp: SmtpServer, pause: float = 0.05) -> Result:
    """All of it on a running product.

    :param pause: seconds between two mails.
    """
    result, dropped = Result(), dict[str, float]()
    before = len(smtp.mails)
    with nobody_speaks() as silent:
        product.apply(settings(size, dovecot, smtp, silent))
        names = [f"together{number}" for number in range(size.agents)]
        *keys, boss = product.manage("shell", "-v0", "-c", KEYS.format(names=[*names, BOSS])).split()
        agents = [Agent(number, size, product, key) for number, key in enumerate(keys)]
        began = time.monotonic()
        for agent in agents:
            agent.start()
        for number in range(size.mails):
            dropped[f"Together {number}"] = time.time()
            dovecot.drop(f"together{number % size.sources}@company.example", mail(number))
            time.sleep(pause)
        with contextlib.suppress(AssertionError):  # what is missing is told below
            eventually(lambda: len(smtp.mails) - before >= size.mails, "all answers", 60 + size.mails)
        result.seconds = time.monotonic() - began
        for agent in agents:
            agent.over.set()
        for agent in agents:
            agent.join(60)
        result.answers = Counter({agent.name: agent.answered for agent in agents})
        result.wrong = [agent.trouble for agent in agents if agent.trouble]
        if result.answers.total() < size.mails:
            result.wrong += [f"{agent.name}: {agent.refused}" for agent in agents if agent.refused]
        product.http.headers["Authorization"] = f"Bearer {boss}"
        _judge(size, product, dropped, result)
    answered = Counter(str(email.message_from_bytes(each.raw)["Subject"]) for each in smtp.mails[before:])
    if answered != Counter({f"Re: {subject}": 1 for subject in dropped}):
        result.wrong.append(f"answers at the server: {answered.total()}, to {len(answered)} mails")
    return result


def _judge(size: Size, product: Product, dropped: dict[str, float], result: Result) -> None:
    """Each mail is one conversation in its queue; the dead mailboxes had no success, all others work."""
    rows: list[dict[str, Any]] = []
    for number in range(size.queues):
        rows += product.conversations(queue=queue_of(number, size))
    found = Counter(row["subject"] for row in rows)
    if found != Counter(dict.fromkeys(dropped, 1)):
        result.wrong.append(f"{len(dropped)} mails: {found.total()} conversations of {len(found)} mails")
    for row in rows:
        number = int(row["subject"].rpartition(" ")[2])
        queue = queue_of(number % size.sources, size)
        if row["queue"] != queue or row["state"] != "closed":
            result.wrong.append(f"{row['subject']} is {row['state']} in {row['queue']}, not in {queue}")
    result.waits = [at.timestamp() - dropped[subject] for subject, at in _delivered(product)]
    for source in product.get("status")["sources"]:
        if source["name"].startswith("together"):
            is_dead = source["name"] in (CLOSED, SILENT)
            if is_dead == bool(source["last_success"]):
                result.wrong.append(f"{source['name']} is {source['state']}: {source['last_error']}")


def _delivered(product: Product) -> list[tuple[str, datetime]]:
    """When each mail had become a conversation."""
    url = DataFolder(product.folder).database_url
    with contextlib.closing(psycopg2.connect(url)) as database, database.cursor() as cursor:
        cursor.execute(
            "SELECT subject, delivered_at FROM mailsources_fetchedmail"
            " WHERE subject LIKE 'Together %' AND delivered_at IS NOT NULL"
        )
        return list(cursor.fetchall())


def main() -> int:
    """Play and print; exit code 1 when anything is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("sources", 50), ("queues", 10), ("agents", 30), ("mails", 600)):
        parser.add_argument(f"--{name}", type=int, default=value)
    size = Size(**vars(parser.parse_args()))
    place = Path(tempfile.mkdtemp(prefix="together-"))
    authority = Authority(place)
    certificate = authority.certificate()
    with (
        dovecots.running(authority) as dovecot,
        SmtpServer(tls="starttls", certificate=certificate, passwords={SENDER: PASSWORD}) as smtp,
        products.running(place / "data", UCS_CA_BUNDLE=str(authority.bundle)) as product,
    ):
        result = play(size, product, dovecot, smtp)
    waits = sorted(result.waits) or [0.0]
    print(f"{size}: {result.seconds:.0f} s until the last answer, log {product.log}")
    print(
        f"mailbox to conversation: median {statistics.median(waits):.1f} s,"
        f" 95 of 100 within {waits[int(len(waits) * 0.95)]:.1f} s, at most {waits[-1]:.1f} s"
    )
    print(f"answers of an agent: {min(result.answers.values())} to {max(result.answers.values())}")
    print(f"wrong: {len(result.wrong)}", *result.wrong[:20], sep="\n")
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
