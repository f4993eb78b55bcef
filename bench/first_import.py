"""The first import of a large mailbox, with its worker killed on the way.

    python -m bench.first_import [--mails 100000] [--kills 3]

A whole product takes in a real Dovecot mailbox whose queue acknowledges new mail. Told are the rate, the
progress as the administration shows it, and at the end what is lost or doubled, and how many
acknowledgements went out.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from bench.kills import Rounds
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, running
from ucs.datafolder import DataFolder

SETTINGS = """
senders:
  - {{name: out, server_type: NONE, server_address: 127.0.0.1, service_port: 9,
     email_address: support@company.example}}
queues:
  - {{name: Support, sender: out, acknowledgement: "We have got your mail."}}
sources:
  - {{name: big, server_type: IMAP, server_address: 127.0.0.1, service_port: {port}, use_ssl: true,
     queue: Support, username: {user}, password: "{password}"}}
"""
OLD = datetime.now(UTC) - timedelta(days=30)


def mail(number: int) -> bytes:
    """A small mail; every fifth answers the one before it."""
    sender = (
        f"customer{number // 5}@mail{number % 90}.example" if number % 5 else f"customer{number}@x.example"
    )
    answers = f"References: <big-{number - 1}@customer.example>\r\n" if number % 5 == 4 else ""
    return (
        f"From: {sender}\r\nTo: support@company.example\r\nSubject: Old mail {number}\r\n{answers}"
        f"Message-ID: <big-{number}@customer.example>\r\nDate: {OLD:%a, %d %b %Y %H:%M:%S} +0000\r\n\r\n"
        f"Mail number {number}, which lay here long before.\r\n"
    ).encode()


def ask(folder: Path, question: str) -> Any:
    """One value out of the database; None while it is away."""
    with contextlib.suppress(psycopg2.Error):
        database = psycopg2.connect(DataFolder(folder).database_url)
        with contextlib.closing(database), database.cursor() as cursor:
            cursor.execute(question)
            (value,) = cursor.fetchone() or (None,)
            return value
    return None


def main() -> int:
    """Import, kill, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mails", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3)
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="import-"))
    authority = Authority(place)
    product = Rounds(place / "data", UCS_CA_BUNDLE=str(authority.bundle), UCS_POLL_INTERVAL="10")
    kill_at = sorted(random.sample(range(1, 10), chosen.kills))
    try:
        with running(authority) as server:
            user = server.new_user("big")
            for number in range(chosen.mails):
                server.drop(user, mail(number), at=OLD)
            print(f"{chosen.mails:,} mails lie in the mailbox", flush=True)
            product.start()
            product.apply(SETTINGS.format(port=server.ports.imaps, user=user, password=PASSWORD))
            return watch(product, chosen.mails, kill_at)
    finally:
        product.stop()


def watch(product: Rounds, mails: int, kill_at: list[int]) -> int:
    """Until all mails are messages."""
    began, told = time.monotonic(), 0
    while True:
        time.sleep(2)
        done = ask(product.folder, "SELECT count(*) FROM queues_message WHERE direction = 'in'") or 0
        if kill_at and done >= mails * kill_at[0] / 10:
            kill_at.pop(0)
            for worker in product.victims("worker"):
                worker.kill()
            print(f"killed the worker at {done:,}", flush=True)
        if done * 20 // mails > told or done >= mails:
            told = done * 20 // mails
            (source,) = json.loads(product.manage("status", "--json", check=False))["sources"]
            progress = source["importing"] or source["proof"]
            print(f"{time.monotonic() - began:6.0f} s: {done:,} delivered; {progress}", flush=True)
        if done >= mails:
            return judge(product, mails, time.monotonic() - began)
        if time.monotonic() - began > mails * 0.05 + 300:
            print(f"given up at {done:,}")
            return 1


def judge(product: Rounds, mails: int, seconds: float) -> int:
    """What was lost, doubled, or acknowledged."""
    distinct = ask(
        product.folder, "SELECT count(DISTINCT message_id) FROM queues_message WHERE direction = 'in'"
    )
    stored = ask(product.folder, "SELECT count(*) FROM queues_message WHERE direction = 'in'")
    sent = ask(product.folder, "SELECT count(*) FROM mailsenders_outgoingmail")
    print(
        f"{stored:,} messages in {seconds:.0f} s ({mails / seconds:.0f}/s): lost {mails - distinct}, "
        f"doubled {stored - distinct}, acknowledgements {sent}"
    )
    return int(distinct != mails or stored != distinct or sent != 0)


if __name__ == "__main__":
    sys.exit(main())
