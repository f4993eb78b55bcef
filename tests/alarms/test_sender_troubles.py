"""Alarms about senders: a spent budget, one that will be spent too early, a block, mails in doubt."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from alarms import mailing, watch
from alarms.address import Alerts
from alarms.sender_troubles import MOST_NAMED, sender_troubles
from alarms.trouble import Trouble
from mailsenders import holds, parking
from mailsenders.models import EmailSender, OutgoingMail
from queues.sender_standing import banner
from tests.make import make_agent, make_outgoing, make_provider, make_queue, make_sender

pytestmark = pytest.mark.django_db

State = OutgoingMail.State


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    """A Monday, nine o'clock."""
    with time_machine.travel(datetime(2026, 6, 1, 9, tzinfo=timezone.get_current_timezone()), tick=False):
        yield


def sent(sender: EmailSender, number: int, ago: timedelta = timedelta(minutes=30)) -> None:
    for _ in range(number):
        mail = make_outgoing(sender)
        OutgoingMail.objects.filter(pk=mail.pk).update(state=State.SENT, sent_at=timezone.now() - ago)


def troubles() -> dict[str, Trouble]:
    return {each.key.split(":", 2)[2]: each for each in sender_troubles()}


def test_a_spent_budget_is_told_with_the_time_when_it_is_back() -> None:
    make_provider(mailbox="support@example.com", owner="owner@example.com")
    sender = make_sender(limit_per_day=3)
    sent(sender, 3, timedelta(hours=2))
    make_outgoing(sender)
    assert "spent" not in troubles()
    holds.note(sender.pk, timezone.now())
    found = troubles()["spent"]
    assert found.sentence.startswith(
        "The budget of 3 messages per day is used up, replies wait until 02 Jun, 07:00 UTC"
    )
    assert (found.is_urgent, found.owner) == (True, "owner@example.com")
    queue = make_queue(sender=sender)
    assert "has used up its 3 messages per day" in banner(queue, timezone.now())


def test_automatic_mail_that_yields_is_no_emergency() -> None:
    sender = make_sender(limit_per_day=5)
    sent(sender, 4)
    make_outgoing(sender, is_automatic=True)
    holds.note(sender.pk, timezone.now())
    assert not troubles()["nearly-spent"].is_urgent
    assert banner(make_queue(sender=sender), timezone.now()) == ""


def test_a_minute_is_over_before_anybody_reads_of_it() -> None:
    sender = make_sender(limit_per_minute=1)
    sent(sender, 1, timedelta(seconds=5))
    make_outgoing(sender)
    holds.note(sender.pk, timezone.now())
    assert troubles() == {}


def test_a_budget_that_ends_before_the_queue_closes_is_told_before() -> None:
    sender = make_sender(limit_per_day=40)
    make_queue(sender=sender, hours="Mo-Fr 08:00-18:00")
    sent(sender, 6)
    found = troubles()["wall"]
    told = "40 messages per day is used up at 14:40 UTC, before the queue closes at 18:00 UTC"
    assert told in found.sentence
    EmailSender.objects.update(limit_per_day=80)
    assert troubles() == {}


def test_a_block_is_an_alarm_and_a_banner() -> None:
    sender = make_sender()
    queue = make_queue(sender=sender)
    assert banner(queue, timezone.now()) == ""
    parking.park(sender.pk, "smtp.example.com has blocked support@example.com.", 3600, parking.BLOCKED)
    assert list(troubles()) == ["blocked"]
    assert "has blocked the sender of this queue" in banner(queue, timezone.now())
    parking.park(sender.pk, "The server is away.", 600)
    assert list(troubles()) == ["failing"]
    assert "pauses until" in banner(queue, timezone.now())


def test_a_block_is_one_mail_to_owner_and_administrators_and_seen_at_the_desk(
    settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALERTS = Alerts(("ops@example.com",))
    monkeypatch.setattr("alarms.troubles.worker_states", lambda queues: [])
    make_provider(mailbox="support@example.com", owner="owner@example.com")
    other, sender = make_sender(email_address="alerts@example.com"), make_sender()
    type(other.state).objects.filter(sender=other).update(last_success_at=timezone.now())
    queue = make_queue([make_agent("alice")], sender=sender)
    client.force_login(User.objects.get(username="alice"))
    where = reverse("desk") + f"?queue={queue.pk}"
    assert "list-banner" not in client.get(where).content.decode()
    why = "smtp.example.com has blocked support@example.com."
    parking.park(sender.pk, why, 3600, parking.BLOCKED)
    watch.look()
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        assert (mailing.mail_due(), mailing.mail_due()) == (2, 0)
    raws = [mail.raw.as_bytes() for mail in OutgoingMail.objects.filter(sender=other)]
    letters = [message_from_bytes(raw, policy=default) for raw in raws]
    assert {str(each["To"]) for each in letters} == {"owner@example.com", "ops@example.com"}
    for each in letters:
        body = each.get_body(("plain",))
        assert body is not None
        assert why in body.get_content()
    shown = client.get(where).content.decode()
    banner_shown = re.search(r'class="warned list-banner"[^>]*>([^<]*)<', shown)
    assert banner_shown
    assert "has blocked the sender of this queue" in banner_shown[1]


def test_each_mail_in_doubt_is_named_but_not_hundreds() -> None:
    sender = make_sender()
    for _ in range(MOST_NAMED + 2):
        make_outgoing(sender)
    OutgoingMail.objects.update(state=State.UNCERTAIN, data_started_at=timezone.now() - timedelta(minutes=16))
    found = troubles()
    assert len(found) == MOST_NAMED + 1
    assert found["uncertain"].sentence.startswith("2 more mails may have left or not")
