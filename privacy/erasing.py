"""Erase a person: asked by an administrator, done by a worker, step by step, from where it was.

    contact ──▶ conversations ──▶ mails in others' ──▶ ledgers ──▶ every table ──▶ audit log ──▶ done

The contact goes first: a mail that comes meanwhile makes a new one, which is not this person's past.
"""

import logging
import time
from datetime import timedelta
from typing import TypeVar

from celery import signature
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone

from audit import keeping
from audit.actors import SYSTEM
from audit.acts import Act
from audit.log import Subject, record
from crm.models import (
    Communication,
    Contact,
    ContactAddress,
    ContactChange,
    ContactMerge,
    ContactNote,
    NotTheSame,
)
from mailsources.models import FetchedMail
from mailstore.announce import announce
from privacy import stripping, sweep
from privacy.models import Erasure
from privacy.person import Person, counts, person_of, why_not
from queues.models import FirstDraft, Message, PictureTrust

logger = logging.getLogger(__name__)

State = Erasure.State
SLICE = 20.0
"""Seconds that a task works before it hands on, so that others get their turn."""

CHUNK = 20
LAST = 2**63 - 1
TASK = "privacy.tasks.work"

AnyRow = TypeVar("AnyRow", bound=Model)


class NotErased(Exception):
    """It can't be begun; the text says what to do first."""


def begin(actor: User, contact: Contact, reason: str) -> Erasure:
    """Write down who is to be erased; a worker does it.

    :raises NotErased: in words.
    """
    person = person_of(contact)
    if found := why_not(contact, person):
        raise NotErased(" ".join(map(str, found)))
    try:
        with transaction.atomic():
            row = Erasure.objects.create(
                contact_id=contact.pk,
                person=person.as_json() | {"ends": sweep.ends()},
                counts=counts(person),
                asked_by=actor,
                reason=reason,
            )
            told = f"{row.counts['mails']} mails in {row.counts['conversations']} conversations."
            record(actor, Act.ERASED, contact, note=f"Begun: {told}", reason=reason)
    except IntegrityError as error:
        raise NotErased("This person is being erased already.") from error
    return row


def again(row: Erasure) -> None:
    """Go on with one that broke off.

    :raises NotErased: another one of the same person is being done.
    """
    rows = Erasure.objects.filter(pk=row.pk, state=State.FAILED)
    try:
        with transaction.atomic():
            rows.update(state=State.RUNNING, error="", ended_at=None)
    except IntegrityError as error:
        raise NotErased(
            "This person is being erased already, by a later click: wait until it is done."
        ) from error


def left_alone() -> list[int]:
    """Those whose worker has gone away, or that no worker has begun."""
    free = Q(lease_until=None) | Q(lease_until__lte=timezone.now())
    return list(Erasure.objects.filter(free, state=State.RUNNING).order_by("pk").values_list("pk", flat=True))


def work(pk: int) -> bool:
    """Go on with one for a while; returns whether something is left to do."""
    until = timezone.now() + timedelta(seconds=settings.LEASE)
    free = Q(lease_until=None) | Q(lease_until__lte=timezone.now())
    rows = Erasure.objects.filter(free, pk=pk, state=State.RUNNING)
    if not rows.update(lease_until=until, fence=F("fence") + 1):
        return False
    row = Erasure.objects.get(pk=pk)
    end = time.monotonic() + SLICE
    while row.step < len(STEPS):
        is_over = STEPS[row.step](row, Person.from_json(row.person))
        if is_over:
            row.step, row.after, row.table = row.step + 1, 0, 0
        if not _kept(row):
            return False  # another worker goes on
        if time.monotonic() > end:
            Erasure.objects.filter(pk=pk, fence=row.fence).update(lease_until=None)
            return True
    _end(row)
    return False


def broke_off(pk: int, why: str = "") -> None:
    """Mark one whose worker could not go on: why, or that it met something unforeseen."""
    said = why or "It broke off; the log of the worker says why. “Go on” continues where it was."
    rows = Erasure.objects.filter(pk=pk, state=State.RUNNING)
    rows.update(state=State.FAILED, error=said, lease_until=None, ended_at=timezone.now())


def announce_work(pk: int) -> None:
    """Let a worker begin; the sweep does if this gets lost."""
    announce(signature(TASK), erasure_id=pk)


def _kept(row: Erasure) -> bool:
    until = timezone.now() + timedelta(seconds=settings.LEASE)
    mine = Erasure.objects.filter(pk=row.pk, fence=row.fence, state=State.RUNNING)
    return bool(mine.update(step=row.step, after=row.after, table=row.table, lease_until=until))


@transaction.atomic
def _end(row: Erasure) -> None:
    mine = Erasure.objects.filter(pk=row.pk, fence=row.fence, state=State.RUNNING)
    if mine.update(state=State.DONE, person={}, reason="", lease_until=None, ended_at=timezone.now()):
        record(
            SYSTEM,
            Act.ERASED,
            Subject("crm.contact", f"contact {row.contact_id}", row.contact_id),
            note="Done.",
        )


def _last(row: Erasure, model: type[Model]) -> int:
    """The last id of a table when it was asked for."""
    return int(row.person.get("ends", {}).get(model._meta.db_table, LAST))


def _before(row: Erasure, rows: QuerySet[AnyRow]) -> QuerySet[AnyRow]:
    """Those that were there when it was asked for."""
    return rows.filter(pk__lte=_last(row, rows.model))


def _contact(row: Erasure, person: Person) -> bool:
    """First what makes a new mail theirs; the row itself goes when nothing is its any more."""
    with transaction.atomic():
        ContactAddress.objects.filter(contact__in=person.contacts).delete()
        ContactNote.objects.filter(contact__in=person.contacts).delete()
        ContactChange.objects.filter(contact__in=person.contacts).delete()
        ContactChange.objects.filter(data__contact__in=list(person.contacts)).delete()
        ContactMerge.objects.filter(Q(gone__in=person.contacts) | Q(stays__in=person.contacts)).delete()
        NotTheSame.objects.filter(Q(one__in=person.contacts) | Q(other__in=person.contacts)).delete()
        Contact.objects.filter(pk__in=person.contacts).update(
            name="",
            remark="",
            fields={},
            phones=[],
            external_id="",
            organisation=None,
            language="",
            time_zone="",
        )
        PictureTrust.objects.filter(email__in=person.words.emails).delete()
    return True


def _conversations(row: Erasure, person: Person) -> bool:
    """One after the other; each is nobody's afterwards, so the next look finds the next."""
    pks = list(person.conversations.values_list("pk", flat=True)[:CHUNK])
    for pk in pks:
        stripping.strip(pk, person.words)
    return not pks


def _mails_in_others(row: Erasure, person: Person) -> bool:
    """What they wrote into matters of other customers; what has come since is no part of it."""
    found = list(_before(row, person.mails.select_related("raw"))[:CHUNK])
    with transaction.atomic():
        stripping.forget_messages(found)
    return not found


def _ledgers(row: Erasure, person: Person) -> bool:
    """Mails that never became messages: skipped, failed. What waits comes in, as from somebody new."""
    with transaction.atomic():
        Communication.objects.filter(contact__in=person.contacts).delete()
        rows = FetchedMail.objects.filter(sender__in=person.words.emails)
        rows = _before(row, rows.exclude(state=FetchedMail.State.WAITING))
        rows = rows.exclude(message__pk__gt=_last(row, Message))
        pks = list(rows.values_list("pk", flat=True)[:CHUNK])
        stripping.forget_fetched(pks)
    return not pks


def _tables(row: Erasure, person: Person) -> bool:
    """One run of rows of one table."""
    every = sweep.tables()
    if row.table >= len(every):
        return True
    model = every[row.table]
    row.after = sweep.sweep(model, row.after, person.words, _last(row, model))
    if not row.after:
        row.table += 1
    return False


def _rest(row: Erasure, person: Person) -> bool:
    """Files that were sent in, first mails that nobody has sent, the audit log, the contact itself."""
    sweep.clean_imports(person.words)
    sweep.open_sealed(person.words)
    for draft in FirstDraft.objects.all():
        if person.words.are_in([draft.to, draft.cc, draft.text, draft.html]):
            draft.delete()
    keeping.forget("crm.contact", [str(pk) for pk in person.contacts], person.words.written)
    with transaction.atomic():
        before = LogEntry.objects.filter(content_type__app_label="crm", content_type__model="contact")
        mine = before.filter(object_id__in=[str(pk) for pk in person.contacts])
        mine.update(object_repr="(erased)", change_message="")  # from before there was an audit log
        for pk in reversed(person.contacts):  # those merged into others first
            Contact.objects.filter(pk=pk).delete()
    return True


STEPS = (_contact, _conversations, _mails_in_others, _ledgers, _tables, _rest)
