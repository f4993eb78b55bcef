"""How the log does, for the alarms."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Subquery
from django.db.models.functions import Coalesce

from audit.models import AuditRow, AuditSeal

TOLD_FOR = timedelta(days=30)
UNSEALED = "audit:unsealed"
LATE = timedelta(days=1)
"""Rows are sealed once an hour."""


def troubles(now: datetime) -> Iterator[tuple[str, str]]:
    """What a person should look into: a key and a sentence each; two queries."""
    rows = AuditSeal.objects.exclude(fault="").filter(fault_at__gt=now - TOLD_FOR).order_by("-pk")
    if found := list(rows[:3]):
        told = " ".join(seal.fault for seal in found)
        yield "audit:fault", f"{told} Run manage.py audit, and look who may write the database."
    last = Coalesce(Subquery(AuditSeal.objects.order_by("-last_id").values("last_id")[:1]), 0)
    first = AuditRow.objects.filter(pk__gt=last).order_by("pk").values_list("at", flat=True).first()
    if first is not None and first < now - LATE:
        yield (
            UNSEALED,
            "Rows of more than a day are not sealed: look whether the workers and the scheduler run, and "
            "into their log.",
        )
