"""One conversation with a mail server that hands forwarded mail over: SMTP (RFC 5321) or LMTP (RFC 2033).

    MAIL ──▶ RCPT: only addresses of email sources ──▶ DATA up to CR LF . CR LF, nothing else
    ──▶ stored and committed ──▶ 250         any trouble ──▶ 451, and the sender tries again

No relaying, no signing in, nothing that tells which addresses exist but RCPT itself, and few guesses at that.
aiosmtpd does the talking; reading the mail is ours, as its own cuts off long lines and takes bare line feeds.
"""

import asyncio
import collections
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailsources.accepting import Refused
from mailsources.handed_over import Heard
from sso.hearing import Hearing

logger = logging.getLogger(__name__)
# It logs each line of a mail at DEBUG and each address at INFO.
logging.getLogger("mail.log").setLevel(logging.WARNING)

COMMAND_OCTETS = 2048
BUFFER_OCTETS = 256 * 1024
IDLE_SECONDS = 300.0  # RFC 5321 4.5.3.2
DATA_SECONDS = 1800.0  # for one whole mail, however slowly it comes
STORE_SECONDS = 120.0  # less than the ten minutes in which the other side waits for our answer
MOST_RECIPIENTS = 100  # RFC 5321 4.5.3.1.8
MOST_UNKNOWN = 10

TROUBLE = "451 4.3.0 The mail can't be stored just now: try again later"
TOO_BIG = "552 5.3.4 The mail is larger than the {} MB that are taken"
FULL = "452 4.3.1 Too many large mails are coming in at once: try again in a minute"
TOO_SLOW = "421 4.4.2 The mail has taken too long: try again"
LEAVING = "421 4.3.2 This server is being stopped: try again in a minute"
END = b"\r\n.\r\n"

_ADDRESS = re.compile(r'<(?:@[^:<>]+:)?((?:"(?:[^"\\]|\\.)*"|[^\s<>"])*)>|([^\s<>]+)')
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_ADDRESS = 320

Work = Callable[..., Coroutine[Any, Any, Any]]


class Store(Protocol):
    """What takes recipients and mails; it may take its time, and raises what it likes."""

    async def check(self, recipient: str) -> None:
        """Let an address pass, or raise Refused."""

    async def keep(self, mail_from: str, recipients: Sequence[str], raw: bytes) -> list[int]:
        """Commit a mail; a number for each recipient."""


@dataclass(slots=True)
class House:
    """What the connections of one process share.

    :param largest: octets of one mail; `budget`: octets of all mails that are being read.
    """

    store: Store
    hostname: str
    largest: int
    budget: int
    held: int = 0
    is_leaving: bool = False
    connections: set["Talk"] = field(default_factory=set)
    heard: Heard = field(default_factory=Heard)


class Talk(SMTP):
    """A connection that speaks SMTP."""

    line_length_limit = BUFFER_OCTETS  # of the buffer: when it is full, the other side has to wait

    def __init__(self, house: House, tls: ssl.SSLContext | None) -> None:
        # aiosmtpd keeps these limits in one dictionary for all connections, and clears it for each.
        self.command_size_limits = collections.defaultdict(lambda: COMMAND_OCTETS)
        self.house = house
        self.is_busy = False
        self.held = 0
        self.unknown = 0
        self.hearing = Hearing("SMTP")
        self.stored: list[int] = []
        self.refused: list[str] = []
        super().__init__(
            _Hooks(self),
            data_size_limit=house.largest,
            enable_SMTPUTF8=True,
            hostname=house.hostname,
            ident="UCS Email",
            tls_context=tls,
            timeout=IDLE_SECONDS,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            loop=asyncio.get_running_loop(),
        )
        methods = self._smtp_methods
        self._smtp_methods = {name: partial(self._hear, name, method) for name, method in methods.items()}

    command_size_limit = COMMAND_OCTETS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.house.connections.add(self)
        self.hearing.peer = _named(transport.get_extra_info("peername"))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.house.connections:
            self.house.heard.over(self.hearing, self.stored, self.refused)
        self.house.connections.discard(self)
        super().connection_lost(error)

    async def leave(self) -> None:
        """Say goodbye, unless a mail is being handed over: then after its answer."""
        if not self.is_busy and self.transport is not None:
            await self.push(LEAVING)
            self.transport.close()

    async def _hear(self, name: str, method: Callable[..., Awaitable[None]], arg: str | None) -> None:
        """Note a command, and do it. Nobody signs in here, so what AUTH says is nobody's business."""
        self.hearing.them(f"{name} {arg}" if arg and name != "AUTH" else name)
        await method(arg)

    async def push(self, status: Any) -> None:
        words = status if isinstance(status, str) else status.decode("utf-8", "replace")
        self.hearing.us(words)
        if words[:1] in "45" and not words.startswith(("421 4.3.2", "421 4.4.2 Tim")):
            self.refused.append(words)
        await super().push(status)

    # ── What replaces aiosmtpd's own ──────────────────────────────────────────────────────────────────

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read a path (RFC 5321 4.1.2) and what follows; odd addresses of senders are taken as they are."""
        match = _ADDRESS.match(arg.strip())
        if match is None or _CONTROL.search(arg) or len(match[0]) > _LONGEST_ADDRESS:
            return None, None
        return (match[1] if match[1] is not None else match[2]) or "<>", arg.strip()[match.end() :]

    async def smtp_MAIL(self, arg: str | None) -> None:
        size = re.search(r"\sSIZE=(\d{1,20})(?:\s|$)", arg or "", re.IGNORECASE)
        if size and int(size[1]) > self.house.largest:  # RFC 1870 6.1, with the code that says why
            await self.push(self._too_big())
            return
        await super().smtp_MAIL(arg)

    async def smtp_VRFY(self, arg: str) -> None:
        await self.push("252 2.5.0 Send a mail, and you will see")

    async def smtp_HELP(self, arg: str) -> None:
        await self.push("214 2.0.0 This server takes mail for the addresses of its email sources")

    async def smtp_AUTH(self, arg: str) -> None:
        await self.push("502 5.5.1 Nobody signs in here")

    async def smtp_DATA(self, arg: str | None) -> None:
        """Read the mail, have it stored, answer."""
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos:
            await self.push("503 5.5.1 First name a recipient")
            return
        if arg:
            await self.push("501 5.5.4 DATA has no parameter")
            return
        self.is_busy = True
        try:
            await self.push("354 End the mail with <CR><LF>.<CR><LF>")
            raw, refusal = await self._read_mail()
            answers = [refusal] if refusal else await self._keep(envelope, raw)
            self._set_post_data_state()  # type: ignore[no-untyped-call]
            if answers[0].startswith("250"):
                self.unknown = 0  # a server that keeps its connection open delivers for many senders
            for answer in self.answers(envelope, answers):
                await self.push(answer)
        finally:
            self.is_busy = False
            self.house.held, self.held = self.house.held - self.held, 0
        if refusal == TOO_SLOW and self.transport is not None:
            self.transport.close()  # nobody knows where this mail ends
        if self.house.is_leaving:
            await self.leave()

    # ── The mail itself ───────────────────────────────────────────────────────────────────────────────

    def answers(self, envelope: Envelope, answers: Sequence[str]) -> Sequence[str]:
        """What to say at the end of the mail, given one answer for all or one for each recipient."""
        return answers[:1]

    async def _read_mail(self) -> tuple[bytes, str]:
        """Return the mail, or b"" and why it is not taken; the mail is always read to its end."""
        data = bytearray()
        refusal = ""
        try:
            async with asyncio.timeout(DATA_SECONDS):
                while not (data.endswith(END) or data == END[2:]):
                    piece = await self._piece()
                    data += piece
                    refusal = refusal or self._no_room(len(data), len(piece))
                    if refusal:
                        del data[: -len(END)]  # what comes is only looked at for its end
        except TimeoutError:
            return b"", TOO_SLOW
        if refusal:
            return b"", refusal
        del data[-3:]
        return _unstuffed(bytes(data)), ""

    def _no_room(self, octets: int, more: int) -> str:
        """Count a piece of a mail; why the mail is not taken any more, "" when it is."""
        if octets > self.house.largest + len(END):
            return self._too_big()
        if self.house.held + more > self.house.budget:
            return FULL
        self.house.held += more
        self.held += more
        return ""

    async def _piece(self) -> bytes:
        """The next bytes up to a dot at the end of a line, or as many as there are."""
        self._reset_timeout()
        try:
            return await self._reader.readuntil(END[2:])
        except asyncio.LimitOverrunError as error:
            return await self._reader.readexactly(error.consumed)

    async def _keep(self, envelope: Envelope, raw: bytes) -> list[str]:
        self._reset_timeout(STORE_SECONDS + IDLE_SECONDS)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                numbers = await self.house.store.keep(envelope.mail_from or "<>", envelope.rcpt_tos, raw)
        except Refused as refused:
            return [str(refused)]
        except Exception:  # the edge: whatever it was, the sender keeps the mail and tries again
            logger.exception("a forwarded mail of %s octets was not stored", len(raw))
            return [TROUBLE]
        self.hearing.note(f"The mail has {len(raw):,} octets.")
        self.stored += numbers
        return [f"250 2.0.0 Stored as fetched mail {number}" for number in numbers]

    def _too_big(self) -> str:
        return TOO_BIG.format(self.house.largest // 1024 // 1024)


class LmtpTalk(Talk, LMTP):
    """A connection that speaks LMTP: at the end of a mail there is an answer for each recipient."""

    def answers(self, envelope: Envelope, answers: Sequence[str]) -> Sequence[str]:
        each = len(answers) == len(envelope.rcpt_tos)
        return answers if each else [answers[0]] * len(envelope.rcpt_tos)


class _Hooks:
    """What aiosmtpd asks about each command."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.house = talk.house

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        offered = [line for line in responses if not line[4:].startswith(("AUTH", "HELP"))]
        return [*offered, "250 PIPELINING"]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return f"452 4.5.3 Not more than {MOST_RECIPIENTS} recipients at once"
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self.house.store.check(address)
        except Refused as refused:
            return self._refusal(str(refused))
        except Exception:  # the edge: nobody knows whether the address is ours
            logger.exception("a recipient could not be looked up")
            return TROUBLE
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient is fine"

    def _refusal(self, answer: str) -> str:
        self.talk.unknown += answer.startswith("55")
        if self.talk.unknown <= MOST_UNKNOWN:
            return answer
        if self.talk.transport is not None:
            self.talk.loop.call_soon(self.talk.transport.close)
        return "421 4.7.0 Too many unknown recipients: goodbye"

    async def handle_exception(self, error: Exception) -> str:
        logger.error("a connection to the intake failed", exc_info=error)
        return TROUBLE


def _named(peer: Any) -> str:
    """Who is on the other side; a socket file has no name."""
    return f"{peer[0]}" if isinstance(peer, tuple) else "a socket of this machine"


def _unstuffed(data: bytes) -> bytes:
    """Take the dot away that the sender has put before lines that begin with one (RFC 5321 4.5.2)."""
    data = data.removeprefix(b".")
    return data.replace(b"\r\n.", b"\r\n")
