"""How long conversations are kept, queue by queue: days after closing, then anonymised or deleted.

A little at a time and at night, by the clock of the installation. What is on legal hold stays.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from audit.actors import SYSTEM
from audit.acts import Act
from audit.log import Subject, record
from crm.models import Communication
from mailsenders.models import OutgoingMail
from mailsources.lifecycle import UNSENT
from privacy import stripping
from queues.models import NOT_STRIPPED, Conversation, EmailQueue

logger = logging.getLogger(__name__)

NIGHT = range(1, 5)
"""Hours of the installation's time zone."""

CHUNK = 20
SLICE = 20.0  # seconds
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class Foreseen:
    """What the rule of a queue means today.

    :param now: how many would go tonight, counted up to `MOST_COUNTED`.
    :param month: the same in thirty days, if nothing else happened.
    :param held: how many of these stay on legal hold.
    """

    queue: EmailQueue
    now: int
    month: int
    held: int
    first: Conversation | None

    @property
    def is_capped(self) -> bool:
        """There may be more than is said."""
        return MOST_COUNTED in (self.now, self.month, self.held)


def due(queue: EmailQueue, now: datetime, *, days: int | None = None) -> QuerySet[Conversation]:
    """What is older than the queue keeps it, the oldest first; while a mail of it is not sent, it stays.

    What was emptied before and has got mail since goes once more: that mail has a time of its own.
    """
    kept = queue.keep_days if days is None else days
    rows = Conversation.objects.filter(NOT_STRIPPED, queue=queue, state=Conversation.State.CLOSED)
    if kept is None:
        return rows.none()
    rows = rows.filter(Q(stripped_at=None) | Q(last_message_at__lt=now - timedelta(days=kept)))
    unsent = OutgoingMail.objects.filter(state__in=UNSENT, message__conversation=OuterRef("pk"))
    return rows.filter(~Exists(unsent), closed_at__lt=now - timedelta(days=kept)).order_by("closed_at")


def foreseen(queue: EmailQueue, now: datetime) -> Foreseen:
    """What would go, without anything going."""
    rows = due(queue, now)
    return Foreseen(
        queue,
        now=_counted(rows.filter(legal_hold=False)),
        month=_counted(due(queue, now + timedelta(days=30)).filter(legal_hold=False)),
        held=_counted(rows.filter(legal_hold=True)),
        first=rows.filter(legal_hold=False).first(),
    )


def _counted(rows: QuerySet[Conversation]) -> int:
    return len(rows.values_list("pk", flat=True)[:MOST_COUNTED])


def run(now: datetime | None = None) -> int:
    """At night: let go what is due, for a while; returns how many conversations."""
    at = now or timezone.now()
    if timezone.localtime(at).hour not in NIGHT:
        return 0
    end, done = time.monotonic() + SLICE, 0
    for queue in EmailQueue.objects.exclude(keep_days=None).order_by("pk"):
        gone, stuck = 0, set[int]()
        while time.monotonic() < end and (pks := _some(queue, at, stuck)):
            gone += sum(_is_let_go(pk, queue, stuck) for pk in pks)
        if gone:
            told = f"{gone} conversations closed before {at - timedelta(days=queue.keep_days or 0):%Y-%m-%d}."
            act = Act.PRUNED if queue.kept_then == EmailQueue.KeptThen.DELETE else Act.ERASED
            record(SYSTEM, act, queue, note=told)
        done += gone
    return done


def _some(queue: EmailQueue, now: datetime, stuck: set[int]) -> list[int]:
    rows = due(queue, now).filter(legal_hold=False).exclude(pk__in=stuck)
    return list(rows.values_list("pk", flat=True)[:CHUNK])


def _is_let_go(pk: int, queue: EmailQueue, stuck: set[int]) -> bool:
    """Whether it has gone; one that can't go is left for the next night, and holds up no other."""
    try:
        _let_go(pk, is_deleted=queue.kept_then == EmailQueue.KeptThen.DELETE)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # the edge: the next one must not wait for this one
        logger.exception("conversation %s can't be let go", pk)
        stuck.add(pk)
        return False
    return True


def _let_go(pk: int, *, is_deleted: bool) -> None:
    with transaction.atomic():
        rows = Conversation.objects.select_for_update(of=("self",), no_key=not is_deleted)
        row = rows.filter(pk=pk, state=Conversation.State.CLOSED, legal_hold=False).first()
        if row is None:  # reopened, or held, at this moment
            return
        stripping.strip(pk)
        if is_deleted:
            Communication.objects.filter(conversation_id=pk).delete()
            Conversation.objects.filter(merged_into=pk).update(merged_into=None)
            Conversation.objects.filter(pk=pk).delete()


def hold(actor: User, rows: QuerySet[Conversation], reason: str, *, is_held: bool) -> int:
    """Put conversations on legal hold, or lift it; returns how many are different now."""
    with transaction.atomic():
        found = list(
            rows.filter(~Q(legal_hold=is_held)).select_for_update(of=("self",), no_key=True).order_by("pk")
        )
        Conversation.objects.filter(pk__in=[each.pk for each in found]).update(legal_hold=is_held)
        for each in found:
            subject = Subject(Conversation._meta.label_lower, f"conversation #{each.number}", each.pk)
            told = "Put on legal hold." if is_held else "Lifted the legal hold."
            record(actor, Act.DID, subject, note=told, reason=reason)
    return len(found)
