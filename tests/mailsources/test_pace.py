"""Nobody storms a mail server: logins are paced, accounts are spared, a dead server binds few hands."""

import socket
import threading
import time
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from hypothesis import given
from hypothesis import strategies as some

from mailsources import descriptors, fetch, hosts, imap, imap_line, lease, polling, pop3, signin, tasks
from mailsources.crew import Crew, Lane
from mailsources.fetch import fetch_new
from mailsources.hosts import BURST_SECONDS, Gate, Host, host_of, lane_of
from mailsources.kept import Kept
from mailsources.lease import Lease
from mailsources.models import SourceState
from mailsources.polling import Round
from tests.mailsources.conftest import in_threads, source_at
from tests.make import make_source
from tests.product import eventually
from tests.servers.dovecot import Dovecot

committed = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("address", "account"),
    [
        ("imap.gmail.com", 15),
        ("IMAP.Gmail.com.", 15),
        ("outlook.office365.com", 16),
        ("imap.mail.yahoo.com", 5),
        ("mail.example.com", 10),
        ("notgmail.com", 10),
    ],
)
def test_a_server_is_known_by_the_end_of_its_name(address: str, account: int) -> None:
    assert host_of(address).account == account


def test_what_we_hold_of_an_account_stays_within_what_it_allows() -> None:
    for host in hosts.known():
        assert 1 <= host.share <= host.account / hosts.SHARES


@given(some.lists(some.floats(0, 3), min_size=1, max_size=200))
def test_logins_pass_at_the_pace_of_the_server(pauses: list[float]) -> None:
    gate, now = Gate(), 1000.0
    pace = host_of("mail.example.com").logins
    at = []
    for pause in pauses:
        now += pause
        at.append(now + gate.reserve("mail.example.com", now))
    assert at == sorted(at)
    for first in at:
        inside = [one for one in at if first <= one < first + 1]
        assert len(inside) <= pace * (1 + BURST_SECONDS) + 1


def test_servers_have_a_gate_each() -> None:
    gate = Gate()
    for _ in range(50):
        gate.reserve("mail.example.com", 1000.0)
    assert gate.reserve("Mail.Example.com", 1000.0) > 1
    assert gate.reserve("imap.gmail.com", 1000.0) == 0


@committed
def test_many_mailboxes_coming_back_at_once_sign_in_one_after_the_other(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "known", lambda: (Host((), 300, 25, 24),))
    logins: list[float] = []
    woken: list[float] = []

    class Noting(Gate):
        def wait(self, server_address: str) -> None:
            super().wait(server_address)
            woken.append(time.monotonic())

        def reserve(self, server_address: str, now: float) -> float:
            pause = super().reserve(server_address, now)
            logins.append(now + pause)  # a busy machine wakes several later, and at once
            return pause

    monkeypatch.setattr(signin, "gate", Noting())
    sources = [source_at(dovecot) for _ in range(60)]
    Round(lease.claim([one.pk for one in sources]), lambda ids: None, lambda ids: None).go(patience=60)
    assert SourceState.objects.filter(last_success_at__isnull=False).count() == 60
    assert len(logins) == 60
    assert max(sum(first <= one < first + 1 for one in logins) for first in logins) <= 25 * 1.4
    assert all(at <= woke for at, woke in zip(sorted(logins), sorted(woken), strict=True))


def test_hands_at_one_server_and_at_one_account_are_bounded() -> None:
    crew, lock = Crew("test", hands=12), threading.Lock()
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()
    done = threading.Semaphore(0)

    def work(lane: Lane) -> None:
        for step in (1, -1):
            with lock:
                for name in (lane.host, lane.host + lane.account):
                    now[name] += step
                    most[name] = max(most[name], now[name])
            if step > 0:
                time.sleep(0.002)
        done.release()

    for number in range(120):
        lane = Lane(f"host{number % 2}", f"/account{number % 6}", 4, 2)
        crew.do(lambda lane=lane: work(lane), lane)  # type: ignore[misc]
    for _ in range(120):
        assert done.acquire(timeout=30)
    assert most["host0"] == most["host1"] == 4
    assert max(most[name] for name in most if "account" in name) == 2
    eventually(lambda: not crew._at_host, "everybody has left")
    assert not crew._at_account


def test_a_server_that_does_not_answer_leaves_hands_for_the_others() -> None:
    crew, free, done = Crew("test", hands=4), threading.Event(), threading.Event()

    def check(waited: bool) -> None:
        assert waited

    dead, alive = Lane("dead", "", 2, 2), Lane("alive", "", 2, 2)
    for _ in range(50):
        crew.do(lambda: check(free.wait(20)), dead)
    crew.do(done.set, alive)
    assert done.wait(15)
    free.set()


def test_mailboxes_of_an_account_share_a_lane() -> None:
    first = lane_of("mail.example.com", "box@example.com")
    assert lane_of("Mail.Example.com", "Box@Example.com") == first
    other = lane_of("mail.example.com", "other@example.com")
    assert (other.host, other.account != first.account) == (first.host, True)


def test_connections_are_kept_within_the_share_of_an_account_and_the_room_of_the_process() -> None:
    closed: list[str] = []
    kept: Kept[str] = Kept(closed.append, limit=lambda: 3)
    account, others = ("host", "box"), ("host", "other")
    kept.put(1, "", "one", account, 2)
    kept.put(2, "", "two", account, 2)
    kept.put(3, "", "three", account, 2)
    assert (closed, len(kept)) == (["three"], 2)
    kept.put(1, "", "one again", account, 2)
    assert closed == ["three", "one"], "its own place is free"
    kept.put(4, "", "four", others, 2)
    kept.put(5, "", "five", others, 2)
    assert (closed[-1], len(kept)) == ("two", 3), "the one that has waited longest goes"
    assert [kept.take(key, "") for key in (1, 2, 4)] == ["one again", None, "four"]
    kept.put(6, "", "six", account, 1)
    assert kept.take(6, "") == "six", "what was taken or closed counts no more"


@committed
def test_mailboxes_that_find_no_free_hand_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stuck = threading.Event(), threading.Event()
    looked: list[int] = []

    def run(held: Lease, told: object) -> None:
        looked.append(held.source.pk)
        begun.set()
        stuck.wait(20)

    monkeypatch.setattr(polling, "crew", Crew("test", hands=1))
    monkeypatch.setattr(fetch, "run", run)
    monkeypatch.setattr(Round, "_finish_late", lambda *args: None)
    sources = [make_source() for _ in range(3)]
    round_ = Round(lease.claim([one.pk for one in sources]), lambda ids: None, lambda ids: None)
    monkeypatch.setattr(round_._all_ready, "wait", lambda patience: begun.wait(20))
    round_.go()
    free = SourceState.objects.filter(lease_until=None)
    assert free.count() == 2
    assert all(state.next_attempt_at for state in free), "due again in a moment, not at once"
    stuck.set()
    eventually(lambda: polling.crew._idle == 1, "the crew has come to the others")
    assert len(looked) == 1, "what was given back is not looked at"


@committed
def test_results_wait_for_the_database_to_come_back(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsources.owed.PAUSE_SECONDS", 0.1)
    sources = [source_at(dovecot) for _ in range(2)]
    finish, back = lease.finish, threading.Event()

    def broken(outcomes: Any) -> list[int]:
        if not back.is_set():
            raise OperationalError("the server closed the connection")
        return finish(outcomes)

    monkeypatch.setattr(lease, "finish", broken)
    tasks.poll([one.pk for one in sources])
    assert SourceState.objects.filter(lease_until=None).count() == 0
    assert len(polling.owed) == 1
    back.set()
    eventually(lambda: SourceState.objects.filter(lease_until=None).count() == 2, "they are written")
    assert not SourceState.objects.filter(last_success_at=None).exists()
    eventually(lambda: len(polling.owed) == 0, "nothing is owed any more")


@committed
def test_a_database_that_cuts_its_connections_leaves_no_mailbox_waiting(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsources.owed.PAUSE_SECONDS", 0.1)
    source = source_at(dovecot)
    run = fetch.run

    def cut_after(held: Lease, told: Any) -> Any:
        fetched = run(held, told)
        with connection.cursor() as cursor:  # of this thread
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return fetched

    monkeypatch.setattr(fetch, "run", cut_after)
    tasks.poll([source.pk])
    connection.close()
    eventually(lambda: SourceState.objects.get(source=source).lease_until is None, "it is given back")
    assert SourceState.objects.get(source=source).last_success_at is not None


@committed
def test_a_kept_connection_that_went_dead_costs_seconds_and_no_mail(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_at(dovecot)
    fetch_new(source)
    line = imap.kept._places[source.pk].line
    limits: list[float] = []
    sock = SimpleNamespace(settimeout=limits.append, recv=line.client.socket().recv)
    monkeypatch.setattr(line.client, "socket", lambda: sock)
    monkeypatch.setattr(line.client, "noop", lambda: (_ for _ in ()).throw(TimeoutError("timed out")))
    assert not fetch_new(source).error
    assert limits[0] == imap.KEPT_SECONDS
    assert dovecot.logins(source.username, 2) == 2


def test_the_limit_on_open_files_is_raised() -> None:
    descriptors.room.cache_clear()
    assert descriptors.room() >= 1000


def test_claimers_do_not_wait_for_each_other_at_the_gate() -> None:
    gate = Gate()
    waits = sorted(in_threads(8, lambda: gate.reserve("mail.example.com", 1000.0)))
    assert all(later - sooner == pytest.approx(1 / 20) for sooner, later in pairwise(waits) if sooner)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["imap-ssl", "imap-starttls", "pop3-ssl", "pop3-stls"])
def test_a_command_in_two_pieces_does_not_wait_for_the_first(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind)
    if source.server_type == "POP3":
        line = pop3.reach(source)
        sock = line.sock
    else:
        client = imap_line.reach(source)
        sock = client.socket()
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    sock.close()
