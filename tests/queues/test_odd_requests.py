"""What no page of ours sends: numbers that are none, NULs, people without a profile. Each gets an answer."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Agent
from queues.models import EmailQueue
from tests.make import make_agent, make_contact, make_conversation, make_queue

pytestmark = pytest.mark.django_db

ENDLESS = "/rows?rows=" + "9" * 5000
TOKEN = "00000000-0000-4000-8000-000000000001"
PAGES = (
    "/", "/rows", "/bulk", "/views", "/palette?q=x", "/told", "/today", "/compose", "/people?q=ab",
    "/find/values", "/snippets", "/losses", "/offers",
)  # fmt: skip
FORMS = (
    "/bulk", "/views", "/views/start", "/presence", "/presence/seen", "/told/seen", "/next",
    "/compose/draft", "/held/let-go", "/held/close", "/plain", "/snippets", "/live/token",
)  # fmt: skip


@pytest.fixture
def alice(clean_redis: None) -> Agent:
    return make_agent("alice")


@pytest.fixture
def queue(alice: Agent) -> EmailQueue:
    return make_queue([alice])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_who_has_no_profile_is_answered_everywhere(clean_redis: None) -> None:
    client = signed_in(User.objects.create_user("charlie"))
    for path in PAGES:
        assert client.get(path).status_code < 500, path
    for path in FORMS:
        assert client.post(path, {"token": TOKEN, "verb": "close", "id": "1"}).status_code < 500, path
    assert "no agent profile" in client.post("/compose/draft", {"token": TOKEN}).content.decode()


def test_nul_and_endless_numbers_break_nothing(alice: Agent, queue: EmailQueue) -> None:
    client, row = signed_in(alice.user), make_conversation(queue)
    for path in ("/?q=a%00b", "/rows?q=%00a", "/palette?q=a%00b", "/people?q=a%00b", "/bulk?q=%00", ENDLESS):
        assert client.get(path).status_code == 200, path
    for path, form in (
        ("/told/seen", {"notice": "9" * 5000}),
        ("/views", {"name": "a\0b"}),
        (f"/conversations/{row.pk}/watch", {"window": "a\0b"}),
        (f"/conversations/{row.pk}/tags", {"add": "a\0b"}),
        (f"/conversations/{row.pk}/notes", {"text": "a\0b"}),
        (f"/conversations/{row.pk}/transfer", {"to": "queue:" + "9" * 5000, "note": "\0"}),
        (f"/conversations/{row.pk}/snooze", {"until": "9999-12-31T23:59-12:00"}),
    ):
        assert client.post(path, form).status_code < 500, path


def test_the_palette_finds_ones_own_contact_behind_many_of_others(alice: Agent, queue: EmailQueue) -> None:
    elsewhere = make_queue()
    for number in range(30):
        contact = make_contact(name=f"Ann {number:02}", email=f"ann{number}@example.com")
        make_conversation(elsewhere, contact=contact)
    make_conversation(queue, contact=make_contact(name="Ann Zebra", email="a&b#c@example.com"))
    items = signed_in(alice.user).get("/palette?q=ann").json()["items"]
    assert [(each["name"], each["url"]) for each in items] == [
        ("Ann Zebra", "/?view=all&q=from%3Aa%26b%23c%40example.com")
    ]
