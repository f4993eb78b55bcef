"""Live updates: "conversation 12 changed" from any process to every open desk that may see it.

Redis carries the hint, never the content; a desk that gets one reads the page again through the access gate.
Losing hints is harmless: a desk reads everything again after each gap (the event `resync`).

    changed() ──commit──▶ Redis channel ──▶ one Hub per web process ──▶ a bounded line per open desk ──▶ SSE

`/sse` opens with a signed token only, without session or database: a stream lasts for minutes, and a database
connection for each of them would soon be all there are. The token lives five minutes; then the stream ends
and the page asks for another one, so whoever lost a queue stops hearing of it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.db import transaction
from redis import RedisError
from redis import asyncio as aioredis

from agents.models import Agent
from mailstore import hints
from queues import inbox

logger = logging.getLogger(__name__)

TOKEN_SECONDS = 300
PING_SECONDS = 20
LINE_LENGTH = 100
QUIET_SECONDS = 5.0  # after a failure to publish: requests must not wait for a dead Redis one by one
SALT = "queues.live"
RESYNC = b"event: resync\ndata: {}\n\n"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Publisher:
    """The publishing end of one process."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def publish(self, event: Mapping[str, int | list[int] | None]) -> None:
        """Send one hint; a Redis that is down is logged, and left alone for some seconds."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            hints.client().publish(channel(), json.dumps(event))
        except (RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            logger.warning("live update not published: %s", error)


publisher = Publisher()


def changed(conversation_id: int, queue_id: int, agent_id: int | None = None) -> None:
    """Tell every desk that sees the queue, once the caller's transaction is committed; never raises.

    :param queue_id: whose members hear it; call twice when a conversation moves from one queue to another.
    :param agent_id: whom the conversation belongs to now.
    """
    event = {"conversation": conversation_id, "queue": queue_id, "agent": agent_id}
    transaction.on_commit(lambda: publisher.publish(event), robust=True)


def waits_for(conversation_id: int, queue_id: int, agent_ids: Sequence[int]) -> None:
    """Tell these agents that a conversation waits which they could take; their desks pick it by the ids."""
    event = {"conversation": conversation_id, "queue": queue_id, "agent": None, "waits_for": list(agent_ids)}
    transaction.on_commit(partial(publisher.publish, event), robust=True)


def told(queue_id: int, agent_ids: Sequence[int]) -> None:
    """Tell these agents' bells to look, once the caller's transaction is committed."""
    if agent_ids:
        event: dict[str, int | list[int] | None] = {"queue": queue_id, "told": list(agent_ids)}
        transaction.on_commit(partial(publisher.publish, event), robust=True)


def watched(conversation_id: int, queue_id: int) -> None:
    """Tell the desks that show this conversation to ask who else does; of no transaction, so at once."""
    publisher.publish({"watched": conversation_id, "queue": queue_id})


def presence_changed(agent: Agent) -> None:
    """Tell the boards of the agent's queues that they came or went, once the transaction is committed."""
    for queue_id in agent.queues.values_list("pk", flat=True):
        event = {"presence": agent.pk, "queue": queue_id}
        transaction.on_commit(partial(publisher.publish, event), robust=True)


def stream_token(user: AbstractBaseUser) -> str:
    """What opens `/sse` for this user, and for which queues."""
    queues = list(inbox.queues_for(user).values_list("pk", flat=True))
    grant = {"user": user.pk, "queues": queues, "until": time.time() + TOKEN_SECONDS}
    return signing.dumps(grant, salt=SALT, compress=True)


def channel() -> str:
    """Publishing ignores database numbers, so the number is in the name: two products may share a Redis."""
    kwargs = hints.client().connection_pool.connection_kwargs
    return f"ucs:{kwargs.get('db') or 0}:live"


class Listener:
    """One open desk: the queues it may see and the line of events not yet sent to it."""

    def __init__(self, queues: frozenset[int]) -> None:
        self.queues = queues
        self.line: asyncio.Queue[bytes] = asyncio.Queue(maxsize=LINE_LENGTH)

    def offer(self, event: bytes) -> None:
        """Put the event in line; a reader too slow for its line gets one `resync` for all it missed."""
        try:
            self.line.put_nowait(event)
        except asyncio.QueueFull:
            while not self.line.empty():
                self.line.get_nowait()
            self.line.put_nowait(RESYNC)


class Hub:
    """One Redis subscription for all the desks of this process."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._wait = 0.5

    def join(self, listener: Listener) -> None:
        """Begin to hear; the first listener starts the subscription."""
        self.listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._subscribe())

    def leave(self, listener: Listener) -> None:
        """Hear no more; the last one ends the subscription."""
        self.listeners.discard(listener)
        if not self.listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _subscribe(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                logger.warning(
                    "live updates: Redis is not reachable, next try in %.1f s: %s",
                    self._wait,
                    error,
                )
                await asyncio.sleep(self._wait)
                self._wait = min(self._wait * 2, 10)

    async def _listen(self) -> None:
        client = aioredis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=3, health_check_interval=15
        )
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(channel())
                self._wait = 0.5
                self._tell_all(RESYNC)
                while True:
                    message = await subscription.get_message(timeout=30)
                    if message is not None:
                        self._dispatch(message["data"])
        finally:
            await client.aclose()

    def _dispatch(self, data: bytes) -> None:
        try:
            queue = json.loads(data)["queue"]
        except (ValueError, KeyError, TypeError):
            logger.warning("live update that can't be read: %.100r", data)
            return
        event = b"event: changed\ndata: " + data + b"\n\n"
        for listener in self.listeners:
            if queue in listener.queues:
                listener.offer(event)

    def _tell_all(self, event: bytes) -> None:
        for listener in self.listeners:
            listener.offer(event)


hub = Hub()


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application behind `/sse?token=…`: server-sent events until the token's time is over."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    try:
        grant = signing.loads(query.get("token", [""])[0], salt=SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature:
        await _refuse(send)
        return
    listener = Listener(frozenset(grant["queues"]))
    hub.join(listener)
    gone = asyncio.create_task(_disconnected(receive))
    try:
        await _serve(listener, send, gone, grant.get("until", 0) - time.time())
    finally:
        gone.cancel()
        hub.leave(listener)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"The token is not valid or too old."})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _serve(listener: Listener, send: Send, gone: "asyncio.Task[None]", seconds: float) -> None:
    headers = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
    end = time.monotonic() + seconds
    while time.monotonic() < end and not gone.done():
        event = await _next(listener, gone, min(PING_SECONDS, end - time.monotonic()))
        if gone.done():
            return
        await send({"type": "http.response.body", "body": event, "more_body": True})
    with suppress(OSError):
        await send({"type": "http.response.body", "body": b"event: expired\ndata: {}\n\n"})


async def _next(listener: Listener, gone: "asyncio.Task[None]", timeout: float) -> bytes:
    """The next event, or a comment that keeps proxies from closing the quiet connection."""
    get = asyncio.ensure_future(listener.line.get())
    done, _ = await asyncio.wait({get, gone}, timeout=max(timeout, 0), return_when=asyncio.FIRST_COMPLETED)
    if get in done:
        return get.result()
    get.cancel()
    return b": still here\n\n"
