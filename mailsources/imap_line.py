"""A signed-in IMAP connection: TLS or STARTTLS, password or token, always with time-outs."""

import logging
from contextlib import suppress
from dataclasses import dataclass

from imapclient import IMAPClient, SocketTimeout

from mailsources import faults
from mailsources.faults import FAULTS, MailboxError
from mailsources.listing import Shown
from mailsources.models import EmailSource
from mailsources.signin import (
    CONNECT_SECONDS,
    READ_SECONDS,
    guard_token,
    hearing_of,
    login_name,
    prepare,
    security,
    signed_in,
    stays_here,
)
from sso import tls
from sso.hearing import Hearing
from sso.secrets import Credential

logger = logging.getLogger(__name__)

HANG_UP_SECONDS = 2


@dataclass(slots=True)
class Line:
    """An open connection and what its folder showed last."""

    client: IMAPClient
    shown: Shown
    ear: "Ear"


class Ear:
    """Tells a hearing what is said on a connection; which one may change while the connection is kept.

    It takes the place of three methods of imaplib, which has no better way. What it reads as a literal is a
    mail or a part of one.
    """

    def __init__(self, client: IMAPClient, hearing: Hearing) -> None:
        self.hearing = hearing
        self._imap = client._imap
        send, readline, read = self._imap.send, self._imap.readline, self._imap.read

        def heard_send(data: bytes) -> None:
            self.hearing.us(data)
            send(data)

        def heard_readline() -> bytes:
            line: bytes = readline()
            self.hearing.them(line)
            return line

        def heard_read(size: int) -> bytes:
            self.hearing.them(size)
            data: bytes = read(size)
            return data

        self._imap.send, self._imap.readline, self._imap.read = heard_send, heard_readline, heard_read

    def leave(self) -> None:
        """Listen no more; the client is a circle of objects until then."""
        for name in ("send", "readline", "read"):
            vars(self._imap).pop(name, None)


def connect(source: EmailSource) -> IMAPClient:
    """A new connection, signed in, with no folder open.

    :raises MailboxError: with the sentence for the administrator.
    """
    client, ear = connect_heard(source, hearing_of(source))
    ear.leave()
    return client


def connect_heard(source: EmailSource, hearing: Hearing) -> tuple[IMAPClient, Ear]:
    """The same, and who listens to it. Raises MailboxError."""
    return signed_in(source, lambda credential: _connect(source, credential, hearing))


def hang_up(client: IMAPClient) -> None:
    """Say goodbye, or just close when the server doesn't listen. Never raises."""
    try:
        client.socket().settimeout(HANG_UP_SECONDS)
        client.logout()
    except FAULTS:
        with suppress(*FAULTS):
            client.shutdown()


def reach(source: EmailSource) -> IMAPClient:
    """A connection that is encrypted where it must be, not signed in yet. Raises MailboxError."""
    try:
        client = IMAPClient(
            source.server_address,
            source.service_port,
            ssl=source.use_ssl,
            ssl_context=tls.context(),
            timeout=SocketTimeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )
    except FAULTS as error:
        raise faults.connecting(error, source) from error
    client._imap.debug = 0  # else every mail body is formatted for a log line that nobody sees
    client.normalise_times = False
    try:
        _encrypt(client, source)
        prepare(client.socket())
    except FAULTS as error:
        hang_up(client)
        raise faults.connecting(error, source) from error
    except MailboxError:
        hang_up(client)
        raise
    return client


def _encrypt(client: IMAPClient, source: EmailSource) -> None:
    if source.use_ssl:
        return
    if client.has_capability("STARTTLS"):
        client.starttls(tls.context())
    elif not source.allow_clear_text and not stays_here(client.socket()):
        raise faults.no_starttls(source)


def _connect(source: EmailSource, credential: Credential, hearing: Hearing) -> tuple[IMAPClient, Ear]:
    hearing.hide(credential.value)
    hearing.note(f"Connecting to {hearing.peer} …")
    client = reach(source)
    hearing.note(security(client.socket()))
    hearing.them(client.welcome)
    ear = Ear(client, hearing)
    try:
        sign_in(client, source, credential)
    except MailboxError:
        hang_up(client)
        raise
    return client, ear


def sign_in(client: IMAPClient, source: EmailSource, credential: Credential) -> None:
    """Authenticate an open connection. Raises MailboxError."""
    name = login_name(source, credential)
    try:
        if credential.kind == "xoauth2":
            guard_token(client.socket(), source)
            client.oauth2_login(name, credential.value)
        elif _needs_plain(source, credential):
            client.plain_login(name, credential.value, source.mailbox)
        else:
            client.login(name, credential.value)
    except OSError as error:
        raise faults.talking(error, source) from error
    except FAULTS as error:
        by_token = credential.kind == "xoauth2"
        raise faults.refused(error, source, by_token=by_token, sent=credential.value) from error


def _needs_plain(source: EmailSource, credential: Credential) -> bool:
    """LOGIN knows neither another person's mailbox nor letters outside of ASCII (RFC 4616 does)."""
    shared = source.mailbox and source.mailbox != source.username
    return bool(shared) or not (credential.value + source.username).isascii()
