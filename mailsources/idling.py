"""One IMAP connection that waits in IDLE (RFC 2177).

What the server says is only a hint that it is worth looking: the library loses lines that come in two
pieces, and takes a closed line for silence. So the socket is read here, and any word of news is enough.
"""

import re
import ssl
from dataclasses import dataclass, field

from imapclient import IMAPClient

from mailsources.faults import FAULTS
from mailsources.imap import select
from mailsources.imap_line import connect, hang_up
from mailsources.models import EmailSource
from mailsources.signin import READ_SECONDS

CHUNK = 65536
CHATTER = re.compile(rb"\+ |\* (OK|BYE|\d+ (FETCH|EXPUNGE))", re.IGNORECASE)
"""No new mail: “Still here” of Dovecot every two minutes, marks, and what our own polls delete."""


class NoIdle(Exception):
    """The server can't do IDLE; the mailbox is polled only."""


@dataclass(slots=True)
class Idling:
    """A connection in IDLE, with a socket that doesn't block."""

    client: IMAPClient
    _rest: bytes = field(default=b"", repr=False)

    def fileno(self) -> int:
        """For `selectors`."""
        return int(self.client.socket().fileno())

    def news(self) -> bool:
        """Read what is there, and say whether the mailbox has changed.

        :raises ConnectionError: the server is gone.
        """
        found = False
        while data := self._read():
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._rest = self._rest[-1000:]
            found = found or any(line.strip() and not CHATTER.match(line) for line in lines)
        return found

    def close(self) -> None:
        """Cut the connection; never raises."""
        try:
            self.client.shutdown()
        except FAULTS:
            return

    def _read(self) -> bytes:
        try:
            data: bytes = self.client.socket().recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""
        except OSError as error:
            raise ConnectionError(str(error)) from error
        if not data:
            raise ConnectionError("closed by the server")
        return data


def begin(source: EmailSource) -> Idling:
    """Connect, open the folder and wait.

    :raises MailboxError: as a poll would.
    :raises NoIdle: this server has to be polled.
    """
    client = connect(source)
    try:
        select(client, source, examine=True)
        if not client.has_capability("IDLE"):
            raise NoIdle
        _idle(client)
    except BaseException:
        hang_up(client)
        raise
    return Idling(client)


def renew(idling: Idling) -> Idling:
    """Leave IDLE and begin it again, so that neither the server nor a firewall takes us for dead.

    :raises OSError, IMAPClientError: the server is gone.
    """
    idling.client.socket().settimeout(READ_SECONDS)
    idling.client.idle_done()
    _idle(idling.client)
    return idling


def _idle(client: IMAPClient) -> None:
    client.idle()
    client.socket().setblocking(False)
