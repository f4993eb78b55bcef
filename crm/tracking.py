"""Who wrote, and one record for each mail in and out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from crm.models import Communication, Contact, ContactAddress
from mailcore.parsed import Address
from mailstore.batch import note, noted, write

UNKNOWN_SENDER = "Unknown sender"
NAME_LENGTH = 300
EMAIL_LENGTH = 320

CONTACTS = "crm.tracking.contacts"
MADE = "crm.tracking.made"

MAKE = """
WITH address AS (
    INSERT INTO crm_contactaddress (contact_id, email)
    VALUES (nextval(pg_get_serial_sequence('crm_contact', 'id')), %s)
    ON CONFLICT (email) DO NOTHING RETURNING contact_id
)
INSERT INTO crm_contact (id, name, language, remark, created_at)
SELECT contact_id, %s, %s, '', %s FROM address RETURNING id
"""
"""The address first: its unique key decides who makes the contact, and a loser leaves nothing behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One mail as the CRM is told about it; `message_ref` is its identity."""

    contact_id: int
    direction: str
    message_ref: str
    message_id: str
    conversation_id: int
    conversation_number: int
    queue_name: str
    subject: str
    preview: str
    at: datetime
    user_id: int | None = None


def contact_for(address: Address, language: str = "") -> Contact:
    """Return the contact with this address, made now when it is new.

    All mail without a sender address belongs to one contact, "Unknown sender". A contact without a name
    takes the one that the mail gives.

    :param language: what they have written in, "" when that can't be told.
    """
    email = _key(address)
    name = address.name.strip()[:NAME_LENGTH] if email else UNKNOWN_SENDER
    contact = _known(email) or _remembered(email, _make(email, name, language))
    learnt = {"name": contact.name or name, "language": language or contact.language}
    changes = {field: value for field, value in learnt.items() if getattr(contact, field) != value}
    for field, value in changes.items():
        setattr(contact, field, value)
    if changes:
        contact.save(update_fields=list(changes))
    return contact


def is_new(contact: Contact) -> bool:
    """Whether the contact was made in this batch, so that nothing older can be known of it."""
    return contact.pk in (noted(MADE) or ())


def foresee(people: Iterable[Address]) -> None:
    """Look up once for a batch who of these is a contact already."""
    emails = {_key(address) for address in people}
    rows = ContactAddress.objects.select_related("contact").filter(email__in=emails)
    contacts: dict[str, Contact | None] = dict.fromkeys(emails)
    note(CONTACTS, contacts | {row.email: row.contact for row in rows})


def _key(address: Address) -> str:
    return address.email.strip().lower()[:EMAIL_LENGTH]


def _known(email: str) -> Contact | None:
    contacts = noted(CONTACTS)
    if contacts is not None and email in contacts:
        known: Contact | None = contacts[email]
        return known
    row = ContactAddress.objects.select_related("contact").filter(email=email).first()
    return row.contact if row else None


def _remembered(email: str, contact: Contact) -> Contact:
    contacts = noted(CONTACTS)
    if contacts is not None:
        contacts[email] = contact
    return contact


def _make(email: str, name: str, language: str) -> Contact:
    contact = Contact(name=name, language=language, created_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(MAKE, [email, contact.name, contact.language, contact.created_at])
        made = cursor.fetchone()
    if made is None:  # the same person's other mail came at the same moment
        return ContactAddress.objects.select_related("contact").get(email=email).contact
    (contact.pk,) = made
    note(MADE, {*(noted(MADE) or ()), contact.pk})
    contact._state.adding, contact._state.db = False, connection.alias
    return contact


def record(entry: Entry) -> None:
    """Write the communication; a second call with the same `message_ref` changes nothing."""
    row = Communication(
        message_ref=entry.message_ref,
        contact_id=entry.contact_id,
        direction=entry.direction,
        message_id=entry.message_id[:1000],
        conversation_id=entry.conversation_id,
        conversation_number=entry.conversation_number,
        queue_name=entry.queue_name,
        subject=entry.subject[:1000],
        preview=entry.preview[:300],
        user_id=entry.user_id,
        at=entry.at,
    )
    write(row, ignore_conflicts=True)


def forget(message_ref: str) -> None:
    """Take a record back: the mail was never sent."""
    Communication.objects.filter(message_ref=message_ref).delete()


def move(message_refs: Iterable[str], conversation_id: int, conversation_number: int) -> None:
    """The mails are in another conversation now."""
    rows = Communication.objects.filter(message_ref__in=list(message_refs))
    rows.update(conversation_id=conversation_id, conversation_number=conversation_number)


def timeline(
    contact: Contact,
    limit: int = 50,
    before: Communication | None = None,
    conversations: QuerySet[Any] | None = None,
) -> list[Communication]:
    """The newest communications of a contact.

    :param before: the last row of the page before; None for the first page.
    :param conversations: a query of the ids of the only conversations to tell about; None for all.
    """
    rows = contact.communications.select_related("user").order_by("-at", "-id")
    if before is not None:
        rows = rows.filter(Q(at__lt=before.at) | Q(at=before.at, pk__lt=before.pk))
    if conversations is not None:
        rows = rows.filter(conversation_id__in=conversations)
    return list(rows[:limit])
