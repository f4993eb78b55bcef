"""Importing and finding contacts: how long a large table takes, and the pages of a large house.

    python -m bench.contacts [--lines 100000] [--rounds 7]

On a throwaway database: a table is checked, imported, and imported again, which changes nothing. Then
contacts are found by name, address and organisation, one with many mails is opened, and all are exported.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from crm import exporting, importing  # noqa: E402
from crm.models import Contact, ContactImport  # noqa: E402
from queues import contacts  # noqa: E402
from queues.contacts import Asked  # noqa: E402
from tests.make import make_administrator, make_agent, make_conversation, make_queue  # noqa: E402

R = TypeVar("R")
FIRST = ("Ann", "Ben", "Cid", "Dora", "Eve", "Frank", "Žofie", "Jürgen", "Lucía", "Marek")
LAST = ("Stone", "Novák", "Müller", "García", "Okafor", "Raman", "Doyle", "Řehoř", "Lindqvist", "Brown")
MAILS = 50_000
MANY = """
INSERT INTO crm_communication (contact_id, direction, message_ref, message_id, conversation_id,
    conversation_number, queue_name, subject, preview, at)
SELECT %s, CASE WHEN n %% 2 = 0 THEN 'in' ELSE 'out' END, 'bench-' || n, '', %s, 1, 'Support', 'Order ' || n,
       'Good day', now() - n * interval '1 minute'
FROM generate_series(1, %s) AS n
"""


def table(lines: int) -> bytes:
    """So many different people of some firms."""
    rows = ["id;name;e-mail;company;phone;language"]
    for n in range(lines):
        name, firm = f"{FIRST[n % 10]} {LAST[n // 10 % 10]} {n}", n % 5000
        rows.append(f"A-{n};{name};p{n}@firm{firm}.example;Firm {firm};+420 {n:09};cs")
    return "\n".join(rows).encode()


def timed(what: str, act: Callable[[], R]) -> R:
    """Do it and say how long it took."""
    start, used = time.perf_counter(), time.process_time()
    done = act()
    taken, here = time.perf_counter() - start, time.process_time() - used
    print(f"{what:<44}{taken:>9.2f} s, CPU here {here:.2f} s", flush=True)
    return done


def often(what: str, rounds: int, act: Callable[[], object]) -> None:
    """The median of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    print(f"{what:<44}{1000 * statistics.median(times):>9.1f} ms", flush=True)


def run(row: ContactImport, *, is_check: bool) -> None:
    """One pass over the file."""
    importing.begin(row, is_check=is_check, mapping=row.mapping if is_check else None)
    importing.work(row.pk)
    row.refresh_from_db(fields=["state", "made", "changed", "same", "refused"])
    print(
        f"    {row.state}: {row.made} new, {row.changed} changed, {row.same} the same, {row.refused} refused"
    )


def main() -> None:
    """Run it all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=7)
    asked = options.parse_args()
    call_command("migrate", verbosity=0)
    root = make_administrator()
    alice = make_agent("alice")
    content = table(asked.lines)
    print(f"{asked.lines:,} lines, {len(content) / 1e6:.1f} MB")
    for name in ("first", "again"):
        row = timed(f"uploaded and counted ({name})", lambda name=name: importing.upload(root, name, content))  # type: ignore[misc]
        timed("checked", lambda row=row: run(row, is_check=True))  # type: ignore[misc]
        timed("imported", lambda row=row: run(row, is_check=False))  # type: ignore[misc]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    pages(root, alice.user, asked.rounds)


def pages(root: User, alice: User, rounds: int) -> None:
    """What is asked for at the desk."""
    queue = make_queue([alice.agent])
    conversation = make_conversation(queue)
    contact = conversation.contact
    with connection.cursor() as cursor:
        cursor.execute(MANY, [contact.pk, conversation.pk, MAILS])
        cursor.execute("ANALYZE")
    for user in (root, alice):
        for text in ("", "novak 1", "p4711@", "firm 42", "nobody at all"):
            often(f"{user}: found “{text}”", rounds, lambda u=user, t=text: contacts.found(u, t))  # type: ignore[misc]
        often(
            f"{user}: mails of one with {MAILS:,}",
            rounds,
            lambda u=user: contacts.trail(u, contact, Asked()),  # type: ignore[misc]
        )
        often(
            f"{user}: searched in them",
            rounds,
            lambda u=user: contacts.trail(u, contact, Asked(text="order 49999")),  # type: ignore[misc]
        )
    octets = timed(
        "exported", lambda: sum(map(len, exporting.table(Contact.objects.filter(merged_into=None))))
    )
    print(f"    {octets / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
