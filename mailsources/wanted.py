"""Which mailboxes are to be watched, told in few bytes each: the list is read every half a minute."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from mailsources.crew import Lane
from mailsources.hosts import lane_of
from mailsources.idling import Idling
from mailsources.models import EmailSource

HANDS_AT_HOST = 6
"""Enough for the pace of logins; what else there are of hands is for other servers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An active IMAP source. `is_good`: its last look went well, so its settings are right."""

    source_id: int
    changed_at: datetime
    lane: Lane
    is_good: bool


@dataclass(slots=True)
class Watched:
    """One mailbox. `line` is None unless it is idle; `until` is when something is to be done about it.

    `began_at` is since when it is idle.
    """

    wanted: Wanted
    line: Idling | None = None
    busy: bool = False
    polled_only: bool = False
    failures: int = 0
    until: float = 0.0
    began_at: datetime = field(default_factory=timezone.now)

    def is_due(self, now: float) -> bool:
        """Whether it is time to connect, to renew, or to give up waiting for an answer."""
        return not self.busy and not self.polled_only and now >= self.until


def wanted() -> dict[int, Wanted]:
    """All active IMAP sources by id, in the order of their ids."""
    rows = (
        EmailSource.objects.filter(is_active=True, server_type=EmailSource.ServerType.IMAP)
        .order_by("pk")
        .values_list(
            "pk", "changed_at", "server_address", "username", "mailbox", "state__failures",
            "state__last_success_at",
        )
    )  # fmt: skip
    return {
        pk: Wanted(
            pk,
            changed_at,
            lane_of(host, mailbox or username, most=HANDS_AT_HOST),
            is_good=bool(last_success and not failures),
        )
        for pk, changed_at, host, username, mailbox, failures, last_success in rows
    }


def sources(source_ids: Iterable[int]) -> dict[int, EmailSource]:
    """What is needed to connect, read only when it is."""
    return EmailSource.objects.in_bulk(list(source_ids))
