"""An administrator finds any mail, delivered, skipped or parked, and reads what happened to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailsources import finding
from mailsources.deliver import deliver
from mailsources.fetch import ingest, poll_now
from mailsources.finding import find
from mailsources.models import EmailSource, FetchedMail
from mailsources.story import story
from tests.mailsources.conftest import fill, source_at
from tests.make import make_administrator, make_mail, make_source
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db

LIST = reverse("admin:mailsources_fetchedmail_changelist")
State = FetchedMail.State


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_administrator())
    return client


@pytest.fixture
def source() -> EmailSource:
    return make_source()


def found(text: str) -> list[str]:
    return list(find(FetchedMail.objects.order_by("-id"), text).values_list("subject", flat=True))


@pytest.fixture
def mails(source: EmailSource) -> None:
    """One of each state, none of them parsed but the first."""
    charlie = {"From": "Charlie Stone <Charlie@Customer.Example>", "Message_ID": "<one@customer.example>"}
    one = ingest(source, make_mail(Subject="The blue Příloha of order 2024-1183", **charlie))
    deliver(one.pk)
    for state, subject in ((State.SKIPPED, "Blue moon"), (State.FAILED, "Red moon"), (State.WAITING, "Sun")):
        row = ingest(source, make_mail(Subject=subject, From="diana@other.example"))
        FetchedMail.objects.filter(pk=row.pk).update(state=state)


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("charlie@customer.example", ["The blue Příloha of order 2024-1183"]),
        ("Charlie@CUSTOMER.example", ["The blue Příloha of order 2024-1183"]),
        ("<charlie@customer.example>", ["The blue Příloha of order 2024-1183"]),
        ("one@customer.example", ["The blue Příloha of order 2024-1183"]),
        (" <one@customer.example> ", ["The blue Příloha of order 2024-1183"]),
        ("@customer.example", ["The blue Příloha of order 2024-1183"]),
        ("charlie stone", ["The blue Příloha of order 2024-1183"]),
        ("priloha", ["The blue Příloha of order 2024-1183"]),
        ("2024-1183", ["The blue Příloha of order 2024-1183"]),
        ("blu", ["Blue moon", "The blue Příloha of order 2024-1183"]),
        ("moon", ["Red moon", "Blue moon"]),
        ("moon blue", ["Blue moon"]),
        ("diana@other.example", ["Sun", "Red moon", "Blue moon"]),
        ("nobody@customer.example", []),
        ("' | ! & <->", []),
        ("", ["Sun", "Red moon", "Blue moon", "The blue Příloha of order 2024-1183"]),
    ],
)
@pytest.mark.parametrize("many", [False, True], ids=["few hits", "many hits"])
def test_mail_is_found(
    mails: None, text: str, subjects: list[str], many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if many:
        monkeypatch.setattr(finding, "MANY_HITS", 1)
    assert found(text) == subjects


def test_the_list_shows_filters_and_searches(client: Client, mails: None, source: EmailSource) -> None:
    page = client.get(LIST, {"q": "moon"}).content.decode()
    assert "Blue moon" in page
    assert "Red moon" in page
    assert "The blue" not in page
    page = client.get(LIST, {"state__exact": "failed"}).content.decode()
    assert "Red moon" in page
    assert "Blue moon" not in page
    other = make_source()
    assert "Red moon" not in client.get(LIST, {"source__id__exact": other.pk}).content.decode()
    today = f"{timezone.localdate():%Y-%m-%d}"
    assert "Red moon" in client.get(LIST, {"came_from": today, "came_to": today}).content.decode()
    assert "Red moon" not in client.get(LIST, {"came_to": "2001-01-01"}).content.decode()
    for wrong in ({"came_from": "yesterday"}, {"source__id__exact": "x"}, {"q": "\0<>"}):
        assert client.get(LIST, wrong).status_code == 200


def test_a_found_mail_leads_to_its_conversation(client: Client, mails: None) -> None:
    page = client.get(LIST, {"q": "priloha"}).content.decode()
    message = FetchedMail.objects.exclude(message=None).get().message
    assert message is not None
    assert reverse("conversation", args=[message.conversation_id]) in page


def test_the_list_counts_nothing_and_asks_little(client: Client, source: EmailSource) -> None:
    for _ in range(3):
        deliver(ingest(source, make_mail()).pk)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(LIST, {"q": "parcel"})
    for _ in range(12):
        deliver(ingest(source, make_mail()).pk)
    with CaptureQueriesContext(connection) as many:
        client.get(LIST, {"q": "parcel"})
    assert len(many) == len(few)
    assert not any("COUNT(" in query["sql"] for query in many if "fetchedmail" in query["sql"])


def sentences(fetched: FetchedMail) -> str:
    return "\n".join(step.sentence for step in story(fetched))


def test_the_story_of_a_delivered_mail(dovecot: Dovecot) -> None:
    source = source_at(dovecot, after_import="read")
    fill(dovecot, source, 1)
    poll_now(source)
    fetched = FetchedMail.objects.get()
    told = [step.sentence for step in story(fetched)]
    assert "got it in the folder INBOX as UID 1." in told[0]
    assert "were stored here." in told[1]
    assert told[2] == "The mailbox was told: mark it read."
    assert told[3] == f"It became a message in the queue {source.queue}."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"state": State.WAITING}, "It waits to be delivered."),
        ({"state": State.FAILED, "attempts": 3, "reason": "Boom."}, "(3 of 3 attempts). Boom."),
        ({"state": State.SKIPPED, "reason": "The same mail."}, "It was not imported. The same mail."),
        ({"state": State.DELIVERED}, "which was deleted since."),
        ({"is_stub": True, "size": 73 << 20}, "It was too big (73.0\u00a0MB)"),
        ({"raw": None, "state": State.FAILED}, "It could not be read"),
        ({"is_history": True}, "nobody is written to"),
        (
            {"envelope_from": "a@b.example", "envelope_to": "c@d.example"},
            "a@b.example handed it over for c@d",
        ),
    ],
)
def test_the_story_of_others(source: EmailSource, fields: dict[str, Any], sentence: str) -> None:
    fetched = ingest(source, make_mail())
    for name, value in fields.items():
        setattr(fetched, name, value)
    assert sentence in sentences(fetched)


def test_days_go_by_the_time_of_the_server(client: Client, source: EmailSource) -> None:
    old = ingest(source, make_mail(Subject="From last year"), datetime(2025, 5, 17, 12, tzinfo=UTC))
    assert old.fetched_at > timezone.now() - timedelta(hours=1)
    day = {"came_from": "2025-05-17", "came_to": "2025-05-17"}
    assert "From last year" in client.get(LIST, day).content.decode()
