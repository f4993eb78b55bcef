"""The live board of a large house: how long it takes, and in how many queries.

    python -m bench.board [--agents 1000] [--queues 200] [--waiting 100000] [--rounds 7]

On a throwaway database: queues of fifty, agents with levels and with work in their hands, a day of answers
and decisions. Then the pages are asked for as an administrator, who sees all of it. Processor time is that
of this process and of its PostgreSQL backend; what others keep the machine busy with tells on the clock.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

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
from django.utils import timezone  # noqa: E402

from agents.models import Agent, AgentLanguage, AgentSkill, Language, Skill  # noqa: E402
from crm.models import Contact  # noqa: E402
from queues import kinds  # noqa: E402
from queues.models import EmailQueue  # noqa: E402
from tests.make import make_administrator, make_queue, make_sender  # noqa: E402

LANGUAGES = ("en", "de", "cs", "es", "fr")
SKILLS = tuple(f"skill-{number}" for number in range(1, 13))
TEAM = 50
ANSWERED = 10  # of each agent today

WAIT = """
INSERT INTO queues_conversation (
    queue_id, contact_id, subject, state, priority, agent_id, assigned_at, language, language_confidence,
    created_at, waiting_since, due_at, due_tick, last_message_at, last_direction, preview, messages_count,
    has_attachments
)
SELECT (%s::bigint[])[1 + n %% %s], %s, 'Order ' || n, state, 3, agent_id,
       CASE WHEN state = 'assigned' THEN now() END, (ARRAY['en', 'de', 'cs', 'es', 'fr'])[1 + n %% 5], 1,
       at, at, at + interval '4 hours', (extract(epoch FROM at) / 60)::bigint, at, 'in', 'Good day', 1, false
FROM generate_series(1, %s) AS n
CROSS JOIN LATERAL (SELECT now() - n * interval '0.3 seconds' AS at) AS times
CROSS JOIN LATERAL (SELECT CASE WHEN n <= %s THEN 'assigned' ELSE 'waiting' END AS state,
                           CASE WHEN n <= %s THEN (%s::bigint[])[1 + n %% %s] END AS agent_id) AS hands
"""
TELL = """
INSERT INTO queues_event (conversation_id, kind, user_id, sentence, data, at)
SELECT c.id, k.kind, (%s::bigint[])[1 + n %% %s], 'Alice got it: due in 12 min.',
       CASE WHEN k.kind = 'replied'
            THEN jsonb_build_object('message', n, 'typed', repeat('Good morning, ', 80), 'before',
                 jsonb_build_object('due_at', now() - interval '1 hour', 'assigned_at', now()))
            ELSE '{}' END,
       greatest(now() - n * interval '2 seconds', date_trunc('day', now()))
FROM generate_series(1, %s) AS n
JOIN queues_conversation c ON c.id = %s + n
CROSS JOIN (VALUES ('offered'), ('replied')) AS k (kind)
"""


def staff(count: int) -> list[Agent]:
    """Agents with three skills and two languages each."""
    users = User.objects.bulk_create(
        User(username=f"agent{n}", first_name=f"Agent {n}") for n in range(count)
    )
    Language.objects.bulk_create((Language(tag=tag) for tag in LANGUAGES), ignore_conflicts=True)
    skills, now = Skill.objects.bulk_create(Skill(name=name) for name in SKILLS), timezone.now()
    presences = ("available", "available", "away", "offline")
    agents = Agent.objects.bulk_create(
        Agent(user=user, capacity=3, presence=presences[n % 4], presence_at=now, seen_at=now)
        for n, user in enumerate(users)
    )
    AgentSkill.objects.bulk_create(
        AgentSkill(agent=agent, skill=skills[(n + shift) % len(skills)], level=1 + (n + shift) % 5)
        for n, agent in enumerate(agents)
        for shift in (0, 4, 8)
    )
    AgentLanguage.objects.bulk_create(
        AgentLanguage(agent=agent, language_id=LANGUAGES[(n + shift) % 5], level=3 + n % 3)
        for n, agent in enumerate(agents)
        for shift in (0, 2)
    )
    return agents


def fill(agents: list[Agent], count: int, waiting: int) -> None:
    """Queues of fifty agents, what waits in them, and what happened today."""
    sender = make_sender()
    queues = [
        make_queue([agents[(number * TEAM + place) % len(agents)] for place in range(min(TEAM, len(agents)))],
                   name=f"Queue {number}", sender=sender, mode="push",
                   skills={SKILLS[number % len(SKILLS)]: 2})
        for number in range(count)
    ]  # fmt: skip
    contact = Contact.objects.create(name="Charlie Stone")
    ids, people = [queue.pk for queue in queues], [agent.pk for agent in agents]
    users = [agent.user_id for agent in agents]
    busy = 2 * len(agents)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(WAIT, [ids, len(ids), contact.pk, waiting + busy, busy, busy, people, len(people)])
        cursor.execute("SELECT min(id) - 1 FROM queues_conversation")
        (first,) = cursor.fetchone() or (0,)
        cursor.execute(TELL, [users, len(users), ANSWERED * len(agents), first])
    kinds.rebuild(EmailQueue.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def backend() -> Path:
    """Where Linux tells what our PostgreSQL backend has used; nowhere when it runs elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone() or (0,)
    return Path(f"/proc/{pid}/schedstat")


def used(there: Path) -> tuple[float, float]:
    """Processor time here and in PostgreSQL, in ms."""
    in_database = int(there.read_text().split()[0]) / 1e6 if there.exists() else 0.0
    return 1000 * time.process_time(), in_database


def ask(client: Client, url: str, rounds: int) -> None:
    """Print how long a page takes, warm."""
    client.get(url)
    taken, here, there, stat = [], [], [], backend()
    for _ in range(rounds):
        began, before = time.perf_counter(), used(stat)
        response = client.get(url, headers={"HX-Request": "true"})
        taken.append(1000 * (time.perf_counter() - began))
        after = used(stat)
        here.append(after[0] - before[0])
        there.append(after[1] - before[1])
        assert response.status_code == 200, response
    with CaptureQueriesContext(connection) as caught:
        client.get(url, headers={"HX-Request": "true"})
    slowest = sorted(caught.captured_queries, key=lambda each: -float(each["time"]))[:3]
    print(
        f"{url:22} {statistics.median(taken):5.0f} ms, at most {max(taken):.0f}; CPU "
        f"{statistics.median(here):.0f} ms here, {statistics.median(there):.0f} ms in PostgreSQL; "
        f"{len(caught)} queries; {len(response.content) / 1000:.0f} kB"
    )
    for each in slowest:
        print(f"    {1000 * float(each['time']):4.0f} ms  {' '.join(each['sql'].split())[:120]}")


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description="How long the board of a large house takes.")
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--queues", type=int, default=200)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    fill(staff(options.agents), options.queues, options.waiting)
    print(
        f"{options.agents} agents, {options.queues} queues, {options.waiting} waiting: filled in "
        f"{time.perf_counter() - began:.0f} s"
    )
    client = Client()
    client.force_login(make_administrator("bench"))
    for url in ("/board/", "/board/?people=300", "/board/skills/"):
        ask(client, url, options.rounds)


if __name__ == "__main__":
    main()
