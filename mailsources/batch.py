"""What one batch of a look becomes in the ledger: rows, written with few statements.

First everything that needs no database (`make_ready`: hash, compress, read the heading), then the rows inside
the transaction of mailsources/ledger.py, which holds the lock of the source's state meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone

from mailcore.heading import Heading
from mailsources import guarding, oversize
from mailsources.listing import Arrived, Listed, Seen, TooBig, Unreadable, Vanished
from mailsources.models import MAX_ATTEMPTS, EmailSource, FetchedMail, SourceState
from mailstore.copying import copy_in, give_ids
from mailstore.models import RawMail
from queues.search import Vector, vector

State = FetchedMail.State

GONE = "It was gone from the mailbox before it could be read."
"""The proof doesn't believe that when the server shows the mail again."""


NO_HEADING = Heading()


@dataclass(slots=True)
class Stored:
    """What one batch became: rows to be delivered, and how many were only noted."""

    waiting: list[int] = field(default_factory=list)
    skipped: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """Something seen, ready to be written. `content` names the mail by its bytes, "" when we have none."""

    seen: Seen
    content: str = ""
    raw: RawMail | None = None
    heading: Heading = NO_HEADING
    is_history: bool = False

    @property
    def listed(self) -> Listed:
        return self.seen.listed

    @property
    def name(self) -> tuple[int | None, str | None]:
        return self.listed.uid, self.listed.uidl

    @property
    def is_nameless(self) -> bool:
        return self.name == (None, None)


def make_ready(source: EmailSource, seen: Iterable[Seen]) -> list[Ready]:
    """Do the work that needs no database, so that no lock is held meanwhile."""
    return [_ready(source, one) for one in seen]


def lexemes(heading: Heading) -> Vector:
    """The words that a mail is found by."""
    return vector([heading.subject, heading.sender, heading.name])


def _ready(source: EmailSource, one: Seen) -> Ready:
    match one:
        case Arrived():
            raw = RawMail.objects.prepare(one.raw)
            return Ready(one, raw.sha256, raw, guarding.heading(source, one.raw))
        case TooBig():
            raw = RawMail.objects.prepare(oversize.stub(source, one))
            return Ready(one, oversize.content(one), raw, guarding.heading(source, one.headers))
        case _:
            return Ready(one)


class Batch:
    """The rows for some mails of one source.

    :param note_repeats: give a mail that was seen before a row of its own, saying so.
    :param elsewhere: content → why such a mail is another source's; those that are new end in `handed_on`.
    """

    def __init__(
        self,
        source: EmailSource,
        state: SourceState,
        ready: Sequence[Ready],
        *,
        note_repeats: bool = True,
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        self.source = source
        self.state = state
        self.ready = ready
        self.note_repeats = note_repeats
        self.elsewhere = elsewhere or {}
        self.handed_on: list[Ready] = []
        self.now = timezone.now()
        self.leave = source.after_import == EmailSource.AfterImport.LEAVE
        self._new_raws: list[RawMail] = []
        self._new_contents: set[str] = set()
        self._names: set[tuple[int | None, str | None]] = set()
        self._shown_again: list[int] = []
        self._freed: list[int] = []
        self._was_gone = 0

    def write(self) -> Stored:
        """Make or complete the rows, and count them for the source's state, which the caller saves."""
        self._recall()
        rows = [row for one in self.ready if (row := self._row(one)) is not None]
        give_ids(self._new_raws)
        copy_in(self._new_raws)
        for row in rows:
            row.raw = raw = row.raw  # the raw mail has its id only now
            if raw is not None:
                raw.forget_who_names_it()
        FetchedMail.objects.filter(pk__in=self._freed).update(uidl=None)
        new = [row for row in rows if row.pk is None]
        give_ids(new)
        copy_in(new)
        for row in rows:
            if row.pk in self._old_pks:
                row.save()
        # No other column: these may be being delivered at this moment.
        again = FetchedMail.objects.filter(pk__in=self._shown_again)
        again.update(settled_at=self.now if self.leave else None)
        return self._note(rows, new)

    def _recall(self) -> None:
        """What the ledger knows of these: by content, and by the server's number."""
        contents = [one.content for one in self.ready if one.content]
        same = FetchedMail.objects.filter(source=self.source, content_hash__in=contents)
        # The first row of each content wins. It need not have its bytes any more, if they were erased.
        self._contents: dict[str, int] = dict(same.order_by("-pk").values_list("content_hash", "pk"))
        names = FetchedMail.objects.filter(source=self.source, epoch=self.state.epoch).defer("search")
        uids = [one.listed.uid for one in self.ready if one.listed.uid is not None]
        uidls = [one.listed.uidl for one in self.ready if one.listed.uidl is not None]
        old = [*names.filter(uid__in=uids)] if uids else []
        old += [*names.filter(uidl__in=uidls)] if uidls else []
        self._old = {(row.uid, row.uidl): row for row in old}
        self._old_pks = {row.pk for row in old}

    def _row(self, one: Ready) -> FetchedMail | None:
        row = self._old.get(one.name)
        if row is not None and self._is_reused(one, row):
            self._freed.append(row.pk)
            row = None
        if self._is_taken(one, row):
            nameless = replace(one.listed, uid=None, uidl=None)
            one, row = replace(one, seen=replace(one.seen, listed=nameless)), None
        self._names.add(one.name)
        row = row or self._new_row(one)
        match one.seen:
            case Arrived() | TooBig():
                return self._read(row, one, one.seen)
            case Unreadable():
                self._unreadable(row, one.seen)
            case Vanished():
                self._gone(row)
        return row

    def _new_row(self, one: Ready) -> FetchedMail:
        return FetchedMail(
            source=self.source,
            epoch=self.state.epoch,
            folder=self.source.folder if one.listed.uid is not None else "",
            uidvalidity=self.state.uidvalidity,
            uid=one.listed.uid,
            uidl=one.listed.uidl,
            size=one.listed.size,
        )

    def _is_reused(self, one: Ready, row: FetchedMail) -> bool:
        """Whether the name was that of a mail that we have deleted, and is another's now."""
        is_other = bool(one.content) and row.content_hash not in ("", one.content)
        return is_other and row.uidl is not None and row.settled_at is not None and not self.leave

    def _is_taken(self, one: Ready, row: FetchedMail | None) -> bool:
        """Whether the name is another mail's: UIDLs made of the content may be equal (RFC 1939 7)."""
        if one.is_nameless:
            return False
        return one.name in self._names or (row is not None and row.content_hash not in ("", one.content))

    def _read(self, row: FetchedMail, one: Ready, seen: Arrived | TooBig) -> FetchedMail | None:
        self._describe(row, one, seen)
        before = self._contents.get(one.content)
        if before is not None and before == row.pk:
            self._shown_again.append(before)  # as its deletion got lost
            return None
        if before is not None:
            return self._repeat(row, f"The same mail as fetched mail {before}.")
        if one.content in self._new_contents:
            return self._repeat(row, "The same mail came twice at once.")
        assert one.raw is not None
        self._new_contents.add(one.content)
        if one.content in self.elsewhere:
            self.handed_on.append(replace(one, is_history=row.is_history))
            row.state, row.reason = State.SKIPPED, self.elsewhere[one.content]
            return row
        self._new_raws.append(one.raw)
        self._was_gone += row.reason == GONE
        row.raw = one.raw
        row.state, row.reason, row.attempts = State.WAITING, "", 0
        return row

    def _describe(self, row: FetchedMail, one: Ready, seen: Arrived | TooBig) -> None:
        """All that is known before anybody parses it."""
        row.content_hash, row.received_at = one.content, seen.received_at
        row.is_stub = isinstance(seen, TooBig)
        row.sender, row.subject, row.header_id = (
            one.heading.sender, one.heading.subject, one.heading.message_id
        )  # fmt: skip
        row.search = lexemes(one.heading)
        row.is_history = one.is_history or is_history(self.source, self.state, seen.received_at)
        # A mail too big is not ours to delete, as we don't have it.
        row.settled_at = self.now if self.leave or one.is_nameless or row.is_stub else None
        if isinstance(seen, Arrived):
            row.size = len(seen.raw)
        if seen.envelope is not None:
            row.envelope_from = seen.envelope.mail_from[:320]
            row.envelope_to = seen.envelope.rcpt_to[:320]

    def _repeat(self, row: FetchedMail, reason: str) -> FetchedMail | None:
        row.state, row.reason = State.SKIPPED, reason
        return row if self.note_repeats else None

    def _unreadable(self, row: FetchedMail, one: Unreadable) -> None:
        row.attempts += 1
        row.state = State.FAILED
        row.reason = (
            f"{self.source.server_address} could not hand the mail over ({one.reason}): "
            "look at it with a mail program, then try again."
        )
        nameless = one.listed.uid is None and one.listed.uidl is None
        row.settled_at = self.now if row.attempts >= MAX_ATTEMPTS or nameless else None

    def _gone(self, row: FetchedMail) -> None:
        row.state, row.settled_at, row.reason = State.SKIPPED, self.now, GONE

    def _note(self, rows: list[FetchedMail], new: list[FetchedMail]) -> Stored:
        named = [row for row in new if row.uid is not None or row.uidl is not None]
        self.state.in_ledger += sum(row.reason != GONE for row in named) + self._was_gone
        waiting = [row for row in rows if row.state == State.WAITING]
        if waiting or self.handed_on:
            self.state.last_mail_at = self.now
        return Stored(
            waiting=[row.pk for row in waiting],
            skipped=sum(row.state == State.SKIPPED for row in rows),
            unreadable=sum(row.state == State.FAILED for row in rows),
        )


def is_history(source: EmailSource, state: SourceState, received_at: datetime | None) -> bool:
    """Whether a mail was in the mailbox before us, so that nobody expects an acknowledgement any more.

    Where the server doesn't tell when it got a mail, all that it shows at first is history.
    """
    if source.server_type == EmailSource.ServerType.FORWARDING:
        return False
    if received_at is None:
        return state.imported_at is None and bool(state.mailbox_key)
    began_at = state.began_at or source.created_at
    return received_at < began_at.replace(microsecond=0)  # INTERNALDATE has whole seconds
