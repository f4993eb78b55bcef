"""One IMAP connection that waits in IDLE (RFC 2177).

What the server says is only a hint that it is worth looking: the library loses lines that come in two
pieces, and takes a closed line for silence. So once IDLE has begun the socket is read and written here, never
waited for, and any word of news is enough. The library's objects are let go: they are half of the memory.

    idle ──DONE──▶ leaving ──its answer──▶ IDLE again ──"+"──▶ idle
"""

import re
import socket
import ssl
from dataclasses import dataclass, field

from imapclient import IMAPClient

from mailsources.imap import select
from mailsources.imap_line import connect_heard, hang_up
from mailsources.models import EmailSource
from sso.hearing import Hearing

CHUNK = 16_384
LONGEST_LINE = 1000
CHATTER = re.compile(rb"\* (OK|BYE|\d+ (FETCH|EXPUNGE))", re.IGNORECASE)
"""No new mail: “Still here” of Dovecot every two minutes, marks, and what our own polls delete."""

COMPLETED = re.compile(rb"\S+ OK\b", re.IGNORECASE)


class NoIdle(Exception):
    """The server can't do IDLE; the mailbox is polled only."""


@dataclass(slots=True)
class Idling:
    """A connection in IDLE, with a socket that doesn't block.

    `is_renewing` from `renew` until the server is back in IDLE.
    """

    line: socket.socket
    is_renewing: bool = False
    _is_leaving: bool = False
    _rest: bytes = field(default=b"", repr=False)

    def fileno(self) -> int:
        """For `selectors`."""
        return self.line.fileno()

    def renew(self) -> None:
        """Leave IDLE and begin it again, so that neither the server nor a firewall takes us for dead.

        This only says so; `news` hears the answers and does the rest.

        :raises ConnectionError: the server is gone.
        """
        self.is_renewing = self._is_leaving = True
        self._say(b"DONE\r\n")

    def news(self) -> bool:
        """Read what is there, and say whether the mailbox has changed.

        :raises ConnectionError: the server is gone.
        """
        found = False
        while data := self._read():
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._rest = self._rest[-LONGEST_LINE:]
            for line in lines:
                found |= self._is_news(line.strip())
        return found

    def close(self) -> None:
        """Say goodbye without waiting for an answer; never raises."""
        try:
            self.line.send(b"DONE\r\nbye LOGOUT\r\n")
            self.line.close()
        except OSError:
            self.line.close()

    def _is_news(self, line: bytes) -> bool:
        if line.startswith(b"+"):
            self.is_renewing = self._is_leaving
            return False
        if line and not line.startswith(b"*"):
            self._completed(line)
            return False
        return bool(line) and not CHATTER.match(line)

    def _completed(self, line: bytes) -> None:
        """The end of an IDLE. One that we did not ask for would come again and again."""
        if not self._is_leaving or not COMPLETED.match(line):
            raise ConnectionError(f"the server ended IDLE: {line[:100]!r}")
        self._is_leaving = False
        self._say(b"again IDLE\r\n")

    def _say(self, words: bytes) -> None:
        try:
            self.line.sendall(words)
        except OSError as error:  # also when so few bytes find no room any more
            raise ConnectionError(str(error)) from error

    def _read(self) -> bytes:
        try:
            data = self.line.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""
        except OSError as error:
            raise ConnectionError(str(error)) from error
        if not data:
            raise ConnectionError("closed by the server")
        return data


def begin(source: EmailSource, hearing: Hearing) -> Idling:
    """Connect, open the folder and wait; what is said until then is heard.

    Words that came together with the server's "+" stay in the library's buffer, so look once after this.

    :raises MailboxError: as a poll would.
    :raises NoIdle: this server has to be polled.
    """
    client, ear = connect_heard(source, hearing)
    try:
        select(client, source, examine=True)
        if not client.has_capability("IDLE"):
            raise NoIdle
        client.idle()
        ear.leave()
        return Idling(_taken_from(client))
    except BaseException:
        hang_up(client)
        raise


def _taken_from(client: IMAPClient) -> socket.socket:
    """The client's socket, which no longer blocks, without the client's buffers."""
    line: socket.socket = client.socket()
    line.setblocking(False)
    return line
