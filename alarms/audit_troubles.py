"""What is wrong with the audit log."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from alarms.trouble import Trouble
from audit import standing
from mailstore.workers import alive_since

SETTLED = timedelta(hours=2)
"""Rows are sealed once an hour: after an outage that is begun by then."""


def audit_troubles() -> Iterator[Trouble]:
    """Rows that are missing, or not sealed any more though there was time to."""
    now = timezone.now()
    for key, sentence in standing.troubles(now):
        if key == standing.UNSEALED and not _had_time(now):
            continue
        yield Trouble(key, "audit log", sentence, reverse("admin:audit_auditrow_changelist"))


def _had_time(now: datetime) -> bool:
    """Whether workers run for long enough; that none does is an alarm of its own."""
    since = alive_since("housekeeping")
    return since is not None and now - since > SETTLED
