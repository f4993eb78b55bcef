"""One look at a mailbox: everything once, whatever happens in between."""

import imaplib
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from imapclient import IMAPClient
from pytest_django import Settings

from mailsources import lease, ledger
from mailsources.deliver import deliver
from mailsources.faults import MailboxError
from mailsources.fetch import fetch_new, ingest, poll_now
from mailsources.lease import Fetched, LeaseLost
from mailsources.listing import Arrived, Listed
from mailsources.models import FetchedMail, SourceState
from queues.models import Conversation, Message
from sso import tls
from tests.mailsources.conftest import contents, fill, in_threads, source_at
from tests.make import make_mail
from tests.servers.dovecot import PASSWORD, Dovecot

pytestmark = pytest.mark.django_db

committed = pytest.mark.django_db(transaction=True)
both = pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
State = FetchedMail.State


@both
def test_new_mail_is_stored_once_and_delivered(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    mails = fill(dovecot, source, 3)
    assert poll_now(source).count == 3
    assert poll_now(source).count == 0
    assert contents(source) == mails
    assert Conversation.objects.filter(queue=source.queue).count() == 3
    assert {row.state for row in FetchedMail.objects.filter(source=source)} == {State.DELIVERED}
    state = SourceState.objects.get(source=source)
    assert (state.on_server, state.failures, state.last_error, state.lease_until) == (3, 0, "", None)
    assert state.last_success_at is not None
    assert state.next_attempt_at is not None


@both
def test_mail_left_on_the_server_stays_there(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    mails = fill(dovecot, source, 2)
    fetch_new(source)
    assert sorted(dovecot.mails(source.username)) == mails


@both
def test_mail_is_deleted_after_it_was_stored(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, after_import="delete")
    mails = fill(dovecot, source, 2)
    assert fetch_new(source).settled == 2
    assert dovecot.mails(source.username) == []
    assert contents(source) == mails


def test_mail_is_marked_read_or_moved(dovecot: Dovecot) -> None:
    reading = source_at(dovecot, after_import="read")
    moving = source_at(dovecot, after_import="move", move_to="Done")
    for source in (reading, moving):
        fill(dovecot, source, 2)
        fetch_new(source)
    assert dovecot.flags(reading.username) == ["S", "S"]
    assert dovecot.mails(moving.username) == []
    assert len(dovecot.mails(moving.username, "Done")) == 2


def test_mail_read_by_a_person_before_us_comes_in(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)
    with IMAPClient(dovecot.host, dovecot.ports.imaps, ssl_context=tls.context()) as phone:
        phone.login(source.username, PASSWORD)
        phone.select_folder("INBOX")
        phone.fetch([1], ["BODY[]"])
    assert "S" in dovecot.flags(source.username)[0]
    assert fetch_new(source).count == 1


class Crash(BaseException):
    """kill -9, as far as one process can play it."""


STEPS = {
    "before storing": (ledger, "store"),
    "after storing": (lease, "finish"),
    "before settling": (ledger, "unsettled"),
    "after settling": (ledger, "settled"),
}


@both
@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("after_import", ["leave", "delete"])
def test_a_crash_at_any_step_loses_and_doubles_nothing(
    dovecot: Dovecot, kind: str, step: str, after_import: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot, kind, after_import=after_import)
    mails = fill(dovecot, source, 3)

    def crash(*args: object) -> None:
        raise Crash

    with monkeypatch.context() as patched, suppress(Crash):
        patched.setattr(*STEPS[step], crash)
        fetch_new(source)
    stored = contents(source)
    assert len(stored) + len(dovecot.mails(source.username)) >= 3
    SourceState.objects.update(lease_until=None)  # its time has run out
    fetch_new(source)
    assert contents(source) == mails
    assert sorted(dovecot.mails(source.username)) == ([] if after_import == "delete" else mails)


def test_a_crash_while_the_server_moves_loses_nothing(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot, after_import="move", move_to="Done")
    mails = fill(dovecot, source, 3)
    with monkeypatch.context() as patched:
        patched.setattr(IMAPClient, "move", lambda *args: (_ for _ in ()).throw(ConnectionResetError("cut")))
        assert fetch_new(source).failure is not None
    assert contents(source) == mails
    assert len(dovecot.mails(source.username)) == 3
    fetch_new(source)
    assert len(dovecot.mails(source.username, "Done")) == 3
    assert contents(source) == mails


@committed
def test_nobody_waits_for_a_server_inside_a_transaction(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot, after_import="read")
    fill(dovecot, source, 2)
    commands: list[str] = []
    real = imaplib.IMAP4._command  # type: ignore[attr-defined]

    def checked(self: imaplib.IMAP4, name: str, *args: Any) -> Any:
        assert not connection.in_atomic_block
        commands.append(name)
        return real(self, name, *args)

    monkeypatch.setattr(imaplib.IMAP4, "_command", checked)
    assert fetch_new(source).settled == 2
    assert {"LOGIN", "SELECT", "UID"} <= set(commands)


@committed
@both
def test_eight_at_once_fetch_each_mail_once(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    mails = fill(dovecot, source, 20)
    results = in_threads(8, lambda: fetch_new(source))
    assert len(results) == 8
    assert sum(one.count for one in results) == 20
    assert contents(source) == mails


def test_a_held_mailbox_is_left_alone(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    assert len(lease.claim([source.pk])) == 1
    assert lease.claim([source.pk], early=True) == []
    assert fetch_new(source).busy
    assert dovecot.logins(source.username) == 0


def test_who_lost_the_lease_writes_nothing(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    (slow,) = lease.claim([source.pk])
    SourceState.objects.update(lease_until=timezone.now())
    assert len(lease.claim([source.pk], early=True)) == 1
    with pytest.raises(LeaseLost):
        ledger.store(slow, [Arrived(Listed(uid=1), make_mail())], 1)
    with pytest.raises(LeaseLost):
        ledger.settled(slow, [])
    lease.finish([(slow, Fetched(source))])
    assert SourceState.objects.get(source=source).lease_until is not None
    assert contents(source) == []


def test_a_failure_is_written_and_puts_off_the_next_look(dovecot: Dovecot) -> None:
    source = source_at(dovecot, password="wrong")
    first = fetch_new(source)
    state = SourceState.objects.get(source=source)
    assert first.error == state.last_error
    assert "password" in state.last_error
    assert (state.failures, state.lease_until) == (1, None)
    assert state.next_attempt_at is not None
    assert (state.next_attempt_at - timezone.now()).total_seconds() > 200, "a person must mend it"
    source.password = PASSWORD
    source.save()
    assert lease.due(10) == [source.pk], "changed settings are tried at once"
    assert not fetch_new(source).error
    state.refresh_from_db()
    assert (state.failures, state.last_error) == (0, "")


def test_poll_now_raises_the_sentence(dovecot: Dovecot) -> None:
    source = source_at(dovecot, folder="Nowhere")
    with pytest.raises(MailboxError, match="“Nowhere”"):
        poll_now(source)


def test_ingest_takes_each_mail_once(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    raw = make_mail("By hand.")
    first = ingest(source, raw)
    assert ingest(source, raw) == first
    deliver(first.pk)
    assert ingest(source, raw).state == State.DELIVERED
    dovecot.drop(source.username, raw)
    assert fetch_new(source).skipped == 1, "the mailbox shows what was put in by hand"
    assert Message.objects.count() == 1


def test_a_long_look_pauses_and_goes_on(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailsources.listing.BATCH_MAILS", 2)
    monkeypatch.setattr("mailsources.fetch.LOOK_SECONDS", 0)
    source = source_at(dovecot)
    mails = fill(dovecot, source, 5)
    assert (looked := fetch_new(source)).more
    assert looked.count == 2
    assert lease.due(10) == [source.pk]
    assert [fetch_new(source).count for _ in range(2)] == [2, 1]
    assert contents(source) == mails


def test_the_lease_of_a_dead_process_is_freed(dovecot: Dovecot, settings: Settings) -> None:
    source = source_at(dovecot)
    lease.claim([source.pk])
    assert lease.free_the_dead() == 0, "we live"
    host = lease.owner().split(":")[0]
    SourceState.objects.update(lease_owner=f"{host}:999999999:abc")
    assert lease.free_the_dead() == 1
    assert lease.due(10) == [source.pk]
