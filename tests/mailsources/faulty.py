"""Parsers for the tests' own parser processes: they do what the subject of the mail says."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from mailcore.parse import parse
from mailcore.parsed import ParsedMail


def obey(raw: bytes) -> ParsedMail:
    """Parse the mail, but do first what its subject says."""
    mail = parse(raw)
    word, _, rest = mail.subject.partition(" ")
    if word in FAULTS:
        FAULTS[word](rest)
    return mail


def spin(_: str) -> None:
    while True:
        pass


def sleep(_: str) -> None:
    while True:
        time.sleep(60)


def swallow(_: str) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(1024 * 1024))


def fail(text: str) -> None:
    raise ValueError(text)


def die(name: str) -> None:
    os.kill(os.getpid(), signal.Signals[name])


def leave(code: str) -> None:
    os._exit(int(code))


def lie(_: str) -> None:
    os.write(1, b"\0\0\0\2\0[]")


def connect(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)))


def read(path: str) -> None:
    Path(path).read_bytes()


def run(program: str) -> None:
    subprocess.run([program], check=True)


def tell(name: str) -> None:
    raise ValueError(str(os.environ.get(name)) + str(sorted(os.environ)))


FAULTS = {
    each.__name__: each for each in (spin, sleep, swallow, fail, die, leave, lie, connect, read, run, tell)
}
