"""Who delivers which mail: claims on rows of the ledger, counted before the work.

    waiting ──claim: attempt + 1, fence + 1, lease──▶ in work ──▶ delivered
       ▲                                                │ └──3rd failure──▶ failed
       └──pause, then alone: 1st and 2nd failure ◀──────┘
       └──give back: not begun, or the database was ◀───┘
                     away, full or locked

The first attempt is made in company, where one mail must not delay the others for long. Any later one is made
alone, with all the time there is: a worker that dies with it takes no other mail's attempts along.

All times here are PostgreSQL's, as the workers' clocks may differ.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from mailsources.models import MAX_ATTEMPTS, FetchedMail
from mailstore import tries
from queues.models import Message

State = FetchedMail.State

PAUSES = (timedelta(seconds=20), timedelta(minutes=3))
"""After the first and after the second failure."""

CLAIM = """
UPDATE mailsources_fetchedmail AS mail
SET attempts = attempts + 1, fence = fence + 1, lease_until = statement_timestamp() + %(lease)s
FROM (
    SELECT id FROM mailsources_fetchedmail
    WHERE id = ANY(%(ids)s) AND state = 'waiting' AND attempts < %(most)s
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
    ORDER BY id FOR UPDATE SKIP LOCKED
) AS free
WHERE mail.id = free.id
RETURNING mail.id, mail.fence, mail.attempts, mail.size
"""


SETTLE = """
UPDATE mailsources_fetchedmail AS mail
SET state = 'delivered', message_id = done.message_id, header_id = done.header_id,
    delivered_at = statement_timestamp(), lease_until = NULL, reason = ''
FROM unnest(%(pks)s::bigint[], %(fences)s::bigint[], %(messages)s::bigint[], %(headers)s::text[])
    AS done (pk, fence, message_id, header_id)
WHERE mail.id = done.pk AND mail.fence = done.fence AND mail.state = 'waiting'
"""

PASSING = frozenset(
    {
        *("40001", "40P01", "55P03"),  # others wrote at the same time, or hold a lock
        *("53100", "53300"),  # the disk is full, too many connections
        *("57P01", "57P02", "57P03", "25006"),  # it is going down, coming up, or a stand-by
    }
)
"""What PostgreSQL says in a state of its own, whichever mail is delivered (appendix A of its manual)."""


LOST = "08"
"""The class of a connection that is no more; also when there was nobody left to give a code."""


class ClaimLost(Exception):
    """Another has the mail now, or it is delivered."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to deliver one mail. `attempts` counts this one; `size` is in octets."""

    pk: int
    fence: int
    attempts: int
    size: int

    def rows(self) -> QuerySet[FetchedMail]:
        """The row, while it is ours."""
        return FetchedMail.objects.filter(pk=self.pk, fence=self.fence, state=State.WAITING)


def claim(fetched_ids: Sequence[int]) -> list[Claim]:
    """Claim those of the mails that wait and are nobody's; of several only those not tried before.

    A mail that was claimed three times and never came back is put into quarantine.
    """
    values: dict[str, Any] = {
        "ids": list(fetched_ids),
        "lease": timedelta(seconds=settings.LEASE),
        "most": MAX_ATTEMPTS if len(fetched_ids) == 1 else 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        claims = sorted((Claim(*row) for row in cursor.fetchall()), key=lambda each: each.pk)
    if len(claims) < len(fetched_ids):
        _park_killers(fetched_ids)
    return claims


def settle(delivered: Sequence[tuple[Claim, Message]]) -> None:
    """These mails are in their queues now; call it in the same transaction.

    :raises ClaimLost: one of them is no longer ours, so the transaction must be undone.
    """
    values: dict[str, Any] = {
        "pks": [claim.pk for claim, _ in delivered],
        "fences": [claim.fence for claim, _ in delivered],
        "messages": [message.pk for _, message in delivered],
        "headers": [message.message_id for _, message in delivered],
    }
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, values)
        if cursor.rowcount != len(delivered):
            raise ClaimLost


def failed(claim: Claim, reason: str) -> None:
    """Note that an attempt failed and why; the last one puts the mail into quarantine."""
    is_last = claim.attempts >= MAX_ATTEMPTS
    told = f"Attempt {claim.attempts} of {MAX_ATTEMPTS} failed. {reason}"
    with transaction.atomic():
        raws = list(claim.rows().exclude(raw=None).values_list("raw", flat=True))
        tries.note_many(raws, tries.What.DELIVERY, told)
        claim.rows().update(
            state=State.FAILED if is_last else State.WAITING,
            reason=(reason if is_last else told)[:1000],
            lease_until=None if is_last else Now() + PAUSES[claim.attempts - 1],
        )


def is_passing(error: Exception) -> bool:
    """Whether the database is to blame for a failure, and the next try may do."""
    return getattr(error.__cause__, "pgcode", None) in PASSING


def is_away(error: Exception) -> bool:
    """Whether the connection to the database is lost, or can't be made."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    return (getattr(error.__cause__, "pgcode", None) or LOST).startswith((LOST, "57P"))


def give_back(claims: Iterable[Claim], pause: timedelta | None = None) -> None:
    """These were not begun, or failed for a reason that is no mail's: the attempt doesn't count."""
    until = Now() + pause if pause else None
    for each in claims:
        each.rows().update(attempts=F("attempts") - 1, lease_until=until)


def claimable() -> QuerySet[FetchedMail]:
    """Mails that wait and are nobody's."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return FetchedMail.objects.filter(free, state=State.WAITING)


def fresh(source_id: int, most: int) -> list[int]:
    """The next mails of a source that nobody has tried to deliver, in their order."""
    rows = claimable().filter(source=source_id, attempts=0).order_by("id")
    return list(rows.values_list("pk", flat=True)[:most])


def _park_killers(fetched_ids: Sequence[int]) -> None:
    claimable().filter(pk__in=list(fetched_ids), attempts__gte=MAX_ATTEMPTS).update(
        state=State.FAILED,
        lease_until=None,
        reason=f"The worker ended {MAX_ATTEMPTS} times while it delivered this mail: "
        "download it, look at it, and try again when the cause is mended.",
    )
