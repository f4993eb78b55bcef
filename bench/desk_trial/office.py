"""The whole product with its mail servers, and the customers who write to it."""

import random
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import redis

from tests.product import Product, eventually
from tests.servers.intake import DOMAIN, LmtpClient
from tests.servers.ports import free_ports
from tests.servers.smtp import SmtpServer

PASS_PHRASE = "a-long-pass-phrase"
QUEUES = ("Orders", "Returns")
SUPERVISOR_EACH = 5  # every fifth is one
CAPACITY = 30
ATTEMPTS_APART = 0.2
START_SECONDS = 300.0  # on a machine that is busy


@dataclass(frozen=True)
class Customer:
    """Somebody who writes; the number is in the address, the subject and the Message-IDs."""

    number: int

    @property
    def email(self) -> str:
        """Where answers are to go."""
        return f"customer{self.number}@customer.example"

    @property
    def subject(self) -> str:
        """Of the first mail."""
        return f"Order {self.number:06}"

    def mail(self, part: int) -> bytes:
        """The first mail, or one of those that follow in its thread."""
        first = f"<{self.number}.0@customer.example>"
        thread = f"In-Reply-To: {first}\nReferences: {first}\n" if part else ""
        return (
            (
                f"From: Customer {self.number} <{self.email}>\nTo: support@company.example\n"
                f"Subject: {'Re: ' if part else ''}{self.subject}\n"
                f"Message-ID: <{self.number}.{part}@customer.example>\n"
                f"{thread}Content-Type: text/plain; charset=utf-8\n\n"
                f"{'And one thing more.' if part else 'Where is my order?'} It is number {self.number:06}.\n"
            )
            .replace("\n", "\r\n")
            .encode()
        )


def customer_of(subject: str) -> Customer | None:
    """Whose conversation it is, by the page's subject."""
    found = re.search(r"Order (\d{6})", subject)
    return Customer(int(found.group(1))) if found else None


def settings_file(agents: list[str], smtp_port: int) -> str:
    """Everybody works in all queues; every fifth is a supervisor."""
    people = "".join(
        f"  - {{username: {name}, password: {PASS_PHRASE}, email: {name}@company.example, "
        f"capacity: {CAPACITY}, writes: {'plain' if number % 2 else 'rich'}, "
        f"role: {'supervisor' if number % SUPERVISOR_EACH == SUPERVISOR_EACH - 1 else 'agent'}}}\n"
        for number, name in enumerate(agents)
    )
    members = ", ".join(agents)
    queues = "".join(
        f"  - {{name: {name}, sender: out, mode: pick, members: [{members}]}}\n" for name in QUEUES
    )
    sources = "".join(
        f"  - {{name: {name}-in, server_type: FORWARDING, queue: {name}, "
        f"public_address: {name}@company.example}}\n"
        for name in QUEUES
    )
    return (
        f"agents:\n{people}senders:\n  - {{name: out, server_type: NONE, server_address: 127.0.0.1, "
        f"service_port: {smtp_port}, email_address: support@company.example}}\n"
        f"queues:\n{queues}sources:\n{sources}"
    )


class Database:
    """The product's database, looked into from outside; a connection for each thread's question."""

    def __init__(self, product: Product) -> None:
        services = (product.folder / "services.env").read_text()
        found = dict(line.split("=", 1) for line in services.splitlines())
        self.url, self.redis_url = found["DATABASE_URL"], found["REDIS_URL"]

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def number(self, sql: str, *values: object) -> int:
        """The one number of a query."""
        return int(self.ask(sql, *values)[0][0])

    def empty_redis(self) -> None:
        """All that Redis knows is gone."""
        redis.Redis.from_url(self.redis_url).flushall()


@dataclass
class Office:
    """What a trial works with."""

    product: Product
    smtp: SmtpServer
    lmtp_port: int
    database: Database
    undo: float
    agents: list[str]
    addresses: list[str] = field(default_factory=list)

    def sign_out(self, session_key: str) -> None:
        """End a session on the server, as its age or an administrator does."""
        self.database.ask("DELETE FROM django_session WHERE session_key = %s", session_key)

    def waiting(self) -> int:
        """How many conversations nobody has taken."""
        return self.database.number("SELECT count(*) FROM queues_conversation WHERE state = 'waiting'")


@contextmanager
def _running(product: Product) -> Iterator[Product]:
    try:
        product.start(START_SECONDS)
        yield product
    finally:
        product.stop()


@contextmanager
def opened(agents: int, undo: float) -> Iterator[Office]:
    """A started office."""
    folder = Path(tempfile.mkdtemp(prefix="desk-trial-"))
    folder.chmod(0o755)
    lmtp = free_ports(1)[0]
    names = [f"a{number:02}" for number in range(agents)]
    environment = {
        "UCS_INBOUND_DOMAIN": DOMAIN,
        "UCS_INTAKE_BIND": f"lmtp://127.0.0.1:{lmtp}",
        "UCS_UNDO": f"{undo:.0f}",
        "UCS_LEASE": "20",
    }
    try:
        with SmtpServer() as smtp, _running(Product(folder / "data", **environment)) as product:
            product.apply(settings_file(names, smtp.port))
            database = Database(product)
            office = Office(product, smtp, lmtp, database, undo, names)
            tokens = database.ask("SELECT forwarding_token FROM mailsources_emailsource ORDER BY name")
            office.addresses = [f"{token}@{DOMAIN}" for (token,) in tokens]
            yield office
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Crowd(threading.Thread):
    """The customers: so many conversations wait always, and now and then somebody writes once more."""

    def __init__(self, office: Office, seed: int, waiting: int, pace: float) -> None:
        super().__init__(name="customers", daemon=True)
        self.office, self.luck, self.wanted, self.pace = office, random.Random(seed), waiting, pace
        self.count = 0
        self.parts: dict[int, int] = {}
        self.refused = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        """Until it is over."""
        while not self.is_over.wait(self.pace):
            for _ in range(min(self.wanted - self.office.waiting(), 10)):
                self.write()

    def write(self, to: Customer | None = None) -> None:
        """Somebody new writes, or this customer once more; what isn't taken is handed over again."""
        if to is None:
            self.count += 1
        customer = to or Customer(self.count)
        part = self.parts[customer.number] = self.parts.get(customer.number, -1) + 1
        address = self.office.addresses[customer.number % len(self.office.addresses)]
        raw = customer.mail(part)
        eventually(lambda: self._handed_over(raw, address), "the intake takes a mail", 60)

    def _handed_over(self, raw: bytes, address: str) -> bool:
        try:
            with LmtpClient(self.office.lmtp_port) as client:
                *_, answer = client.hand_over(raw, address)
        except OSError:
            time.sleep(ATTEMPTS_APART)
            return False
        self.refused += not answer.startswith("250")
        return answer.startswith("250")
