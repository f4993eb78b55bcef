"""An IMAP server that lies as we like: any number of mails, any answer to a FETCH, any UIDVALIDITY or none.

It speaks without TLS on loopback, and knows just what the product asks: EXAMINE, UID SEARCH, UID FETCH.
"""

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.make import make_mail

_SET = re.compile(rb"^(\d+|\*)(?::(\d+|\*))?$")

Odd = Callable[[int, bytes], bytes | None]


@dataclass
class Mailbox:
    """What the server shows.

    :param uids: may be a range, so that a crowd costs nothing.
    :param odd: the untagged answer to the FETCH of one UID for these items; None for an honest one.
    :param size: what RFC822.SIZE says of a UID; None for the truth.
    """

    uids: Sequence[int] = (1, 2, 3)
    uidvalidity: int | None = 1
    odd: Odd | None = None
    size: Callable[[int], int | None] = lambda uid: None
    bodies: dict[int, bytes] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    """Each command, as it came."""

    def body(self, uid: int) -> bytes:
        """A mail of its own for each UID."""
        if uid not in self.bodies:
            self.bodies[uid] = make_mail(f"Mail {uid}.")
        return self.bodies[uid]

    def between(self, words: bytes) -> Sequence[int]:
        """The UIDs of a set such as 3:*; the last one always belongs to n:* (RFC 9051 9)."""
        found: list[int] = []
        for part in words.split(b","):
            ends = _SET.match(part)
            assert ends, part
            top = self.uids[-1] if self.uids else 0
            first, last = (top if end == b"*" else int(end) for end in (ends[1], ends[2] or ends[1]))
            low, high = sorted((first, last))
            found += [uid for uid in range(low, min(high, top) + 1) if uid in self.uids]
        return found


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    mailbox: Mailbox


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.wfile.write(b"* OK [CAPABILITY IMAP4rev1] odd\r\n")
            for line in self.rfile:
                tag, _, command = line.strip().partition(b" ")
                self.box.asked.append(command)
                self._answer(command)
                self.wfile.write(tag + b" OK done\r\n")
        except OSError:
            return

    @property
    def box(self) -> Mailbox:
        assert isinstance(self.server, _Server)
        return self.server.mailbox

    def _answer(self, command: bytes) -> None:
        words = command.upper()
        if words.startswith(b"CAPABILITY"):
            self.wfile.write(b"* CAPABILITY IMAP4rev1\r\n")
        elif words.startswith((b"EXAMINE", b"SELECT")):
            self.wfile.write(b"* %d EXISTS\r\n" % len(self.box.uids))
            if self.box.uidvalidity is not None:
                self.wfile.write(b"* OK [UIDVALIDITY %d] valid\r\n" % self.box.uidvalidity)
        elif words.startswith(b"UID SEARCH"):
            found = self.box.between(words.split()[3])
            self.wfile.write(b"* SEARCH" + b"".join(b" %d" % uid for uid in found) + b"\r\n")
        elif words.startswith(b"UID FETCH"):
            _, _, uids, items = command.split(maxsplit=3)
            for uid in self.box.between(uids):
                self.wfile.write(self._fetched(uid, items))

    def _fetched(self, uid: int, items: bytes) -> bytes:
        answer = self.box.odd(uid, items) if self.box.odd else None
        return honest(self.box, uid, items) if answer is None else answer


def honest(box: Mailbox, uid: int, items: bytes) -> bytes:
    """The untagged FETCH answer as it should be."""
    number, raw = list(box.uids[:100]).index(uid) + 1 if len(box.uids) <= 100 else uid, b""
    size = box.size(uid)
    parts = [b"UID %d" % uid]
    if b"RFC822.SIZE" in items:
        parts.append(b"RFC822.SIZE %d" % (size if size is not None else len(box.body(uid))))
    if b"INTERNALDATE" in items:
        parts.append(b'INTERNALDATE "02-Mar-2026 09:30:00 +0000"')
    if b"BODY.PEEK[HEADER]" in items:
        raw = box.body(uid).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        parts.append(b"BODY[HEADER]<0> {%d}\r\n%s" % (len(raw), raw))
    elif b"BODY.PEEK[]" in items:
        raw = box.body(uid)
        parts.append(b"BODY[] {%d}\r\n%s" % (len(raw), raw))
    return b"* %d FETCH (%s)\r\n" % (number, b" ".join(parts))


@contextmanager
def odd_imap(mailbox: Mailbox) -> Iterator[int]:
    """The port of a server that shows `mailbox`."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.mailbox = mailbox
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
