"""A mailbox that nobody reads: it forwards, once the place it forwards to has said yes with a code.

off ──ask: a mail with a code goes there──▶ asked ──the code, typed here──▶ on: each mail goes there
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid, parseaddr
from pathlib import Path
from typing import Any

import aiosmtplib

from rehearsal.mail.post import without_tag

logger = logging.getLogger(__name__)

ADDRESS = "info@company.example"
ASKS = "forwarding-noreply@google.com"
PAUSE = 5.0
TRIES = 60
LONGEST_ADDRESS = 254


@dataclass
class Forwarder:
    """The mailbox and its rule.

    :param place: host and port of the server that takes mail for other domains; None: there is none.
    :param file: where the rule is kept over a restart; None: nowhere.
    """

    place: tuple[str, int] | None
    file: Path | None = None
    target: str = ""
    code: str = field(default="", repr=False)
    is_on: bool = False
    received: int = 0
    forwarded: int = 0
    trouble: str = ""
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.file and self.file.exists():
            kept = json.loads(self.file.read_text())
            self.target, self.is_on = str(kept["target"]), bool(kept["is_on"])

    async def ask(self, target: str) -> None:
        """Ask a place whether it wants our mail: the code that it gets is to be typed in here."""
        self.target, self.is_on = target, False
        self._keep()
        self.code = f"{secrets.randbelow(9 * 10**8) + 10**8}"
        mail = EmailMessage()
        mail["From"] = f"Gmail Team <{ASKS}>"
        mail["To"] = target
        mail["Subject"] = f"(#{self.code}) Gmail Forwarding Confirmation - Receive Mail from {ADDRESS}"
        mail["Date"] = format_datetime(localtime())
        mail["Message-ID"] = make_msgid(domain="mail.rehearsal.example")
        mail.set_content(f"{ADDRESS} would like to forward its mail to {target}.\n\nCode: {self.code}\n")
        self.trouble = await self._send(ASKS, mail.as_bytes())

    def confirm(self, code: str) -> bool:
        """Switch the rule on, if this is the code."""
        self.is_on = bool(self.code) and secrets.compare_digest(code.strip().encode(), self.code.encode())
        self._keep()
        return self.is_on

    def _keep(self) -> None:
        if self.file:
            self.file.write_text(json.dumps({"target": self.target, "is_on": self.is_on}))

    async def append(self, raw: bytes) -> None:
        """A mail comes in; when the rule is on it leaves again, in its own time."""
        self.received += 1
        if self.is_on:
            self._start(self._forward(raw))

    def stop(self) -> None:
        """Forget what is under way."""
        for task in self._under_way:
            task.cancel()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _forward(self, raw: bytes) -> None:
        sender = parseaddr(raw.partition(b"\r\n")[0].partition(b":")[2].decode(errors="replace"))[1]
        # The trace of the delivery here goes along, but for the Return-Path, which is the next server's.
        mail = raw.partition(b"\r\n")[2]
        for _ in range(TRIES):
            self.trouble = await self._send(_rewritten(sender), mail)
            if not self.trouble.startswith(("4", "no answer")):
                break
            await asyncio.sleep(PAUSE)
        self.forwarded += not self.trouble

    async def _send(self, sender: str, raw: bytes) -> str:
        """Hand a mail over; what went wrong, "" when nothing did."""
        if self.place is None:
            return "there is no server for that domain in this world"
        host, port = self.place
        work: Awaitable[Any] = aiosmtplib.send(
            raw,
            sender=sender,
            recipients=[self.target],
            hostname=host,
            port=port,
            start_tls=False,
            timeout=20,
        )
        try:
            await work
        except aiosmtplib.SMTPRecipientsRefused as error:
            return "; ".join(f"{one.code} {one.message}" for one in error.recipients)
        except aiosmtplib.SMTPResponseException as error:
            return f"{error.code} {error.message}"
        except (aiosmtplib.SMTPException, OSError) as error:
            return f"no answer: {error}"
        return ""


def is_address(text: str) -> bool:
    """Whether mail could be forwarded there, and would not come straight back."""
    local, _, domain = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(" <>,;\"'")
    return (
        plain
        and bool(local)
        and "." in domain
        and len(text) <= LONGEST_ADDRESS
        and without_tag(text) != ADDRESS
    )


def _rewritten(sender: str) -> str:
    """The envelope sender as forwarders write it, so that SPF holds (Sender Rewriting Scheme)."""
    local, _, domain = sender.rpartition("@")
    return f"SRS0=Reh1=AB={domain}={local}@company.example" if local else ""
