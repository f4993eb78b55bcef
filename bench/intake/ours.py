"""Ours: fetch, ledger, parser in its child, conversation, contact, language, search words; nothing left out.

Run by `bench/ingest.py`; reads "go PORT USER PASSWORD" lines, answers with one each. "check SEED COUNT"
compares what was stored with what the mails hold, and answers how many are wrong, lost and doubled.
"""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from agents.models import Language  # noqa: E402
from bench.intake.mailbag import WORDS, mails  # noqa: E402
from mailsources import tasks  # noqa: E402
from mailsources.deliver import in_portions  # noqa: E402
from mailsources.fetch import fetch_new  # noqa: E402
from mailsources.models import EmailSource  # noqa: E402
from queues.models import EmailQueue, Message  # noqa: E402


def take_in(port: int, user: str, password: str) -> int:
    """As the workers do, but without Celery: what is stored is delivered while the next is fetched."""
    queue = EmailQueue.objects.create(name=f"Queue of {user}")
    source = EmailSource.objects.create(
        name=user, queue=queue, server_address="127.0.0.1", service_port=port, use_ssl=True,
        username=user, password=password,
    )  # fmt: skip
    count, more = 0, True
    with ThreadPoolExecutor(1) as worker:
        announced: list[Future[None]] = []
        while more:
            fetched = fetch_new(source, lambda ids: announced.append(worker.submit(deliver, ids)))
            if fetched.failure:
                raise fetched.failure
            count, more = count + fetched.count, fetched.more
        for each in announced:
            each.result()
        worker.submit(connections.close_all).result()  # they are of that thread alone
    return count


def deliver(fetched_ids: list[int]) -> None:
    """In portions, as they are announced."""
    for portion in in_portions(fetched_ids, tasks.MAILS_PER_TASK):
        tasks.deliver_waiting.run(portion)


def check(seed: int, count: int) -> str:
    """Compare every mail with what the desk shows of it."""
    made = list(mails(count, seed))
    rows = Message.objects.filter(message_id__in=[each.message_id for each in made])
    stored: dict[str, list[Message]] = {}
    for row in rows.prefetch_related("attachments"):
        stored.setdefault(row.message_id, []).append(row)
    found: Counter[str] = Counter()
    for each in made:
        messages = stored.get(each.message_id, [])
        found["lost"] += not messages
        found["doubled"] += len(messages) > 1
        if messages:
            parent = stored.get(each.parent, [])
            found["wrong"] += not (
                messages[0].subject == each.subject
                and messages[0].from_email == each.sender
                and each.marker in " ".join(messages[0].text.split())
                and sorted(file.size for file in messages[0].attachments.all()) == sorted(each.files)
                and (not parent or parent[0].conversation_id == messages[0].conversation_id)
            )
    return " ".join(f"{name}={found[name]}" for name in ("wrong", "lost", "doubled"))


def main() -> None:
    """Answer each line."""
    settings.CA_BUNDLE = os.environ["BENCH_CA"]
    # Apart, as no worker does that, and it takes memory.
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], check=True)
    Language.objects.bulk_create([Language(tag=tag) for tag in WORDS])
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "check":
            print(check(int(words[1]), int(words[2])), flush=True)
        else:
            print(take_in(int(words[1]), words[2], words[3]), flush=True)


if __name__ == "__main__":
    main()
