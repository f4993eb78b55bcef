"""Sending 15 KB over TLS: ours beside smtplib with a new connection for each mail.

    python -m bench.send [COUNT]

Server and client share the machine, the client's CPU is counted alone. "SMTP only" is our connection without
the outbox; "outbox" is all of it: claim, send, write down, on a throwaway database.
"""

import multiprocessing
import os
import smtplib
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

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
FROM, TO = "support@example.com", "charlie@customer.example"


def serve(certificate: Certificate, pipe: Connection) -> None:
    """The server, in a process of its own until the pipe closes."""
    with SmtpServer(tls="ssl", certificate=certificate, passwords={"box": "secret"}) as server:
        pipe.send(server.port)
        pipe.recv()


def measure(name: str, count: int, work: Callable[[], None]) -> float:
    """Print mails/s and CPU per mail; the CPU in milliseconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, spent = time.perf_counter() - wall, 1000 * (time.process_time() - cpu) / count
    print(f"{name:44} {count / seconds:8.0f} mails/s {spent:8.2f} ms CPU per mail")
    return spent


def by_smtplib(port: int, count: int, bundle: str) -> None:
    """A connection and a TLS context for each mail, as simple programs do it."""
    for _ in range(count):
        context = ssl.create_default_context()
        context.load_verify_locations(bundle)
        with smtplib.SMTP_SSL("127.0.0.1", port, context=context) as client:
            client.login("box", "secret")
            client.sendmail(FROM, [TO], RAW)


def by_line(line: Line, count: int) -> None:
    """Our kept connection, without the outbox."""
    for _ in range(count):
        background.run(line.envelope(FROM, (TO,), RAW))
        background.run(line.start_text())
        background.run(line.text(RAW))


def by_outbox(sender: EmailSender) -> None:
    """Everything the worker does."""
    sending.send_due_mail(sender.pk)


def main(count: int) -> None:
    """Run the three beside each other."""
    authority = Authority(Path(tempfile.mkdtemp()))
    settings.CA_BUNDLE = str(authority.bundle)
    call_command("migrate", verbosity=0)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=serve, args=(authority.certificate(), theirs), daemon=True
    )
    process.start()
    port = ours.recv()
    sender = make_sender(
        server_type="SSL", service_port=port, username="box", password="secret", email_address=FROM
    )
    few = max(count // 10, 5)
    old = measure(
        "smtplib, a connection for each mail", few, lambda: by_smtplib(port, few, str(authority.bundle))
    )
    line = connections.connect(Server.of(sender))
    new = measure("ours, kept connection, SMTP only", count, lambda: by_line(line, count))
    connections.close(line)
    for _ in range(count):
        make_outgoing(sender, raw=RAW)
    whole = measure("ours, kept connection, with the outbox", count, lambda: by_outbox(sender))
    assert OutgoingMail.objects.filter(sender=sender, state="sent").count() == count
    print(f"{old / new:.0f} times less CPU on the wire, {old / whole:.1f} times with the outbox")
    connections.close_all()
    ours.send("stop")
    process.join(10)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
