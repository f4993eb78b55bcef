"""SMTP submission with aiosmtpd: STARTTLS, TLS or neither; PLAIN and LOGIN, or XOAUTH2 as Google does it."""

import asyncio
import collections
import re
import ssl
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from rehearsal.mail.imap import TOKEN_REFUSED, TokenOwner, is_own_token
from rehearsal.mail.post import without_tag

#: What Gmail announces with SIZE, in bytes.
MAX_SIZE = 35_882_577
REFUSED = "535 5.7.8 Username and Password not accepted. This is the rehearsal world: see its page."
_XOAUTH2 = re.compile(rb"user=(.*?)\x01auth=bearer (.*?)\x01\x01", re.IGNORECASE | re.DOTALL)

Deliver = Callable[[str, list[str], bytes], Awaitable[None]]


@dataclass
class SmtpHost:
    """A submission host.

    :param passwords: address → password; None takes tokens only.
    :param token_owner: knows whose token something is; without it there is no XOAUTH2.
    :param knows: whether a recipient exists.
    :param deliver: takes sender, recipients and the mail; the client gets its 250 when it returns.
    """

    name: str
    passwords: Mapping[str, str | None]
    knows: Callable[[str], bool]
    deliver: Deliver
    token_owner: TokenOwner | None = None
    accepted: int = 0

    async def listen(self, host: str, port: int, tls: ssl.SSLContext, *, implicit: bool) -> asyncio.Server:
        """Open a port: TLS from the first byte (``implicit``), or plain with STARTTLS offered."""
        loop = asyncio.get_running_loop()

        def talk() -> SMTP:
            return _Connection(
                _Handler(self),
                hostname=self.name,
                ident="rehearsal",
                data_size_limit=MAX_SIZE,
                enable_SMTPUTF8=True,
                tls_context=None if implicit else tls,
                auth_require_tls=False,
                auth_exclude_mechanism=() if self.token_owner else ("XOAUTH2",),
                authenticator=self.check_password,
                loop=loop,
            )

        return await loop.create_server(talk, host, port, ssl=tls if implicit else None)

    def check_password(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        """aiosmtpd's hook for PLAIN and LOGIN."""
        user = data.login.decode(errors="replace").lower()
        password = self.passwords.get(user)
        if password is None or password.encode() != data.password:
            return AuthResult(success=False, handled=False, message=REFUSED)
        return AuthResult(success=True, auth_data=user)


class _Connection(SMTP):
    # A token of another provider has 3,000 characters, and the line limit holds for the AUTH line, too.
    line_length_limit = 65_536

    def __init__(self, *args: Any, **options: Any) -> None:
        # aiosmtpd keeps these limits in one dictionary for all connections, and clears it for each.
        self.command_size_limits = collections.defaultdict(lambda: SMTP.command_size_limit)
        super().__init__(*args, **options)
        self.command_size_limits["AUTH"] = 32_768


class _Handler:
    def __init__(self, host: SmtpHost) -> None:
        self.host = host

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """SASL XOAUTH2; a bad token gets Google's JSON challenge before the 535."""
        answer = await _initial_response(server, args)
        if answer is None:
            return AuthResult(success=False, handled=True)
        match = _XOAUTH2.fullmatch(answer)
        user, token = (part.decode(errors="replace") for part in match.groups()) if match else ("", "")
        if not is_own_token(self.host.token_owner, user, token):
            await server.challenge_auth(TOKEN_REFUSED)
            return AuthResult(success=False, handled=False, message=REFUSED)
        return AuthResult(success=True, auth_data=user.lower())

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address and without_tag(address) != session.auth_data:
            return f"553 5.7.1 <{address}>: sender address rejected: not owned by {session.auth_data}"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender is fine"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.host.knows(address):
            return f"550 5.1.1 <{address}>: there is no such mailbox in the rehearsal world"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient is fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipients = envelope.rcpt_tos
        await self.host.deliver(envelope.mail_from or "", recipients, envelope.original_content or b"")
        self.host.accepted += 1
        return f"250 2.0.0 Delivered to {len(recipients)} mailbox(es)"


async def _initial_response(server: SMTP, args: list[str]) -> bytes | None:
    """The client's answer to AUTH, sent along or asked for; None after an answer that is no base64."""
    if len(args) == 1:
        answer = await server.challenge_auth("")
        return answer if isinstance(answer, bytes) else None
    try:
        return b64decode(args[1], validate=True)
    except Base64Error:
        await server.push("501 5.5.2 Cannot decode that as base64")
        return None
