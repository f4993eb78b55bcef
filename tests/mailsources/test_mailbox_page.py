"""The page of a mailbox: both directions, and the last 14 days as a picture."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailsenders.models import EmailSender, OutgoingMail
from mailsources.daily import DAYS, Day, days_of
from mailsources.fetch import ingest
from mailsources.health_picture import VOLUME, picture_of
from mailsources.models import EmailSource, FetchedMail, MailboxDay
from queues.models import EmailQueue
from tests.make import (
    make_administrator,
    make_mail,
    make_outgoing,
    make_queue,
    make_sender,
    make_source,
)

pytestmark = pytest.mark.django_db

NOW = timezone.now()
TODAY = timezone.localdate()


def make_mailbox() -> EmailSource:
    queue = make_queue(sender=make_sender(name="support-out", password="geheim-1", limit_per_day=500))
    return make_source(name="support-in", queue=queue, public_address="support@example.com", password="x-2")


def bring(source: EmailSource, days_ago: int, seconds: int = 5, **values: object) -> None:
    at = NOW - timedelta(days=days_ago)
    found = {"received_at": at, "fetched_at": at, "delivered_at": at + timedelta(seconds=seconds)}
    fetched = ingest(source, make_mail())
    FetchedMail.objects.filter(pk=fetched.pk).update(**(found | {"state": "delivered"} | values))


def test_each_day_has_its_volume_delay_and_failures() -> None:
    source = make_mailbox()
    sender = source.queue.sender
    assert sender is not None
    for seconds in (10, 20, 30):
        bring(source, 2, seconds)
    bring(source, 2, state="failed", delivered_at=None)
    bring(source, 2, state="skipped", delivered_at=None)
    bring(source, 1, is_history=True)
    bring(source, DAYS + 1)
    bring(make_source(), 2)
    mail, bad = make_outgoing(sender), make_outgoing(sender)
    at = NOW - timedelta(days=2)
    OutgoingMail.objects.filter(pk=mail.pk).update(
        state="sent", created_at=at, sent_at=at + timedelta(seconds=7)
    )
    OutgoingMail.objects.filter(pk=bad.pk).update(state="failed", created_at=at)
    MailboxDay.objects.create(source=source, day=TODAY, failures=4, last_error="It refuses connections.")
    days = days_of(source, sender.pk)
    assert [day.day for day in days] == [TODAY - timedelta(days=number) for number in reversed(range(DAYS))]
    found = {(TODAY - day.day).days: day for day in days if day.came or day.sent or day.failures}
    assert set(found) == {0, 2}
    assert (found[2].came, found[2].stuck, found[2].sent, found[2].unsent) == (4, 1, 1, 1)
    assert found[2].delay == pytest.approx(29)
    assert found[2].wait == pytest.approx(7)
    assert (found[0].looks_failed, found[0].error) == (4, "It refuses connections.")


def test_the_picture_is_drawn_to_scale() -> None:
    quiet = Day(TODAY)
    picture = picture_of(
        [Day(TODAY, came=1000, sent=1, delay=1.0), quiet, Day(TODAY, came=500, delay=86_400)]
    )
    first, middle, last = picture.columns
    assert (first.in_height, last.in_height, middle.in_height) == (VOLUME, VOLUME / 2, 0)
    assert first.out_height == 2  # one among thousands is still seen
    assert first.delay_at is not None
    assert last.delay_at is not None
    assert first.delay_at > last.delay_at
    assert len(picture.delay_lines) == 2  # a day without mail parts the line
    assert picture.sentence.startswith("In the last 3 days 1,500 mails came in")
    assert "no failure" in picture.sentence


def test_both_directions_stand_on_one_page_without_secrets(client: Client) -> None:
    client.force_login(make_administrator())
    source = make_mailbox()
    url = reverse("admin:mailsources_emailsource_mailbox", args=[source.pk])
    MailboxDay.objects.create(source=source, day=TODAY, failures=4, last_error="It refuses connections.")
    with CaptureQueriesContext(connection) as before:
        shown = client.get(url).content.decode()
    for words in (
        "In: support-in", "Out: support-out", "active in queue", "messages per day: ", "0 of 500",
        "It refuses connections.", '<svg viewBox="-52 -14 732 220" role="img"', "The same as a table",
        "password is set", "Communication log", "none yet: <a",
    ):  # fmt: skip
        assert words in shown, words
    assert "geheim-1" not in shown
    for days_ago in range(10):
        bring(source, days_ago)
    with CaptureQueriesContext(connection) as after:
        assert "10 mails came in" in client.get(url).content.decode()
    assert len(after) <= len(before) + 1
    EmailSender.objects.update(email_address="other@example.com")
    EmailQueue.objects.update(sender=None)
    assert "so nobody can answer from this mailbox" in client.get(url).content.decode()


def test_days_before_the_mailbox_was_there_are_not_called_good(admin_client: Client) -> None:
    source = make_mailbox()
    EmailSource.objects.filter(pk=source.pk).update(created_at=NOW - timedelta(days=3))
    source.refresh_from_db()
    bring(source, 5)  # moved in, say
    days = days_of(source, None, NOW)
    assert [day.is_before for day in days] == [
        day.day < TODAY - timedelta(days=3) and not day.came for day in days
    ]
    assert "the mailbox was not there yet" in picture_of(days).columns[0].words
    page = admin_client.get(
        reverse("admin:mailsources_emailsource_mailbox", args=[source.pk])
    ).content.decode()
    assert page.count("ucs-none-dot") == sum(day.is_before for day in days)


def test_rows_of_a_log_are_counted_by_what_they_are(admin_client: Client) -> None:
    make_outgoing()
    make_outgoing()
    page = admin_client.get(reverse("admin:mailsenders_outgoingmail_changelist")).content.decode()
    assert "2 outgoing mails" in page
