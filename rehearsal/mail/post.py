"""The post office: which mailbox an address belongs to, and putting a mail there at once."""

import email.utils
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

Mailbox = Callable[[bytes], Awaitable[None]]


@dataclass
class PostOffice:
    """Addresses (in lower case, without tag) and the mailboxes behind them. Nothing leaves the world."""

    boxes: dict[str, Mailbox] = field(default_factory=dict)

    def knows(self, address: str) -> bool:
        return without_tag(address) in self.boxes

    async def deliver(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Put the mail into the mailbox of every recipient, with the trace of a delivery (RFC 5321 4.4).

        :raises KeyError: a recipient is not known; ask :meth:`knows` first.
        """
        boxes = {without_tag(address): address for address in recipients}
        unknown = boxes.keys() - self.boxes.keys()
        if unknown:
            raise KeyError(*unknown)
        for name, address in boxes.items():
            await self.boxes[name](_trace(sender, address) + raw)


def without_tag(address: str) -> str:
    """``Support+tag@company.example`` belongs to ``support@company.example``."""
    local, at, domain = address.lower().rpartition("@")
    return local.partition("+")[0] + at + domain


def _trace(sender: str, recipient: str) -> bytes:
    now = email.utils.format_datetime(datetime.now(UTC))
    trace = (
        f"Return-Path: <{sender}>\r\n"
        f"Delivered-To: {recipient}\r\n"
        f"Received: from localhost (localhost [127.0.0.1])\r\n"
        f"\tby mx.rehearsal.example with ESMTPS for <{recipient}>;\r\n"
        f"\t{now}\r\n"
    )
    return trace.encode()
