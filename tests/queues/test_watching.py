"""Who has a conversation open: kept in Redis for seconds, told to those who show the same one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client

from mailstore import hints
from queues import live, watching
from queues.models import Conversation
from queues.watching import Doing, watch
from tests.make import make_agent, make_conversation, make_queue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_redis")]


@pytest.fixture(autouse=True)
def hinted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(live.publisher, "publish", found.append)
    watching._Quiet.until = 0.0
    yield found
    watching._Quiet.until = 0.0


@pytest.fixture
def row() -> Conversation:
    people = [make_agent("alice"), make_agent("dora")]
    return make_conversation(make_queue(people, name="Orders"))


def test_each_sees_the_others_once_and_what_says_most(row: Conversation) -> None:
    alice, dora = (each.user for each in row.queue.members.order_by("user__username"))
    assert watch(alice, row, "one", Doing.VIEWING) == []
    assert watch(alice, row, "two", Doing.WRITING) == []
    (seen,) = watch(dora, row, "three", Doing.VIEWING)
    assert (seen.user_id, seen.doing) == (alice.pk, Doing.WRITING)
    assert 0 < seen.left <= watching.LEASE
    watch(alice, row, "two", Doing.GONE)
    (seen,) = watch(dora, row, "three", Doing.VIEWING)
    assert seen.doing == Doing.VIEWING


def test_only_a_change_is_told_and_no_row_is_written(
    row: Conversation, hinted: list[dict[str, Any]], django_assert_num_queries: Any
) -> None:
    alice = row.queue.members.order_by("user__username")[0].user
    with django_assert_num_queries(0):
        for doing in (Doing.VIEWING, Doing.VIEWING, Doing.WRITING, Doing.WRITING, Doing.GONE):
            watch(alice, row, "one", doing)
    assert hinted == [{"watched": row.pk, "queue": row.queue_id}] * 3


def test_a_window_that_says_nothing_more_is_gone_in_time(row: Conversation) -> None:
    alice, dora = (each.user for each in row.queue.members.order_by("user__username"))
    watch(alice, row, "one", Doing.WRITING)
    key = watching._key(row.pk)
    field, value = next(iter(hints.client().hgetall(key).items()))  # type: ignore[union-attr]
    hints.client().hset(key, field, json.dumps([int(Doing.WRITING), json.loads(value)[1] - 30]))
    assert watch(dora, row, "two", Doing.VIEWING) == []
    assert 0 < int(hints.client().ttl(key)) <= 2 * watching.LEASE  # type: ignore[arg-type]
    assert watching.LEASE + 10 < 30  # the lease and a beat of the desk


def test_without_redis_nobody_is_seen_and_nothing_waits(
    row: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def away() -> redis.Redis:
        tried.append(1)
        raise redis.ConnectionError("away")

    alice = row.queue.members.order_by("user__username")[0].user
    with monkeypatch.context() as patched:
        patched.setattr(hints, "client", away)
        patched.setattr(live, "channel", lambda: "x")
        assert [watch(alice, row, "one", Doing.VIEWING) for _ in range(3)] == [[], [], []]
    assert len(tried) == 1


def test_the_page_is_told_in_words_and_strangers_nothing(row: Conversation) -> None:
    alice = row.queue.members.order_by("user__username")[0].user
    watch(alice, row, "one", Doing.WRITING)
    client = Client()
    client.force_login(row.queue.members.order_by("user__username")[1].user)
    with connection.execute_wrapper(_only_reads):
        answer = client.post(f"/conversations/{row.pk}/watch", {"window": "two", "doing": "viewing"})
    (person,) = answer.json()["people"]
    assert person["words"] == "Alice is writing an answer…"
    assert person["warning"] == "Alice is writing an answer here too: agree who sends it."
    stranger = make_agent("charlie", queues=[make_queue(name="Elsewhere")])
    client.force_login(stranger.user)
    assert client.post(f"/conversations/{row.pk}/watch", {"window": "x"}).status_code == 404
    assert client.get(f"/conversations/{row.pk}/names").status_code == 404
    for path in ("follow", "take-over", "transfer", "drafts/1/adopt"):
        assert client.post(f"/conversations/{row.pk}/{path}").status_code == 404, path


def _only_reads(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert sql.lstrip().upper().startswith(("SELECT", "SAVEPOINT", "RELEASE")), sql
    return execute(sql, params, many, context)
