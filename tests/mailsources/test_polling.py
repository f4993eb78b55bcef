"""Many mailboxes at once: due ones are announced, each is looked at, and a dead one delays nobody."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as some
from pytest_django import Settings

from mailsources import lease, polling, schedule, tasks, watchdog
from mailsources.crew import Crew
from mailsources.fetch import fetch_new
from mailsources.lease import Fetched
from mailsources.models import EmailSource, FetchedMail, SourceState
from mailsources.uids import ALL_AT_ONCE, new_uids
from tests.mailsources.conftest import in_threads, source_at
from tests.make import make_mail, make_source
from tests.product import eventually
from tests.servers.dovecot import Dovecot
from tests.servers.dripping import dripping_imap

pytestmark = pytest.mark.django_db

committed = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """Tasks that would be sent to workers."""
    found: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(
        tasks, "announce", lambda task, **kwargs: found.extend((task.name, ids) for ids in kwargs.values())
    )
    return found


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_due_sources_are_announced_once(told: list[tuple[str, list[int]]]) -> None:
    due = [make_source().pk for _ in range(3)]
    make_source(is_active=False)
    later = make_source()
    SourceState.objects.filter(source=later).update(next_attempt_at=timezone.now() + timedelta(minutes=1))
    tasks.poll_due()
    tasks.poll_due()
    assert [(name, sorted(ids)) for name, ids in told] == [("mailsources.tasks.poll", due)]


def test_portions_bound_the_work_of_a_task(told: list[tuple[str, list[int]]]) -> None:
    tasks.announce_polls(list(range(60)))
    assert [len(ids) for _, ids in told] == [25, 25, 10]


def test_a_lost_announcement_is_repeated(told: list[tuple[str, list[int]]]) -> None:
    source = make_source()
    tasks.poll_due()
    told.clear()
    SourceState.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))  # half a minute later
    tasks.poll_due()
    assert told == [("mailsources.tasks.poll", [source.pk])]


@committed
def test_an_announcement_that_came_twice_looks_once(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    tasks.poll([source.pk])
    tasks.poll([source.pk])
    assert SourceState.objects.get(source=source).fence == 1


@committed
def test_a_poll_looks_at_each_mailbox_and_has_its_mail_delivered(
    dovecot: Dovecot, told: list[tuple[str, list[int]]]
) -> None:
    sources = [source_at(dovecot) for _ in range(3)]
    ids = [source.pk for source in sources]
    tasks.poll(ids)  # the first import: of nothing
    for source in sources[:2]:
        dovecot.drop(source.username, make_mail())
    lease.make_due(ids)
    tasks.poll(ids)
    stored = set(FetchedMail.objects.values_list("pk", flat=True))
    assert len(stored) == 2
    assert {(name, *ids) for name, ids in told} == {
        ("mailsources.tasks.deliver_waiting", pk) for pk in stored
    }
    assert not SourceState.objects.filter(last_success_at=None).exists()


@committed
def test_a_dead_mailbox_delays_nobody(
    dovecot: Dovecot, silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsources.imap_line.CONNECT_SECONDS", 300)
    dead = make_source(service_port=silent.getsockname()[1])
    good = source_at(dovecot)
    round_ = polling.Round(lease.claim([dead.pk, good.pk]), lambda ids: None, lambda ids: None)
    round_.go(patience=0.5)
    eventually(
        lambda: SourceState.objects.get(source=good).last_success_at, "the good one has been looked at"
    )
    waiting = SourceState.objects.get(source=dead)
    assert (waiting.last_error, waiting.lease_until is None) == ("", False)
    silent.close()
    eventually(lambda: SourceState.objects.get(source=dead).last_error, "the dead one writes its own result")
    assert SourceState.objects.get(source=dead).lease_until is None


def test_a_server_that_never_ends_is_cut_off(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_AROUND_SECONDS", 0.05)
    settings.LEASE = 1
    with dripping_imap() as port:
        source = make_source(service_port=port, use_ssl=False)
        began = time.monotonic()
        looked = fetch_new(source)
    assert looked.failure is not None
    assert looked.failure.code == "dropped"
    assert time.monotonic() - began < 30


def test_a_hint_during_a_look_is_not_forgotten(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    (held,) = lease.claim([source.pk])
    lease.make_due([source.pk])
    assert lease.finish([(held, Fetched(source, on_server=0))]) == [source.pk]
    assert lease.due(10) == [source.pk]


@committed
def test_many_claimers_never_share_a_mailbox() -> None:
    ids = [make_source().pk for _ in range(20)]
    claimed = in_threads(6, lambda: [held.source.pk for held in lease.claim(ids)])
    assert sorted(pk for some in claimed for pk in some) == ids


def test_a_crew_does_all_work_with_few_hands() -> None:
    crew = Crew("test", hands=3)
    done: list[int] = []
    ready = threading.Semaphore(0)

    def work(number: int) -> None:
        done.append(number)
        ready.release()

    for number in range(50):
        crew.do(lambda number=number: work(number))  # type: ignore[misc]
    for _ in range(50):
        assert ready.acquire(timeout=30)
    assert sorted(done) == list(range(50))
    assert len(crew._threads) <= 3


@given(
    failures=some.integers(1, 10_000),
    chance=some.floats(0, 1),
    retry=some.booleans(),
    wait=some.floats(0, 9e4),
)
def test_a_pause_is_bounded_and_never_shorter_than_the_server_asks(
    failures: int, chance: float, retry: bool, wait: float
) -> None:
    pause = (schedule.after_failure(NOW, failures, chance, retry=retry, wait=wait) - NOW).total_seconds()
    assert pause >= max(wait, schedule.FIRST_PAUSE) - 0.001
    longest = schedule.LONGEST_PAUSE if retry else schedule.LONGEST_PAUSE_FOR_PEOPLE
    assert pause <= max(wait, longest * (1 + schedule.JITTER)) + 0.001


@given(interval=some.integers(5, 86400), chance=some.floats(0, 1))
def test_looks_are_spread_around_the_interval(interval: int, chance: float) -> None:
    pause = (schedule.after_success(NOW, interval, chance) - NOW).total_seconds()
    assert 0.9 * interval - 0.001 <= pause <= 1.1 * interval + 0.001


@given(
    there=some.sets(some.integers(1, 300_000), max_size=200),
    after=some.integers(0, 300_000),
    total=some.sampled_from([1, ALL_AT_ONCE, ALL_AT_ONCE + 1, 400_000]),
)
def test_every_new_uid_is_found_once_and_in_order(there: set[int], after: int, total: int) -> None:
    def search(uids: str) -> list[int]:
        if uids == "*":
            return [max(there)] if there else []
        low, _, high = uids.partition(":")
        if high != "*":
            assert int(high) - int(low) < 90_000, "an answer must not grow without bound"
            return [uid for uid in there if int(low) <= uid <= int(high)]
        return [uid for uid in there if uid >= int(low)] or ([max(there)] if there else [])

    found = [uid for portion in new_uids(search, after, total) for uid in portion]
    assert found == sorted(uid for uid in there if uid > after)


@committed
def test_a_poll_of_an_unchanged_mailbox_writes_little(
    dovecot: Dovecot, django_assert_max_num_queries: object
) -> None:
    sources: list[EmailSource] = [source_at(dovecot) for _ in range(4)]
    ids = [source.pk for source in sources]
    tasks.poll(ids)
    SourceState.objects.update(next_attempt_at=None)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        tasks.poll(ids)
    assert all(dovecot.logins(source.username, 1) == 1 for source in sources), "connections are kept"
