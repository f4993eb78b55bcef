"""A stored mail becomes a message in its queue: claim, parse, hand over, all or nothing.

A mail that can't be delivered is tried three times, then it is in quarantine: visible, with its bytes and a
button, and in nobody's way.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from mailcore.parse import parse
from mailsources.models import MAX_ATTEMPTS, FetchedMail
from queues import intake
from queues.models import Message

logger = logging.getLogger(__name__)

State = FetchedMail.State


CLAIM = """
UPDATE mailsources_fetchedmail SET attempts = attempts + 1, fence = fence + 1, lease_until = %s
WHERE id = %s AND state = 'waiting' AND attempts < %s AND (lease_until IS NULL OR lease_until < %s)
RETURNING fence, attempts
"""
"""One statement in place of two: it is made once for each mail."""


class NotRetryable(Exception):
    """A mail that can't be tried again; the text says why."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to deliver one mail. `attempts` counts this one."""

    pk: int
    fence: int
    attempts: int


class ClaimLost(Exception):
    """Another has the mail now, or it is delivered."""


def deliver(fetched_id: int) -> Message | None:
    """Deliver one mail; None when it isn't to be delivered now, or when that failed, which its row says."""
    claim = _claim(fetched_id)
    if claim is None:
        return None
    try:
        return _deliver(claim)
    except ClaimLost:
        logger.info("fetched mail %s is in other hands", fetched_id)
    except Exception as error:  # the edge: the next mail must not suffer
        logger.exception("fetched mail %s was not delivered, attempt %s", fetched_id, claim.attempts)
        _failed(claim, error)
    return None


def retry(fetched: FetchedMail) -> None:
    """Try a mail in quarantine again, with three new attempts; one without bytes at the next look.

    :raises NotRetryable: it isn't in quarantine, or its number on the server is void.
    """
    source = fetched.source
    if fetched.state != State.FAILED:
        raise NotRetryable(
            f"Fetched mail {fetched.pk} is {fetched.state}: only failed ones can be tried again."
        )
    failed = FetchedMail.objects.filter(pk=fetched.pk, state=State.FAILED)
    if fetched.raw_id:
        failed.update(state=State.WAITING, attempts=0, lease_until=None)
    elif fetched.epoch == source.state.epoch:
        failed.update(attempts=0, settled_at=None)
    else:
        raise NotRetryable(
            f"Fetched mail {fetched.pk} was never read, and {source.name} has another mailbox behind it now, "
            "or its server has renumbered its mails: if the mail is still there, it has come in anew."
        )


def waiting(older_than: timedelta, limit: int) -> list[int]:
    """Mails that nobody is delivering, oldest first."""
    now = timezone.now()
    rows = _claimable().filter(Q(fetched_at__lt=now - older_than) | Q(attempts__gt=0))
    return list(rows.order_by("id").values_list("pk", flat=True)[:limit])


def in_portions(fetched_ids: Iterable[int], size: int) -> list[list[int]]:
    """Portions for tasks: one for each mail would cost more than the mails."""
    ids = list(fetched_ids)
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _claimable() -> QuerySet[FetchedMail]:
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    return FetchedMail.objects.filter(free, state=State.WAITING)


def _claim(fetched_id: int) -> Claim | None:
    """Count the attempt before the work, so that a mail which kills its worker is noticed."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [now + timedelta(seconds=settings.LEASE), fetched_id, MAX_ATTEMPTS, now])
        row = cursor.fetchone()
    if row is None:
        _park_killer(fetched_id)
        return None
    return Claim(fetched_id, fence=row[0], attempts=row[1])


def _park_killer(fetched_id: int) -> None:
    _claimable().filter(pk=fetched_id, attempts__gte=MAX_ATTEMPTS).update(
        state=State.FAILED,
        reason=f"The worker died {MAX_ATTEMPTS} times over this mail: download it and look at it.",
    )


def _deliver(claim: Claim) -> Message:
    fetched = FetchedMail.objects.select_related("raw", "source__queue").get(pk=claim.pk)
    if fetched.raw is None:
        raise ValueError("its bytes are not stored")
    mail = parse(fetched.raw.as_bytes())
    with transaction.atomic():
        received_at = fetched.received_at or fetched.fetched_at
        message = intake.deliver(fetched.source.queue, mail, fetched.raw, received_at)
        mine = FetchedMail.objects.filter(pk=claim.pk, fence=claim.fence, state=State.WAITING)
        changed = mine.update(
            state=State.DELIVERED,
            message=message,
            header_id=mail.message_id[:1000],
            delivered_at=timezone.now(),
            lease_until=None,
            reason="",
        )
        if not changed:
            raise ClaimLost  # and nothing of this has happened
    return message


def _failed(claim: Claim, error: Exception) -> None:
    given_up = claim.attempts >= MAX_ATTEMPTS
    FetchedMail.objects.filter(pk=claim.pk, fence=claim.fence, state=State.WAITING).update(
        state=State.FAILED if given_up else State.WAITING,
        reason=f"Attempt {claim.attempts} of {MAX_ATTEMPTS} failed: {type(error).__name__}: {error}"[:1000],
        lease_until=None,
    )
