"""Two contacts become one, with the conversations of both, and one becomes two again.

    contacts by id ──▶ conversations by id ──▶ one audited row of what was moved, all in one transaction

Mail that comes in meanwhile waits for nobody: it may name a contact that is locked here. Whoever read the
address before the merge and writes the conversation after it leaves that with the contact that went;
`settle` brings it along, at once after the merge and with every sweep for an hour. A mail locks conversations
as it comes, in no order, and the machine that gives up first is this one: it waits for a lock only a moment,
then begins anew.
"""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agents.rights import Person, is_supervisor
from crm import joining, locking
from crm.models import Contact, ContactMerge
from crm.refusals import ContactRefused
from queues import live
from queues.access import conversations_for
from queues.models import Conversation, Message

R = TypeVar("R")
UNDO_FOR = timedelta(days=30)
LATE_FOR = timedelta(hours=1)  # no transaction of ours lives that long
PATIENCE = "300ms"  # shorter than PostgreSQL waits before it looks for deadlocks
TRIES = 40
PAUSE_SECONDS = 0.05
BUSY = frozenset({"55P03", "40P01"})  # lock not available, deadlock
MOST_TOLD = 50


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a merge would move."""

    addresses: list[str]
    mails: int
    conversations: int
    hidden: int  # of the conversations, in queues that the user doesn't see
    notes: int
    plan: joining.Plan = field(default_factory=joining.Plan)


def foresee(user: Person, gone: Contact, stays: Contact) -> Foreseen:
    """Count what would be moved; nothing is locked or written.

    Raises:
        ContactRefused: they can't be merged.
    """
    _check_rights(user)
    joining.check(gone, stays)
    rows = Conversation.objects.filter(contact=gone)
    seen = conversations_for(user).filter(contact=gone).count()
    whole = rows.count()
    return Foreseen(
        addresses=[each.email for each in gone.addresses.all()],
        mails=gone.communications.count(),
        conversations=whole,
        hidden=whole - seen,
        notes=gone.notes.count(),
        plan=joining.plan(gone, stays),
    )


def merge(user: User, gone: Contact, stays: Contact) -> ContactMerge:
    """Let everything of the one be the other's; the same call again changes nothing.

    Raises:
        ContactRefused: no supervisor, one of them was merged already, or they are written to all the time.
    """
    _check_rights(user)
    done = _patiently(lambda: _merge(user, gone.pk, stays.pk))
    settle()
    return done


def _check_rights(user: Person) -> None:
    if not is_supervisor(user):
        raise ContactRefused(_("Only a supervisor may merge contacts: ask one."))


def _merge(user: User, gone_id: int, stays_id: int) -> ContactMerge:
    rows = locking.lock({gone_id, stays_id})
    gone, stays = rows[gone_id], rows[stays_id]
    if gone.merged_into_id == stays_id:
        return ContactMerge.objects.get(gone=gone, undone_at=None)
    joining.check(gone, stays)
    # Conversations before mails: who is about to record a mail has locked its conversation.
    moved = _move(Conversation.objects.filter(contact=gone), stays)
    done = joining.join(user, gone, stays, timezone.now())
    done.moved["conversations"] = moved
    done.save(update_fields=["moved"])
    return done


def undo(user: User, merge_: ContactMerge) -> ContactMerge:
    """Take a merge back; what has come since from the addresses that go back goes with them.

    Raises:
        ContactRefused: no supervisor, too late, undone already, or merged further since.
    """
    _check_rights(user)
    if merge_.at < timezone.now() - UNDO_FOR:
        said = _("A merge can be undone for %(days)s days.") % {"days": UNDO_FOR.days}
        raise ContactRefused(said)
    return _patiently(lambda: _undo(user, merge_.pk))


def _undo(user: User, pk: int) -> ContactMerge:
    found = ContactMerge.objects.get(pk=pk)
    rows = locking.lock({found.gone_id, found.stays_id})
    done = ContactMerge.objects.select_for_update(of=("self",)).get(pk=pk)
    gone, stays = rows[done.gone_id], rows[done.stays_id]
    _move(Conversation.objects.filter(contact=stays, pk__in=done.moved["conversations"]), gone)
    addresses = joining.separate(user, done, gone, stays, timezone.now())
    since = Conversation.objects.filter(contact=stays, created_at__gte=done.at)
    wrote = Message.objects.filter(
        conversation__in=since, direction=Message.Direction.IN, from_email__in=addresses
    )
    firsts = _first_writers(since, wrote)
    moved = _move(Conversation.objects.filter(pk__in=firsts), gone)
    joining.move_communications(moved, stays, gone, done.at)
    return done


def _first_writers(since: QuerySet[Conversation], wrote: QuerySet[Message]) -> list[int]:
    """Of these conversations, those that one of these mails has opened."""
    pks = set(wrote.values_list("conversation", flat=True))
    first = Message.objects.filter(conversation__in=pks, direction=Message.Direction.IN)
    opened = first.order_by("conversation_id", "pk").distinct("conversation_id").values_list("pk", flat=True)
    return list(wrote.filter(pk__in=list(opened)).values_list("conversation", flat=True))


def _move(rows: QuerySet[Conversation], contact: Contact) -> list[int]:
    """Let these conversations be the contact's; returns their ids."""
    pks = list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    Conversation.objects.filter(pk__in=pks).update(contact=contact)
    _tell(pks)
    return pks


def _tell(pks: Iterable[int]) -> None:
    """The desks that may have one of them open."""
    rows = Conversation.objects.filter(pk__in=list(pks)).exclude(state=Conversation.State.CLOSED)
    for pk, queue, agent in rows.order_by("-pk").values_list("pk", "queue", "agent")[:MOST_TOLD]:
        live.changed(pk, queue, agent)


def settle() -> int:
    """Bring along what came for a contact while it was merged; returns how many merges had something."""
    since = timezone.now() - LATE_FOR
    rows = ContactMerge.objects.filter(undone_at=None, at__gte=since).select_related("gone")
    late = [row.pk for row in rows if _is_late(row)]
    return sum(_patiently(lambda pk=pk: _settle(pk)) for pk in late)  # type: ignore[misc]


def _is_late(row: ContactMerge) -> bool:
    mails = row.gone.communications.exists()
    return mails or Conversation.objects.filter(contact=row.gone_id).exists()


def _settle(pk: int) -> bool:
    found = ContactMerge.objects.get(pk=pk)
    rows = locking.lock({found.gone_id, found.stays_id})
    done = ContactMerge.objects.select_for_update(of=("self",)).get(pk=pk)
    if done.undone_at is not None:
        return False
    moved = _move(Conversation.objects.filter(contact=done.gone_id), rows[done.stays_id])
    done.moved["conversations"] = [*done.moved["conversations"], *moved]
    has_mails = joining.leftovers(done)
    done.save(update_fields=["moved"])
    return bool(moved) or has_mails


def _patiently(act: Callable[[], R]) -> R:
    """Run in a transaction that gives way to everybody else, and again until it comes through."""
    for _attempt in range(TRIES):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
                return act()
        except OperationalError as error:
            if connection.in_atomic_block or getattr(error.__cause__, "pgcode", None) not in BUSY:
                raise
        time.sleep(PAUSE_SECONDS * (1 + random.random()))
    raise ContactRefused(_("Mail of this contact comes in all the time: try again in a moment."))


def merges_of(user: Person, contact: Contact) -> list[dict[str, Any]]:
    """The merges into this contact that may still be undone, the newest first."""
    if not is_supervisor(user):
        return []
    rows = contact.merges.filter(undone_at=None, at__gte=timezone.now() - UNDO_FOR)
    rows = rows.select_related("gone", "user").defer("moved")
    return [{"pk": row.pk, "name": str(row.gone), "at": row.at, "user": row.user} for row in rows]
