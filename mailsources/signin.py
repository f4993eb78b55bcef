"""Signing in at a mailbox: with which secret, and one fresh token when the server refuses the first."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import TypeVar

from mailsources import faults
from mailsources.faults import MailboxError
from mailsources.hosts import gate
from mailsources.models import EmailSource
from sso.fields import SecretUnreadable
from sso.hearing import Dialect, Hearing
from sso.secrets import Credential, resolve
from sso.tokens import SignInError

CONNECT_SECONDS = 15
READ_SECONDS = 60
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}

Connected = TypeVar("Connected")


def signed_in(source: EmailSource, connect: Callable[[Credential], Connected]) -> Connected:
    """Connect with the source's secret.

    :param connect: makes a whole new connection each time, because some servers hang up after a refusal.
    :raises MailboxError: there is no token, or the server refused.
    """
    try:
        try:
            return _connected(source, connect)
        except MailboxError as error:
            if error.code != "token":
                raise
        return _connected(source, connect, fresh=True)
    except SignInError as error:
        raise MailboxError(error.sentence, code="sign_in", retry=error.retry, cause=error.cause) from error
    except SecretUnreadable as error:
        raise MailboxError(str(error), code="sign_in", retry=False) from error


def _connected(
    source: EmailSource, connect: Callable[[Credential], Connected], *, fresh: bool = False
) -> Connected:
    credential = resolve(source.password, source.server_address, fresh=fresh)
    gate.wait(source.server_address)  # after an outage hundreds want to sign in at once
    return connect(credential)


def hearing_of(source: EmailSource) -> Hearing:
    """What notes a conversation with the source's server."""
    dialect: Dialect = "POP3" if source.server_type == "POP3" else "IMAP"
    return Hearing(dialect, f"{source.server_address}:{source.service_port}")


def login_name(source: EmailSource, credential: Credential) -> str:
    """Whose mailbox: with a token the mailbox itself, with a password the person who signs in."""
    return (source.mailbox or source.username) if credential.kind == "xoauth2" else source.username


def prepare(line: socket.socket) -> None:
    """Patience for a slow server, and a way to notice one that is gone behind a silent firewall.

    imapclient writes SEARCH and FETCH in two pieces, and without TCP_NODELAY the second one waits until the
    server has acknowledged the first, which costs 40 ms each time.
    """
    line.settimeout(READ_SECONDS)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):  # not every system has all of them
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def guard_token(line: socket.socket, source: EmailSource) -> None:
    """A token leaves this machine encrypted or not at all, also where clear text is allowed.

    :raises MailboxError: it would not be.
    """
    if not (isinstance(line, ssl.SSLSocket) or stays_here(line)):
        raise faults.token_in_clear(source)


def security(line: socket.socket) -> str:
    """How a connection is encrypted, for the log."""
    if isinstance(line, ssl.SSLSocket):
        cipher = line.cipher()
        return f"{line.version()}, {cipher[0] if cipher else 'unknown cipher'}"
    return "Everything travels in clear text."


def shut(line: socket.socket) -> None:
    """End a connection under somebody who is reading from it in another thread. Never raises."""
    with suppress(OSError):
        # Not the method of SSLSocket: that one takes the reader's TLS state away, who then reads cipher text.
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def stays_here(line: socket.socket) -> bool:
    """Nothing leaves this machine over this connection, so nobody can listen."""
    return ip_address(line.getpeername()[0].partition("%")[0]).is_loopback
