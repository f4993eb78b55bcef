"""The ledger: what each mailbox ever showed us. The only writer of FetchedMail.

A mail is in the ledger once for each time that a mailbox showed it, and its bytes are kept once: the same
content in the same mailbox is *skipped*, whatever number the server gives it. Storing moves the cursor in
the same transaction.

    waiting ──delivered──▶ delivered
       │  ▲──retry──┐
       └──3 attempts──▶ failed ◀──3 looks── could not be read from the server (no raw mail)
    skipped: too big, seen before, or gone
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mailsources import lease as leases
from mailsources.lease import Lease
from mailsources.listing import Arrived, Listed, Seen, Shown, TooBig, Unreadable, Vanished
from mailsources.models import MAX_ATTEMPTS, EmailSource, FetchedMail, SourceState
from mailstore.models import RawMail

AFTER_IMPORT = EmailSource.AfterImport
SETTLED_AT_ONCE = 1000


@dataclass(slots=True)
class Stored:
    """What one batch became: rows to be delivered, and how many were only noted."""

    waiting: list[int] = field(default_factory=list)
    skipped: int = 0
    unreadable: int = 0


def begin(lease: Lease, shown: Shown) -> bool:
    """Begin a new epoch if the cursor no longer belongs to what the server shows; say whether it did.

    An unknown UIDVALIDITY changes nothing: without it nobody can say that the UIDs are void.
    """
    state, key = lease.state, mailbox_key(lease.source)
    moved = state.mailbox_key != key
    void = not moved and shown.uidvalidity is not None and state.uidvalidity not in (None, shown.uidvalidity)
    learnt = state.uidvalidity is None and shown.uidvalidity is not None
    if not (moved or void or learnt or state.uidvalidity_changes):
        return False
    with transaction.atomic():
        state = leases.hold(lease)
        if (moved and state.mailbox_key) or void:
            _next_epoch(state)
        state.mailbox_key = key
        state.uidvalidity = shown.uidvalidity or (None if moved else state.uidvalidity)
        state.uidvalidity_changes = state.uidvalidity_changes + 1 if void else 0
        state.save(
            update_fields=[
                "epoch", "last_uid", "mailbox_key", "uidvalidity", "uidvalidity_changes", "lease_until",
            ]
        )  # fmt: skip
    lease.state = state
    return moved or void


def unknown(lease: Lease, listed: Sequence[Listed]) -> list[Listed]:
    """Those that the ledger doesn't have in this epoch, or has without their bytes and wants again."""
    rows = FetchedMail.objects.filter(source=lease.source, epoch=lease.state.epoch)
    uids = [one.uid for one in listed if one.uid is not None]
    uidls = [one.uidl for one in listed if one.uidl is not None]
    done = rows.exclude(settled_at=None, raw=None, state=FetchedMail.State.FAILED)
    known_uids = set(done.filter(uid__in=uids).values_list("uid", flat=True)) if uids else set()
    known_uidls = set(done.filter(uidl__in=uidls).values_list("uidl", flat=True)) if uidls else set()
    # A mail without any number (POP3 without UIDL) is known by its content only, once it was read.
    return [one for one in listed if one.uid not in known_uids and one.uidl not in known_uidls]


def unread(lease: Lease) -> list[Listed]:
    """Mails below the cursor whose bytes the server could not hand over, and which are tried again."""
    rows = FetchedMail.objects.filter(
        source=lease.source, epoch=lease.state.epoch, settled_at=None, raw=None, uid__isnull=False,
        state=FetchedMail.State.FAILED,
    ).order_by("id")[:100]  # fmt: skip
    return [Listed(uid=row.uid, size=row.size) for row in rows]


def store(lease: Lease, seen: Sequence[Seen], total: int) -> Stored:
    """Write a batch and the cursor in one transaction.

    :param total: how many mails the server shows.
    :raises LeaseLost: another has the mailbox; nothing is written.
    """
    raws = _prepared(one.raw for one in seen if isinstance(one, Arrived))  # compressed outside
    with transaction.atomic():
        state = leases.hold(lease)
        stored = _Batch(lease.source, state, raws).write(seen)
        uids = [one.listed.uid for one in seen if one.listed.uid is not None]
        state.last_uid = max([state.last_uid, *uids])
        state.on_server = total
        state.save(update_fields=["last_uid", "on_server", "lease_until"])
    lease.state = state
    return stored


def take_in(source: EmailSource, raws: Sequence[bytes], at: datetime | None = None) -> list[FetchedMail]:
    """Put mails in by hand, as if the mailbox had shown them; what the source had before isn't doubled.

    :return: a row for each mail, in order; for a known one its first row.
    """
    prepared = _prepared(raws)
    hashes = [hashlib.sha256(raw).hexdigest() for raw in raws]
    with transaction.atomic():
        state = SourceState.objects.select_for_update().get(source=source)
        batch = _Batch(source, state, prepared)
        batch.write([Arrived(Listed(), raw, at) for raw in raws], note_repeats=False)
        rows = FetchedMail.objects.filter(source=source, content_hash__in=hashes)
        by_hash = {row.content_hash: row for row in rows.order_by("-id")}
    return [by_hash[one] for one in hashes]


def unsettled(lease: Lease) -> list[FetchedMail]:
    """Stored mails of this epoch with which the after-import choice has not been done."""
    rows = FetchedMail.objects.filter(source=lease.source, epoch=lease.state.epoch, settled_at=None)
    return list(rows.exclude(raw=None, state=FetchedMail.State.FAILED).order_by("id")[:SETTLED_AT_ONCE])


def settled(lease: Lease, rows: Iterable[FetchedMail]) -> None:
    """The after-import choice was done with these. Raises LeaseLost."""
    with transaction.atomic():
        state = leases.hold(lease)
        FetchedMail.objects.filter(pk__in=[row.pk for row in rows]).update(settled_at=timezone.now())
        state.save(update_fields=["lease_until"])


def mailbox_key(source: EmailSource) -> str:
    """The mailbox behind a source: when it changes, the server's numbers mean other mails."""
    where = f"{source.server_type}:{source.username}@{source.server_address}:{source.service_port}".lower()
    folder = source.folder if source.server_type == EmailSource.ServerType.IMAP else ""
    return f"{where}/{source.mailbox.lower()}/{folder}"


def _next_epoch(state: SourceState) -> None:
    """Numbers start anew. What was left to be settled will be shown again under its new number."""
    FetchedMail.objects.filter(source=state.source_id, epoch=state.epoch, settled_at=None).update(
        settled_at=timezone.now()
    )
    state.epoch += 1
    state.last_uid = 0


def _prepared(raws: Iterable[bytes]) -> dict[str, RawMail]:
    prepared = [RawMail.objects.prepare(raw) for raw in raws]
    return {row.sha256: row for row in prepared}


def _nameless(one: Listed) -> bool:
    return one.uid is None and one.uidl is None


def _name(one: Seen) -> tuple[int | None, str | None]:
    return one.listed.uid, one.listed.uidl


def _content(one: Arrived) -> str:
    return hashlib.sha256(one.raw).hexdigest()


class _Batch:
    """Rows for what a look has seen, written with few statements; the state's row is locked meanwhile."""

    def __init__(self, source: EmailSource, state: SourceState, raws: dict[str, RawMail]) -> None:
        self.source = source
        self.state = state
        self.raws = raws
        self.now = timezone.now()
        self.leave = source.after_import == AFTER_IMPORT.LEAVE
        self.stored = Stored()
        self._new_raws: list[RawMail] = []
        self._names: set[tuple[int | None, str | None]] = set()
        self._shown_again: list[int] = []

    def write(self, seen: Sequence[Seen], *, note_repeats: bool = True) -> Stored:
        """Make or complete the rows.

        :param note_repeats: give a mail that was seen before a row of its own, saying so.
        """
        self._recall(seen)
        rows = [row for one in seen if (row := self._row(one, note_repeats)) is not None]
        RawMail.objects.bulk_create(self._new_raws)
        for row in rows:
            row.raw = row.raw  # the raw mail has its id only now
        FetchedMail.objects.bulk_create([row for row in rows if row.pk is None])
        for row in rows:
            if row.pk in self._old_pks:
                row.save()
        # No other column: these may be being delivered at this moment.
        again = FetchedMail.objects.filter(pk__in=self._shown_again)
        again.update(settled_at=self.now if self.leave else None)
        self._count(rows)
        return self.stored

    def _recall(self, seen: Sequence[Seen]) -> None:
        """What the ledger knows of these: by content, and by the server's number."""
        same = FetchedMail.objects.filter(source=self.source, content_hash__in=list(self.raws))
        # The first row of each content wins. It need not have its bytes any more, if they were erased.
        self._contents: dict[str, int] = dict(same.order_by("-pk").values_list("content_hash", "pk"))
        names = FetchedMail.objects.filter(source=self.source, epoch=self.state.epoch)
        uids = [one.listed.uid for one in seen if one.listed.uid is not None]
        uidls = [one.listed.uidl for one in seen if one.listed.uidl is not None]
        old = [*names.filter(uid__in=uids)] if uids else []
        old += [*names.filter(uidl__in=uidls)] if uidls else []
        self._old = {(row.uid, row.uidl): row for row in old}
        self._old_pks = {row.pk for row in old}

    def _row(self, one: Seen, note_repeats: bool) -> FetchedMail | None:
        row = self._old.get(_name(one))
        if self._is_taken(one, row):
            one, row = replace(one, listed=replace(one.listed, uid=None, uidl=None)), None
        self._names.add(_name(one))
        if isinstance(one, Vanished) and row is None:
            return None
        row = row or FetchedMail(
            source=self.source,
            epoch=self.state.epoch,
            folder=self.source.folder if one.listed.uid is not None else "",
            uidvalidity=self.state.uidvalidity,
            uid=one.listed.uid,
            uidl=one.listed.uidl,
            size=one.listed.size,
        )
        match one:
            case Arrived():
                return self._arrived(row, one, note_repeats)
            case Unreadable():
                self._unreadable(row, one)
            case TooBig():
                self._too_big(row, one)
            case Vanished():
                self._gone(row)
        return row

    def _is_taken(self, one: Seen, row: FetchedMail | None) -> bool:
        """Whether the name is another mail's: UIDLs made of the content may be equal (RFC 1939 7)."""
        if _nameless(one.listed):
            return False
        if _name(one) in self._names:
            return True
        content = _content(one) if isinstance(one, Arrived) else ""
        return row is not None and row.content_hash not in ("", content)

    def _arrived(self, row: FetchedMail, one: Arrived, note_repeats: bool) -> FetchedMail | None:
        content = _content(one)
        row.content_hash, row.size, row.received_at = content, len(one.raw), one.received_at
        row.settled_at = self.now if self.leave or _nameless(one.listed) else None
        before = self._contents.get(content)
        if before is not None and before == row.pk:
            self._shown_again.append(before)  # as its deletion got lost
            return None
        if before is not None:
            row.state, row.reason = FetchedMail.State.SKIPPED, f"The same mail as fetched mail {before}."
            return row if note_repeats else None
        if content not in self.raws:
            row.state, row.reason = FetchedMail.State.SKIPPED, "The same mail came twice at once."
            return row if note_repeats else None
        row.raw = self._keep(self.raws.pop(content))
        row.state, row.reason, row.attempts = FetchedMail.State.WAITING, "", 0
        return row

    def _unreadable(self, row: FetchedMail, one: Unreadable) -> None:
        row.attempts += 1
        row.state = FetchedMail.State.FAILED
        row.reason = (
            f"{self.source.server_address} could not hand the mail over ({one.reason}): "
            "look at it with a mail program, then try again."
        )
        row.settled_at = self.now if row.attempts >= MAX_ATTEMPTS or _nameless(one.listed) else None

    def _too_big(self, row: FetchedMail, one: TooBig) -> None:
        limit = settings.LARGEST_MAIL // 1024 // 1024
        row.state, row.settled_at = FetchedMail.State.SKIPPED, self.now
        row.reason = (
            f"It is larger than the {limit} MB that are imported ({one.listed.size / 1024 / 1024:.0f} MB): "
            "it stays in the mailbox, and only its headers are kept here."
        )
        if one.headers:
            row.raw = self._keep(RawMail.objects.prepare(one.headers))

    def _keep(self, raw: RawMail) -> RawMail:
        self._new_raws.append(raw)
        return raw

    def _gone(self, row: FetchedMail) -> None:
        row.state, row.settled_at = FetchedMail.State.SKIPPED, self.now
        row.reason = "It was gone from the mailbox before it could be read."

    def _count(self, rows: list[FetchedMail]) -> None:
        states = FetchedMail.State
        self.stored.waiting = [row.pk for row in rows if row.state == states.WAITING]
        self.stored.skipped = sum(row.state == states.SKIPPED for row in rows)
        self.stored.unreadable = sum(row.state == states.FAILED for row in rows)
