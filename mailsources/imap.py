"""IMAP: one folder of one mailbox, over a connection that is kept between polls.

Reading never changes anything (BODY.PEEK[], EXAMINE where nothing is to be changed), and asks for nothing
that the library would have to understand, such as ENVELOPE: odd answers to those have crashed it.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, ProtocolError

from mailsources import faults
from mailsources.faults import FAULTS, MailboxError
from mailsources.hosts import host_of
from mailsources.imap_line import Line, connect_heard, hang_up
from mailsources.kept import Kept
from mailsources.listing import (
    LONGEST_HEADERS,
    Answer,
    Arrived,
    Listed,
    Shown,
    TooBig,
    Unreadable,
    Vanished,
    octets,
)
from mailsources.models import EmailSource
from mailsources.signin import READ_SECONDS, hearing_of, shut
from mailsources.uids import new_uids

logger = logging.getLogger(__name__)

Answers = dict[int, dict[bytes, Any]]

SIZES_AT_ONCE = 500
CHANGES_AT_ONCE = 200
MISREAD = (TypeError, AttributeError, LookupError, AssertionError, RuntimeError)
"""What the library raises over an answer that it did not expect."""

KEPT_SECONDS = 10
"""A kept connection that doesn't answer by then is taken for dead, and a new one is made."""

MOST_UNREADABLE = 3
"""In one visit; each may cost a time-out, and the next visit goes on behind them."""

MOST_REFUSALS = 30
"""To weigh mails, in one visit: one mail among `SIZES_AT_ONCE` is found with ten."""

kept: Kept[Line] = Kept(lambda line: hang_up(line.client))


class ImapMailbox:
    """A `Mailbox` (see mailsources/mailbox.py) that speaks IMAP.

    :param source: whose folder is read; an unsaved one gets no kept connection.
    """

    def __init__(self, source: EmailSource) -> None:
        self.source = source
        self.hearing = hearing_of(source)
        self._line: Line | None = None
        self._uidvalidity: int | None = None
        self._unreadable = 0
        self._refusals = 0

    def open(self) -> Shown:
        """Look at the folder, over the kept connection if it still lives."""
        shown = self._open_kept() or self._look().shown
        self._uidvalidity = shown.uidvalidity
        return shown

    def _open_kept(self) -> Shown | None:
        line = kept.take(self.source.pk, _fingerprint(self.source)) if self.source.pk else None
        if line is not None:
            line.ear.hearing = self.hearing
            try:
                return self._look_again(line).shown
            except FAULTS as error:
                logger.info(
                    "source %s: the kept connection is gone: %s", self.source.pk, faults.answer(error)
                )
                hang_up(line.client)
        return None

    def listing(self, after_uid: int) -> Iterator[list[Listed]]:
        """Mails with a higher UID, in order, in portions."""
        for uids in new_uids(self._search, after_uid, self._open().shown.total):
            for start in range(0, len(uids), SIZES_AT_ONCE):
                yield self._sizes(uids[start : start + SIZES_AT_ONCE])

    def names(self, after_uid: int = 0) -> Iterator[list[Listed]]:
        """Only the UIDs, in order, in portions: all mails, or those above one."""
        for uids in new_uids(self._search, after_uid, self._open().shown.total):
            yield [Listed(uid=uid) for uid in uids]

    def weigh(self, listed: Sequence[Listed]) -> Iterator[list[Listed]]:
        """The same mails with their sizes, in portions."""
        uids = [one.uid for one in listed if one.uid is not None]
        for start in range(0, len(uids), SIZES_AT_ONCE):
            yield self._sizes(uids[start : start + SIZES_AT_ONCE])

    def since(self, listed: Sequence[Listed], first_day: date) -> list[Listed]:
        """Those that the server got on this day or later, by its own clock (RFC 9051 6.4.4)."""
        uids = [one.uid for one in listed if one.uid is not None]
        if not uids:
            return []
        with self._talking() as client:
            found = set(client.search(["UID", f"{uids[0]}:{uids[-1]}", "SINCE", first_day]))
        return [one for one in listed if one.uid in found]

    def fetch(self, listed: Sequence[Listed]) -> Iterator[Answer]:
        """Read mails, in order. One that can't be read doesn't stop the others."""
        try:
            answers = self._bodies(listed)
        except FAULTS as error:
            logger.info("source %s: a batch broke, reading singly: %s", self.source.pk, faults.answer(error))
            self._reconnect()
            for one in listed:
                yield self._fetch_singly(one)
            return
        for one in listed:
            answer = _answer(one, answers)
            yield answer if isinstance(answer, Arrived) else self._fetch_singly(one)

    def headers(self, listed: Listed) -> TooBig | Unreadable | Vanished:
        """Only the headers of a mail, and when the server got it."""
        items = ["INTERNALDATE", f"BODY.PEEK[HEADER]<0.{LONGEST_HEADERS}>"]
        try:
            answers = _ask(self._open().client, [listed.uid], items)
        except FAULTS as error:
            return self._unreadable_one(listed, error)
        found = answers.get(listed.uid or 0)
        if found is None:
            return Vanished(listed)
        at = found.get(b"INTERNALDATE")
        headers = found.get(b"BODY[HEADER]<0>") or b""
        return TooBig(listed, bytes(headers), at if isinstance(at, datetime) else None)

    def settle(self, listed: Sequence[Listed]) -> None:
        """Do the after-import choice with mails; those that are gone already are no error."""
        uids = [one.uid for one in listed if one.uid is not None]
        choice = EmailSource.AfterImport(self.source.after_import)
        with self._talking() as client:
            for start in range(0, len(uids), CHANGES_AT_ONCE):
                some = uids[start : start + CHANGES_AT_ONCE]
                if choice == EmailSource.AfterImport.READ:
                    client.add_flags(some, [rb"\Seen"], silent=True)
                elif choice == EmailSource.AfterImport.MOVE:
                    self._move(client, some)
                elif choice == EmailSource.AfterImport.DELETE:
                    _expunge(client, some)

    def close(self) -> None:
        """Keep the connection for the next poll."""
        line, self._line = self._line, None
        if line is not None and self.source.pk:
            account = (self.source.server_address, self.source.mailbox or self.source.username)
            share = host_of(self.source.server_address).share
            line.ear.hearing = hearing_of(self.source)  # what was said is let go with this look
            kept.put(self.source.pk, _fingerprint(self.source), line, account, share)
        elif line is not None:
            hang_up(line.client)

    def drop(self) -> None:
        """After an error: nobody knows what the server will say next."""
        line, self._line = self._line, None
        if line is not None:
            hang_up(line.client)

    def cut(self) -> None:
        """From another thread: end the reading."""
        line = self._line
        if line is not None:
            shut(line.client.socket())

    def _open(self) -> Line:
        return self._line or self._look()

    def _look(self) -> Line:
        client, ear = connect_heard(self.source, self.hearing)
        try:
            leave = self.source.after_import == EmailSource.AfterImport.LEAVE
            self._line = Line(client, select(client, self.source, examine=leave), ear)
        except MailboxError:
            hang_up(client)
            raise
        return self._line

    def _look_again(self, line: Line) -> Line:
        total = line.shown.total
        line.client.socket().settimeout(KEPT_SECONDS)
        answers = line.client.noop()[1]
        line.client.socket().settimeout(READ_SECONDS)
        for answer in answers:
            if answer[1:2] == (b"EXISTS",):
                total = answer[0]
            elif answer[1:2] == (b"EXPUNGE",):
                total -= 1
        line.shown = Shown(total, line.shown.uidvalidity)
        self._line = line
        return line

    def _search(self, uids: str) -> list[int]:
        with self._talking() as client:
            return list(client.search(["UID", uids]))

    def _sizes(self, uids: list[int]) -> list[Listed]:
        """Some servers can't weigh a damaged mail, and then no other one that was asked for with it."""
        try:
            answers = _ask(self._open().client, uids, ["RFC822.SIZE"])
        except FAULTS as error:
            self._refusals += 1
            broken = faults.talking(error, self.source)
            if broken.wait or self._refusals > MOST_REFUSALS:
                raise broken from error
            self._reconnect()
            half = len(uids) // 2
            return self._sizes(uids[:half]) + self._sizes(uids[half:]) if half else [Listed(uid=uids[0])]
        return [Listed(uid=uid, size=octets(answers.get(uid, {}).get(b"RFC822.SIZE"))) for uid in uids]

    def _bodies(self, listed: Sequence[Listed]) -> Answers:
        return _ask(self._open().client, [one.uid for one in listed], ["INTERNALDATE", "BODY.PEEK[]"])

    def _fetch_singly(self, one: Listed) -> Answer:
        try:
            return _answer(one, self._bodies([one]))
        except FAULTS as error:
            return self._unreadable_one(one, error)

    def _unreadable_one(self, one: Listed, error: Exception) -> Unreadable:
        self._unreadable += 1
        if self._unreadable > MOST_UNREADABLE:
            raise faults.talking(error, self.source) from error
        self._reconnect()  # an outage, as opposed to a bad mail, ends here
        return Unreadable(one, faults.answer(error))

    def _reconnect(self) -> None:
        self.drop()
        if self._look().shown.uidvalidity != self._uidvalidity:
            raise MailboxError(
                f"The folder {self.source.folder} changed its UIDVALIDITY while it was read: "
                "it is tried again by itself.",
                code="uidvalidity",
            )

    def _move(self, client: IMAPClient, uids: list[int]) -> None:
        folder = self.source.move_to
        if not client.folder_exists(folder):
            client.create_folder(folder)
            with suppress(IMAPClientError):
                client.subscribe_folder(folder)
        if client.has_capability("MOVE"):
            client.move(uids, folder)
            return
        # A mail marked \Deleted was copied by an earlier try that got no further.
        copied = set(client.search(["UID", _sequence(uids), "DELETED"]))
        left = [uid for uid in uids if uid not in copied]
        if left:
            client.copy(left, folder)
        _expunge(client, uids)

    @contextmanager
    def _talking(self) -> Iterator[IMAPClient]:
        client = self._open().client
        try:
            yield client
        except (*FAULTS, *MISREAD) as error:
            self.drop()
            raise faults.talking(error, self.source) from error


def select(client: IMAPClient, source: EmailSource, *, examine: bool) -> Shown:
    """Open the source's folder.

    :param examine: unable to change anything, not even the server's note of what is recent.
    :raises MailboxError: the folder isn't there, or the server can't open it.
    """
    try:
        answer = client.select_folder(source.folder, readonly=examine)
    except FAULTS as error:
        if isinstance(error, OSError | IMAPClientAbortError):
            raise faults.talking(error, source) from error
        there = folders(client, source)
        if source.folder in there:
            raise faults.talking(error, source) from error
        raise faults.no_folder(source, source.folder, there) from error
    return Shown(int(answer.get(b"EXISTS", 0)), answer.get(b"UIDVALIDITY"))


def folders(client: IMAPClient, source: EmailSource) -> list[str]:
    """The names of the folders that can be opened. Raises MailboxError."""
    try:
        return sorted(str(name) for flags, _, name in client.list_folders() if rb"\Noselect" not in flags)
    except FAULTS as error:
        raise faults.talking(error, source) from error


def _ask(client: IMAPClient, uids: Sequence[int | None], items: list[str]) -> Answers:
    """FETCH, in which an answer that the library can't take apart is an error of the protocol."""
    try:
        answers: Answers = client.fetch(uids, items)
    except MISREAD as error:
        raise ProtocolError(f"a FETCH answer can't be read: {error}") from error
    return answers


def _answer(one: Listed, answers: Answers) -> Answer:
    found = answers.get(one.uid or 0, {})
    raw, at = found.get(b"BODY[]"), found.get(b"INTERNALDATE")
    if isinstance(raw, bytes):
        return Arrived(one, raw, at if isinstance(at, datetime) else None)
    if b"BODY[]" in found or b"INTERNALDATE" in found:  # it is there, so it must not be passed over
        return Unreadable(one, "the server gave no text for it")
    return Vanished(one)


def _expunge(client: IMAPClient, uids: list[int]) -> None:
    client.add_flags(uids, [rb"\Deleted"], silent=True)
    if client.has_capability("UIDPLUS"):
        client.uid_expunge(uids)
    elif set(client.search(["DELETED"])) <= set(uids):
        client.expunge()  # takes every mail marked so: only when those are all ours


def _sequence(uids: list[int]) -> str:
    return ",".join(map(str, uids))


def _fingerprint(source: EmailSource) -> str:
    """Changes when a kept connection no longer fits the settings."""
    parts = (
        source.server_address, source.service_port, source.use_ssl, source.allow_clear_text, source.username,
        source.mailbox, source.password, source.folder, source.after_import == EmailSource.AfterImport.LEAVE,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()
