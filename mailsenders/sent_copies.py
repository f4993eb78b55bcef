"""Which of our mails belong into the Sent folder of their mailbox, and which servers put them there.

The servers are data (sent_copies.toml). Filing itself is done by a floor that knows mailboxes.
"""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mailsenders.models import EmailSender, OutgoingMail

_DATA = Path(__file__).with_name("sent_copies.toml")


@dataclass(frozen=True, slots=True)
class Saver:
    """A provider that saves by itself; `seconds` pass until a mail is surely there."""

    endings: tuple[str, ...]
    name: str
    seconds: int


@lru_cache(maxsize=1)
def savers() -> tuple[Saver, ...]:
    """All that are known."""
    entries = tomllib.loads(_DATA.read_text(encoding="utf-8"))["host"]
    return tuple(Saver(tuple(each["endings"]), each["name"], each["seconds"]) for each in entries)


def saver_of(server_address: str) -> Saver | None:
    """The provider that saves what this SMTP server gets; None when nothing is known of it."""
    name = f".{server_address.lower().rstrip('.')}"
    return next((each for each in savers() if name.endswith(each.endings)), None)


def copy_of(sender: EmailSender, *, is_automatic: bool) -> OutgoingMail.Copy:
    """Whether a mail that is queued now gets a copy, as its sender is set."""
    wanted = sender.sent_copy == EmailSender.SentCopy.ALL or (
        sender.sent_copy == EmailSender.SentCopy.REPLIES and not is_automatic
    )
    return OutgoingMail.Copy.WANTED if wanted else OutgoingMail.Copy.NONE
