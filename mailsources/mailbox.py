"""What a mailbox can do, whichever protocol it speaks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Protocol

from mailsources.faults import MailboxError
from mailsources.imap import ImapMailbox
from mailsources.listing import Answer, Listed, Shown, TooBig, Unreadable, Vanished
from mailsources.models import EmailSource
from mailsources.pop3 import Pop3Mailbox
from sso.hearing import Hearing

__all__ = ["Mailbox", "MailboxError", "open_mailbox"]


class Mailbox(Protocol):
    """One mailbox during one poll. Every method may raise MailboxError; no other error leaves it.

    `hearing` has noted what was said.
    """

    hearing: Hearing

    def open(self) -> Shown:
        """Connect, sign in, look."""

    def listing(self, after_uid: int) -> Iterator[list[Listed]]:
        """Mails that may be new: above the cursor where there are UIDs, otherwise all. In portions."""

    def names(self, after_uid: int = 0) -> Iterator[list[Listed]]:
        """All mails, or those above the cursor, by name; sizes only if they cost nothing. In portions."""

    def weigh(self, listed: Sequence[Listed]) -> Iterator[list[Listed]]:
        """The same mails with their sizes, in portions."""

    def since(self, listed: Sequence[Listed], first_day: date) -> list[Listed]:
        """Those that came on that day or later; all of them where the server doesn't tell."""

    def fetch(self, listed: Sequence[Listed]) -> Iterator[Answer]:
        """Read mails in the given order; each gets an answer. Changes nothing on the server."""

    def headers(self, listed: Listed) -> TooBig | Unreadable | Vanished:
        """Only the headers, of a mail too big to be read; without any when they can't be had."""

    def settle(self, listed: Sequence[Listed]) -> None:
        """Mark read, move or delete, as the source's after-import choice says. May be repeated.

        It has happened when this returns; POP3 can do nothing else afterwards.
        """

    def close(self) -> None:
        """The poll went well."""

    def drop(self) -> None:
        """The poll went wrong: close the connection, changing nothing more."""

    def cut(self) -> None:
        """Called from another thread when all this takes too long: make whoever reads fail. Never raises."""


@contextmanager
def open_mailbox(source: EmailSource) -> Iterator[Mailbox]:
    """The source's mailbox; call `open` first. Closed at the end, or dropped after an error."""
    mailbox: Mailbox = Pop3Mailbox(source) if source.server_type == "POP3" else ImapMailbox(source)
    try:
        yield mailbox
    except BaseException:
        mailbox.drop()
        raise
    mailbox.close()
