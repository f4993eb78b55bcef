"""Waiting in IDLE: new mail is noticed at once, and nothing keeps the watch from going on."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from mailsources import watch as watching
from mailsources.fetch import fetch_new
from mailsources.idling import Idling
from mailsources.models import EmailSource, SourceState
from mailsources.watch import Watch
from tests.mailsources.conftest import source_at
from tests.make import make_mail, make_source
from tests.product import eventually
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def running(told: list[int]) -> Iterator[Watch]:
    """A watch in a thread of its own, that adds the sources it hints at to `told`."""
    watch = Watch(told.extend)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect and read the list sooner than in earnest."""
    monkeypatch.setattr(watching, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(watching, "LONGEST_PAUSE", 0.5)
    monkeypatch.setattr(watching, "READ_LIST_SECONDS", 0.3)


def good_source(server: Dovecot) -> EmailSource:
    """A source that has been looked at."""
    source = source_at(server)
    assert not fetch_new(source).error
    return source


def test_new_mail_is_noticed_at_once(dovecot: Dovecot) -> None:
    source, other = good_source(dovecot), good_source(dovecot)
    told: list[int] = []
    with running(told) as watch:
        eventually(lambda: watch.idle_count == 2, "both mailboxes are watched")
        eventually(lambda: len(told) == 2, "each is looked at once when it is first watched")
        told.clear()
        dovecot.drop(source.username, make_mail())
        eventually(lambda: told == [source.pk], "the new mail is noticed", 5)
    assert other.pk not in told


@pytest.mark.parametrize(
    ("pieces", "news"),
    [
        ([b"* 3 EXISTS\r\n* 1 RECENT\r\n"], [True]),
        ([b"* 3 EXI", b"STS\r\n"], [False, True]),
        ([b"* OK Still here\r\n"], [False]),
        ([b"* OK Sti", b"ll here\r\n* 3 EXISTS\r\n"], [False, True]),
        ([b"* 3 FETCH (FLAGS (\\Seen))\r\n"], [False]),
        ([b"* 3 EXPUNGE\r\n"], [False]),
        ([b"* 9 something unheard of\r\n"], [True]),
    ],
)
def test_lines_in_any_number_of_pieces_are_understood(pieces: list[bytes], news: list[bool]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        idling = Idling(SimpleNamespace(socket=lambda: ours))
        found = []
        for piece in pieces:
            theirs.sendall(piece)
            found.append(idling.news())
        assert found == news
        theirs.close()
        with pytest.raises(ConnectionError):
            idling.news()


def test_a_restart_of_the_server_is_survived(authority: Authority) -> None:
    with dovecots.running(authority) as server:
        source = good_source(server)
        told: list[int] = []
        with running(told) as watch:
            eventually(lambda: watch.idle_count == 1, "it is watched")
            server.stop()
            eventually(lambda: watch.idle_count == 0, "the loss is noticed")
            began = time.process_time()
            time.sleep(0.5)
            assert time.process_time() - began < 0.3, "a dead line must not spin"
            server.start()
            eventually(lambda: watch.idle_count == 1, "it is watched again")
            told.clear()
            server.drop(source.username, make_mail())
            eventually(lambda: source.pk in told, "mail is noticed again", 5)


def test_idle_is_renewed(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RENEW_SECONDS", 0.3)
    source = good_source(dovecot)
    told: list[int] = []
    with running(told) as watch:
        eventually(lambda: len(told) >= 4, "it was renewed three times")
        monkeypatch.setattr(watching, "RENEW_SECONDS", 60)
        eventually(lambda: watch.idle_count == 1, "it waits")
        time.sleep(0.5)
        told.clear()
        dovecot.drop(source.username, make_mail())
        eventually(lambda: source.pk in told, "mail is noticed after it", 5)
    assert dovecot.logins(source.username) == 2, "one for the look, one for the watch"


def test_only_sources_that_work_are_watched(dovecot: Dovecot) -> None:
    good = good_source(dovecot)
    make_source()  # nobody has looked at it
    failing = source_at(dovecot, password="wrong")
    fetch_new(failing)
    fetch_new(source_at(dovecot, "pop3-ssl"))
    told: list[int] = []
    with running(told) as watch:
        eventually(lambda: watch.idle_count == 1, "the good one is watched")
        assert list(watch._watched) == [good.pk]
    assert dovecot.logins(failing.username) == 0


def test_changes_of_the_list_are_followed(dovecot: Dovecot) -> None:
    source = good_source(dovecot)
    told: list[int] = []
    with running(told) as watch:
        eventually(lambda: watch.idle_count == 1, "it is watched")
        source.username = dovecot.new_user()
        source.save()
        eventually(lambda: dovecot.logins(source.username) == 1, "the other mailbox is watched")
        source.is_active = False
        source.save()
        eventually(lambda: watch.idle_count == 0, "it is let go")


def test_a_server_without_idle_is_left_to_the_polls(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = good_source(dovecot)
    monkeypatch.setattr("imapclient.IMAPClient.has_capability", lambda self, name: name != "IDLE")
    told: list[int] = []
    with running(told) as watch:
        eventually(lambda: any(one.polled_only for one in watch._watched.values()), "it is noted")
    assert told == []
    assert source.pk


def test_the_command_makes_a_source_due_and_ends_on_sigterm(
    dovecot: Dovecot, authority: Authority, product_env: dict[str, str]
) -> None:
    source = good_source(dovecot)
    state = SourceState.objects.filter(source=source)
    env = product_env | {"UCS_CA_BUNDLE": str(authority.bundle)}
    process = subprocess.Popen([sys.executable, "manage.py", "watch"], env=env)
    try:
        eventually(lambda: state.get().next_attempt_at is None, "the first hint")
        fetch_new(source)
        dovecot.drop(source.username, make_mail())
        eventually(lambda: state.get().next_attempt_at is None, "the hint of the new mail", 10)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 2
    finally:
        process.kill()
