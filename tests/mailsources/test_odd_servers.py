"""What servers do to us: mails that vanish, can't be read or come again, numbers that change."""

from typing import Any

import pytest
from django.utils import timezone
from imapclient import IMAPClient
from imapclient.exceptions import ProtocolError
from pytest_django import Settings

from mailsources import fetch, imap, lease, ledger
from mailsources.batch import Batch
from mailsources.deliver import deliver
from mailsources.fetch import fetch_new, poll_now
from mailsources.listing import Arrived, Listed
from mailsources.models import FetchedMail, SourceState
from queues.models import Message
from tests.mailsources.conftest import contents, fill, source_at
from tests.make import make_mail
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db

committed = pytest.mark.django_db(transaction=True)
both = pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
State = FetchedMail.State


def test_new_uidvalidity_brings_only_what_is_new(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 4)
    fetch_new(source)
    imap.kept.clear()
    dovecot.change_uidvalidity(source.username, 4711)
    again = fetch_new(source)
    assert (again.count, again.skipped) == (0, 4)
    fill(dovecot, source, 1)
    assert fetch_new(source).count == 1
    assert SourceState.objects.get(source=source).epoch == 2
    assert len(contents(source)) == 5


def test_a_uidvalidity_that_never_rests_is_an_alarm(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)
    for value in range(5000, 5000 + fetch.TOO_MANY_CHANGES):
        assert not fetch_new(source).error
        imap.kept.clear()
        dovecot.change_uidvalidity(source.username, value)
    alarm = fetch_new(source).failure
    assert alarm is not None
    assert alarm.code == "uidvalidity"
    assert not fetch_new(source).error, "it has come to rest"


def test_another_mailbox_behind_the_source_begins_anew(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 3)
    fetch_new(source)
    source.username = dovecot.new_user()
    source.save()
    fill(dovecot, source, 2)  # with the same UIDs
    assert fetch_new(source).count == 2


def test_the_same_mail_in_another_protocol_is_not_doubled(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    mails = fill(dovecot, source, 2)
    fetch_new(source)
    source.server_type, source.service_port = "POP3", dovecot.ports.pop3s
    source.save()
    assert fetch_new(source).skipped == 2
    assert contents(source) == mails


def test_a_deleted_conversation_does_not_come_back(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)
    poll_now(source)
    Message.objects.all().delete()
    imap.kept.clear()
    dovecot.change_uidvalidity(source.username, 99)
    poll_now(source)
    assert Message.objects.count() == 0


def test_a_vanished_mail_is_passed_over(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 3)
    real = IMAPClient.fetch

    def without_two(self: IMAPClient, uids: list[int], items: list[str]) -> dict[int, Any]:
        answers: dict[int, Any] = real(self, uids, items)
        if "BODY.PEEK[]" in items:
            answers.pop(2, None)
        return answers

    monkeypatch.setattr(IMAPClient, "fetch", without_two)
    looked = fetch_new(source)
    assert (looked.count, looked.unreadable, looked.error) == (2, 0, "")
    assert SourceState.objects.get(source=source).last_uid == 3
    assert fetch_new(source).count == 0


def test_a_mail_without_its_text_is_not_passed_over(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot)
    mails = fill(dovecot, source, 3)
    real = IMAPClient.fetch

    def nil(self: IMAPClient, uids: list[int], items: list[str]) -> dict[int, Any]:
        answers: dict[int, Any] = real(self, uids, items)
        if "BODY.PEEK[]" in items and 2 in answers:
            answers[2][b"BODY[]"] = None
        return answers

    with monkeypatch.context() as patched:
        patched.setattr(IMAPClient, "fetch", nil)
        looked = fetch_new(source)
    assert (looked.count, looked.unreadable) == (2, 1)
    assert "gave no text" in FetchedMail.objects.get(source=source, uid=2).reason
    assert fetch_new(source).count == 1
    assert contents(source) == mails


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "in two batches"])
def test_mails_of_one_uidl_are_told_apart_by_content(dovecot: Dovecot, at_once: bool) -> None:
    source = source_at(dovecot, "pop3-ssl", after_import="delete")
    (held,) = lease.claim([source.pk])
    first, other = make_mail("One."), make_mail("Other.")
    seen = [Arrived(Listed(uidl="same", number=n), raw) for n, raw in enumerate((first, first, other), 1)]
    for batch in [seen] if at_once else [[one] for one in seen]:
        ledger.store(held, batch, 3)
    assert contents(source) == sorted([first, other])
    assert FetchedMail.objects.filter(source=source, uidl="same").count() == 1


def test_a_mail_shown_again_is_settled_again_and_otherwise_left_alone(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot, "pop3-ssl", after_import="delete")
    (held,) = lease.claim([source.pk])
    seen = [Arrived(Listed(uidl="one", number=1), make_mail())]
    (pk,) = ledger.store(held, seen, 1).waiting
    FetchedMail.objects.filter(pk=pk).update(settled_at=timezone.now())
    recall = Batch._recall

    def deliver_meanwhile(batch: Batch) -> None:
        recall(batch)
        assert deliver(pk) is not None

    monkeypatch.setattr(Batch, "_recall", deliver_meanwhile)
    ledger.store(held, seen, 1)
    row = FetchedMail.objects.get(pk=pk)
    assert (row.state, row.settled_at) == (State.DELIVERED, None)
    assert row.message is not None
    assert Message.objects.count() == 1


def test_one_unreadable_mail_stops_no_other(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 4)
    real = IMAPClient.fetch

    def broken(self: IMAPClient, uids: list[int], items: list[str]) -> dict[int, Any]:
        if "BODY.PEEK[]" in items and 2 in uids:
            raise ProtocolError("unexpected EOF")
        answers: dict[int, Any] = real(self, uids, items)
        return answers

    with monkeypatch.context() as patched:
        patched.setattr(IMAPClient, "fetch", broken)
        for attempt in range(1, 4):
            looked = fetch_new(source)
            assert (looked.count, looked.unreadable) == (3 if attempt == 1 else 0, 1)
        assert fetch_new(source).unreadable == 0, "three times are enough"
    row = FetchedMail.objects.get(source=source, state=State.FAILED)
    assert (row.uid, row.attempts, row.raw) == (2, 3, None)
    assert "unexpected EOF" in row.reason
    FetchedMail.objects.filter(pk=row.pk).update(attempts=0, settled_at=None)  # the button
    assert fetch_new(source).count == 1
    row.refresh_from_db()
    assert row.state == State.WAITING
    assert len(contents(source)) == 4


def test_what_was_read_of_a_batch_is_stored(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 3)
    real = IMAPClient.fetch

    def broken(self: IMAPClient, uids: list[int], items: list[str]) -> dict[int, Any]:
        if "BODY.PEEK[]" in items and 2 in uids:
            raise ConnectionResetError("cut")
        answers: dict[int, Any] = real(self, uids, items)
        return answers

    with monkeypatch.context() as patched:
        patched.setattr(IMAPClient, "fetch", broken)
        patched.setattr(imap, "MOST_UNREADABLE", 0)
        looked = fetch_new(source)
    assert looked.failure is not None
    assert looked.count == 1
    assert SourceState.objects.get(source=source).last_uid == 1
    assert fetch_new(source).count == 2


def test_what_was_read_before_the_line_broke_is_stored(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsources.listing.BATCH_MAILS", 2)
    source = source_at(dovecot)
    mails = fill(dovecot, source, 5)
    real = IMAPClient.fetch
    calls = []

    def cut(self: IMAPClient, uids: list[int], items: list[str]) -> dict[int, Any]:
        if "BODY.PEEK[]" in items:
            calls.append(uids)
            if len(calls) > 1:
                raise ConnectionResetError("cut")
        answers: dict[int, Any] = real(self, uids, items)
        return answers

    with monkeypatch.context() as patched:
        patched.setattr(IMAPClient, "fetch", cut)
        patched.setattr(imap, "MOST_UNREADABLE", 0)
        looked = fetch_new(source)
    assert looked.failure is not None
    assert looked.count == 2
    assert fetch_new(source).count == 3
    assert contents(source) == mails


@both
def test_a_mail_too_big_comes_in_as_its_headers_with_a_notice(
    dovecot: Dovecot, kind: str, settings: Settings
) -> None:
    settings.LARGEST_MAIL = 2000
    source = source_at(dovecot, kind, after_import="delete")
    big = make_mail("x" * 3000, Subject="Enormous", Content_Type="multipart/mixed; boundary=b")
    dovecot.drop(source.username, big)
    dovecot.drop(source.username, make_mail("small"))
    assert poll_now(source).count == 2
    row = FetchedMail.objects.get(source=source, is_stub=True)
    assert (row.state, row.size, row.subject) == (State.DELIVERED, len(big), "Enormous")
    assert row.message is not None
    assert row.message.from_email == "charlie@customer.example"
    assert row.message.subject == "Enormous"
    assert row.message.text.startswith("The mail has 3.")
    assert "xxx" not in row.message.text
    assert f"{len(big)} octets" in row.message.text
    assert dovecot.mails(source.username) == [big], "it is not ours to delete"
    imap.kept.clear()
    if kind == "imap-ssl":
        dovecot.change_uidvalidity(source.username, 4711)
    assert poll_now(source).count == 0
    assert Message.objects.count() == 2, "once, whatever its number is"


@both
def test_thirty_megabytes_come_in(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    raw = make_mail("\r\n".join(["base64+like+line" * 4] * 480_000))
    assert len(raw) > 30_000_000
    dovecot.drop(source.username, raw)
    dovecot.drop(source.username, make_mail())
    assert fetch_new(source).count == 2
    assert max(contents(source), key=len) == raw
