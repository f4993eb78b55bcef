"""The Sent folder of a mailbox, over IMAP: find it, look for a mail of ours in it, put a copy there.

Looking never changes anything (EXAMINE). A copy is appended read (\\Seen) with the time of sending, after a
look whether the provider has saved the mail by itself.
"""

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.message import Message
from email.parser import BytesHeaderParser
from functools import lru_cache
from pathlib import Path
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from mailsources import faults
from mailsources.faults import FAULTS, MailboxError
from mailsources.imap_line import connect, hang_up
from mailsources.models import EmailSource

BEFORE = timedelta(days=2)  # SINCE goes by the server's day, which may be another one than ours
MOST_READ = 20
TELLING = ("To", "Cc", "Subject", "References", "In-Reply-To")

_DATA = Path(__file__).with_name("sent_folders.toml")
_HEADERS = BytesHeaderParser()


class NotFiled(Exception):
    """The server refused this one copy, over a connection that goes on; the text are its words."""


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    return tomllib.loads(_DATA.read_text(encoding="utf-8"))


class SentBox:
    """An open connection with the Sent folder examined. Every method may raise MailboxError."""

    def __init__(self, client: IMAPClient, source: EmailSource, folder: str) -> None:
        self.client = client
        self.source = source
        self.folder = folder

    def find(self, message_id: str, raw: bytes, since: datetime) -> str | None:
        """The Message-ID under which a mail of ours lies here; None when it doesn't.

        Some providers give a mail an id of their own: then its date, recipients and thread tell.

        :param since: not much later than when it was sent; older mails are passed over.
        """
        day = (since - BEFORE).date()
        with self._talking():
            if self.client.search(["SINCE", day, "HEADER", "Message-ID", message_id]):
                return message_id
            ours = _HEADERS.parsebytes(raw)
            date = _said(ours, "Date")
            if not date:
                return None
            uids = self.client.search(["SINCE", day, "HEADER", "Date", date])[-MOST_READ:]
            answers = self.client.fetch(uids, ["BODY.PEEK[HEADER]"]) if uids else {}
        for answer in answers.values():
            theirs = _HEADERS.parsebytes(bytes(answer.get(b"BODY[HEADER]") or b""))
            if all(_said(ours, name) == _said(theirs, name) for name in TELLING):
                return _said(theirs, "Message-ID").strip("<> ") or message_id
        return None

    def append(self, raw: bytes, sent_at: datetime) -> None:
        """Put a copy here.

        :raises NotFiled: the server takes no such mail, or none now.
        """
        try:
            self.client.append(self.folder, raw, [rb"\Seen"], sent_at)
        except IMAPClientAbortError as error:
            raise faults.talking(error, self.source) from error
        except IMAPClientError as error:
            raise NotFiled(faults.answer(error)) from error
        except FAULTS as error:
            raise faults.talking(error, self.source) from error

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except FAULTS as error:
            raise faults.talking(error, self.source) from error


@contextmanager
def opened(source: EmailSource, wanted: str, *, make: bool) -> Iterator[SentBox]:
    """Sign in as a source and open its Sent folder.

    :param wanted: the folder's name; "" to find it.
    :param make: make the folder if there is none.
    :raises MailboxError: no connection, no such folder.
    """
    client = connect(source)
    try:
        yield SentBox(client, source, _examine(client, source, wanted, make=make))
    finally:
        hang_up(client)


def _examine(client: IMAPClient, source: EmailSource, wanted: str, *, make: bool) -> str:
    try:
        listed = [(flags, str(name)) for flags, _, name in client.list_folders()]
        folder = wanted or choose(listed)
        if not folder or folder not in {name for _, name in listed}:
            if not make:
                raise _no_folder(source, folder)
            folder = folder or f"{_prefix(client)}{_data()['made']}"
            client.create_folder(folder)
            client.subscribe_folder(folder)
        client.select_folder(folder, readonly=True)
    except FAULTS as error:
        raise faults.talking(error, source) from error
    return folder


def choose(listed: Sequence[tuple[Sequence[bytes], str]]) -> str:
    """The folder of sent mail among those that a server lists with their flags; "" when none is."""
    there = [(flags, name) for flags, name in listed if rb"\Noselect" not in flags]
    marked = next((name for flags, name in there if rb"\Sent" in flags), "")
    if marked:
        return marked
    by_name = {_bare(name): name for _, name in reversed(there)}
    return next((by_name[each.lower()] for each in _data()["names"] if each.lower() in by_name), "")


def _bare(name: str) -> str:
    """A folder's name in lower case, without INBOX before it."""
    lower = name.lower()
    return lower[6:] if lower[:6] in ("inbox.", "inbox/") else lower


def _prefix(client: IMAPClient) -> str:
    """What the names of a person's own folders begin with."""
    if not client.has_capability("NAMESPACE"):
        return ""
    personal = client.namespace().personal
    return str(personal[0][0] or "") if personal else ""


def _no_folder(source: EmailSource, folder: str) -> MailboxError:
    box = source.mailbox or source.username
    if folder:
        return MailboxError(
            f"The mailbox {box} has no folder “{folder}”: correct the Sent folder of the email sender.",
            code="folder",
            retry=False,
        )
    return MailboxError(
        f"No folder of the mailbox {box} looks like the one for sent mail: name it at the email sender.",
        code="folder",
        retry=False,
    )


def _said(headers: "Message[str, str]", name: str) -> str:
    """A header on one line, "" when it isn't there."""
    return " ".join(str(headers.get(name, "")).split())
