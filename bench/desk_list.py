"""The lists of the desk while very many wait: how long each takes, and in how many queries.

    python -m bench.desk_list [--waiting 100000] [--rounds 30] [--pages 50] [--limit 200]

On a throwaway database: forty agents in twenty queues, what waits, and beside it what is assigned, pending,
snoozed, held and closed. An agent of five queues, a supervisor of all and an administrator ask for each view:
its first page, its 50th by keyset, and what a live update reads again (rows and all numbers). Exit code 1
when the 95th percentile of one is over the limit, in ms.
"""

import argparse
import os
import re
import statistics
import sys
import time
from typing import Any

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from agents.models import Language  # noqa: E402
from bench.board import LANGUAGES, SKILLS  # noqa: E402
from crm.models import Contact, ContactAddress  # noqa: E402
from queues import inbox, kinds  # noqa: E402
from queues.models import EmailQueue  # noqa: E402
from tests.make import make_administrator, make_agent, make_queue, make_sender, make_supervisor  # noqa: E402

QUEUES, AGENTS, CONTACTS = 20, 40, 5000
NEXT = re.compile(r"after=([^\"&]+)")
FILL = """
INSERT INTO queues_conversation (
    queue_id, contact_id, subject, state, priority, agent_id, assigned_at, snoozed_until, closed_at,
    language, language_confidence, created_at, waiting_since, due_at, due_tick, last_message_at,
    last_direction, preview, messages_count, has_attachments
)
SELECT (%(queues)s::bigint[])[1 + n %% %(queue_count)s],
       (SELECT min(id) FROM crm_contact) + n %% %(contacts)s, 'Order ' || n, state, 3,
       CASE WHEN in_hands THEN (%(agents)s::bigint[])[1 + n %% %(agent_count)s] END,
       CASE WHEN state = 'assigned' THEN now() END,
       CASE WHEN state = 'snoozed' THEN now() + interval '3 days' END,
       CASE WHEN state = 'closed' THEN now() END, (ARRAY['en', 'de', 'cs', 'es', 'fr'])[1 + n %% 5],
       1, at, at, CASE WHEN ours THEN at + interval '4 hours' END,
       CASE WHEN ours THEN (extract(epoch FROM at) / 60)::bigint END, at, 'in',
       'Good day, where is my order?', 1, false
FROM generate_series(1, %(count)s) AS n
CROSS JOIN LATERAL (SELECT now() - n * interval '0.3 seconds' AS at, %(state)s::text AS state) AS given
CROSS JOIN LATERAL (SELECT state IN ('assigned', 'pending', 'snoozed') AS in_hands,
                           state IN ('waiting', 'assigned') AS ours) AS told
"""


def fill(waiting: int) -> None:
    """Queues and people; per state so many as a large house has."""
    Language.objects.bulk_create((Language(tag=tag) for tag in LANGUAGES), ignore_conflicts=True)
    levels = [{SKILLS[n % 12]: 3, SKILLS[(n + 5) % 12]: 4} for n in range(AGENTS)]
    agents = [make_agent(f"agent{n}", levels[n], {LANGUAGES[n % 5]: 5, "en": 4}) for n in range(AGENTS)]
    agents.append(make_agent("alice", dict.fromkeys(SKILLS, 4), dict.fromkeys(LANGUAGES, 5), capacity=9))
    bob, sender = make_supervisor("bob", languages={"en": 5}), make_sender()
    make_administrator("root")
    queues = []
    for number in range(QUEUES):
        members = [*agents[number * 2 : number * 2 + 2], bob, *(agents[-1:] if number < 5 else [])]
        demand = {SKILLS[number % 12]: 2}
        queues.append(make_queue(members, demand, name=f"Queue {number}", sender=sender).pk)
    people = Contact.objects.bulk_create(Contact(name=f"Charlie Stone {n}") for n in range(CONTACTS))
    ContactAddress.objects.bulk_create(
        ContactAddress(contact=each, email=f"charlie{n}@customer.example") for n, each in enumerate(people)
    )
    values: dict[str, Any] = {
        "queues": queues,
        "queue_count": QUEUES,
        "agents": [agent.pk for agent in agents],
    }
    values |= {"agent_count": len(agents), "contacts": CONTACTS}
    shares = {"waiting": 1, "assigned": 0.02, "pending": 0.3, "snoozed": 0.1, "held": 0.05, "closed": 2}
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for state, share in shares.items():
            cursor.execute(FILL, values | {"state": state, "count": int(share * waiting)})
    kinds.rebuild(EmailQueue.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def timed(client: Client, url: str, rounds: int, **headers: str) -> tuple[list[float], int, str]:
    """The times of a page in ms, warm, its queries and its last answer."""
    headers = {"HX-Request": "true", **headers}
    client.get(url, headers=headers)
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        response = client.get(url, headers=headers)
        taken.append(1000 * (time.perf_counter() - began))
        assert response.status_code == 200, response
    with CaptureQueriesContext(connection) as caught:
        client.get(url, headers=headers)
    return taken, len(caught), response.content.decode()


def walked(client: Client, url: str, pages: int) -> str:
    """The address of that page, by the marks of those before, or of the last."""
    at = url
    for _ in range(pages - 1):
        found = NEXT.search(client.get(at, headers={"HX-Request": "true"}).content.decode())
        if not found:
            break
        at = f"{url}&after={found[1]}"
    return at


def report(name: str, found: tuple[list[float], int, str]) -> float:
    """Print a line of the table; return the 95th percentile."""
    taken, queries, body = found
    high = sorted(taken)[int(0.95 * (len(taken) - 1))]
    rows = body.count('id="row-')
    print(
        f"| {name:40} | {statistics.median(taken):5.0f} | {high:5.0f} | {queries:3} | {rows:3} |", flush=True
    )
    return high


def main() -> int:
    """Fill, ask, print, judge."""
    parser = argparse.ArgumentParser(description="How long the lists of the desk take.")
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--limit", type=float, default=200)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    fill(options.waiting)
    print(f"{options.waiting} waiting, filled in {time.perf_counter() - began:.0f} s; times in ms\n")
    print(f"| {'list':40} |   p50 |   p95 | queries | rows |\n|---|---|---|---|---|")
    worst = max(high for name in ("alice", "bob", "root") for high in lists(name, options))
    print(f"\nthe slowest p95: {worst:.0f} ms; limit {options.limit:.0f} ms")
    return int(worst > options.limit)


def lists(name: str, options: argparse.Namespace) -> list[float]:
    """All lists of one person; the 95th percentiles."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    views = [f"view={view}" for view in inbox.View if view != inbox.View.QUEUE]
    views.append(f"queue={EmailQueue.objects.order_by('pk').values_list('pk', flat=True)[0]}")
    found = []
    for view in views:
        url = f"/rows?{view}"
        found.append(report(f"{name} {view}", timed(client, url, options.rounds)))
        far = walked(client, url, options.pages)
        if far != url:
            found.append(report(f"{name} {view} page {options.pages}", timed(client, far, options.rounds)))
        found.append(
            report(f"{name} {view} live", timed(client, url, options.rounds, **{"HX-Trigger": "refresh"}))
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
