"""One connection to an SMTP server, step by step, so that the outbox can write between the steps.

aiosmtplib does the protocol. What it leaves to us: which step an error belongs to, one sign-in method
instead of all in turn (each failure counts towards a lock-out), and the moment between RCPT and DATA.

    line = Line(Server.of(sender))
    await line.open()                      # connect, TLS, EHLO
    await line.sign_in(credential)
    refused = await line.envelope(…)       # MAIL, RCPT for each
    await line.start_text()                # DATA: 354
    answer = await line.text(raw)          # the bytes and the dot
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

import aiosmtplib
from aiosmtplib import SMTPResponse
from django.conf import settings

from mailsenders.answers import Answer, Phase
from mailsenders.heard_client import HeardClient, Tried, in_full
from mailsenders.models import EmailSender
from mailsenders.networks import is_here, is_inside
from mailsenders.wire import stuffed
from sso import tls
from sso.blanking import blanked
from sso.causes import UNKNOWN, Cause, named
from sso.hearing import Hearing
from sso.network import diagnose
from sso.secrets import Credential

CONNECT_SECONDS = 30.0
COMMAND_SECONDS = 300.0  # RFC 5321 4.5.3.2: five minutes for a command, two for DATA, ten for the final dot
DATA_SECONDS = 120.0
DOT_SECONDS = 600.0
RESET_SECONDS = 10.0
PARTING_SECONDS = 5.0
NO_UTF8 = Answer(553, "5.6.7 The server takes no addresses with letters outside ASCII (SMTPUTF8).")
METHODS = ("plain", "login", "cram-md5")


class SmtpError(Exception):
    """The conversation with the server did not go on; `phase` says how far it had come."""

    hearing: Hearing | None = None  # what was said on a connection that did not come about

    def __init__(self, phase: Phase, text: str) -> None:
        super().__init__(text)
        self.phase = phase


class Refused(SmtpError):
    """The server answered, but not as wished."""

    def __init__(self, phase: Phase, answer: Answer) -> None:
        super().__init__(phase, str(answer))
        self.answer = answer


class Lost(SmtpError):
    """No answer: the connection broke or the server kept silent. The text says which."""


class Unreachable(SmtpError):
    """There is no usable connection; the text is a sentence that names the server and the remedy."""

    def __init__(self, phase: Phase, text: str, cause: Cause = UNKNOWN) -> None:
        super().__init__(phase, text)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to connect. Two equal ones can share a connection."""

    server_type: str
    host: str
    port: int
    username: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, sender: EmailSender) -> Self:
        """The server of a sender, as it is configured now."""
        return cls(
            sender.server_type, sender.server_address, sender.service_port, sender.username, sender.password
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Line:
    """A connection. It belongs to the loop of `background`; after an error it is only good for `close`."""

    client_type: ClassVar[type[aiosmtplib.SMTP]] = HeardClient

    def __init__(self, server: Server) -> None:
        self.server = server
        self.mails = 0
        self.slot = 0  # which of the sender's connections this is, see `slots`
        self.phase = Phase.CONNECT
        self.hearing = Hearing("SMTP", str(server))
        self.tries: list[Tried] = []  # what became of the mails of this turn
        self._client = self.client_type(
            hostname=server.host,
            port=server.port,
            use_tls=server.server_type == EmailSender.ServerType.SSL,
            start_tls=False,
            tls_context=tls.context(),
            timeout=CONNECT_SECONDS,
            local_hostname=our_name(),
        )
        vars(self._client)["hearing"] = self.hearing

    async def open(self) -> None:
        """Connect, and greet. STARTTLS is a must when it is chosen: there is no way back to clear text.

        :raises SmtpError: no usable connection.
        """
        self.hearing.note(f"Connecting to {self.server}, {self.server.server_type} …")
        try:
            await self._connect()
            if self.server.server_type == EmailSender.ServerType.STARTTLS:
                await self._start_tls()
        except BaseException:
            self._client.close()
            raise

    async def sign_in(self, credential: Credential) -> None:
        """Sign in by the one method that fits.

        :raises Refused: wrong password or token, or no sign-in at the moment.
        :raises Unreachable: the server offers no method for this.
        """
        self.phase = Phase.AUTH
        self.hearing.hide(credential.value)
        if credential.kind == "xoauth2":
            self._guard_token()
        offered = self._client.server_auth_methods
        method = self._method(credential.kind, offered)
        user, secret = self.server.username, credential.value
        sign_in = {
            "xoauth2": self._client.auth_xoauth2,
            "plain": self._client.auth_plain,
            "login": self._client.auth_login,
            "cram-md5": self._client.auth_crammd5,
        }[method]
        try:
            await self._step(Phase.AUTH, sign_in(user, secret, timeout=COMMAND_SECONDS))
        except Refused as refusal:  # some servers repeat what they were sent
            said = Answer(refusal.answer.code, blanked(refusal.answer.text, secret))
            raise Refused(Phase.AUTH, said) from None

    def largest_mail(self) -> int:
        """The server's limit in octets (RFC 1870), 0 when it gives none."""
        size = self._client.esmtp_extensions.get("size", "")
        return int(size) if size.isdigit() else 0

    def takes_utf8(self) -> bool:
        """Whether it takes addresses in any script (RFC 6531)."""
        return self._client.supports_extension("smtputf8")

    async def envelope(
        self, mail_from: str, recipients: tuple[str, ...], raw: bytes, seconds: float | None = None
    ) -> dict[str, Answer | None]:
        """Name the sender and each recipient; recipient → None when taken, or the refusal.

        :param seconds: for all of it.
        :raises Refused: the sender is refused, or the server ends the conversation (421).
        :raises Lost: no answer.
        """
        outcome: dict[str, Answer | None] = {}
        utf8 = "" if all(each.isascii() for each in (mail_from, *recipients)) else " SMTPUTF8"
        if utf8 and not self.takes_utf8():
            return dict.fromkeys(recipients, NO_UTF8)
        try:
            async with asyncio.timeout(COMMAND_SECONDS if seconds is None else seconds):
                await self._command(Phase.MAIL, f"MAIL FROM:<{mail_from}>{self._parameters(raw)}{utf8}")
                for recipient in recipients:
                    outcome[recipient] = await self._recipient(recipient)
        except TimeoutError as error:
            raise Lost(self.phase, f"{self.server} took too long while {self.phase}") from error
        return outcome

    async def start_text(self) -> None:
        """Ask to send the text. Nothing of it has left yet."""
        await self._command(Phase.DATA, "DATA", wanted=354, seconds=DATA_SECONDS)

    async def text(self, raw: bytes) -> Answer:
        """Send the text and the final dot; the answer is the server's 250.

        :raises Refused: it did not take the mail.
        :raises Lost: nobody knows.
        """
        protocol = self._client.protocol
        try:
            if protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("closed")
            self.hearing.us(f"(the text: {len(raw):,} octets, and the final dot)")
            protocol.write(stuffed(raw))
        except aiosmtplib.SMTPServerDisconnected as error:  # before a byte of it has left
            raise Lost(Phase.DATA, f"{self.server} closed the connection before the text") from error
        answer = await self._step(Phase.DOT, protocol.read_response(timeout=DOT_SECONDS))
        self.hearing.them(in_full(answer.code, answer.text))
        if answer.code != 250:
            raise Refused(Phase.DOT, answer)
        self.mails += 1
        return answer

    async def try_sender(self, mail_from: str) -> None:
        """Ask whether an address may send, and take the question back.

        :raises SmtpError: it may not.
        """
        await self._command(Phase.MAIL, f"MAIL FROM:<{mail_from}>")
        await self.reset()

    async def try_recipient(self, mail_from: str, recipient: str) -> Answer | None:
        """Ask whether an address may send to another, and take the question back; None: it may.

        :raises SmtpError: as `envelope`.
        """
        await self._command(Phase.MAIL, f"MAIL FROM:<{mail_from}>")
        answer = await self._recipient(recipient)
        await self.reset()
        return answer

    async def reset(self) -> None:
        """Forget a half-made mail, and see that the server is still there."""
        await self._command(Phase.EHLO, "RSET", seconds=RESET_SECONDS)

    async def close(self, *, politely: bool = True) -> None:
        """Hang up. What goes wrong now is nobody's business: all mails have had their answer."""
        try:
            if politely and self._client.is_connected:
                await self._client.quit(timeout=PARTING_SECONDS)
        except (aiosmtplib.SMTPException, OSError):
            pass
        finally:
            self._client.close()

    # Steps.

    async def _connect(self) -> None:
        try:
            await self._client.connect()
        except aiosmtplib.SMTPConnectResponseError as error:
            raise Refused(Phase.CONNECT, Answer(error.code, error.message)) from error
        except aiosmtplib.SMTPConnectTimeoutError as error:
            raise self._unreachable(TimeoutError()) from error
        except (OSError, UnicodeError) as error:  # SMTPConnectError is an OSError
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            raise self._unreachable(cause) from error
        self._check_clear_text()
        await self._greet()

    async def _greet(self) -> None:
        await self._step(Phase.EHLO, self._client.ehlo(timeout=CONNECT_SECONDS))

    async def _start_tls(self) -> None:
        self.phase = Phase.STARTTLS
        if not self._client.supports_extension("starttls"):
            raise Unreachable(
                self.phase,
                f"{self.server} does not offer STARTTLS, so nothing was sent there: choose SSL with its "
                "port, or ask the operator of the server.",
                named("no_starttls"),
            )
        try:
            await self._step(self.phase, self._client.starttls(timeout=CONNECT_SECONDS))
        except OSError as error:  # of the handshake
            raise self._unreachable(error) from error
        await self._greet()

    def _check_clear_text(self) -> None:
        if self.server.server_type != EmailSender.ServerType.NONE or settings.ALLOW_CLEAR_TEXT_OUTSIDE:
            return
        peer = self._client.get_transport_info("peername")
        if peer and not is_inside(str(peer[0])):
            raise Unreachable(
                Phase.CONNECT,
                f"{self.server} ({peer[0]}) is outside your own network, where mail and password would "
                "travel readable by anyone, so nothing was sent there: choose STARTTLS or SSL, "
                "or allow it for this installation with UCS_ALLOW_CLEAR_TEXT_OUTSIDE=true.",
                named("encryption_needed"),
            )

    def _guard_token(self) -> None:
        """A token opens a whole mailbox: it leaves this machine encrypted or not at all."""
        peer = self._client.get_transport_info("peername")
        if self._client.get_transport_info("ssl_object") or (peer and is_here(str(peer[0]))):
            return
        raise Unreachable(
            Phase.AUTH,
            f"{self.server} is spoken to without encryption, and a token is sent to no server readable by "
            "anyone on the way: choose STARTTLS or SSL.",
            named("encryption_needed"),
        )

    def _method(self, kind: Literal["password", "xoauth2"], offered: list[str]) -> str:
        if kind == "xoauth2" and "xoauth2" in offered:
            return "xoauth2"
        found = next((method for method in METHODS if method in offered), "") if kind == "password" else ""
        if found:
            return found
        names = ", ".join(name.upper() for name in offered) or "none at all"
        wanted = "a password" if kind == "password" else "a token (XOAUTH2)"
        raise Unreachable(
            Phase.AUTH,
            f"{self.server} offers no sign-in with {wanted} on this connection (it offers {names}): choose "
            "another server type, or empty the username if no sign-in is needed.",
            named("mechanism"),
        )

    def _parameters(self, raw: bytes) -> str:
        size = f" SIZE={len(raw)}" if self._client.supports_extension("size") else ""
        eight_bit = self._client.supports_extension("8bitmime") and not raw.isascii()
        return size + (" BODY=8BITMIME" if eight_bit else "")

    async def _recipient(self, recipient: str) -> Answer | None:
        try:
            await self._command(Phase.RCPT, f"RCPT TO:<{recipient}>")
        except Refused as refusal:
            if refusal.answer.code == 421:
                raise
            return refusal.answer
        return None

    async def _command(
        self, phase: Phase, command: str, *, wanted: int = 250, seconds: float | None = None
    ) -> Answer:
        words = [word.encode() for word in command.split(" ")]
        answer = await self._step(
            phase, self._client.execute_command(*words, timeout=seconds or COMMAND_SECONDS)
        )
        if answer.code // 10 != wanted // 10:
            raise Refused(phase, answer)
        return answer

    async def _step(self, phase: Phase, work: Awaitable[SMTPResponse]) -> Answer:
        self.phase = phase
        try:
            code, text = await work
        except aiosmtplib.SMTPResponseException as error:
            raise Refused(phase, Answer(error.code, error.message)) from error
        except aiosmtplib.SMTPTimeoutError as error:
            raise Lost(phase, f"no answer from {self.server} while {phase}") from error
        except aiosmtplib.SMTPServerDisconnected as error:
            raise Lost(phase, f"{self.server} closed the connection while {phase}") from error
        return Answer(code, text)

    def _unreachable(self, error: OSError | UnicodeError) -> Unreachable:
        if isinstance(error, UnicodeError):  # a name such as "a..b"
            return Unreachable(
                Phase.CONNECT,
                f"{self.server.host} is not a server name: correct the server address.",
                named("name_unknown"),
            )
        found = diagnose(_plain(error), self.server.host, self.server.port)
        return Unreachable(Phase.CONNECT, found.sentence, found.cause)


def our_name() -> str:
    """What we call ourselves in EHLO (RFC 5321 4.1.3: an address literal where there is no name)."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return host if host.isascii() else "localhost"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _plain(error: OSError) -> OSError:
    """The error as the operating system gives it."""
    if isinstance(error, aiosmtplib.SMTPServerDisconnected):
        return ConnectionResetError()
    # asyncio wraps the refusals of a name's several addresses into one error without a number.
    if "Connect call failed" in str(error) and "Errno 111" in str(error):
        return ConnectionRefusedError()
    return error
