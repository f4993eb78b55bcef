"""A real SMTP server on loopback that takes mail, checks sign-ins and misbehaves on demand.

    with SmtpServer(tls="ssl", certificate=authority.certificate(), passwords={"box": "secret"}) as server:
        server.fault("rcpt", "451 4.3.0 Try later", recipient="bob@example.com")
        server.fault("dot", drop=True, stored=True)      # the answer to the dot is lost
        gate = server.gate("mail")                       # waits there until gate.release()
        …
        server.wait_for(1)[0].raw

aiosmtpd in a thread. Faults of a phase are used up in the order they were given.
"""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from tests.servers.authority import Certificate
from tests.servers.smtp_faults import Fault, Gate, Phase, TakenMail
from tests.servers.smtp_protocol import Protocol

Tls = Literal["none", "starttls", "ssl"]
Tokens = dict[str, str] | Callable[[str, str], bool]
SIZE = 10_000_000


@dataclass
class Seen:
    """Counters, and a log of the commands without their secrets."""

    connections: int = 0
    open: int = 0
    logins: int = 0
    refused_logins: int = 0
    commands: list[str] = field(default_factory=list)


class SmtpServer:
    """The server; without `passwords` and `tokens` nobody has to sign in.

    :param tokens: user → access token, or a function that is asked with both.
    :param size: the limit in octets announced as SIZE.
    :param utf8: whether addresses in any script are taken, announced as SMTPUTF8.
    :param luck: asked at each phase for a fault that nobody has planned.
    """

    def __init__(
        self,
        *,
        tls: Tls = "none",
        certificate: Certificate | None = None,
        passwords: dict[str, str] | None = None,
        tokens: Tokens | None = None,
        mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN", "XOAUTH2"),
        size: int = SIZE,
        utf8: bool = False,
        port: int = 0,
        luck: Callable[[str], Fault | None] = lambda phase: None,
    ) -> None:
        self.tls, self.mechanisms, self.size, self.port = tls, mechanisms, size, port
        self.luck = luck
        self.utf8 = utf8
        self.passwords = passwords or {}
        self.tokens: Tokens = tokens if tokens is not None else {}
        self.needs_login = passwords is not None or tokens is not None
        self.host = "127.0.0.1"
        self.context = server_context(certificate) if certificate else None
        self.mails: list[TakenMail] = []
        self.seen = Seen()
        self._faults: list[Fault] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._clients: set[Protocol] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-server", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; the port is known afterwards."""
        self._thread.start()
        self._run(self._listen())

    def stop(self) -> None:
        """Close the port and cut all connections."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def fault(self, phase: Phase, answer: str = "", **more: Any) -> Fault:
        """Plan a fault; the further fields are those of `Fault`."""
        fault = Fault(phase, answer, **more)
        with self._changed:
            self._faults.append(fault)
        return fault

    def gate(self, phase: Phase, **more: Any) -> Gate:
        """Let the next client wait at a phase; after the wait it goes on as usual, or as `more` says."""
        gate = Gate()
        self.fault(phase, gate=gate, **more)
        return gate

    def mend(self) -> None:
        """Forget the faults that are still planned."""
        with self._changed:
            self._faults.clear()

    def wait_for(self, count: int, seconds: float = 20) -> list[TakenMail]:
        """The mails taken, once there are so many."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while len(self.mails) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"{len(self.mails)} of {count} mails have come"
                self._changed.wait(left)
            return list(self.mails)

    def cut(self) -> None:
        """Drop all connections, as a restart of the server would."""
        self._run(self._abort_clients())

    # What a connection asks and tells.

    def next_fault(self, phase: str, recipient: str = "") -> Fault | None:
        """The fault planned for this moment; asking uses it up."""
        with self._changed:
            for fault in self._faults:
                if fault.phase == phase and fault.recipient in ("", recipient):
                    if fault.times == 1:
                        self._faults.remove(fault)
                    fault.times -= bool(fault.times)
                    return fault
        return self.luck(phase)

    def is_planned(self, phase: str) -> bool:
        """Whether a fault waits for this phase; asking leaves it there."""
        with self._changed:
            return any(fault.phase == phase for fault in self._faults)

    def may_sign_in(self, user: str, secret: str, *, is_token: bool) -> bool:
        """Whether the password or the access token is this user's."""
        if not is_token:
            allowed = self.passwords.get(user) == secret
        elif callable(self.tokens):
            allowed = self.tokens(user, secret)
        else:
            allowed = self.tokens.get(user) == secret
        self.seen.logins += allowed
        self.seen.refused_logins += not allowed
        return allowed

    def take(self, mail: TakenMail) -> None:
        """Store a mail and tell who waits for it."""
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()

    def opened(self, client: Protocol) -> None:
        """A client has connected."""
        self._clients.add(client)
        self.seen.connections += 1
        self.seen.open += 1

    def closed(self, client: Protocol) -> None:
        """A client has gone."""
        if client in self._clients:
            self._clients.discard(client)
            self.seen.open -= 1

    # The thread.

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> None:
        over_tls = self.context if self.tls == "ssl" else None
        self._server = await self._loop.create_server(
            lambda: Protocol(self), self.host, self.port, ssl=over_tls
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _abort_clients(self) -> None:
        for client in list(self._clients):
            client.abort()

    async def _close(self) -> None:
        if self._server:
            self._server.close()
        await self._abort_clients()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*rest, return_exceptions=True)


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """A server's context with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context
