"""“Move”: how long a source with many open conversations takes to another queue, and how long others wait.

    python -m bench.moving [--conversations 20000]

On a throwaway database: a source, its queue of fifty agents, and so many conversations that wait in it, a
tenth of them in somebody's hands. Meanwhile a second connection takes the lock that a delivery needs, again
and again: the longest time that it waited is what mail that comes in waits.
"""

import argparse
import os
import threading
import time
from datetime import timedelta

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from agents.models import Agent  # noqa: E402
from crm.models import Contact  # noqa: E402
from mailsources import following, moving  # noqa: E402
from mailsources.lifecycle import By  # noqa: E402
from mailsources.models import EmailSource, FetchedMail  # noqa: E402
from mailsources.moved_models import OngoingMove  # noqa: E402
from queues.models import Conversation, EmailQueue, Message  # noqa: E402
from tests.make import make_agent, make_queue, make_source  # noqa: E402

AT_ONCE = 2000


def fill(source: EmailSource, agents: list[Agent], count: int) -> None:
    """Conversations of one mail each."""
    contact, now = Contact.objects.create(name="Charlie Stone"), timezone.now()
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        rows = Conversation.objects.bulk_create(
            Conversation(
                queue=source.queue, contact=contact, subject=f"Order {n}", waiting_since=now, created_at=now,
                last_message_at=now, due_at=now + timedelta(hours=4), due_tick=29_000_000 + n,
                state="assigned" if n % 10 == 0 else "waiting",
                agent=agents[n % len(agents)] if n % 10 == 0 else None,
            )
            for n in numbers
        )  # fmt: skip
        messages = Message.objects.bulk_create(
            Message(
                conversation=row, direction="in", text="Where is it?", sent_at=now, created_at=now,
                from_email="charlie@customer.example", message_id=f"m{row.pk}@customer.example",
            )
            for row in rows
        )  # fmt: skip
        FetchedMail.objects.bulk_create(
            FetchedMail(
                source=source, message=message, state="delivered", size=100,
                content_hash=f"{message.pk:064d}",
            )
            for message in messages
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


class Delivery(threading.Thread):
    """Takes the source's row as a delivery does, until it is stopped."""

    def __init__(self, source_id: int) -> None:
        super().__init__()
        self.source_id, self.longest, self.over = source_id, 0.0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            began = time.perf_counter()
            with transaction.atomic():
                rows = EmailSource.objects.select_for_update(of=("self",), no_key=True)
                rows.values_list("pk").get(pk=self.source_id)
            self.longest = max(self.longest, time.perf_counter() - began)
        connection.close()


def main() -> None:
    """Fill, move there and back, print."""
    parser = argparse.ArgumentParser(description="How long the move of a source takes.")
    parser.add_argument("--conversations", type=int, default=20_000)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    agents = [make_agent(f"agent{n}", capacity=9) for n in range(50)]
    old, new = make_queue(agents, name="Old"), make_queue(agents[:25], name="New")
    source = make_source(queue=old)
    fill(source, agents, options.conversations)
    delivery = Delivery(source.pk)
    delivery.start()
    began = time.perf_counter()
    try:
        moving.move(source.pk, old.pk, new.pk, By(None), along=True)
        began_following = time.perf_counter()
        for each in OngoingMove.objects.filter(ended_at=None):
            while following.follow(each.pk):
                pass
        taken = time.perf_counter() - began
    finally:
        delivery.over.set()
        delivery.join()
    left = EmailQueue.objects.get(pk=old.pk).conversations.count()
    moved = options.conversations - left
    print(
        f"{moved} of {options.conversations} conversations: source moved in {began_following - began:.2f} s, "
        f"they in {taken:.1f} s; mail that came meanwhile waited {delivery.longest:.2f} s at most"
    )


if __name__ == "__main__":
    main()
