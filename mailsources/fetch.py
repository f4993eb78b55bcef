"""One look at one mailbox: what is new is stored, then the mailbox is told that we have it.

    look ─▶ new epoch? ─▶ list ─▶ read a batch ─▶ store it with the cursor, commit ─▶ …
         ─▶ prove, if it is time ─▶ settle ─▶ finish

A crash between any two of these loses nothing and doubles nothing: what isn't stored is read again, what is
stored but not settled is settled by the next look.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain

from django.conf import settings
from django.utils import timezone

from mailsources import lease, ledger, looks, proof
from mailsources.deliver import deliver
from mailsources.faults import MailboxError
from mailsources.lease import Fetched, Lease, LeaseLost
from mailsources.listing import Arrived, Listed, Seen, Shown, batches
from mailsources.mailbox import Mailbox, open_mailbox
from mailsources.models import EmailSource, FetchedMail
from mailsources.watchdog import Watchdog
from sso import communication

logger = logging.getLogger(__name__)
watchdog = Watchdog()

LOOK_SECONDS = 60.0
"""Then the others have their turn; a look that was not ready is due again at once."""

TOO_MANY_CHANGES = 5

Told = Callable[[list[int]], object]
"""Is told the rows of each batch after its commit, so that they are delivered while the look goes on."""


def tell_nobody(fetched_ids: list[int]) -> None:
    """The sweeper will find the rows."""


def fetch_new(source: EmailSource, told: Told = tell_nobody) -> Fetched:
    """Look at a mailbox now, whether it is due or not, unless somebody else is looking (`busy`).

    Never raises for what the mailbox does: the result has the sentence, and so has the source's state.
    """
    communication.look_up()
    leases = lease.claim([source.pk], early=True)
    if not leases:
        return Fetched(source, busy=True)
    fetched = run(leases[0], told)
    outcomes = [(leases[0], fetched)]
    lease.finish(outcomes)
    looks.note(outcomes)
    return fetched


def poll_now(source: EmailSource) -> Fetched:
    """Fetch and deliver in the foreground: what `manage.py poll` does.

    :raises MailboxError: it went wrong; what came before that is stored and delivered nevertheless.
    """
    stored: list[int] = []
    fetched = fetch_new(source, stored.extend)
    for fetched_id in stored:
        deliver(fetched_id)
    if fetched.failure:
        raise fetched.failure
    return fetched


def ingest(source: EmailSource, raw: bytes, at: datetime | None = None) -> FetchedMail:
    """Feed a mail in by hand; then the same path as for a fetched one. The same bytes again change nothing.

    :param at: when it was received, now if unknown.
    :return: its row, to be delivered by `mailsources.deliver.deliver` or by the sweeper.
    """
    return ledger.take_in(source, [raw], at or timezone.now())[0]


def run(held: Lease, told: Told = tell_nobody) -> Fetched:
    """The look itself, with a lease; `lease.finish` must follow. Without news the database isn't touched."""
    fetched = Fetched(held.source)
    try:
        with open_mailbox(held.source) as mailbox, watchdog.limit(settings.LEASE, mailbox.cut):
            fetched.hearing = mailbox.hearing
            _Look(held, mailbox, told, fetched).take()
    except MailboxError as error:
        fetched.failure = error
        logger.info("source %s: %s (%s)", held.source.pk, error.sentence, error.code)
    except LeaseLost as error:
        logger.info("source %s: %s", held.source.pk, error)
    except Exception:  # the edge of the look: other mailboxes go on
        logger.exception("source %s: the look failed", held.source.pk)
        fetched.failure = MailboxError(
            f"Fetching {held.source.name} failed for a reason that is not the mailbox's: "
            "it is tried again by itself, and the log has the details.",
            code="unexpected",
        )
    return fetched


class _Look:
    """The steps of one look."""

    def __init__(self, held: Lease, mailbox: Mailbox, told: Told, fetched: Fetched) -> None:
        self.lease = held
        self.mailbox = mailbox
        self.told = told
        self.fetched = fetched
        self.until = time.monotonic() + LOOK_SECONDS

    def take(self) -> None:
        """All of it."""
        shown = self.mailbox.open()
        self.fetched.on_server = shown.total
        self._begin(shown)
        for batch in self._new_batches():
            self._store(batch)
            if time.monotonic() > self.until:
                self.fetched.more = True
                break
        if not self.fetched.more:
            self._complete(shown)
        if self.lease.has_leftovers:
            self._settle()

    def _begin(self, shown: Shown) -> None:
        if ledger.begin(self.lease, shown):
            self.lease.has_leftovers = False
        if self.lease.state.uidvalidity_changes >= TOO_MANY_CHANGES:
            source = self.lease.source
            raise MailboxError(
                f"The folder {source.folder} on {source.server_address} has had another UIDVALIDITY at each "
                f"of the last {TOO_MANY_CHANGES} looks, so nobody can tell which mails are new: "
                "ask the server's operator; fetching goes on when the value stays the same.",
                code="uidvalidity",
                retry=False,
            )

    def _new_batches(self) -> Iterator[list[Listed]]:
        unread = ledger.unread(self.lease) if self.lease.has_leftovers else []
        listing = self._recent if self._since else self.mailbox.listing
        for portion in chain([unread], listing(self.lease.state.last_uid)):
            if portion:
                yield from batches(ledger.unknown(self.lease, portion))

    @property
    def _since(self) -> date | None:
        """From which day on the first look imports; later ones never go by date."""
        return self.lease.source.import_since if self.lease.state.imported_at is None else None

    def _recent(self, after_uid: int) -> Iterator[list[Listed]]:
        """New mails as `listing` gives them; those that are too old are noted, and not even weighed."""
        assert self._since is not None
        for portion in self.mailbox.names(after_uid):
            recent = self.mailbox.since(portion, self._since)
            is_recent = {one.uid for one in recent}
            older = [one.uid for one in portion if one.uid is not None and one.uid not in is_recent]
            # The cursor stays below what is still to be read.
            first = min((uid for uid in is_recent if uid is not None), default=None)
            through = max((uid for uid in older if first is None or uid < first), default=0)
            self.fetched.skipped += ledger.leave_alone(self.lease, older, self._since, through)
            yield from self.mailbox.weigh(recent)

    def _complete(self, shown: Shown) -> None:
        """Nothing new is left: the first import is over, and it may be time for the proof."""
        if self.lease.state.imported_at is None:
            ledger.imported(self.lease)
        if proof.is_due(self.lease.state, shown.total, timezone.now()):
            self._prove()

    def _prove(self) -> None:
        compared = proof.compare(self.lease, self.mailbox)
        first = before = compared.missing
        while before:
            for portion in self.mailbox.weigh(compared.names):
                for batch in batches(portion):
                    self._store(batch)
                    if time.monotonic() > self.until:
                        self.fetched.more = True  # the proof stays due
                        return
            compared = proof.compare(self.lease, self.mailbox)
            if compared.missing >= before:
                break
            before = compared.missing
        compared.fetched = max(0, first - compared.missing)
        proof.note(self.lease, compared)
        self.fetched.on_server = compared.server

    def _store(self, batch: list[Listed]) -> None:
        """Store what could be read, also when the connection breaks in the middle."""
        seen: list[Seen] = []
        try:
            seen.extend(self._read(batch))
        except MailboxError:
            self._write(seen)
            raise
        self._write(seen)

    def _read(self, batch: Sequence[Listed]) -> Iterator[Seen]:
        big = [one for one in batch if one.size > settings.LARGEST_MAIL]
        for one in big:  # such a mail is a batch of its own
            yield self.mailbox.headers(one)
        yield from self.mailbox.fetch([one for one in batch if one.size <= settings.LARGEST_MAIL])

    def _write(self, seen: Sequence[Seen]) -> None:
        if not seen:
            return
        stored = ledger.store(self.lease, seen, self.fetched.on_server or 0)
        self.fetched.count += len(stored.waiting)
        self.fetched.stored += stored.waiting
        self.fetched.skipped += stored.skipped
        self.fetched.unreadable += stored.unreadable
        self.lease.has_leftovers |= any(isinstance(one, Arrived) for one in seen)
        if stored.waiting:
            self.told(stored.waiting)

    def _settle(self) -> None:
        """Only what is stored and committed: our database has the bytes before the server may forget them."""
        rows = ledger.unsettled(self.lease)
        if rows:
            self.mailbox.settle([Listed(uid=row.uid, uidl=row.uidl) for row in rows])
            ledger.settled(self.lease, rows)
            self.fetched.settled = len(rows)
            if self.lease.source.after_import in ledger.TAKEN_AWAY:
                self.fetched.on_server = max(0, (self.fetched.on_server or 0) - len(rows))
