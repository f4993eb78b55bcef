"""What can go wrong at an SMTP server, planned by a test: see `SmtpServer.fault` and `SmtpServer.gate`."""

import threading
from dataclasses import dataclass
from typing import Literal

Phase = Literal[
    "connect", "greeted", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "text", "dot", "quit"
]


class Gate:
    """Where the server waits until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()

    def wait_until_reached(self, seconds: float = 20) -> None:
        """Return when a client stands at the gate."""
        assert self.reached.wait(seconds), "no client has come to this phase"

    def release(self) -> None:
        """Let the client pass, and all that come after."""
        self.released.set()


@dataclass
class Fault:
    """What happens at a phase instead of the usual.

    `answer` replaces the server's answer, `drop` closes the connection without one, `silent` gives none and
    keeps the connection, `gate` makes the client wait before either. "greeted" is after the greeting, "text"
    in the midst of the text. At the dot, a mail is `stored` only when that is said or when there is
    neither answer, drop nor silence. `recipient` limits a fault of RCPT to one address; `times=0` is for
    ever.
    """

    phase: Phase
    answer: str = ""
    drop: bool = False
    silent: bool = False
    stored: bool = False
    recipient: str = ""
    gate: Gate | None = None
    times: int = 1


@dataclass(frozen=True)
class TakenMail:
    """One mail that the server has stored, whether or not it could say so."""

    mail_from: str
    recipients: tuple[str, ...]
    raw: bytes
    user: str
    at: float
