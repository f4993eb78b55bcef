"""Server 12,418 = ours 12,418: the ledger knows each mail that a mailbox holds, or says which it lacks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from imapclient import IMAPClient

from mailsources import imap, proof, schedule, standing
from mailsources.fetch import fetch_new, poll_now
from mailsources.models import EmailSource, FetchedMail, SourceState
from sso import tls
from tests.mailsources.conftest import contents, fill, source_at
from tests.make import make_source
from tests.servers.dovecot import PASSWORD, Dovecot

pytestmark = pytest.mark.django_db

both = pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
State = FetchedMail.State


def state_of(source: EmailSource) -> SourceState:
    return SourceState.objects.get(source=source)


def compare(source: EmailSource) -> SourceState:
    """The button “Compare now”, and the look that follows."""
    proof.make_due([source.pk])
    assert not fetch_new(source).error
    return state_of(source)


def delete_as_a_person(server: Dovecot, source: EmailSource, uids: list[int]) -> None:
    with IMAPClient(server.host, server.ports.imaps, ssl_context=tls.context()) as person:
        person.login(source.username, PASSWORD)
        person.select_folder("INBOX")
        person.delete_messages(uids)
        person.expunge()


@both
def test_the_first_import_ends_with_a_proof(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    fill(dovecot, source, 5)
    poll_now(source)
    state = compare(source)
    assert standing.in_words(state) == "server 5 = ours 5"
    assert standing.details(state) == "5 delivered"
    assert (state.on_server, state.in_ledger) == (5, 5)
    assert state.imported_at is not None
    assert state.proved_at is not None
    assert state.proof_due_at is not None
    assert state.proof_due_at > timezone.now()


@both
def test_each_mail_is_counted_by_what_became_of_it(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    fill(dovecot, source, 4)
    poll_now(source)
    pks = list(FetchedMail.objects.order_by("pk").values_list("pk", flat=True))
    FetchedMail.objects.filter(pk=pks[0]).update(state=State.FAILED)
    FetchedMail.objects.filter(pk=pks[1]).update(state=State.SKIPPED)
    FetchedMail.objects.filter(pk=pks[2]).update(state=State.WAITING)
    state = compare(source)
    assert standing.in_words(state) == "server 4 = ours 4"
    assert standing.details(state) == "1 waiting, 1 delivered, 1 skipped, 1 failed"


def test_mail_below_the_cursor_is_found_and_fetched(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    mails = fill(dovecot, source, 2)
    fetch_new(source)
    SourceState.objects.filter(source=source).update(last_uid=100)  # what comes next comes below it
    mails += fill(dovecot, source, 3)
    state = compare(source)
    assert contents(source) == sorted(mails)
    assert standing.in_words(state) == "server 5 = ours 5"
    assert state.proof["fetched"] == 3
    assert state.last_uid == 100
    assert standing.alarms(source, timezone.now()) == []


def test_more_mails_than_we_know_of_are_looked_into_before_the_night(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)
    fetch_new(source)
    SourceState.objects.filter(source=source).update(last_uid=100)
    fill(dovecot, source, 1)
    assert fetch_new(source).count == 0, "it was compared a moment ago"
    SourceState.objects.filter(source=source).update(proved_at=timezone.now() - timedelta(hours=2))
    assert fetch_new(source).count == 1


def test_mail_that_a_person_deleted_is_gone_and_no_alarm(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 4)
    fetch_new(source)
    delete_as_a_person(dovecot, source, [2, 3])
    state = compare(source)
    assert standing.in_words(state) == "server 2 = ours 2"
    assert state.proof["gone"] == 2
    assert (state.on_server, state.in_ledger) == (2, 2)
    assert standing.alarms(source, timezone.now()) == []


def test_mail_that_we_deleted_is_not_missed(dovecot: Dovecot) -> None:
    source = source_at(dovecot, after_import="delete")
    fill(dovecot, source, 3)
    fetch_new(source)
    state = state_of(source)
    assert (state.on_server, state.in_ledger) == (0, 0)
    assert standing.in_words(compare(source)) == "server 0 = ours 0"


def test_a_mail_that_is_listed_but_not_handed_over_is_an_alarm(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot)
    mails = fill(dovecot, source, 3)
    real = IMAPClient.fetch

    def without_two(self: IMAPClient, uids: list[int], items: list[str]) -> dict[int, Any]:
        answers: dict[int, Any] = real(self, uids, items)
        answers.pop(2, None)
        return answers

    with monkeypatch.context() as patched:
        patched.setattr(IMAPClient, "fetch", without_two)
        fetch_new(source)
        state = compare(source)
    assert standing.in_words(state) == "server 3 ≠ ours 2"
    source = EmailSource.objects.get(pk=source.pk)
    (alarm,) = standing.alarms(source, timezone.now())
    assert "UID 2" in alarm
    assert "Compare now" in alarm
    state = compare(source)  # the server has come to its senses
    assert contents(source) == mails
    assert standing.in_words(state) == "server 3 = ours 3"


def test_what_comes_again_after_it_was_gone_is_counted_once(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 3)
    fetch_new(source)
    imap.kept.clear()
    dovecot.change_uidvalidity(source.username, 4711)
    fill(dovecot, source, 1)
    fetch_new(source)
    state = state_of(source)
    assert (state.epoch, state.on_server, state.in_ledger) == (2, 4, 4)
    assert standing.in_words(state) == "server 4 = ours 4", "each has a row under its new number"


def test_a_pop3_server_without_uidl_is_not_compared(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsources.pop3.Pop3Mailbox._uidls", lambda self: None)
    source = source_at(dovecot, "pop3-ssl", after_import="delete")
    fill(dovecot, source, 2)
    assert fetch_new(source).settled == 2
    assert contents(source) != []
    assert "no UIDL" in standing.in_words(state_of(source))
    assert standing.alarms(source, timezone.now()) == []


def test_a_proof_of_the_same_night_is_made_once(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_at(dovecot)
    fetch_new(source)
    made: list[object] = []
    monkeypatch.setattr(proof, "compare", lambda *args: made.append(args))
    for _ in range(3):
        fetch_new(source)
    assert made == []


def test_mailboxes_are_compared_at_night_each_at_its_own_time() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    nights = [schedule.next_night(noon, place / 10) for place in range(10)]
    assert len(set(nights)) == 10
    assert all(at.hour < 5 and at.day == 2 for at in nights)
    early = datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert schedule.next_night(early, 0.5) == datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
    assert schedule.next_night(early, 0.0) == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "last", "alarm"),
    [
        (None, 1000, ""),
        (24, 23, ""),
        (24, 25, "No mail has come for 25 h"),
        (24, None, "No mail has come yet, 30 h after the start"),
        (48, None, ""),
    ],
)
def test_silence_is_an_alarm(hours: int | None, last: int | None, alarm: str) -> None:
    now = timezone.now()
    source = make_source(silence_hours=hours)
    source.state.began_at = now - timedelta(hours=30)
    source.state.last_mail_at = now - timedelta(hours=last) if last else None
    found = standing.alarms(source, now)
    assert (found[0] if found else "").startswith(alarm)
    assert bool(found) == bool(alarm)
    source.is_active = False
    assert standing.alarms(source, now) == []


def test_the_time_of_the_last_mail_is_kept(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fetch_new(source)
    assert state_of(source).last_mail_at is None
    fill(dovecot, source, 1)
    fetch_new(source)
    last = state_of(source).last_mail_at
    assert last is not None
    fetch_new(source)
    assert state_of(source).last_mail_at == last
