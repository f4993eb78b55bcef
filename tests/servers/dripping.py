"""A mail server that goes on for ever: a line now and then, never an end, and never a time-out."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

UNTAGGED = {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n", b"EXAMINE": b"* 1 EXISTS\r\n"}


@contextmanager
def dripping_imap() -> Iterator[int]:
    """The port of an IMAP server without TLS that answers SEARCH with untagged lines for ever."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        thread = threading.Thread(target=_serve, args=(server, stop))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def _serve(server: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            line, _ = server.accept()
        except TimeoutError:
            continue
        with line:
            _talk(line, stop)


def _talk(line: socket.socket, stop: threading.Event) -> None:
    line.settimeout(10)
    try:
        line.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        for command in line.makefile("rb"):
            tag, verb, *_ = command.split()
            if verb.upper() == b"UID":
                while not stop.wait(0.1):
                    line.sendall(b"* OK still thinking\r\n")
                return
            line.sendall(UNTAGGED.get(verb.upper(), b"") + tag + b" OK done\r\n")
    except OSError:
        return
