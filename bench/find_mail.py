"""Finding any mail: the ledger's list and search at a million rows, as the administration asks for it.

    python -m bench.find_mail [--rows 1000000]

The ledger is filled on a throwaway database; then each question is asked through the very page of the
administration, warm, and its median time printed. A mail is found when the page has answered.
"""

import argparse
import os
import statistics
import time

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
from django.urls import reverse  # noqa: E402

from mailsources.models import EmailSource  # noqa: E402
from tests.make import make_administrator, make_source, make_supervisor  # noqa: E402

SOURCES = 20
PORTION = 100_000
ROUNDS = 5

FILL = """
INSERT INTO mailsources_fetchedmail (
    source_id, epoch, folder, uidvalidity, uid, header_id, sender, subject, search, envelope_from,
    envelope_to, is_history, is_stub, content_hash, size, received_at, fetched_at, state, reason, attempts,
    fence, settled_at
)
SELECT
    %s + n %% %s, 1, 'INBOX', 1, n, 'mail-' || n || '@customer' || n %% 5000 || '.example', sender, subject,
    array_to_tsvector(
        ARRAY['parcel', 'order', n::text, words.word, person, 'customer' || n %% 5000, 'example']
    ),
    '', '', false, false, md5(n::text) || md5(n::text), 15000, at, at, state, reason, 1, 1, at
FROM generate_series(%s, %s) AS n
CROSS JOIN LATERAL (SELECT
    'person' || n %% 50000 AS person,
    now() - (%s - n) * interval '30 seconds' AS at,
    CASE WHEN n %% 1000 = 1 THEN 'failed' WHEN n %% 50 = 2 THEN 'skipped' ELSE 'delivered' END AS state,
    CASE WHEN n %% 1000 = 1 THEN 'It broke.' WHEN n %% 50 = 2 THEN 'The same mail.' ELSE '' END AS reason,
    (ARRAY['blue', 'red', 'green', 'late', 'lost', 'broken', 'missing', 'found'])[1 + n %% 8] AS word
) AS words
CROSS JOIN LATERAL (SELECT
    person || '@customer' || n %% 5000 || '.example' AS sender,
    'My ' || words.word || ' parcel, order ' || n AS subject
) AS texts
"""


def fill(rows: int, first_source: int) -> None:
    """Rows of all states, spread over the sources and, thirty seconds apart, over the past."""
    for start in range(1, rows + 1, PORTION):
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            end = min(start + PORTION - 1, rows)
            cursor.execute(FILL, [first_source, SOURCES, start, end, rows])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE mailsources_fetchedmail")


def questions(rows: int, source: EmailSource) -> dict[str, dict[str, str]]:
    """What people ask for, as the page's parameters."""
    some = rows // 3
    return {
        "the newest": {},
        "page 20 of the newest": {"p": "20"},
        "one address": {"q": f"person{some % 50000}@customer{some % 5000}.example"},
        "one Message-ID, with <>": {"q": f"<mail-{some}@customer{some % 5000}.example>"},
        "a number of the subject": {"q": f"order {some}"},
        "a word of an eighth of all": {"q": "broken"},
        "a word of all": {"q": "parcel"},
        "a word of all, parked": {"q": "parcel", "state__exact": "failed"},
        "the beginning of a word": {"q": "miss"},
        "two words": {"q": "lost customer77"},
        "a domain": {"q": "@customer77.example"},
        "nothing like it": {"q": "nobody@nowhere.example"},
        "parked": {"state__exact": "failed"},
        "skipped, one source": {"state__exact": "skipped", "source__id__exact": str(source.pk)},
        "one day long ago": {"came_from": "2026-01-01", "came_to": "2026-01-01"},
        "one address, one source": {
            "q": f"person{some % 50000}@customer{some % 5000}.example",
            "source__id__exact": str(source.pk),
        },
    }


def traces(rows: int) -> dict[str, str]:
    """What people ask the mail trace for."""
    some = rows // 3
    return {
        "one address": f"person{some % 50000}@customer{some % 5000}.example",
        "one Message-ID, with <>": f"<mail-{some}@customer{some % 5000}.example>",
        "a number of the subject": f"order {some}",
        "a word of an eighth of all": "broken",
        "a word of all": "parcel",
        "two words": "lost customer77",
        "nothing like it": "nobody@nowhere.example",
    }


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description="How long finding a mail takes.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    sources = [make_source() for _ in range(SOURCES)]
    began = time.perf_counter()
    fill(rows, sources[0].pk)
    print(f"{rows:,} rows in {time.perf_counter() - began:.0f} s")
    client = Client()
    client.force_login(make_administrator("bench"))
    url = reverse("admin:mailsources_fetchedmail_changelist")
    for name, asked in questions(rows, sources[2]).items():
        ask(client, name, url, asked, b'name="_selected_action"')
    sources[2].queue.members.add(make_supervisor("bob"))
    for username, whose in (("bench", "all"), ("bob", "one queue of 20")):
        print(f"mail trace, {whose}")
        client.force_login(User.objects.get(username=username))
        for name, text in traces(rows).items():
            ask(client, name, reverse("trace"), {"q": text}, b"<tr data-line")


def ask(client: Client, name: str, url: str, asked: dict[str, str], row: bytes) -> None:
    """Get a page some times, and print how long it takes."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        response = client.get(url, asked, follow=True)
        taken.append(1000 * (time.perf_counter() - began))
        assert response.status_code == 200, response
    found = response.content.count(row)
    print(f"{name:28} {statistics.median(taken):7.0f} ms  worst {max(taken):7.0f} ms  {found:3} rows shown")


if __name__ == "__main__":
    main()
