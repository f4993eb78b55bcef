"""An IMAP server over TLS whose mailboxes never change: it costs little, so that the client's cost shows.

Any user with any password has an INBOX whose mails were all deleted. It runs in a process of its own.
"""

import asyncio
import multiprocessing
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from mailsources.descriptors import room
from tests.servers.authority import Certificate

UIDVALIDITY = 1_700_000_000
CAPABILITIES = b"IMAP4rev1 IDLE UIDPLUS MOVE"
SELECTED = (
    b"* FLAGS (\\Seen \\Deleted)\r\n* 0 EXISTS\r\n* 0 RECENT\r\n"
    b"* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT 6] Predicted next UID\r\n" % UIDVALIDITY
)
UNTAGGED = {
    b"CAPABILITY": b"* CAPABILITY " + CAPABILITIES + b"\r\n",
    b"SELECT": SELECTED,
    b"EXAMINE": SELECTED,
    b"UID": b"* SEARCH\r\n",
    b"LOGOUT": b"* BYE\r\n",
}


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    try:
        writer.write(b"* OK [CAPABILITY " + CAPABILITIES + b"] quiet\r\n")
        while line := await reader.readline():
            tag, verb, *_ = line.split(None, 2)
            if verb.upper() == b"IDLE":
                writer.write(b"+ idling\r\n")
                await reader.readline()
            writer.write(UNTAGGED.get(verb.upper(), b"") + tag + b" OK done\r\n")
            if verb.upper() == b"LOGOUT":
                break
    except (OSError, ValueError):
        pass
    finally:
        writer.close()


def serve(certificate: Certificate, pipe: Connection) -> None:
    """Until the process ends."""

    async def run() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.chain, certificate.key)
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context, backlog=4000)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    room()
    asyncio.run(run())


@contextmanager
def running(certificate: Certificate) -> Iterator[int]:
    """The server's port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=serve, args=(certificate, theirs), daemon=True
    )
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()
