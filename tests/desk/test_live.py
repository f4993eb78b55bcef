"""Live updates: who hears what, and when."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from mailstore import hints
from queues import live
from queues.models import EmailQueue
from tests.make import make_agent, make_queue

DEADLINE = 10.0


class Desk:
    """One open stream, as the web server runs it."""

    def __init__(self, token: str) -> None:
        self.scope = {"type": "http", "query_string": f"token={token}".encode()}
        self.status = 0
        self.text = ""
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()

    async def until(self, words: str) -> None:
        """Wait for the words."""
        end = time.monotonic() + DEADLINE
        while words not in self.text:
            assert time.monotonic() < end, f"{words!r} didn't come: {self.text!r}"
            await asyncio.sleep(0.02)

    def told(self) -> list[int]:
        """The conversations that it was told of."""
        lines = [line for line in self.text.splitlines() if line.startswith('data: {"conv')]
        return [json.loads(line.removeprefix("data: "))["conversation"] for line in lines]


def listening(token: str, story: Callable[[Desk], Awaitable[None]]) -> Desk:
    """Open a stream, let the story happen, hang up."""

    async def run() -> Desk:
        desk = Desk(token)
        stream = asyncio.create_task(live.stream(desk.scope, desk.receive, desk.send))
        try:
            await story(desk)
        finally:
            desk.gone.set()
            await asyncio.wait_for(stream, DEADLINE)
        return desk

    return asyncio.run(run())


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice")], name="Orders")


def token_of(username: str) -> str:
    return live.stream_token(User.objects.get(username=username))


def publish(conversation: int, queue: int) -> None:
    live.publisher.publish({"conversation": conversation, "queue": queue, "agent": None})


@pytest.mark.django_db
def test_a_desk_hears_of_its_own_queues_only(orders: EmailQueue) -> None:
    elsewhere = make_queue(name="Elsewhere")
    token = token_of("alice")

    async def story(desk: Desk) -> None:
        await desk.until("resync")
        await asyncio.to_thread(publish, 1, elsewhere.pk)
        await asyncio.to_thread(publish, 2, orders.pk)
        await desk.until('"conversation": 2')

    assert listening(token, story).told() == [2]


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "nonsense", "eyJ1c2VyIjoxfQ:1:2"])
def test_no_stream_without_a_token(token: str) -> None:
    async def story(desk: Desk) -> None:
        await desk.until("not valid")

    assert listening(token, story).status == 403


@pytest.mark.django_db
def test_an_old_token_is_refused(orders: EmailQueue) -> None:
    token = token_of("alice")

    async def story(desk: Desk) -> None:
        await desk.until("too old")

    with patch.object(live, "TOKEN_SECONDS", -1):
        assert listening(token, story).status == 403


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_never_told() -> None:
    with patch.object(live.publisher, "publish") as published:
        with transaction.atomic():
            live.changed(1, 2)
            assert not published.called
            transaction.set_rollback(True)
        assert not published.called
        live.changed(3, 2, 4)
    published.assert_called_once_with({"conversation": 3, "queue": 2, "agent": 4})


def test_a_missing_redis_is_no_error_and_costs_little() -> None:
    class Gone:
        asked = 0

        def publish(self, *args: object) -> None:
            Gone.asked += 1
            raise ConnectionRefusedError("nobody there")

    publisher = live.Publisher()
    with patch.object(hints, "client", Gone), patch.object(live, "channel", lambda: "test"):
        for _ in range(5):
            publisher.publish({"conversation": 1})
    assert Gone.asked == 1


def test_a_slow_desk_is_told_to_read_everything_again() -> None:
    listener = live.Listener(frozenset({1}))
    for number in range(live.LINE_LENGTH + 3):
        listener.offer(b"%d" % number)
    assert listener.line.get_nowait() == live.RESYNC
    assert listener.line.qsize() == 2


@pytest.mark.django_db
def test_a_stream_ends_with_the_token_and_not_later(orders: EmailQueue) -> None:
    """Who signs out, or loses a queue, hears of it as long as the token lives."""
    with patch.object(live, "TOKEN_SECONDS", 1):
        token = token_of("alice")

    async def story(desk: Desk) -> None:
        await desk.until("event: expired")

    assert listening(token, story).status == 200
