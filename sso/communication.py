"""Writing the communication log: many rows at once, at the end of connections, never at their cost.

A connection on which nothing happened, such as a poll without news, is counted here and written every few
minutes, as one row for each hour. What can't be written is lost: the log is there to find faults, and must
not make one. Call it outside of transactions that matter.
"""

import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from mailcore.clean import clean_line
from sso.blanking import without_patterns
from sso.communication_models import ConnectionLog, FullRecord
from sso.hearing import Hearing
from sso.steps import Step

logger = logging.getLogger(__name__)

Kind, Outcome = ConnectionLog.Kind, ConnectionLog.Outcome

WRITE_QUIET_SECONDS = 300.0
LOOK_SECONDS = 10.0
LONGEST_SENTENCE = 1000
FULL_TIME = timedelta(hours=1)
AT_ONCE = 2000

ADD_QUIET = """
INSERT INTO sso_connectionlog (kind, outcome, content_type_id, object_id, peer, began_at, ended_at, count,
                               sentence, lines, mails, sealed, is_sealed, quiet_key)
VALUES {rows}
ON CONFLICT (quiet_key) DO UPDATE SET
    count = sso_connectionlog.count + excluded.count,
    ended_at = greatest(sso_connectionlog.ended_at, excluded.ended_at)
"""
QUIET_ROW = "(%s, 'quiet', %s, %s, %s, %s, %s, %s, '', '[]', '{}', '', false, %s)"

DELETE_SOME = """
DELETE FROM sso_connectionlog WHERE id IN (
    SELECT id FROM sso_connectionlog WHERE began_at < %s ORDER BY began_at LIMIT %s
)
"""


@dataclass(frozen=True, slots=True)
class Whose:
    """A source, sender or provider, by its model and key."""

    model: type[Model]
    pk: int

    @property
    def kind_id(self) -> int:
        """Its content type, which Django remembers."""
        return ContentType.objects.get_for_model(self.model).pk


@dataclass(frozen=True, slots=True)
class Entry:
    """One connection that is over, or a part of a longer one.

    :param mails: ids of fetched mail, or of outgoing mail where `whose` is a sender.
    """

    kind: ConnectionLog.Kind
    hearing: Hearing
    whose: Whose | None = None
    sentence: str = ""
    is_good: bool = True
    mails: Sequence[int] = field(default_factory=list)


def write(entries: Iterable[Entry]) -> None:
    """Keep what was said on these connections. Never raises for what the database does."""
    found = list(entries)
    if not found:
        return
    try:
        with transaction.atomic():
            ConnectionLog.objects.bulk_create([_row(entry) for entry in found])
    except DatabaseError as error:
        logger.warning("%s connections are missing in the communication log: %s", len(found), error)


def _row(entry: Entry) -> ConnectionLog:
    whose, hearing = entry.whose, entry.hearing
    is_full = whose is not None and is_in_full(whose)
    return ConnectionLog(
        kind=entry.kind,
        outcome=Outcome.GOOD if entry.is_good else Outcome.FAILED,
        content_type_id=whose.kind_id if whose else None,
        object_id=whose.pk if whose else None,
        peer=clean_line(hearing.peer)[:320],
        began_at=hearing.began_at,
        ended_at=hearing.ended_at,
        sentence=without_patterns(clean_line(entry.sentence))[:LONGEST_SENTENCE],
        lines=hearing.told(),
        mails=list(entry.mails),
        sealed=json.dumps(hearing.in_full()) if is_full else "",
        is_sealed=is_full,
    )


def note_test(row: Model, steps: Sequence[Step]) -> None:
    """Keep the rungs of a connection test of a saved row."""
    hearing = Hearing("HTTPS")
    for step in steps:
        hearing.note(f"{step.name}: {step.detail} ({step.seconds:.2f} s)")
    last = steps[-1]
    told = "The connection works." if last.ok else f"It stops at “{last.name}”: {last.detail}"
    write([Entry(Kind.TEST, hearing, Whose(type(row), row.pk), told, is_good=last.ok)])


# ── Connections on which nothing happened ─────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Quiet:
    first: datetime
    last: datetime
    count: int


class _Counter:
    """How often nothing happened, in this process, since it was written last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, Whose | None, str, datetime], _Quiet] = {}
        self._write_at = time.monotonic() + WRITE_QUIET_SECONDS

    def add(self, kind: str, whose: Whose | None, peer: str, at: datetime) -> None:
        hour = at.replace(minute=0, second=0, microsecond=0)
        with self._lock:
            quiet = self._found.get((kind, whose, peer, hour))
            if quiet is None:
                self._found[kind, whose, peer, hour] = _Quiet(at, at, 1)
            else:
                quiet.last, quiet.count = at, quiet.count + 1

    def is_due(self) -> bool:
        return bool(self._found) and time.monotonic() >= self._write_at

    def take(self) -> dict[tuple[str, Whose | None, str, datetime], _Quiet]:
        with self._lock:
            found, self._found = self._found, {}
            self._write_at = time.monotonic() + WRITE_QUIET_SECONDS
        return found


_counter = _Counter()


def nothing_happened(kind: ConnectionLog.Kind, whose: Whose | None, peer: str, at: datetime) -> None:
    """Count a connection; `write_quiet` writes the sums."""
    _counter.add(kind, whose, peer, at)


def write_quiet(*, now: bool = False) -> None:
    """Write the sums, if it is time, or `now`. Never raises for what the database does."""
    if not (now or _counter.is_due()):
        return
    found = sorted(_counter.take().items(), key=lambda each: str(each[0]))
    try:
        for start in range(0, len(found), AT_ONCE):
            _add_quiet(found[start : start + AT_ONCE])
    except DatabaseError as error:
        logger.warning("quiet connections are missing in the communication log: %s", error)


def _add_quiet(found: list[tuple[tuple[str, Whose | None, str, datetime], _Quiet]]) -> None:
    values: list[Any] = []
    for (kind, whose, peer, hour), quiet in found:
        kind_id, pk = (whose.kind_id, whose.pk) if whose else (None, None)
        key = f"{kind} {kind_id} {pk} {peer[:320]} {hour:%Y%m%d%H}"
        values += [kind, kind_id, pk, peer[:320], quiet.first, quiet.last, quiet.count, key]
    if values:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(ADD_QUIET.format(rows=", ".join([QUIET_ROW] * len(found))), values)


# ── Noting all of it for a while ──────────────────────────────────────────────────────────────────────

_full: set[Whose] = set()
_looked_at = -LOOK_SECONDS


def look_up(*, now: bool = False) -> None:
    """Learn which connections are noted in full, at most every few seconds; call it where rows are read."""
    global _full, _looked_at  # noqa: PLW0603 - one for the process
    if not now and time.monotonic() - _looked_at < LOOK_SECONDS:
        return
    _looked_at = time.monotonic()
    rows = FullRecord.objects.filter(until__gt=timezone.now()).select_related("content_type")
    models = [(row.content_type.model_class(), row.object_id) for row in rows]
    _full = {Whose(model, pk) for model, pk in models if model is not None}


def is_in_full(whose: Whose) -> bool:
    """Whether all that is said there is kept, sealed."""
    return whose in _full


def record_in_full(row: Model, user_id: int | None) -> FullRecord:
    """Keep all that is said on a connection for the next hour."""
    kind = ContentType.objects.get_for_model(row)
    values = {"until": timezone.now() + FULL_TIME, "started_by_id": user_id}
    return FullRecord.objects.update_or_create(content_type=kind, object_id=row.pk, defaults=values)[0]


def stop_recording(row: Model) -> None:
    """Keep no more than usual."""
    FullRecord.objects.filter(content_type=ContentType.objects.get_for_model(row), object_id=row.pk).delete()


def full_record(row: Model) -> FullRecord | None:
    """Until when all is kept, if it is."""
    kind = ContentType.objects.get_for_model(row)
    rows = FullRecord.objects.filter(content_type=kind, object_id=row.pk, until__gt=timezone.now())
    return rows.first()


def forget_old(now: datetime) -> int:
    """Delete what is older than settings.COMMUNICATION_DAYS, in small portions; how many rows."""
    before = now - timedelta(days=settings.COMMUNICATION_DAYS)
    deleted, portion = 0, AT_ONCE
    while portion == AT_ONCE:
        with connection.cursor() as cursor:
            cursor.execute(DELETE_SOME, [before, AT_ONCE])
            portion = int(cursor.rowcount)
        deleted += portion
    FullRecord.objects.filter(until__lt=now).delete()
    return deleted
