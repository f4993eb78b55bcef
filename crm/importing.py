"""Importing a table of contacts in the background: checked first, then written, 500 lines at a time.

Each batch is one transaction with the lines, the counts and the position, so a worker that dies loses nothing
and doubles nothing: the next one goes on behind the last batch. A check does all but write.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import columns, table
from crm.fields import definitions
from crm.importing_lines import Line, Refused, about, check_required, check_room, differences, read
from crm.importing_rows import Writing, known_of
from crm.models import ContactField, ContactImport, ImportFault
from crm.refusals import ContactRefused
from crm.table import Shape

BATCH = 500
TRIES = 3  # of a batch whose addresses came in by mail at the same moment
MOST_FAULTS = 10_000
KEPT_FOR = timedelta(days=30)
State = ContactImport.State
AT_WORK = (State.CHECKING, State.RUNNING)


class Stopped(Exception):
    """It was cancelled, or is in other hands."""


def upload(user: User, name: str, content: bytes) -> ContactImport:
    """Keep a file, with a guess of what its columns are.

    Raises:
        ContactRefused: it is no table of a size that we take.
    """
    shape = table.detect(content)
    names = table.columns(content, shape)
    return ContactImport.objects.create(
        name=name[:200],
        user=user,
        content=content,
        encoding=shape.encoding,
        delimiter=shape.delimiter,
        columns=names,
        mapping=columns.guess(names),
        lines=table.count(content, shape),
    )


def reread(row: ContactImport, encoding: str, delimiter: str) -> None:
    """Read the file in another way.

    Raises:
        ContactRefused: there is no such way, or it is no table then.
    """
    if encoding not in table.ENCODINGS or delimiter not in table.DELIMITERS:
        raise ContactRefused(_("Choose one of the encodings and separators."))
    shape = Shape(encoding, delimiter)
    names = table.columns(bytes(row.content), shape)
    row.encoding, row.delimiter, row.columns = encoding, delimiter, names
    row.mapping, row.lines = columns.guess(names), table.count(bytes(row.content), shape)
    row.save(update_fields=["encoding", "delimiter", "columns", "mapping", "lines"])


def begin(row: ContactImport, *, is_check: bool, mapping: list[str] | None = None) -> bool:
    """Let a worker check or import it; False if somebody has begun already.

    Raises:
        ContactRefused: a column is what no column can be, or nobody could be recognised.
    """
    if mapping is not None:
        _check_mapping(mapping, len(row.columns))
        ContactImport.objects.filter(pk=row.pk, state__in=[State.UPLOADED, State.CHECKED]).update(
            mapping=mapping
        )
    before = [State.UPLOADED, State.CHECKED] if is_check else [State.CHECKED]
    zero = dict.fromkeys(("position", "made", "changed", "same", "refused"), 0)
    fresh = {
        "state": State.CHECKING if is_check else State.RUNNING,
        "error": "",
        "lease_until": timezone.now(),
    }
    with transaction.atomic():
        begun = ContactImport.objects.filter(pk=row.pk, state__in=before).update(**fresh, **zero)
        if begun:
            ImportFault.objects.filter(of=row).delete()
    return bool(begun)


def _check_mapping(mapping: list[str], count: int) -> None:
    known = {"", *columns.offered()}
    chosen = [each for each in mapping if each]
    if len(mapping) != count or not known.issuperset(mapping):
        raise ContactRefused(_("Choose for each column what it is."))
    if len(set(chosen)) < len(chosen):
        raise ContactRefused(_("Two columns are the same: choose another meaning for one of them."))
    if not {"email", "emails", "external_id"}.intersection(chosen):
        raise ContactRefused(_("One column must be the e-mail address, or the id in the CRM."))


def cancel(row: ContactImport) -> None:
    """Stop after the batch that is being written; what was written stays."""
    states = [State.UPLOADED, State.CHECKED, *AT_WORK]
    ContactImport.objects.filter(pk=row.pk, state__in=states).update(
        state=State.CANCELLED, content=b"", ended_at=timezone.now()
    )


def work(pk: int) -> None:
    """Check or import a file to its end; does nothing when another worker does."""
    fence = _claim(pk)
    if fence is None:
        return
    job = _Job(ContactImport.objects.get(pk=pk), fence)
    try:
        _run(job)
    except Stopped:
        return
    except ContactRefused as refused:
        _fail(job, refused.sentence)


def _claim(pk: int) -> int | None:
    now = timezone.now()
    rows = ContactImport.objects.filter(pk=pk, state__in=AT_WORK, lease_until__lte=now)
    until = now + timedelta(seconds=settings.LEASE)
    if not rows.update(lease_until=until, fence=F("fence") + 1):
        return None
    return ContactImport.objects.values_list("fence", flat=True).get(pk=pk)


@dataclass(slots=True)
class _Job:
    row: ContactImport
    fence: int
    counted: set[str] = field(default_factory=set)  # addresses that a check has seen as new

    @property
    def is_check(self) -> bool:
        return self.row.state == State.CHECKING


@dataclass(slots=True)
class _Tally:
    lines: int = 0
    made: int = 0
    changed: int = 0
    same: int = 0
    faults: list[tuple[int, Refused]] = field(default_factory=list)


def _run(job: _Job) -> None:
    content = bytes(job.row.content)
    shape = Shape(job.row.encoding, job.row.delimiter)
    if job.is_check and job.row.position:  # what was new is not remembered
        job.row.position = 0
        zero = dict.fromkeys(("position", "made", "changed", "same", "refused"), 0)
        ContactImport.objects.filter(pk=job.row.pk, fence=job.fence).update(**zero)
        ImportFault.objects.filter(of=job.row).delete()
    rest = table.lines(content, shape, job.row.position)
    while records := list(islice(rest, BATCH)):
        _batch(job, records)
    done = {"state": State.CHECKED} if job.is_check else {"state": State.DONE, "content": b""}
    _mine(job).update(**done, lease_until=None, ended_at=timezone.now())


def _batch(job: _Job, records: list[tuple[int, list[str]]]) -> None:
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                if not _mine(job).select_for_update().exists():
                    raise Stopped
                tally = _written(job, records)
                _count(job, tally)
        except IntegrityError:
            if not left:
                raise
        else:
            return


def _mine(job: _Job) -> Any:
    return ContactImport.objects.filter(pk=job.row.pk, fence=job.fence, state=job.row.state)


def _written(job: _Job, records: list[tuple[int, list[str]]]) -> _Tally:
    defined = {each.key: each for each in definitions(ContactField.Of.CONTACT)}
    tally = _Tally(lines=len(records))
    read_: list[Line] = []
    for number, record in records:
        try:
            read_.append(read(number, record, job.row.mapping, defined))
        except Refused as refused:
            tally.faults.append((number, refused))
    known = known_of(read_)
    writing = Writing(job.row.user, job.row.pk, known)
    for line in read_:
        try:
            _one(job, line, writing, tally, defined)
        except Refused as refused:
            tally.faults.append((line.number, refused))
    if not job.is_check:
        writing.flush()
    return tally


def _one(job: _Job, line: Line, writing: Writing, tally: _Tally, defined: dict[str, ContactField]) -> None:
    contact = about(line, writing.known)
    check_required(line, contact, defined)
    if contact is None:
        if job.is_check and not job.counted.isdisjoint(line.emails):
            tally.changed += 1
            return
        writing.make(line)
        job.counted.update(line.emails if job.is_check else ())
        tally.made += 1
        return
    found = differences(line, contact)
    more = [each for each in line.emails if each not in writing.known.by_email]
    if more:
        check_room(writing.addresses_of(contact) + len(more))
    if not found and not more:
        tally.same += 1
        return
    is_new = contact._state.adding
    writing.change(contact, found, more)
    tally.changed += not is_new
    tally.same += is_new  # another line for one that this batch makes


def _count(job: _Job, tally: _Tally) -> None:
    room = max(0, MOST_FAULTS - job.row.refused)
    ImportFault.objects.bulk_create(
        [
            ImportFault(of=job.row, line=number, column=each.column, code=each.code, value=each.value[:200])
            for number, each in tally.faults[:room]
        ],
        ignore_conflicts=True,
    )
    job.row.refused += len(tally.faults)
    _mine(job).update(
        position=F("position") + tally.lines,
        made=F("made") + tally.made,
        changed=F("changed") + tally.changed,
        same=F("same") + tally.same,
        refused=F("refused") + len(tally.faults),
        lease_until=timezone.now() + timedelta(seconds=settings.LEASE),
    )


def _fail(job: _Job, sentence: str) -> None:
    _mine(job).update(
        state=State.FAILED, error=sentence, content=b"", lease_until=None, ended_at=timezone.now()
    )


def broke_off(pk: int) -> None:
    """Mark one whose worker met something unforeseen."""
    said = _(
        "It broke off: the log says why. What was imported before stays; upload the file again to go on."
    )
    rows = ContactImport.objects.filter(pk=pk, state__in=AT_WORK)
    rows.update(state=State.FAILED, error=said, content=b"", lease_until=None, ended_at=timezone.now())


def left_alone() -> list[int]:
    """Those at work whose worker has gone away."""
    rows = ContactImport.objects.filter(state__in=AT_WORK, lease_until__lte=timezone.now())
    return list(rows.order_by("pk").values_list("pk", flat=True)[:10])


def forget_old() -> None:
    """Files hold what people told us: they don't stay."""
    ContactImport.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).exclude(state__in=AT_WORK).delete()
