"""The ledger: what each mailbox ever showed us. The only writer of FetchedMail.

A mail is in the ledger once for each time that a mailbox showed it, and its bytes are kept once: the same
content in the same mailbox is *skipped*, whatever number the server gives it. Storing moves the cursor in
the same transaction.

    waiting ──delivered──▶ delivered
       │  ▲──retry──┐
       └──3 attempts──▶ failed ◀──3 looks── could not be read from the server (no raw mail)
    skipped: seen before, older than what is to be imported, gone, or handed on (mailsources/collected.py)

Of a mail that is too big the headers are stored with a notice, and go the same way.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from mailsources import collected
from mailsources import lease as leases
from mailsources.batch import GONE, Batch, Stored, make_ready
from mailsources.lease import Lease
from mailsources.listing import Arrived, Envelope, Listed, Seen, Shown
from mailsources.models import EmailSource, FetchedMail, SourceState

SETTLED_AT_ONCE = 1000
TAKEN_AWAY = (EmailSource.AfterImport.MOVE, EmailSource.AfterImport.DELETE)

State = FetchedMail.State


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
        if moved:
            state.began_at = min(timezone.now(), lease.source.changed_at)
        if moved or void:
            state.imported_at = None
        state.mailbox_key = key
        state.uidvalidity = shown.uidvalidity or (None if moved else state.uidvalidity)
        state.uidvalidity_changes = state.uidvalidity_changes + 1 if void else 0
        state.save(
            update_fields=[
                "epoch", "last_uid", "mailbox_key", "uidvalidity", "uidvalidity_changes", "lease_until",
                "began_at", "imported_at", "in_ledger", "proof", "proved_at", "proof_due_at",
            ]
        )  # fmt: skip
    lease.state = state
    return moved or void


def unknown(lease: Lease, listed: Sequence[Listed]) -> list[Listed]:
    """Those that the ledger doesn't have in this epoch, or has without their bytes and wants again."""
    rows = FetchedMail.objects.filter(source=lease.source, epoch=lease.state.epoch)
    uids = [one.uid for one in listed if one.uid is not None]
    uidls = [one.uidl for one in listed if one.uidl is not None]
    done = rows.exclude(settled_at=None, raw=None, state=State.FAILED).exclude(
        state=State.SKIPPED, reason=GONE
    )
    known_uids = set(done.filter(uid__in=uids).values_list("uid", flat=True)) if uids else set()
    known_uidls = _taken_uidls(lease.source, done, listed) if uidls else set()
    # A mail without any number (POP3 without UIDL) is known by its content only, once it was read.
    return [one for one in listed if one.uid not in known_uids and one.uidl not in known_uidls]


def _taken_uidls(source: EmailSource, done: QuerySet[FetchedMail], listed: Sequence[Listed]) -> set[str]:
    """UIDLs that still mean the mail that we know: when that is deleted, another may get its UIDL.

    (RFC 1939 7: it is unique as long as its mail exists.) Such a one has another size, too.
    """
    sizes = {one.uidl: one.size for one in listed if one.uidl is not None}
    deletes = source.after_import == EmailSource.AfterImport.DELETE
    rows = done.filter(uidl__in=list(sizes)).values_list("uidl", "size", "settled_at")
    return {
        uidl
        for uidl, size, settled_at in rows
        if uidl is not None and not (deletes and settled_at and sizes[uidl] not in (0, size))
    }


def unread(lease: Lease) -> list[Listed]:
    """Mails below the cursor whose bytes the server could not hand over, and which are tried again."""
    rows = FetchedMail.objects.filter(
        source=lease.source, epoch=lease.state.epoch, settled_at=None, raw=None, uid__isnull=False,
        state=State.FAILED,
    ).order_by("id")[:100]  # fmt: skip
    return [Listed(uid=row.uid, size=row.size) for row in rows]


def store(lease: Lease, seen: Sequence[Seen], total: int) -> Stored:
    """Write a batch and the cursor in one transaction.

    :param total: how many mails the server shows.
    :raises LeaseLost: another has the mailbox; nothing is written.
    """
    ready = make_ready(lease.source, seen)
    wanted = collected.targets(lease.source, ready)
    elsewhere = {content: collected.reason(named) for content, named in wanted.items()}
    with transaction.atomic():
        state = leases.hold(lease)
        batch = Batch(lease.source, state, ready, elsewhere=elsewhere)
        stored = batch.write()
        stored.waiting += collected.hand_on(batch, wanted)
        uids = [one.listed.uid for one in seen if one.listed.uid is not None]
        state.last_uid = max([state.last_uid, *uids])
        state.on_server = total
        state.save(update_fields=["last_uid", "on_server", "in_ledger", "last_mail_at", "lease_until"])
    lease.state = state
    return stored


def leave_alone(lease: Lease, uids: Sequence[int], since: date, through: int) -> int:
    """Note mails that are older than what is to be imported, without having read them.

    :param since: the first day that is imported.
    :param through: move the cursor so far; below it everything must be in the ledger.
    :return: how many there were. Raises LeaseLost.
    """
    with transaction.atomic():
        state = leases.hold(lease)
        rows = FetchedMail.objects.filter(source=lease.source, epoch=state.epoch)
        known = set(rows.filter(uid__in=uids).values_list("uid", flat=True)) if uids else set()
        new = [_left_alone(lease.source, state, uid, since) for uid in uids if uid not in known]
        FetchedMail.objects.bulk_create(new, batch_size=1000)
        state.last_uid = max(state.last_uid, through)
        state.in_ledger += len(new)
        state.save(update_fields=["last_uid", "in_ledger", "lease_until"])
    lease.state = state
    return len(new)


def imported(lease: Lease) -> None:
    """All that the mailbox held at the first look is in the ledger. Raises LeaseLost."""
    with transaction.atomic():
        state = leases.hold(lease)
        state.imported_at = timezone.now()
        state.save(update_fields=["imported_at", "lease_until"])
    lease.state = state


def take_in(
    source: EmailSource, raws: Sequence[bytes], at: datetime | None = None, envelope: Envelope | None = None
) -> list[FetchedMail]:
    """Put mails in that nobody fetched; what the source had before isn't doubled.

    :param envelope: of forwarded mail.
    :return: a row for each mail, in order; for a known one its first row.
    """
    ready = make_ready(source, [Arrived(Listed(), raw, at, envelope) for raw in raws])
    hashes = [one.content for one in ready]
    with transaction.atomic():
        state = SourceState.objects.select_for_update().get(source=source)
        Batch(source, state, ready, note_repeats=False).write()
        state.save(update_fields=["last_mail_at"])
        rows = FetchedMail.objects.filter(source=source, content_hash__in=hashes)
        by_hash = {row.content_hash: row for row in rows.order_by("-id")}
    return [by_hash[one] for one in hashes]


def unsettled(lease: Lease) -> list[FetchedMail]:
    """Stored mails of this epoch with which the after-import choice has not been done."""
    rows = FetchedMail.objects.filter(source=lease.source, epoch=lease.state.epoch, settled_at=None)
    return list(rows.exclude(raw=None, state=State.FAILED).order_by("id")[:SETTLED_AT_ONCE])


def settled(lease: Lease, rows: Iterable[FetchedMail]) -> None:
    """The after-import choice was done with these. Raises LeaseLost."""
    pks = [row.pk for row in rows]
    with transaction.atomic():
        state = leases.hold(lease)
        FetchedMail.objects.filter(pk__in=pks).update(settled_at=timezone.now())
        if lease.source.after_import in TAKEN_AWAY:
            state.in_ledger = max(0, state.in_ledger - len(pks))
        state.save(update_fields=["in_ledger", "lease_until"])
    lease.state = state


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
    state.in_ledger, state.proof, state.proved_at, state.proof_due_at = 0, {}, None, None


def _left_alone(source: EmailSource, state: SourceState, uid: int, since: date) -> FetchedMail:
    return FetchedMail(
        source=source,
        epoch=state.epoch,
        folder=source.folder,
        uidvalidity=state.uidvalidity,
        uid=uid,
        state=State.SKIPPED,
        reason=f"It is older than {since:%Y-%m-%d}, the first day that is imported: it was not read.",
        is_history=True,
        settled_at=timezone.now(),
    )
