"""A running `manage.py intake`, and a client that says exactly what it is told to say."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.product import ROOT, eventually
from tests.servers.ports import HOST, answers, free_ports

DOMAIN = "inbound.example.test"


class IntakeProcess:
    """One process with an SMTP and an LMTP port; `options` go behind the SMTP address."""

    def __init__(self, environment: Mapping[str, str], options: str = "") -> None:
        self.smtp, self.lmtp = free_ports(2)
        self.environment = dict(environment) | {
            "UCS_INBOUND_DOMAIN": DOMAIN,
            "UCS_INTAKE_BIND": f"smtp://{HOST}:{self.smtp}{options},lmtp://{HOST}:{self.lmtp}",
            "UCS_LARGEST_MAIL": "1",
        }
        self.said: list[str] = []
        self.process: subprocess.Popen[str]

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [sys.executable, "manage.py", "intake"]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        eventually(self._is_up, f"the intake listens; it said {self.said}")

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.said.extend(lines)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.said
        return answers(self.smtp) and answers(self.lmtp)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def running(environment: Mapping[str, str], options: str = "") -> Iterator[IntakeProcess]:
    """A started intake, ended afterwards."""
    one = IntakeProcess(environment, options)
    one.start()
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.end()


class Client:
    """A raw line to a mail server: what is said goes out as it is, answers come back whole."""

    def __init__(self, port: int, greet: str = "EHLO client.example") -> None:
        self.socket = socket.create_connection((HOST, port), timeout=20)
        self.lines = self.socket.makefile("rb")
        self.greeting = self.answer()
        self.offers = self.say(greet) if greet else ""

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lines.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Say something without waiting for an answer."""
        self.socket.sendall(data)

    def answer(self) -> str:
        """The next answer, all its lines; "" when the server has hung up."""
        found = ""
        while line := self.lines.readline().decode():
            found += line
            if line[3:4] != "-":
                break
        return found.rstrip()

    def say(self, line: str) -> str:
        """One command and its answer."""
        self.send(line.encode() + b"\r\n")
        return self.answer()

    def hand_over(
        self, raw: bytes, *recipients: str, mail_from: str = "charlie@customer.example"
    ) -> list[str]:
        """A whole transaction: the answers to RCPT, and those to the mail if somebody wants it."""
        self.say(f"MAIL FROM:<{mail_from}>")
        found = [self.say(f"RCPT TO:<{address}>") for address in recipients]
        wanted = sum(answer.startswith("250") for answer in found)
        if not wanted:
            return found
        found.append(self.say("DATA"))
        self.send(raw.replace(b"\r\n.", b"\r\n..") + (b"" if raw.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        is_lmtp = self.offers.startswith("250") and self.greeting_is_lmtp
        return found + [self.answer() for _ in range(wanted if is_lmtp else 1)]

    greeting_is_lmtp = False


class LmtpClient(Client):
    """The same over LMTP."""

    greeting_is_lmtp = True

    def __init__(self, port: int) -> None:
        super().__init__(port, "LHLO client.example")


def environment_of(database_url: str, **more: str) -> dict[str, str]:
    """The environment of an intake at a database."""
    return dict(os.environ, DATABASE_URL=database_url, DJANGO_SETTINGS_MODULE="ucs.settings", **more)


def certificate_options(chain: Path, key: Path) -> str:
    """What to write behind an SMTP address so that it offers STARTTLS."""
    return f"?cert={chain}&key={key}"
