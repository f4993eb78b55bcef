"""Sending 15 KB over TLS: ours beside smtplib with a new connection for each mail, and the sink's own limit.

    python -m bench.send [COUNT] [CONNECTIONS]

Server, database and client share the machine; of ours the CPU is counted alone, without the database's. "SMTP
only" is our connections without the outbox; "outbox" is all of it: claim, send, write down, on a throwaway
database. The sink's limit is what it takes from clients that only throw ready bytes at it.
"""

import base64
import multiprocessing
import os
import smtplib
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections as databases  # noqa: E402

from mailsenders import background, connections, sending  # noqa: E402
from mailsenders.models import EmailSender, OutgoingMail  # noqa: E402
from mailsenders.smtp import Line, Server  # noqa: E402
from tests.make import make_outgoing, make_sender  # noqa: E402
from tests.servers.authority import Authority, Certificate  # noqa: E402
from tests.servers.smtp import SmtpServer  # noqa: E402

RAW = (
    b"Subject: bench\r\nTo: charlie@customer.example\r\n\r\n"
    + b"A line of some forty characters, and more.\r\n" * 350
)
TEXT = RAW.replace(b"\r\n.", b"\r\n..") + b".\r\n"
FROM, TO = "support@example.com", "charlie@customer.example"


def serve(certificate: Certificate, pipe: Connection) -> None:
    """The server, in a process of its own until the pipe closes."""
    with SmtpServer(tls="ssl", certificate=certificate, passwords={"box": "secret"}) as server:
        pipe.send(server.port)
        pipe.recv()


def measure(name: str, count: int, work: Callable[[], None], *, shows_cpu: bool = True) -> float:
    """Print mails/s and CPU per mail; the CPU in milliseconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, spent = time.perf_counter() - wall, 1000 * (time.process_time() - cpu) / count
    said = f"{spent:8.2f} ms CPU per mail" if shows_cpu else ""
    print(f"{name:40} {count / seconds:8.0f} mails/s {said}", flush=True)
    return spent


def by_smtplib(port: int, count: int, bundle: str) -> None:
    """A connection and a TLS context for each mail, as simple programs do it."""
    for _ in range(count):
        context = ssl.create_default_context()
        context.load_verify_locations(bundle)
        with smtplib.SMTP_SSL("127.0.0.1", port, context=context) as client:
            client.login("box", "secret")
            client.sendmail(FROM, [TO], RAW)


def throw(port: int, count: int, bundle: str) -> None:
    """A client that knows what comes: the envelope in one write, the text in another."""
    context = ssl.create_default_context(cafile=bundle)
    sign_in = base64.b64encode(b"\0box\0secret").decode()
    with context.wrap_socket(
        socket.create_connection(("127.0.0.1", port)), server_hostname="127.0.0.1"
    ) as end:
        answers = end.makefile("rb")
        _wait_for(answers, b"220 ")
        end.sendall(f"EHLO bench\r\nAUTH PLAIN {sign_in}\r\n".encode())
        _wait_for(answers, b"235 ")
        for _ in range(count):
            end.sendall(f"MAIL FROM:<{FROM}>\r\nRCPT TO:<{TO}>\r\nDATA\r\n".encode())
            _wait_for(answers, b"354 ")
            end.sendall(TEXT)
            _wait_for(answers, b"250 ")


def _wait_for(answers: BinaryIO, code: bytes) -> None:
    while not (line := answers.readline()).startswith(code):
        if line[:1] in (b"", b"4", b"5"):
            raise RuntimeError(f"the sink said {line!r}")


def by_throwing(port: int, count: int, bundle: str, clients: int) -> None:
    """So many of those at once, each in a process of its own."""
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=throw, args=(port, count // clients, bundle)) for _ in range(clients)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


async def by_line(line: Line, count: int) -> None:
    """A kept connection of ours, without the outbox."""
    for _ in range(count):
        await line.envelope(FROM, (TO,), RAW)
        await line.start_text()
        await line.text(RAW)


def by_lines(lines: list[Line], count: int) -> None:
    """Several of them at once."""
    work = [background.start(by_line(line, count // len(lines))) for line in lines]
    for each in work:
        each.result()


def by_outbox(sender: EmailSender) -> None:
    """Everything the worker does."""
    sending.send_due_mail(sender.pk)


def fill_and_send(sender: EmailSender, count: int, connections_: int) -> float:
    """A full outbox, emptied."""
    EmailSender.objects.filter(pk=sender.pk).update(connections=connections_)
    for _ in range(count):
        make_outgoing(sender, raw=RAW)
    name = f"ours, {connections_} kept, with the outbox"
    spent = measure(name, count, lambda: by_outbox(sender))
    connections.close_all()
    assert not OutgoingMail.objects.filter(sender=sender).exclude(state="sent").exists()
    return spent


def main(count: int, most: int) -> None:
    """Run all beside each other."""
    authority = Authority(Path(tempfile.mkdtemp()))
    bundle = settings.CA_BUNDLE = str(authority.bundle)
    call_command("migrate", verbosity=0)
    databases.close_all()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=serve, args=(authority.certificate(), theirs), daemon=True
    )
    process.start()
    port = ours.recv()
    for clients in sorted({1, most}):
        name = f"the sink's own limit, {clients} at once"
        measure(name, count, partial(by_throwing, port, count, bundle, clients), shows_cpu=False)
    sender = make_sender(
        server_type="SSL", service_port=port, username="box", password="secret", email_address=FROM
    )
    few = max(count // 10, 5)
    old = measure("smtplib, a connection for each mail", few, partial(by_smtplib, port, few, bundle))
    new = 0.0
    for number in sorted({1, most}):
        lines = [connections.connect(Server.of(sender)) for _ in range(number)]
        spent = measure(f"ours, {number} kept, SMTP only", count, partial(by_lines, lines, count))
        new = new or spent
        for line in lines:
            connections.close(line)
    whole = [fill_and_send(sender, count, number) for number in sorted({1, most})]
    print(f"{old / new:.0f} times less CPU than smtplib on the wire, {old / whole[-1]:.1f} with the outbox,")
    print(f"which adds {whole[-1] - new:.2f} ms to a mail.")
    ours.send("stop")
    process.join(10)


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    main(words[0] if words else 600, words[1] if len(words) > 1 else 3)
