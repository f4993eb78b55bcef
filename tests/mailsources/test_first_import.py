"""A mailbox that was full before we came: how much of it is imported, and that nobody is written to."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from mailsources import lease, standing
from mailsources.fetch import fetch_new, poll_now
from mailsources.models import EmailSource, FetchedMail, SourceState
from queues.models import Message
from tests.mailsources.conftest import contents, fill, source_at
from tests.make import make_mail, make_queue
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db

State = FetchedMail.State


def drop(server: Dovecot, source: EmailSource, at: datetime) -> bytes:
    raw = make_mail(f"Of {at:%Y-%m-%d}.")
    server.drop(source.username, raw, at=at)
    return raw


def test_older_mail_is_left_alone_and_has_its_rows(dovecot: Dovecot) -> None:
    source = source_at(dovecot, import_since=date(2026, 3, 1))
    old = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
    recent = [datetime(2026, 4, day, 12, tzinfo=UTC) for day in (1, 2)]
    for at in (old[0], recent[0], old[1], recent[1], old[2]):
        drop(dovecot, source, at)
    looked = poll_now(source)
    assert (looked.count, looked.skipped) == (2, 3)
    assert len(contents(source)) == 2
    left = FetchedMail.objects.filter(source=source, state=State.SKIPPED)
    assert list(left.order_by("uid").values_list("uid", flat=True)) == [1, 3, 5]
    assert all("older than 2026-03-01" in reason for reason in left.values_list("reason", flat=True))
    state = SourceState.objects.get(source=source)
    assert standing.in_words(state) == "server 5 = ours 5"
    drop(dovecot, source, old[0])  # put there by a person, later
    assert poll_now(source).count == 1, "only the first look goes by date"


def test_a_killed_import_goes_on_where_it_was(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailsources.listing.BATCH_MAILS", 1)
    monkeypatch.setattr("mailsources.fetch.LOOK_SECONDS", 0)  # each look is cut off after one batch
    source = source_at(dovecot, import_since=date(2026, 3, 1))
    for day in range(1, 7):
        drop(dovecot, source, datetime(2026, 1 if day % 2 else 4, day, 12, tzinfo=UTC))
    counts = [fetch_new(source).count for _ in range(4)]
    assert counts == [1, 1, 1, 0]
    assert list(FetchedMail.objects.order_by("uid").values_list("uid", flat=True)) == [1, 2, 3, 4, 5, 6]
    state = SourceState.objects.get(source=source)
    assert (state.in_ledger, state.last_uid) == (6, 6)


def test_progress_is_told_until_all_is_there(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailsources.listing.BATCH_MAILS", 2)
    monkeypatch.setattr("mailsources.fetch.LOOK_SECONDS", 0)
    source = source_at(dovecot)
    assert standing.progress(source, timezone.now()) is None
    fill(dovecot, source, 5)
    told = []
    for _ in range(4):
        fetch_new(source)
        source = EmailSource.objects.get(pk=source.pk)
        told.append(str(standing.progress(source, timezone.now()) or ""))
    assert told[0] == "2 of 5 imported, less than a minute left"
    assert told[1].startswith("4 of 5 imported")
    assert told[2:] == ["", ""]
    assert lease.due(10) == []


def test_the_time_left_follows_the_speed_of_late() -> None:
    progress = standing.Progress(12_300, 100_000, timedelta(minutes=14))
    assert str(progress) == "12,300 of 100,000 imported, about 14 min left"
    assert str(standing.Progress(1, 100_000, timedelta(hours=20))) == "1 of 100,000 imported, about 20 h left"
    assert str(standing.Progress(1, 100_000)) == "1 of 100,000 imported"


@pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
def test_mail_that_was_there_before_us_is_history_and_not_acknowledged(dovecot: Dovecot, kind: str) -> None:
    queue = make_queue(acknowledgement="We have your mail.")
    source = source_at(dovecot, kind, queue=queue)
    drop(dovecot, source, timezone.now() - timedelta(days=3))
    poll_now(source)
    assert FetchedMail.objects.get().is_history
    assert Message.objects.count() == 1
    new = make_mail("After we came.", From="diana@customer.example")
    dovecot.drop(source.username, new)
    poll_now(source)
    assert not FetchedMail.objects.latest("pk").is_history
    sent = Message.objects.filter(direction=Message.Direction.OUT)
    assert [message.conversation.contact.addresses.get().email for message in sent] == [
        "diana@customer.example"
    ]


def test_a_mail_sent_right_after_the_source_was_made_is_not_history(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)  # and only then comes the first look
    fetch_new(source)
    assert not FetchedMail.objects.get().is_history


def test_another_mailbox_behind_the_source_has_a_history_of_its_own(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fetch_new(source)
    source.username = dovecot.new_user()
    drop(dovecot, source, timezone.now() - timedelta(minutes=1))
    EmailSource.objects.filter(pk=source.pk).update(created_at=timezone.now() - timedelta(days=9))
    source.save()
    fetch_new(source)
    assert FetchedMail.objects.get().is_history
