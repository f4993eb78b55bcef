"""From the ledger into the queue: once, and one bad mail in nobody's way."""

from typing import Any

import pytest
from django.utils import timezone

from mailcore.parse import parse
from mailsources import deliver as delivering
from mailsources import tasks
from mailsources.deliver import NotRetryable, deliver, retry
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail
from queues import intake
from queues.models import Message
from tests.mailsources.conftest import in_threads
from tests.make import make_mail, make_source

pytestmark = pytest.mark.django_db

State = FetchedMail.State


@pytest.fixture
def source() -> EmailSource:
    return make_source()


class Poison(Exception):
    """Stands for whatever a mail may set off in us."""


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails with the subject Poison break the delivery."""
    real = intake.deliver

    def checked(queue: Any, mail: Any, *rest: Any) -> Message:
        message = real(queue, mail, *rest)
        if mail.subject == "Poison":
            raise Poison("too much")
        return message

    monkeypatch.setattr(intake, "deliver", checked)


def test_a_delivered_mail_says_where_it_went(source: EmailSource) -> None:
    fetched = ingest(source, make_mail(Subject="Hello"))
    message = deliver(fetched.pk)
    fetched.refresh_from_db()
    assert message is not None
    assert (fetched.state, fetched.message, fetched.attempts) == (State.DELIVERED, message, 1)
    assert fetched.header_id == message.message_id
    assert message.conversation.queue == source.queue


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_delivered_once_by_eight_at_once(source: EmailSource) -> None:
    fetched = ingest(source, make_mail())
    messages = in_threads(8, lambda: deliver(fetched.pk))
    assert sum(message is not None for message in messages) == 1
    assert Message.objects.count() == 1


def test_a_bad_mail_goes_to_quarantine_and_the_next_is_delivered(
    source: EmailSource, poisonous: None
) -> None:
    bad = ingest(source, make_mail(Subject="Poison"))
    good = ingest(source, make_mail(Subject="Good"))
    for attempt in range(1, 4):
        tasks.deliver_waiting([bad.pk, good.pk])
        bad.refresh_from_db()
        assert bad.attempts == attempt
        assert bad.state == (State.FAILED if attempt == 3 else State.WAITING)
    assert "Poison: too much" in bad.reason
    assert list(Message.objects.values_list("subject", flat=True)) == ["Good"], "nothing half done"
    assert deliver(bad.pk) is None


def test_a_mail_in_quarantine_can_be_tried_again(source: EmailSource) -> None:
    fetched = ingest(source, make_mail())
    FetchedMail.objects.update(state=State.FAILED, attempts=3, reason="something that is mended now")
    fetched.refresh_from_db()
    retry(fetched)
    assert deliver(fetched.pk) is not None
    fetched.refresh_from_db()
    assert (fetched.state, fetched.reason) == (State.DELIVERED, "")
    with pytest.raises(NotRetryable):
        retry(fetched)


def test_a_mail_that_kills_its_worker_is_parked(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = ingest(source, make_mail())

    class Killed(BaseException):
        pass

    def die(raw: bytes) -> None:
        raise Killed

    monkeypatch.setattr(delivering, "parse", die)
    for _ in range(3):
        with pytest.raises(Killed):
            deliver(fetched.pk)
        FetchedMail.objects.update(lease_until=timezone.now())
    assert deliver(fetched.pk) is None
    fetched.refresh_from_db()
    assert fetched.state == State.FAILED
    assert "died 3 times" in fetched.reason


def test_a_late_delivery_after_another_took_over_does_nothing(
    source: EmailSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = ingest(source, make_mail())

    def overtaken(raw: bytes) -> Any:
        monkeypatch.setattr(delivering, "parse", parse)
        FetchedMail.objects.update(lease_until=timezone.now())
        assert deliver(fetched.pk) is not None
        return parse(raw)

    monkeypatch.setattr(delivering, "parse", overtaken)
    assert deliver(fetched.pk) is None
    assert Message.objects.count() == 1


def test_the_sweeper_finds_what_nobody_was_told(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    old, fresh = (ingest(source, make_mail()) for _ in range(2))
    FetchedMail.objects.filter(pk=old.pk).update(fetched_at=timezone.now() - 2 * tasks.FORGOTTEN)
    told: list[list[int]] = []
    monkeypatch.setattr(tasks, "announce", lambda task, **kwargs: told.append(kwargs["ids"]))
    tasks.sweep()
    assert told == [[old.pk]]
    assert fresh.state == State.WAITING


BROKEN = {
    "nothing": b"",
    "no headers": b"just some text\r\n",
    "no From": b"Subject: x\r\n\r\nbody\r\n",
    "no Message-ID, no Date": b"From: charlie@customer.example\r\n\r\nbody\r\n",
    "no body": b"From: charlie@customer.example\r\nSubject: x\r\n",
    "NUL": b"From: charlie@customer.example\r\nSubject: a\0b\r\n\r\nbo\0dy\r\n",
    "lone surrogate": b"Subject: =?utf-8?b?7aCA?=\r\n\r\n\xed\xa0\x80\r\n",
    "100 nested parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth)
        for depth in range(100)
    )
    + b"Content-Type: text/plain\r\n\r\ndeep\r\n",
}


@pytest.mark.parametrize("fault", list(BROKEN))
def test_broken_mails_are_delivered_as_well_as_they_can_be(source: EmailSource, fault: str) -> None:
    fetched = ingest(source, BROKEN[fault])
    deliver(fetched.pk)
    fetched.refresh_from_db()
    assert (fetched.state, fetched.reason) == (State.DELIVERED, "")
