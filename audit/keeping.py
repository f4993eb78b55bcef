"""How long rows are kept, and how a missing one is seen.

    rows ──an hour old──▶ sealed: a run of them is counted and hashed, chained to the run before
                            └─▶ pruned when the youngest of the run is older than it must be kept (`pruning`)

Who deletes or changes rows past the trigger breaks the chain, or has to compute all of it anew.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from audit.append_only import allowed
from audit.models import AuditRow, AuditSeal

SETTLED = timedelta(hours=1)
"""Nothing that began so long ago is still to be committed: then ids have no gaps that are filled later."""

AT_ONCE = 2000


def seal(now: datetime) -> int:
    """Close a run of rows; returns how many."""
    with transaction.atomic():
        last = AuditSeal.objects.select_for_update().order_by("-last_id").first()
        after = last.last_id if last else 0
        rows = AuditRow.objects.filter(pk__gt=after).order_by("pk")
        found = list(rows.values_list("pk", "digest", "at")[:AT_ONCE])
        found = found[: _settled(found, now)]
        if not found:
            return 0
        AuditSeal.objects.create(
            first_id=found[0][0],
            last_id=found[-1][0],
            rows=len(found),
            chain=_chained(last.chain if last else "", (digest for _, digest, _ in found)),
        )
        return len(found)


def _settled(found: list[tuple[int, str, datetime]], now: datetime) -> int:
    """How many of the rows are settled: those up to the last old one, before any that may be young.

    A row from a time to come, as the clock was wrong for a moment, must not keep all later ones unsealed. One
    that looks old behind a young one was written while the clock was set back, and is no older than that.
    """
    count = 0
    for place, (_, _, at) in enumerate(found, 1):
        if now - SETTLED < at <= now:
            return count
        if at <= now - SETTLED:
            count = place
    if len(found) == AT_ONCE and _has_old_ones(found[-1][0], now):
        return len(found)
    return count


def _has_old_ones(after: int, now: datetime) -> bool:
    """Whether the next row that is not from a time to come is an old one."""
    rows = AuditRow.objects.filter(pk__gt=after, at__lte=now).order_by("pk")
    at = rows.values_list("at", flat=True).first()
    return at is not None and at <= now - SETTLED


def faults() -> Iterator[str]:
    """What is wrong with the log, a sentence each; nothing when all is well."""
    chain = ""
    for seal in AuditSeal.objects.order_by("last_id").iterator():
        if seal.pruned_at is None:
            rows = list(AuditRow.objects.filter(pk__gte=seal.first_id, pk__lte=seal.last_id).order_by("pk"))
            for row in rows:
                if row.erased_at is None and row.digest != row.computed_digest():
                    yield f"Row {row.pk} was changed after it was written."
            if len(rows) != seal.rows:
                yield f"Of the {seal.rows} {seal}, {len(rows)} are there."
            elif seal.chain != _chained(chain, (row.digest for row in rows)):
                yield f"The {seal} are not those that were sealed."
        chain = seal.chain


def forget(kind: str, pks: list[str], words: list[str]) -> int:
    """Take a person out: the names, changes and sentences of rows about them, or that quote their addresses.

    :param words: addresses and names, each as a whole: a@x.example is no part of aa@x.example. Shorter ones
        than four letters are left, as they hit everything.
    """
    rows = AuditRow.objects.filter(kind=kind, object_id__in=pks)
    found = set(rows.values_list("pk", flat=True))
    for word in words:
        if len(word) >= SHORTEST_WORD:
            found |= set(_quoting(word))
    with transaction.atomic(), allowed("erase"):
        return AuditRow.objects.filter(pk__in=found).update(
            object_name="(erased)", changes=[], note="", reason="", erased_at=timezone.now()
        )


SHORTEST_WORD = 4


def _quoting(word: str) -> list[int]:
    """The rows in which it stands, and not only as a part of a longer address."""
    whole = re.compile(rf"(?<![\w.+%-]){re.escape(word)}(?![\w-]|\.\w)", re.IGNORECASE)
    like = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM audit_auditrow"
            " WHERE object_name ILIKE %s OR note ILIKE %s OR reason ILIKE %s OR changes::text ILIKE %s",
            [like] * 4,
        )
        likely = [pk for (pk,) in cursor.fetchall()]
    rows = AuditRow.objects.filter(pk__in=likely).only("object_name", "note", "reason", "changes")
    return [row.pk for row in rows.iterator(chunk_size=500) if any(map(whole.search, _texts(row)))]


def _texts(row: AuditRow) -> Iterator[str]:
    """What it says, part by part: as JSON, the end of a line before a word would be a letter of it."""
    yield from (row.object_name, row.note, row.reason)
    for change in row.changes:
        yield from map(str, change)


def _chained(chain: str, digests: Iterator[str]) -> str:
    for digest in digests:
        chain = hashlib.sha256(f"{chain}{digest}".encode()).hexdigest()
    return chain
