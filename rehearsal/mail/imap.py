"""An IMAP server over pymap's mailboxes in memory: password or XOAUTH2, TLS, STARTTLS or neither.

Mails are lost at the end, on purpose; every start has another UIDVALIDITY. Two habits of pymap are mended:
an answer goes out in one piece (a client in IDLE may otherwise see half a line), and passwords are
compared as they are (its hashing takes most of a second for each login).
"""

import asyncio
import json
import ssl
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from proxyprotocol.reader import ProxyProtocolReader
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login
from pymap.concurrent import Subsystem
from pymap.context import connection_exit
from pymap.exceptions import InvalidAuth, MailboxConflict
from pymap.imap import IMAPConnection
from pymap.imap.state import ConnectionState
from pymap.interfaces.login import IdentityInterface
from pymap.parsing.message import AppendMessage
from pymap.parsing.response import Response
from pymap.user import UserMetadata
from pysasl import SASLAuth
from pysasl.creds.external import ExternalCredentials, ExternalVerificationRequired
from pysasl.creds.server import ServerCredentials
from pysasl.hashing import Cleartext
from pysasl.identity import ClearIdentity
from pysasl.mechanism import ChallengeResponse, ServerChallenge
from pysasl.mechanism.login import LoginMechanism
from pysasl.mechanism.oauth import OAuth2Mechanism
from pysasl.mechanism.plain import PlainMechanism

#: Who a token belongs to, or nobody.
TokenOwner = Callable[[str], str | None]
#: What Google sends for a bad token before it says no (base64 of it, in both IMAP and SMTP).
TOKEN_REFUSED = json.dumps({"status": "400", "schemes": "Bearer", "scope": "https://mail.google.com/"})


@dataclass
class ImapHost:
    """Mailboxes that share a host name.

    :param name: what the server calls itself.
    :param passwords: address → password. An address without password takes tokens only.
    :param token_owner: knows whose token something is; without it there is no XOAUTH2.
    """

    name: str
    passwords: Mapping[str, str | None]
    token_owner: TokenOwner | None = None
    logins: int = 0
    _config: "_Config" = field(init=False, repr=False)
    _login: "_Login" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._config = _Config.make(self, None)
        self._login = _Login(self._config, self)

    async def listen(self, host: str, port: int, tls: ssl.SSLContext, *, implicit: bool) -> asyncio.Server:
        """Open a port: TLS from the first byte (``implicit``), or plain with STARTTLS offered."""
        config = _Config.make(self, None if implicit else tls)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: SocketInfo) -> None:
            if writer.get_extra_info("socket") is None:
                return  # gone already, as after a mere test of the port; pymap would ask it for its address
            connection = _Connection(config.commands, config, reader, writer, peer)
            async with AsyncExitStack() as stack:
                connection_exit.set(stack)
                stack.enter_context(closing(connection))
                await connection.run(ConnectionState(self._login, config))

        serve = ProxyProtocolReader(config.proxy_protocol).get_callback(talk)
        return await asyncio.start_server(serve, host, port, ssl=tls if implicit else None)

    async def append(self, address: str, raw: bytes, folder: str = "INBOX") -> None:
        """Put a mail into a mailbox, as new. The folder is made if need be."""
        async with self._identity(address).new_session() as session:
            if folder != "INBOX":
                with suppress(MailboxConflict):
                    await session.create_mailbox(folder)
            message = AppendMessage(raw, datetime.now(UTC))
            await session.append_messages(folder, [message])

    async def count(self, address: str) -> int:
        """How many mails are in the INBOX."""
        async with self._identity(address).new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            return (await inbox.snapshot()).exists

    def _identity(self, address: str) -> Identity:
        return Identity(address, self._login, None, frozenset())


class _Config(Config):
    """pymap's settings; what is not about us keeps its default."""

    owner: ImapHost

    @classmethod
    def make(cls, owner: ImapHost, starttls: ssl.SSLContext | None) -> "_Config":
        config = cls(
            Namespace(passlib_cfg=None, proxy_protocol=None),
            host=None,
            port=0,
            demo_data=False,
            demo_user="",
            demo_password="",
            ssl_context=starttls or ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
            tls_enabled=starttls is not None,
            hash_context=Cleartext(),
            cpu_subsystem=Subsystem.for_asyncio(),
        )
        config.owner = owner
        return config

    @property
    def greeting(self) -> bytes:
        return f"{self.owner.name} ready for rehearsal".encode()

    @property
    def tls_auth(self) -> SASLAuth:
        passwords = [PlainMechanism(), LoginMechanism()]
        tokens = [_XOAuth2(self.owner.token_owner)] if self.owner.token_owner else []
        return SASLAuth([*tokens, *passwords])


class _XOAuth2(OAuth2Mechanism):
    """XOAUTH2 with Google's last word: a bad token is answered with a JSON challenge, then with NO."""

    def __init__(self, token_owner: TokenOwner) -> None:
        super().__init__()
        self._token_owner = token_owner

    def server_attempt(self, responses: Sequence[ChallengeResponse]) -> tuple[ExternalCredentials, None]:
        credentials, _ = super().server_attempt(responses)
        if len(responses) == 1 and not is_own_token(
            self._token_owner, credentials.authzid, token_of(credentials)
        ):
            raise ServerChallenge(TOKEN_REFUSED.encode())
        return credentials, None


class _Login(Login):
    """Decides who may come in: a token of the mailbox itself, or its password."""

    def __init__(self, config: Config, host: ImapHost) -> None:
        super().__init__(config)
        self._host = host
        for address in host.passwords:
            self.users_dict[address] = UserMetadata(config, address)

    async def authenticate(self, credentials: ServerCredentials) -> Identity:
        user = (credentials.authcid or credentials.authzid).lower()
        if isinstance(credentials, ExternalCredentials):
            good = is_own_token(self._host.token_owner, user, token_of(credentials))
        else:
            password = self._host.passwords.get(user)
            good = bool(password) and credentials.verify(ClearIdentity(credentials.authcid, password or ""))
        if not good or user not in self._host.passwords:
            raise InvalidAuth
        self._host.logins += 1
        return Identity(user, self, None, frozenset())

    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> Identity:
        return await super().authorize(authenticated, authzid.lower())


class _Connection(IMAPConnection):
    async def write_response(self, resp: Response) -> None:
        whole = BytesIO()
        try:
            await resp.async_write(whole)
            self.writer.write(whole.getvalue())
            await self.writer.drain()
        except ConnectionError:
            # pymap reads next and finds the end of the stream there.
            return


def is_own_token(token_owner: TokenOwner | None, user: str, token: str) -> bool:
    """Whether the access token was given by the very account that wants in."""
    owner = token_owner(token) if token_owner else None
    return owner is not None and owner.lower() == user.lower()


def token_of(credentials: ExternalCredentials) -> str:
    """pysasl hands the token over as an exception."""
    try:
        credentials.verify(None)
    except ExternalVerificationRequired as required:
        return required.token or ""


def keep_tasks_alive(loop: asyncio.AbstractEventLoop) -> None:
    """Hold every task of the loop until it is done.

    The loop itself holds tasks weakly and pymap starts its connections without keeping them: Python 3.13
    then collects live ones.
    """
    alive: set[asyncio.Task[Any]] = set()

    def make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        alive.add(task)
        task.add_done_callback(alive.discard)
        return task

    loop.set_task_factory(make_task)
