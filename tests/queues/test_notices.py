"""What agents are told about conversations: by the bell, the right people, by mail when it isn't seen."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.translation import get_language
from pytest_django import DjangoCaptureOnCommitCallbacks

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues import actions, live, notices, notices_mail
from queues.letters import Reply
from queues.models import Conversation, EmailQueue, Notice
from queues.notices_worded import worded
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db
Kind = Notice.Kind


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


@pytest.fixture
def bob() -> Agent:
    return make_supervisor("bob")


@pytest.fixture
def orders(alice: Agent, bob: Agent) -> EmailQueue:
    return make_queue([alice, bob], name="Orders")


@pytest.fixture
def row(orders: EmailQueue) -> Conversation:
    return make_conversation(orders, subject="My parcel")


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


def test_who_is_told_sees_it_and_opening_it_is_seeing_it(alice: Agent, bob: Agent, row: Conversation) -> None:
    notices.tell([alice, bob], Kind.MENTION, row, by=bob)
    assert not bob.notices.exists()  # it was bob's own doing
    client = signed_in("alice")
    page = client.get("/told").content.decode()
    assert f"Bob mentioned you in #{row.number}" in page
    assert 'data-new="1"' in page
    client.get(f"/conversations/{row.pk}/")
    page = client.get("/told").content.decode()
    assert 'data-new="0"' in page
    assert f"#{row.number}" in page


def test_opening_what_it_was_merged_into_is_seeing_it(
    alice: Agent, bob: Agent, orders: EmailQueue, row: Conversation
) -> None:
    notices.tell([alice], Kind.MENTION, row, by=bob)
    other, last = make_conversation(orders), make_conversation(orders)
    actions.merge(bob.user, row, other)
    actions.merge(bob.user, other, last)
    assert notices.of(alice).count == 1
    signed_in("alice").get(f"/conversations/{row.pk}/", follow=True)
    assert notices.of(alice).count == 0


def test_one_or_all_can_be_marked_and_never_those_of_others(
    alice: Agent, bob: Agent, row: Conversation
) -> None:
    notices.tell([alice, bob], Kind.FOLLOW, row, {"what": "closed"})
    notices.tell([alice], Kind.FOLLOW, row, {"what": "mail"})
    client = signed_in("alice")
    client.post("/told/seen", {"notice": bob.notices.get().pk})
    assert bob.notices.get().seen_at is None
    newest = alice.notices.first()
    assert newest is not None
    assert 'data-new="1"' in client.post("/told/seen", {"notice": newest.pk}).content.decode()
    assert 'data-new="0"' in client.post("/told/seen").content.decode()
    assert client.post("/told/seen", {"notice": "nonsense"}).status_code == 200
    assert notices.of(bob).count == 1


def test_who_left_the_queue_is_told_nothing_of_it(
    alice: Agent, orders: EmailQueue, row: Conversation
) -> None:
    alice.user.email = "alice@example.com"
    alice.user.save()
    notices.tell([alice], Kind.STEP, row)
    orders.members.remove(alice)
    assert notices.of(alice) == notices.Told([], frozenset())
    assert f"#{row.number}" not in signed_in("alice").get("/told").content.decode()
    notices_mail.mail_due()
    assert not OutgoingMail.objects.exists()


def test_what_comes_while_one_is_asked_never_looks_seen(alice: Agent, bob: Agent, row: Conversation) -> None:
    late = [row]

    def tell_after(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if "queues_notice" in sql and late:
            notices.tell([alice], Kind.MENTION, late.pop(), by=bob)
        return found

    with connection.execute_wrapper(tell_after):
        told = notices.of(alice)
    assert not late
    assert {each.pk for each in told.notices} <= told.unseen


def test_a_step_is_over_with_its_turn(alice: Agent, bob: Agent, row: Conversation) -> None:
    notices.tell([bob], Kind.STEP, row)
    notices.tell([bob], Kind.MENTION, row, by=alice)
    assert notices.of(bob).count == 2
    actions.reply(alice.user, row, Reply(text="It is on its way.", token="one"))
    assert [each.kind for each in notices.of(bob).notices if each.pk in notices.of(bob).unseen] == ["mention"]


def test_words_follow_the_time_and_what_happened(alice: Agent, bob: Agent, row: Conversation) -> None:
    assert row.due_at is not None
    told = Notice(agent=alice, conversation=row, kind=Kind.STEP, at=timezone.now())
    assert worded(told, row.due_at - timedelta(minutes=20)).endswith("its answer is due in 20 min")
    assert worded(told, row.due_at + timedelta(hours=3)).endswith("its answer is 3 h late")
    for what, words in {
        "mail": "has written",
        "closed": "is closed",
        "moved": "is in Orders",
        "new": "Something",
    }.items():
        told = Notice(agent=alice, conversation=row, kind=Kind.FOLLOW, by=bob, data={"what": what})
        assert words in worded(told, timezone.now())
    assert worded(Notice(conversation=row, sentence="As it was."), timezone.now()) == "As it was"


def test_only_what_was_not_seen_at_the_desk_is_mailed(alice: Agent, bob: Agent, row: Conversation) -> None:
    for each in (alice, bob):
        each.user.email = f"{each.user.username}@example.com"
        each.user.save()
    start = datetime(2031, 3, 3, 9, tzinfo=timezone.get_current_timezone())
    with time_machine.travel(start, tick=False) as clock:
        notices.tell([alice, bob], Kind.MENTION, row)
        notices.see(bob, row)
        assert notices_mail.mail_due() == 0  # who is at the desk has ten minutes to see it there
        clock.shift(timedelta(minutes=11))
        assert notices_mail.mail_due() == 1
        assert notices_mail.mail_due() == 0
        clock.shift(timedelta(days=40))
        assert notices.forget() == 2
    mail = OutgoingMail.objects.get()
    assert mail.recipients.get().email == "alice@example.com"


def test_what_no_sender_can_mail_keeps_no_other_from_being_mailed(
    alice: Agent, bob: Agent, row: Conversation
) -> None:
    for each in (alice, bob):
        each.user.email = f"{each.user.username}@example.com"
        each.user.save()
    mute = make_conversation(make_queue([bob], sender=None))
    start = datetime(2031, 3, 3, 9, tzinfo=timezone.get_current_timezone())
    with time_machine.travel(start, tick=False) as clock, patch.object(notices_mail, "BATCH", 2):
        for _ in range(3):
            notices.tell([bob], Kind.MENTION, mute)
        notices.tell([alice], Kind.MENTION, row)
        clock.shift(timedelta(minutes=11))
        assert notices_mail.mail_due() == 1
    assert OutgoingMail.objects.get().recipients.get().email == "alice@example.com"


def test_a_mail_is_in_the_language_of_who_reads_it(alice: Agent, row: Conversation) -> None:
    alice.user.email, alice.interface = "alice@example.com", "de"
    alice.user.save()
    alice.save()
    notices.tell([alice], Kind.STEP, row)
    with patch("queues.notices_mail.worded", side_effect=lambda *_: get_language()) as worded_:
        assert notices_mail.mail_due() == 1
    assert worded_.called
    assert b"Subject: de" in OutgoingMail.objects.get().raw.as_bytes()


def test_the_desks_of_those_hear_of_it(
    alice: Agent,
    row: Conversation,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(live.publisher, "publish", heard.append)
    with django_capture_on_commit_callbacks(execute=True):
        notices.tell([], Kind.MENTION, row)
        notices.tell([alice], Kind.MENTION, row)
        notices.see(alice, row)
        notices.see(alice, row)  # nothing was left to see
        assert heard == []
    assert heard == 2 * [{"queue": row.queue_id, "told": [alice.pk]}]
