"""Rows that are older than they must be kept go, run by run; what is broken in the log is told and passed by.

A run whose rows were lost past the product, a row from a time to come, rows whose seal was lost: nothing of
that may keep the rest for ever. What was wrong stands in the log and, for a month, among the alarms.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min, QuerySet

from audit.actors import SYSTEM
from audit.acts import Act
from audit.append_only import allowed
from audit.log import Subject, record
from audit.models import AuditRow, AuditRules, AuditSeal

AT_ONCE = 2000


def prune(now: datetime) -> bool:
    """Delete the oldest run, if all of it is older than it must be; returns whether there was one."""
    limit = now - timedelta(days=AuditRules.days_kept())
    with transaction.atomic():
        rows = AuditSeal.objects.select_for_update().filter(pruned_at=None).order_by("last_id")
        seal = rows.first()
        return seal is not None and (_lost(seal, limit, now) or _sealed(seal, limit, now))


def _sealed(seal: AuditSeal, limit: datetime, now: datetime) -> bool:
    rows = AuditRow.objects.filter(pk__gte=seal.first_id, pk__lte=seal.last_id)
    if not _is_old(rows, seal, limit):
        return False
    span = rows.aggregate(first=Min("at"), last=Max("at"))
    gone = _delete(rows)
    fault = f"Of the {seal.rows} {seal}, {gone} were there." if gone != seal.rows else ""
    _note(seal, fault, now)
    AuditSeal.objects.filter(pk=seal.pk).update(pruned_at=now)
    when = f" from {span['first']:%Y-%m-%d} to {span['last']:%Y-%m-%d}" if gone else ""
    record(
        SYSTEM, Act.PRUNED, Subject("audit.auditrow", "audit log"), note=f"{gone} rows{when}. {fault}".strip()
    )
    return True


def _lost(seal: AuditSeal, limit: datetime, now: datetime) -> bool:
    """Whether there were old rows before the oldest seal that is left: theirs was lost."""
    before = AuditRow.objects.filter(pk__lt=seal.first_id)
    pks = list(before.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    rows = AuditRow.objects.filter(pk__in=pks)
    if not pks or not _is_old(rows, seal, limit):
        return False
    gone = _delete(rows)
    fault = f"The seal of the rows {pks[0]} to {pks[-1]} was lost."
    _note(seal, fault, now)
    record(SYSTEM, Act.PRUNED, Subject("audit.auditrow", "audit log"), note=f"{gone} rows. {fault}")
    return True


def _is_old(rows: QuerySet[AuditRow], seal: AuditSeal, limit: datetime) -> bool:
    """By what the rows say; or by their seal, since whatever they say, they were there when it was made."""
    last = rows.aggregate(last=Max("at"))["last"]
    return seal.sealed_at < limit or (last is not None and last < limit)


def _note(seal: AuditSeal, fault: str, now: datetime) -> None:
    if fault:
        told = f"{seal.fault} {fault}".strip()
        AuditSeal.objects.filter(pk=seal.pk).update(fault=told, fault_at=now)
        seal.fault = told


def _delete(rows: "QuerySet[AuditRow]") -> int:
    with allowed("prune"):
        gone: int = rows._raw_delete(rows.db)
    return gone
