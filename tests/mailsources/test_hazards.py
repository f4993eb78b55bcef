"""What has made other programs lose or double mail, each once: against Dovecot, or a server that lies."""

import poplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psutil
import pytest
from django.utils import timezone
from imapclient import IMAPClient
from pytest_django import Settings

from mailsources import imap, lease, proof
from mailsources.fetch import fetch_new, poll_now
from mailsources.imap import ImapMailbox
from mailsources.ledger import mailbox_key
from mailsources.mailbox import open_mailbox
from mailsources.models import EmailSource, FetchedMail, SourceState
from queues.models import Conversation, Message
from tests.mailsources.conftest import contents, fill, in_threads, source_at
from tests.make import make_mail, make_queue, make_source
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.odd_imap import Mailbox, odd_imap

pytestmark = pytest.mark.django_db

committed = pytest.mark.django_db(transaction=True)
State = FetchedMail.State


@contextmanager
def source_of(mailbox: Mailbox, **overrides: Any) -> Iterator[EmailSource]:
    """A source at a server that shows `mailbox`."""
    with odd_imap(mailbox) as port:
        yield make_source(service_port=port, use_ssl=False, password="x", **overrides)
        imap.kept.clear()


def test_new_uidvalidity_with_new_mail_brings_exactly_that(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    mails = fill(dovecot, source, 50)
    fetch_new(source)
    imap.kept.clear()
    dovecot.change_uidvalidity(source.username, 4711)
    mails += fill(dovecot, source, 3)
    looked = fetch_new(source)
    assert (looked.count, looked.skipped) == (3, 50)
    assert contents(source) == sorted(mails)


def test_an_unknown_uidvalidity_imports_nothing_again() -> None:
    box = Mailbox()
    with source_of(box) as source:
        assert fetch_new(source).count == 3
        imap.kept.clear()
        box.uidvalidity = None
        looked = fetch_new(source)
        assert (looked.count, looked.skipped, looked.error) == (0, 0, "")
        imap.kept.clear()
        box.uidvalidity = 1
        assert fetch_new(source).count == 0
    assert SourceState.objects.get(source=source).epoch == 1


@committed
def test_eight_workers_and_five_hundred_mails_at_one_login(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    mails = fill(dovecot, source, 500)
    busy = [one.busy for one in in_threads(8, lambda: fetch_new(source))]
    while fetch_new(source).more:
        pass
    assert FetchedMail.objects.filter(source=source).count() == 500
    assert contents(source) == mails
    assert any(busy)
    assert dovecot.logins(source.username, 1) == 1, "the connection is handed on, never doubled"


def test_a_quiet_mailbox_is_polled_without_fetching(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 2)
    fetch_new(source)
    fetched: list[object] = []
    monkeypatch.setattr(IMAPClient, "fetch", lambda self, *args: fetched.append(args))
    for _ in range(100):
        assert fetch_new(source).count == 0
    assert fetched == []


def test_mail_of_a_long_outage_comes_in(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 1)
    fetch_new(source)
    for day in range(10, 0, -1):
        dovecot.drop(source.username, make_mail(), at=timezone.now() - timedelta(days=day))
    assert fetch_new(source).count == 10


ODDITIES = {
    "a body that is no string": b"* 5 FETCH (UID 5 BODY[] (nested (list)))\r\n",
    "brackets that don't match": b"* 5 FETCH (UID 5 BODY[] {3}\r\nabc\r\n",
    "no value": b"* 5 FETCH (UID 5 INTERNALDATE)\r\n",
    "a date that is none": b'* 5 FETCH (UID 5 INTERNALDATE "yesterday" BODY[] {3}\r\nabc)\r\n',
    "too short a literal": b"* 5 FETCH (UID 5 BODY[] {9}\r\nSubject: much longer\r\n\r\nx)\r\n",
}


@pytest.mark.parametrize("answer", ODDITIES.values(), ids=ODDITIES.keys())
def test_a_malformed_answer_costs_one_mail_of_ten(answer: bytes) -> None:
    box = Mailbox(uids=range(1, 11), odd=lambda uid, items: answer if uid == 5 and b"BODY" in items else None)
    with source_of(box) as source:
        for _ in range(4):
            assert not fetch_new(source).error
    rows = FetchedMail.objects.filter(source=source)
    assert rows.filter(state=State.WAITING).exclude(uid=5).count() == 9
    bad = rows.get(uid=5)
    assert bad.state in (State.FAILED, State.WAITING)
    assert bad.state == State.WAITING or bad.reason


@pytest.mark.parametrize(
    "answer", [b"", b"* 2 FETCH (FLAGS (\\Deleted))\r\n", b"* 2 FETCH (FLAGS (\\Deleted) UID 2)\r\n"]
)
def test_a_mail_that_is_not_handed_over_is_gone_and_no_error(answer: bytes) -> None:
    box = Mailbox(odd=lambda uid, items: answer if uid == 2 and b"BODY" in items else None)
    with source_of(box) as source:
        looked = fetch_new(source)
    assert (looked.count, looked.unreadable, looked.error) == (2, 0, "")
    assert "gone from the mailbox" in FetchedMail.objects.get(source=source, uid=2).reason


def test_a_mail_expunged_between_listing_and_reading_is_passed_over(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot)
    mails = fill(dovecot, source, 3)
    real = ImapMailbox.fetch

    def expunge_first(self: ImapMailbox, listed: Any) -> Any:
        from_phone = dovecot.delete(source.username, 2)
        mails.remove(from_phone)
        yield from real(self, listed)

    with monkeypatch.context() as patched:
        patched.setattr(ImapMailbox, "fetch", expunge_first)
        looked = fetch_new(source)
    assert (looked.count, looked.error) == (2, "")
    assert contents(source) == mails
    assert FetchedMail.objects.get(source=source, uid=2).state == State.SKIPPED
    proof.make_due([source.pk])
    fetch_new(source)
    state = SourceState.objects.get(source=source)
    assert (state.proof["server"], state.proof["ours"], state.proof["missing"]) == (2, 2, 0)


@pytest.mark.parametrize("claimed", [10, 100_000])
def test_a_literal_of_the_wrong_length_holds_nobody_up(claimed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("imap", "imap_line", "signin"):
        monkeypatch.setattr(f"mailsources.{module}.READ_SECONDS", 0.5)

    def lie(uid: int, items: bytes) -> bytes | None:
        if uid != 2 or b"BODY" not in items:
            return None
        raw = box.body(2)
        return b"* 2 FETCH (UID 2 BODY[] {%d}\r\n%s)\r\n" % (claimed, raw)

    box = Mailbox(odd=lie)
    with source_of(box) as source:
        for _ in range(4):
            fetch_new(source)
        assert FetchedMail.objects.filter(source=source, state=State.WAITING).exclude(uid=2).count() == 2
        assert FetchedMail.objects.filter(source=source, uid=2).exists()
        assert fetch_new(source).unreadable == 0, "three times are enough"


def test_a_giant_mail_is_never_asked_for(settings: Settings) -> None:
    box = Mailbox(size=lambda uid: 200 << 20 if uid == 2 else None)
    with source_of(box) as source:
        assert poll_now(source).count == 3
    stub = FetchedMail.objects.get(source=source, uid=2)
    assert (stub.is_stub, stub.state, stub.size) == (True, State.DELIVERED, 200 << 20)
    bodies = [command for command in box.asked if b"BODY.PEEK[]" in command]
    assert bodies
    assert not any(b"2" in command.split()[2].split(b",") for command in bodies)


@pytest.mark.parametrize("item", [b"BODY.PEEK[HEADER]", b"RFC822.SIZE"])
def test_a_big_mail_that_the_server_chokes_on_stops_no_other(item: bytes) -> None:
    def chokes(uid: int, items: bytes) -> bytes | None:
        return b"* 5 FETCH (UID 5 {3}\r\nabc\r\n" if uid == 5 and item in items else None

    box = Mailbox(uids=range(1, 11), odd=chokes, size=lambda uid: 200 << 20 if uid == 5 else None)
    with source_of(box) as source:
        for _ in range(4):
            assert not fetch_new(source).error
    rows = FetchedMail.objects.filter(source=source)
    assert rows.filter(state=State.WAITING).exclude(uid=5).count() == 9
    assert rows.filter(uid=5).exists()


def test_a_server_that_weighs_nothing_is_not_asked_for_ever() -> None:
    box = Mailbox(uids=range(1, 101), odd=lambda uid, items: b"* 1 FETCH (\r\n" if b"SIZE" in items else None)
    with source_of(box) as source:
        assert fetch_new(source).error
    assert sum(b"SIZE" in command for command in box.asked) < 40


CROWD = 300_000


def test_a_crowd_is_compared_in_flat_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    memory: list[int] = []
    real = proof._compare_some

    def measured(*args: Any) -> None:
        real(*args)
        memory.append(psutil.Process().memory_info().rss)

    monkeypatch.setattr(proof, "_compare_some", measured)
    with source_of(Mailbox(uids=range(1, CROWD + 1))) as source:
        (held,) = lease.claim([source.pk])
        with open_mailbox(source) as mailbox:
            mailbox.open()
            compared = proof.compare(held, mailbox)
    assert (compared.server, compared.missing, compared.ours) == (CROWD, CROWD, 0)
    assert len(compared.names) == proof.MOST_MISSING, "the rest is asked for again"
    assert len(memory) == CROWD / proof.COMPARED_AT_ONCE
    assert max(memory) - memory[2] < 5 << 20, "the first portions have warmed it up"


def test_a_crowd_is_found_missing_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MOST_MISSING", 4)
    with source_of(Mailbox(uids=range(1, 11))) as source:
        SourceState.objects.update(
            last_uid=10, imported_at=timezone.now(), uidvalidity=1, mailbox_key=mailbox_key(source)
        )
        assert fetch_new(source).count == 10
    state = SourceState.objects.get(source=source)
    assert (state.proof["server"], state.proof["ours"], state.proof["fetched"]) == (10, 10, 10)


@pytest.mark.parametrize("kept", [True, False], ids=["kept connection", "new connection"])
def test_a_folder_renamed_and_back_loses_and_doubles_nothing(dovecot: Dovecot, kept: bool) -> None:
    source = source_at(dovecot, folder="Příchozí")
    dovecot.make_folder(source.username, "Příchozí")
    mails = [make_mail() for _ in range(4)]
    with dovecot.person(source.username) as person:
        for raw in mails[:2]:
            person.append("Příchozí", raw)
    fetch_new(source)
    if not kept:
        imap.kept.clear()
    with dovecot.person(source.username) as person:
        person.rename_folder("Příchozí", "Elsewhere")
        person.append("Elsewhere", mails[2])
    failed = fetch_new(source)
    if not kept:
        assert failed.failure is not None
        assert failed.failure.code == "folder"
        assert "Elsewhere" in failed.error
    with dovecot.person(source.username) as person:
        person.rename_folder("Elsewhere", "Příchozí")
        person.append("Příchozí", mails[3])
    while fetch_new(source).error:
        pass
    assert contents(source) == sorted(mails)
    assert FetchedMail.objects.filter(source=source).count() == 4
    assert SourceState.objects.get(source=source).epoch == 1


def test_one_mail_in_three_folders_is_one_conversation(dovecot: Dovecot) -> None:
    queue = make_queue()
    user = dovecot.new_user()
    raw = make_mail()
    sources = [
        source_at(dovecot, username=user, folder=name, queue=queue) for name in ("INBOX", "All", "Star")
    ]
    for source in sources:
        if source.folder != "INBOX":
            dovecot.make_folder(user, source.folder)
        with dovecot.person(user) as person:
            person.append(source.folder, raw)
        poll_now(source)
    assert Conversation.objects.count() == 1


def test_a_switched_account_with_the_same_uids_brings_all_its_mail(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    fill(dovecot, source, 5)
    fetch_new(source)
    source.username = dovecot.new_user()
    source.save()
    mails = fill(dovecot, source, 3)
    assert fetch_new(source).count == 3
    rows = FetchedMail.objects.filter(source=source, epoch=2)
    assert sorted(row.raw.as_bytes() for row in rows if row.raw) == mails
    state = SourceState.objects.get(source=source)
    assert (state.proof["server"], state.proof["ours"]) == (3, 3)


def test_pop3_with_other_numbers_and_names_doubles_nothing(dovecot: Dovecot) -> None:
    source = source_at(dovecot, "pop3-ssl")
    mails = fill(dovecot, source, 5)
    poll_now(source)
    dovecot.change_uidvalidity(source.username, 4711)  # each UIDL is another now
    mails.remove(dovecot.delete(source.username, 1))  # and each number
    looked = poll_now(source)
    assert (looked.count, looked.skipped) == (0, 4)
    assert Message.objects.count() == 5


def test_pop3_that_is_locked_by_another_is_tried_again(dovecot: Dovecot) -> None:
    source = source_at(dovecot, "pop3-stls")
    fill(dovecot, source, 1)
    other = poplib.POP3(dovecot.host, dovecot.ports.pop3, timeout=5)
    other.user(source.username)
    other.pass_(PASSWORD)
    looked = fetch_new(source)
    assert looked.failure is not None
    assert (looked.failure.code, looked.failure.retry) == ("locked", True)
    assert "Another program" in looked.error
    other.quit()
    assert fetch_new(source).count == 1


def test_pop3_without_top_still_tells_of_a_mail_too_big(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.LARGEST_MAIL = 2000

    def no_top(self: object, *args: object) -> None:
        raise poplib.error_proto(b"-ERR Unknown command: TOP")

    monkeypatch.setattr(poplib.POP3, "top", no_top)
    source = source_at(dovecot, "pop3-ssl")
    dovecot.drop(source.username, make_mail("x" * 3000))
    dovecot.drop(source.username, make_mail("y" * 3000))
    assert poll_now(source).count == 2
    texts = list(Message.objects.values_list("text", flat=True))
    assert all(text.startswith("The mail has") for text in texts)
    assert poll_now(source).count == 0


def test_pop3_that_gives_the_name_of_a_deleted_mail_to_another_loses_neither(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def numbers(self: poplib.POP3) -> Any:
        lines = [line.split()[0] + b" 1" for line in self.list()[1]]
        return b"+OK", lines, 0

    monkeypatch.setattr(poplib.POP3, "uidl", numbers)
    source = source_at(dovecot, "pop3-ssl", after_import="delete")
    mails = [make_mail(text) for text in ("one", "the second", "the third of them")]
    for raw in mails[:2]:  # two at once, of one name
        dovecot.drop(source.username, raw)
    for _ in range(2):
        assert not fetch_new(source).error
    assert contents(source) == sorted(mails[:2])
    dovecot.drop(source.username, mails[2])
    for _ in range(3):
        looked = fetch_new(source)
    assert contents(source) == sorted(mails)
    assert looked.on_server == 0
    assert FetchedMail.objects.filter(source=source).count() <= 4


def test_sizes_that_are_none_hold_nothing_up(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter((b"250 octets", b"9" * 30, b"-1"))
    real = poplib.POP3.list

    def says_more(self: poplib.POP3) -> Any:
        lines = [line.split()[0] + b" " + next(sizes) for line in real(self)[1]]
        return b"+OK", lines, 0

    source = source_at(dovecot, "pop3-ssl")
    mails = fill(dovecot, source, 3)
    with monkeypatch.context() as patched:
        patched.setattr(poplib.POP3, "list", says_more)
        assert fetch_new(source).count == 3
    assert contents(source) == mails
    box = Mailbox(size=lambda uid: 10**30 if uid == 2 else None)
    with source_of(box) as lying:
        assert fetch_new(lying).count == 3


def test_pop3_that_hangs_up_over_one_mail_brings_the_others(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot, "pop3-ssl")
    for text in ("one", "two", "three"):
        dovecot.drop(source.username, make_mail(text))
    real = poplib.POP3.retr

    def hangs_up(self: poplib.POP3, which: int) -> Any:
        if which == 2:
            self.sock.shutdown(socket.SHUT_RDWR)
        return real(self, which)

    with monkeypatch.context() as patched:
        patched.setattr(poplib.POP3, "retr", hangs_up)
        for _ in range(5):
            looked = fetch_new(source)
    assert not looked.error
    rows = FetchedMail.objects.filter(source=source)
    assert rows.filter(state=State.WAITING).count() == 2
    bad = rows.get(state=State.FAILED)
    assert bad.attempts == 3
    assert bad.reason
    FetchedMail.objects.filter(pk=bad.pk).update(attempts=0, settled_at=None)  # the button
    assert fetch_new(source).count == 1


def test_a_server_that_says_nothing_is_left_and_the_mailbox_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailsources.imap_line.CONNECT_SECONDS", 0.5)
    monkeypatch.setattr("mailsources.imap_line.READ_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = make_source(service_port=silent.getsockname()[1], use_ssl=False, password="x")
        looked = fetch_new(source)
    assert looked.failure is not None
    assert looked.failure.code == "timeout"
    assert SourceState.objects.get(source=source).lease_until is None
    assert lease.claim([source.pk], early=True)
