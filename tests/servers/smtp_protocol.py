"""One connection of the test server: aiosmtpd with faults, long AUTH lines and XOAUTH2."""
# ruff: noqa: N802 - aiosmtpd finds the methods of a command by such names

import asyncio
import base64
import collections
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.smtp_faults import Fault, Gate, TakenMail

if TYPE_CHECKING:
    from tests.servers.smtp import SmtpServer

AUTH_LINE = 32_768  # a token of Microsoft has 3,000 characters
LONG_LINE = 65_536
TAKEN = "250 2.0.0 Ok: queued"
REFUSED = "535 5.7.8 Authentication credentials invalid"
logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd reports every step
CHALLENGE = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'


class Handler:
    """What aiosmtpd asks when a mail has come."""

    def __init__(self, protocol: "Protocol") -> None:
        self.protocol = protocol

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Answer the final dot."""
        return await self.protocol.at_the_dot(envelope)


class Protocol(SMTP):
    """A client's connection; each phase first asks for a planned fault."""

    line_length_limit = LONG_LINE

    def __init__(self, world: "SmtpServer") -> None:
        self.world = world
        super().__init__(
            Handler(self),
            data_size_limit=world.size,
            enable_SMTPUTF8=world.utf8,
            hostname="mail.example.com",
            ident="ready",
            tls_context=world.context if world.tls == "starttls" else None,
            auth_require_tls=world.tls == "starttls",
            auth_exclude_mechanism={"PLAIN", "LOGIN", "XOAUTH2"} - set(world.mechanisms),
            authenticator=self._check_password,
            loop=asyncio.get_running_loop(),
        )
        self.command_size_limits: Any = collections.defaultdict(lambda: 1024, AUTH=AUTH_LINE)

    def abort(self) -> None:
        """Drop the connection without a word."""
        with suppress(AttributeError):  # of asyncio: over TLS it has been closed twice already
            if isinstance(self.transport, asyncio.WriteTransport):
                self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is None:  # else it is the same connection, now in TLS
            self.world.opened(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.world.closed(self)
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        try:
            is_greeted = not await self._fault("connect")
            if is_greeted and self._is_planned("greeted"):
                await self.push("220 mail.example.com ready")
                await self._fault("greeted")
        except asyncio.CancelledError:  # the client has gone meanwhile: our half is to be closed, too
            is_greeted = False
        if is_greeted:
            await super()._handle_client()
        elif self.transport is not None:
            self.transport.close()

    async def smtp_EHLO(self, hostname: str) -> None:
        if not await self._fault("ehlo"):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:
        if not await self._fault("starttls"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        self.world.seen.commands.append(f"AUTH {(arg or '').split(' ')[0]}")
        if not await self._fault("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:
        self.world.seen.commands.append(f"MAIL {arg}")
        if await self._fault("mail"):
            return
        if self.world.needs_login and not (self.session and self.session.authenticated):
            await self.push("530 5.7.0 Authentication required")
            return
        await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        self.world.seen.commands.append(f"RCPT {arg}")
        if not await self._fault("rcpt", (arg or "").partition("<")[2].partition(">")[0]):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        self.world.seen.commands.append("DATA")
        if await self._fault("data"):
            return
        if self._is_planned("text"):
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.read(50)
            await self._fault("text")
            self._hang_up()
        await super().smtp_DATA(arg)

    async def smtp_RSET(self, arg: str) -> None:
        self.world.seen.commands.append("RSET")
        await super().smtp_RSET(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        self.world.seen.commands.append("QUIT")
        if not await self._fault("quit"):
            await super().smtp_QUIT(arg)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """As Google does it: a refusal comes as a challenge that wants an empty line in return."""
        user, token = token_of(args[1].encode())
        if self.world.may_sign_in(user, token, is_token=True):
            return AuthResult(success=True, auth_data=LoginPassword(user.encode(), b""))
        await self.push(b"334 " + base64.b64encode(CHALLENGE))
        await self._reader.readline()
        return AuthResult(success=False, handled=False, message=REFUSED)

    async def at_the_dot(self, envelope: Envelope) -> str:
        """The mail has come in full: store it and say so, unless something else is planned."""
        fault = self.world.next_fault("dot")
        if fault is None or fault.stored or not (fault.answer or fault.drop or fault.silent):
            self._store(envelope)
        if fault is None:
            return TAKEN
        await self._stand_at(fault.gate)
        await self._keep_silent(fault)
        if fault.drop:
            self._hang_up()
        return fault.answer or TAKEN

    def _store(self, envelope: Envelope) -> None:
        login = getattr(self.session.auth_data, "login", b"") if self.session else b""
        self.world.take(
            TakenMail(
                mail_from=(envelope.mail_from or "").strip("<>"),
                recipients=tuple(envelope.rcpt_tos),
                raw=bytes(envelope.original_content or b""),
                user=login.decode(),
                at=time.monotonic(),
            )
        )

    def _check_password(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        good = self.world.may_sign_in(data.login.decode(), data.password.decode(), is_token=False)
        return AuthResult(success=good, handled=False, auth_data=data)

    async def _fault(self, phase: str, recipient: str = "") -> bool:
        """Act out a planned fault; True when the client has had its answer."""
        fault = self.world.next_fault(phase, recipient)
        if fault is None:
            return False
        await self._stand_at(fault.gate)
        await self._keep_silent(fault)
        if fault.drop:
            self._hang_up()
        if fault.answer:
            await self.push(fault.answer)
            if fault.answer.startswith("421"):  # the service closes the channel (RFC 5321, 3.8)
                self._hang_up()
        return bool(fault.answer)

    async def _stand_at(self, gate: Gate | None) -> None:
        if gate is not None:
            gate.reached.set()
            while not gate.released.is_set():  # the test is another thread
                await asyncio.sleep(0.005)

    def _is_planned(self, phase: str) -> bool:
        return self.world.is_planned(phase)

    async def _keep_silent(self, fault: Fault) -> None:
        """Until the client has had enough."""
        if fault.silent:
            while await self._reader.read(1000):
                pass
            self._hang_up()

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()
        raise asyncio.CancelledError


def token_of(blob: bytes) -> tuple[str, str]:
    """User and access token of an XOAUTH2 response ("user=…^Aauth=Bearer …^A^A", in base64)."""
    parts = base64.b64decode(blob).decode().split("\1")
    fields = dict(part.split("=", 1) for part in parts if "=" in part)
    return fields.get("user", ""), fields.get("auth", "").removeprefix("Bearer ")
