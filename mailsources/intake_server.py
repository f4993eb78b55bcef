"""The process that forwarded mail is handed over to: listeners, a bounded pool of threads, a clean end.

listen ──▶ talk, at most so many at once ──▶ threads that look up and store
SIGTERM ──▶ no new ones; mails that are under way get their answer ──▶ end
"""

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import redis
from django.conf import settings
from django.db import connections

from mailsources import accepting
from mailsources.handed_over import Heard
from mailsources.listeners import Listener
from mailsources.smtpd import House, LmtpTalk, Talk
from mailstore.workers import HEARTBEAT_SECONDS, INTAKE, note_heartbeat

logger = logging.getLogger(__name__)

THREADS = 4
"""And so many database connections: storing is quick, waiting mails lie in memory."""

MOST_CONNECTIONS = 200
MAILS_IN_MEMORY = 4  # of the largest size
DRAIN_SECONDS = 25.0
LOG_SECONDS = 3.0
SOCKET_MODE = 0o666  # the rights of its folder say who may connect

Result = TypeVar("Result")


class IntakeError(Exception):
    """The intake can't begin; the text is a sentence for the administrator."""


class Intake:
    """All listeners of one process."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.listeners = listeners
        self.contexts = {listener: _tls(listener) for listener in listeners}
        self.store = _Store()
        self.house = House(
            store=self.store,
            hostname=settings.INBOUND_DOMAIN,
            largest=settings.LARGEST_MAIL,
            budget=MAILS_IN_MEMORY * settings.LARGEST_MAIL,
        )
        self.servers: list[asyncio.Server] = []

    async def run(self, ready: Callable[[], None]) -> None:
        """Take mail until SIGTERM or SIGINT.

        :param ready: called once all listeners are open.
        :raises IntakeError: one of them can't be opened.
        """
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        try:
            for listener in self.listeners:
                self.servers.append(await self._listen(listener))
            ready()
            tasks = [asyncio.create_task(_beat()), asyncio.create_task(self._write_log())]
            await stopped.wait()
            for task in tasks:
                task.cancel()
        finally:
            await self._drain()

    async def _listen(self, listener: Listener) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def talk() -> asyncio.Protocol:
            if len(self.house.connections) >= MOST_CONNECTIONS:
                return _Full()
            kind = LmtpTalk if listener.is_lmtp else Talk
            return kind(self.house, self.contexts[listener])

        try:
            if listener.path:
                server = await loop.create_unix_server(talk, listener.path)
                Path(listener.path).chmod(SOCKET_MODE)
                return server
            return await loop.create_server(talk, listener.host, listener.port)
        except OSError as error:
            raise IntakeError(
                f"Nobody can listen on {listener} ({error.strerror or error}): see UCS_INTAKE_BIND, and if "
                "another program has that place."
            ) from error

    async def _write_log(self) -> None:
        """Write what was said now and then, for many conversations at once."""
        while True:
            await asyncio.sleep(LOG_SECONDS)
            await self.store.write(self.house.heard)

    async def _drain(self) -> None:
        self.house.is_leaving = True
        for server in self.servers:
            server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                for talk in list(self.house.connections):
                    with suppress(OSError):
                        await talk.leave()
                while self.house.connections:
                    await asyncio.sleep(0.05)
        await self.store.write(self.house.heard)
        for listener in self.listeners:
            if listener.path:
                Path(listener.path).unlink(missing_ok=True)


class _Store:
    """The blocking work, in threads."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(THREADS, "intake")

    async def check(self, recipient: str) -> None:
        await self._run(accepting.check_recipient, recipient)

    async def keep(self, mail_from: str, recipients: Sequence[str], raw: bytes) -> list[int]:
        rows = await self._run(accepting.store, mail_from, recipients, raw)
        return [row.pk for row in rows]

    async def write(self, heard: Heard) -> None:
        """Keep what was said; what goes wrong costs no mail."""
        try:
            await self._run(heard.write)
        except Exception:  # the edge of this task: the intake goes on
            logger.exception("the communication log was not written")

    async def _run(self, work: Callable[..., Result], *args: object) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, lambda: accepting.in_thread(work, *args))


class _Full(asyncio.Protocol):
    """A connection too many: the other side tries again."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.3.2 Too many connections: try again in a minute\r\n")
        transport.close()


async def _beat() -> None:
    """Tell now and then that this process lives, for the status page."""
    while True:
        try:
            await asyncio.to_thread(note_heartbeat, INTAKE)
        except redis.RedisError:
            logger.warning("Redis can't be reached: mail is taken nevertheless")
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _tls(listener: Listener) -> ssl.SSLContext | None:
    if not listener.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(listener.certificate, listener.key or None)
    except (OSError, ssl.SSLError) as error:
        raise IntakeError(
            f"The certificate {listener.certificate} of {listener} can't be used ({error}): give PEM files "
            "that belong together by cert= and key=."
        ) from error
    return context


def run(listeners: Sequence[Listener], ready: Callable[[], None]) -> None:
    """Take mail until a signal comes. Raises IntakeError."""
    connections.close_all()
    asyncio.run(Intake(listeners).run(ready))
