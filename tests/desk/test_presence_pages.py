"""Saying that one is here or away, what is offered, and one's own day."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from agents.models import Agent
from queues import actions
from queues.letters import Reply
from queues.models import Conversation, EmailQueue
from tests.make import make_administrator, make_agent, make_conversation, make_queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Agent:
    alice = make_agent("alice", presence="offline", capacity=3)
    make_queue([alice], name="Orders")
    return alice


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


def test_a_reason_stays_as_long_as_one_is_away(alice: Agent) -> None:
    client = signed_in("alice")
    client.post("/presence", {"presence": "away", "reason": "Lunch\nbreak"})
    assert client.post("/presence/seen").content.decode() == "away|Away: Lunch break"
    alice.refresh_from_db()
    assert (alice.presence, alice.away_reason) == ("away", "Lunch break")
    client.post("/presence", {"presence": "available", "reason": "Lunch"})
    assert client.post("/presence/seen").content.decode() == "available|Available"
    alice.refresh_from_db()
    assert alice.away_reason == ""
    assert client.post("/presence", {"presence": "asleep"}).status_code == 409


def test_offers_are_my_own_and_not_yet_over(alice: Agent) -> None:
    orders, soon = EmailQueue.objects.get(), timezone.now() + timedelta(minutes=1)
    other = make_agent("dora", queues=[orders])
    for name, agent, until in (
        ("Mine", alice, soon),
        ("Over", alice, timezone.now()),
        ("Opened", alice, None),
        ("Hers", other, soon),
    ):
        row = make_conversation(orders, subject=f"{name} parcel")
        Conversation.objects.filter(pk=row.pk).update(state="assigned", agent=agent, accept_by=until)
    page = signed_in("alice").get("/offers").content.decode()
    assert "Mine parcel" in page
    assert page.count("data-offer=") == 1


def test_my_day_is_told(alice: Agent) -> None:
    client = signed_in("alice")
    assert "nothing answered yet" in client.get("/today").content.decode()
    row = make_conversation(EmailQueue.objects.get())
    actions.reply(alice.user, row, Reply(text="Yes.", token="one"))
    told = client.get("/today").content.decode()
    assert '<b class="num">1</b> answered' in told
    assert "100 %" in told


def test_how_full_my_hands_are_is_told_by_weight(alice: Agent) -> None:
    client, orders = signed_in("alice"), EmailQueue.objects.get()
    rows = [make_conversation(orders) for _ in range(2)]
    heavy = make_queue([alice], name="Claims", weight=2)

    def told() -> str:
        return " ".join(strip_tags(client.get("/today").content.decode()).split())

    assert "Work in hand: 0 of 3. While you are available and there is room" in told()
    actions.take(alice.user, rows[0])
    actions.take(alice.user, make_conversation(heavy))
    assert "Work in hand: 3 of 3. You are given no more until" in told()
    actions.take(alice.user, rows[1])
    assert "4 of 3" in told()  # by one's own hand one may
    actions.await_customer(alice.user, rows[0])
    actions.await_customer(alice.user, rows[1])
    assert "2 of 3. While you are available" in told()
    Agent.objects.update(capacity=0)
    assert "2 of 0. You are given nothing by itself" in told()
    make_administrator("root")
    assert "Work in hand" not in signed_in("root").get("/today").content.decode()


def test_who_has_no_queue_is_told_whom_to_ask_and_offered_nothing(alice: Agent) -> None:
    make_agent("nora")
    page, whole = (signed_in(name).get("/").content.decode() for name in ("nora", "alice"))
    assert "You are a member of no queue" in page
    for part in ('id="nothing"', 'id="take-next"', 'id="compose"', 'id="view-mine"', 'id="queues"'):
        assert part not in page
        assert part in whole
