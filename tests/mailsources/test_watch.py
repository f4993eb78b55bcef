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
from typing import Any

import pytest
from django.utils import timezone

from mailsources import imap, imap_line, schedule, signin, tasks, watched
from mailsources import watch as watching
from mailsources.fetch import fetch_new
from mailsources.hosts import host_of
from mailsources.idling import Idling
from mailsources.models import EmailSource, SourceState
from mailsources.watch import Watch
from tests.mailsources.conftest import source_at
from tests.make import make_mail, make_source
from tests.product import eventually
from tests.servers import dovecot as dovecots
from tests.servers.authority import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import proxied

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
        thread.join(30)
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
        eventually(
            lambda: {source.pk, other.pk} <= set(told), "each is looked at once when it is first watched"
        )
        told.clear()
        dovecot.drop(source.username, make_mail())
        eventually(lambda: source.pk in told, "the new mail is noticed")
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
        ([b"+ idling\r\n* 3 EXISTS\r\n"], [True]),
        ([b"+ idl", b"ing\r", b"\n* 3 EXISTS\r\n"], [False, False, True]),
    ],
)
def test_lines_in_any_number_of_pieces_are_understood(pieces: list[bytes], news: list[bool]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        idling = Idling(ours)
        found = []
        for piece in pieces:
            theirs.sendall(piece)
            found.append(idling.news())
        assert found == news
        theirs.close()
        with pytest.raises(ConnectionError):
            idling.news()


def test_idle_is_left_and_begun_again_without_waiting() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        idling = Idling(ours)
        idling.renew()
        assert theirs.recv(100) == b"DONE\r\n"
        theirs.sendall(b"* 4 EXISTS\r\nA7 OK Idle comp")
        assert idling.news()
        assert idling.is_renewing
        theirs.sendall(b"leted.\r\n")
        assert not idling.news()
        assert theirs.recv(100) == b"again IDLE\r\n"
        assert idling.is_renewing
        theirs.sendall(b"+ idling\r\n")
        assert not idling.news()
        assert not idling.is_renewing


@pytest.mark.parametrize("answer", [b"A7 OK I end it myself.\r\n", b"again BAD Unknown command.\r\n"])
def test_a_server_that_ends_idle_is_left(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(answer)
        with pytest.raises(ConnectionError, match="ended IDLE"):
            Idling(ours).news()


def test_a_restart_of_the_server_is_survived(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with dovecots.running(authority) as server:
        source = good_source(server)
        told: list[int] = []
        with running(told) as watch:
            eventually(lambda: watch.idle_count == 1, "it is watched")
            server.stop()
            eventually(lambda: watch.idle_count == 0, "the loss is noticed")
            looks, select = [0], watch._selector.select

            def counted(timeout: float | None = None) -> Any:
                looks[0] += 1
                return select(timeout)

            monkeypatch.setattr(watch._selector, "select", counted)
            time.sleep(0.5)
            assert looks[0] < 30, "a dead line must not spin"
            server.start()
            eventually(lambda: watch.idle_count == 1, "it is watched again")
            told.clear()
            server.drop(source.username, make_mail())
            eventually(lambda: source.pk in told, "mail is noticed again")


def test_idle_is_renewed(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RENEW_SECONDS", (0.3, 0.3))
    source = good_source(dovecot)
    told: list[int] = []
    with running(told) as watch:
        eventually(lambda: len(told) >= 4, "it was renewed three times")
        monkeypatch.setattr(watching, "RENEW_SECONDS", (60, 60))
        eventually(lambda: watch.idle_count == 1, "it waits")
        time.sleep(0.5)
        told.clear()
        dovecot.drop(source.username, make_mail())
        eventually(lambda: source.pk in told, "mail is noticed after it")
    assert dovecot.logins(source.username, 2) == 2, "one for the look, one for the watch"


def test_a_line_that_went_silent_is_found_and_replaced(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "RENEW_SECONDS", (0.5, 0.5))
    monkeypatch.setattr(watching, "ANSWER_SECONDS", 0.5)
    with proxied(dovecot.ports.imaps) as proxy:
        source = source_at(dovecot, service_port=proxy.port)
        assert not fetch_new(source).error
        told: list[int] = []
        with running(told) as watch:
            eventually(lambda: watch.idle_count == 1, "it is watched")
            proxy.swallow()
            eventually(lambda: proxy.accepted >= 3, "a new connection is made")
            monkeypatch.setattr(watching, "RENEW_SECONDS", (60, 60))
            eventually(lambda: watch.idle_count == 1, "it is watched again")
            eventually(
                lambda: not any(one.line.is_renewing for one in watch._watched.values() if one.line), ""
            )
            told.clear()
            dovecot.drop(source.username, make_mail())
            eventually(lambda: source.pk in told, "mail is noticed again")


def test_mail_behind_silent_lines_is_here_within_six_minutes(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    safety_net = watched.POLL_SECONDS * (1 + schedule.JITTER)
    assert safety_net <= 300, "a look at least every five minutes"
    assert safety_net + imap.KEPT_SECONDS + imap_line.HANG_UP_SECONDS + signin.CONNECT_SECONDS < 360
    assert watching.RENEW_SECONDS[1] + watching.ANSWER_SECONDS < 600
    monkeypatch.setattr(imap, "KEPT_SECONDS", 0.3)
    monkeypatch.setattr(imap_line, "HANG_UP_SECONDS", 0.1)
    with proxied(dovecot.ports.imaps) as proxy:
        source = source_at(dovecot, service_port=proxy.port)
        fetch_new(source)
        proxy.swallow()
        dovecot.drop(source.username, make_mail())
        looked = fetch_new(source)
        assert (looked.count, looked.error) == (1, "")


def seconds_until(source: EmailSource, name: str) -> float:
    """How far away a time of the source's state is; a missing one is long past."""
    at = getattr(SourceState.objects.get(source=source), name)
    return float((at - timezone.now()).total_seconds()) if at else -1e9


def test_what_is_watched_is_polled_seldom_until_the_watch_ends(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(watched, "HOLD_SECONDS", 9.0)
    source = good_source(dovecot)
    with running([]) as watch:
        eventually(lambda: watch.idle_count == 1, "it is watched")
        eventually(lambda: seconds_until(source, "watched_until") > 0, "the watch says so")
        eventually(lambda: seconds_until(source, "watched_until") < 8.8, "time passes")
        eventually(lambda: seconds_until(source, "watched_until") > 8.8, "it says so again")
        assert not fetch_new(source).error
        assert seconds_until(source, "next_attempt_at") > 200
    tasks.poll_due()
    assert seconds_until(source, "next_attempt_at") < 61


def test_a_line_that_is_cut_is_no_longer_counted_as_watched(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = good_source(dovecot)
    with running([]) as watch:
        eventually(lambda: seconds_until(source, "watched_until") > 0, "it is watched")
        monkeypatch.setattr(watching, "FIRST_PAUSE", 60.0)
        monkeypatch.setattr(watching, "LONGEST_PAUSE", 60.0)
        dovecot.kick(source.username)
        eventually(lambda: seconds_until(source, "watched_until") < 0, "the polls take over")
        assert watch.idle_count == 0


def test_an_account_is_not_watched_over_more_connections_than_its_share(dovecot: Dovecot) -> None:
    share = host_of(dovecot.host).share
    first = good_source(dovecot)
    for number in range(share + 1):
        folder = f"Folder{number}"
        dovecot.make_folder(first.username, folder)
        fetch_new(source_at(dovecot, username=first.username, folder=folder))
    with running([]) as watch:
        eventually(lambda: watch.idle_count == share, "as many as its share")
        eventually(lambda: sum(one.polled_only for one in watch._watched.values()) == 2, "others are polled")


def test_no_more_mailboxes_are_watched_than_there_is_room_for(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "room", lambda: 1)
    good_source(dovecot)
    good_source(dovecot)
    with running([]) as watch:
        eventually(lambda: watch.idle_count == 1, "one is watched")
        eventually(lambda: "limit on open files" in caplog.text, "the log says why no more are")
        assert watch.idle_count == 1


def test_a_refused_password_is_left_to_the_polls(dovecot: Dovecot) -> None:
    source = good_source(dovecot)
    EmailSource.objects.filter(pk=source.pk).update(password="wrong")
    told: list[int] = []
    with running(told) as watch:
        eventually(lambda: source.pk in told, "a poll is asked for, which shows it")
        fetch_new(source_now(source))
        eventually(lambda: not watch._watched, "and it isn't tried again and again")


def source_now(source: EmailSource) -> EmailSource:
    return EmailSource.objects.get(pk=source.pk)


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
        eventually(lambda: state.get().next_attempt_at is None, "the hint of the new mail")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0, "it waits for no server"
    finally:
        process.kill()
