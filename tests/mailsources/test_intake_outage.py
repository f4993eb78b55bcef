"""PostgreSQL goes away in the middle of a mail: the sender keeps it, and one copy comes in later."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from tests import migrated
from tests.make import make_mail
from tests.product import ROOT
from tests.servers import intake as intakes
from tests.servers.intake import DOMAIN, Client
from ucs.datafolder import DataFolder
from ucs.embedded import Embedded, Postgres

TOKEN = "support-abcdefghij234567"
ADDRESS = f"{TOKEN}@{DOMAIN}"
SOURCE = f"""
from mailsources.models import EmailSource
from queues.models import EmailQueue
EmailSource.objects.create(
    name="support-in", server_type="FORWARDING", public_address="support@example.com",
    forwarding_token="{TOKEN}", queue=EmailQueue.objects.create(name="Support"),
)
"""


class Services:
    """A PostgreSQL of its own, migrated, with one source."""

    def __init__(self, folder: Path) -> None:
        data = DataFolder(folder)
        self.embedded = Embedded(data, throwaway=True)
        urls = self.embedded.start()
        self.postgres = next(part for part in self.embedded.parts if isinstance(part, Postgres))
        self.environment = intakes.environment_of(urls["DATABASE_URL"], UCS_DATA_DIR=str(folder))
        migrated.fill(data)
        self.manage("migrate", "--no-input", "--verbosity", "0")
        self.manage("shell", "--no-imports", "-c", SOURCE)

    def manage(self, *words: str) -> None:
        subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, check=True)

    def stored(self) -> list[str]:
        """What the ledger holds, by its own connection."""
        connection = psycopg2.connect(self.environment["DATABASE_URL"].replace("postgres:@", "postgres@"))
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT content_hash FROM mailsources_fetchedmail WHERE raw_id IS NOT NULL")
                return [row[0] for row in cursor.fetchall()]
        finally:
            connection.close()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    tmp_path.chmod(0o755)
    found = Services(tmp_path / "data")
    yield found
    found.embedded.stop()


def test_the_database_stops_during_a_mail(services: Services) -> None:
    raw = make_mail("x" * 1000)
    with intakes.running(services.environment) as process:
        with Client(process.smtp) as client:
            client.say("MAIL FROM:<charlie@customer.example>")
            assert client.say(f"RCPT TO:<{ADDRESS}>").startswith("250 ")
            assert client.say("DATA").startswith("354 ")
            client.send(raw[:500])
            services.postgres.stop()
            client.send(raw[500:] + b".\r\n")
            assert client.answer().startswith("451 4.3.0 ")
            client.say("MAIL FROM:<charlie@customer.example>")
            assert client.say(f"RCPT TO:<{ADDRESS}>").startswith("451 4.3.0 ")
        services.postgres.start()
        for _ in range(2):
            with Client(process.smtp) as client:
                assert client.hand_over(raw, ADDRESS)[-1].startswith("250 ")
    assert len(services.stored()) == 1
