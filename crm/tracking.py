"""Who wrote, and one record for each mail in and out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from crm.models import Communication, Contact, ContactAddress
from mailcore.parsed import Address
from mailstore.batch import note, noted, write
from mailstore.feed import TELL_NEW_CONTACTS, is_told

UNKNOWN_SENDER = "Unknown sender"
NAME_LENGTH = 300
EMAIL_LENGTH = 320

CONTACTS = "crm.tracking.contacts"
MADE = "crm.tracking.made"

MAKE = f"""
WITH new AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (email, name, language) ORDER BY email
), address AS (
    INSERT INTO crm_contactaddress (contact_id, email)
    SELECT nextval(pg_get_serial_sequence('crm_contact', 'id')), email FROM new
    ON CONFLICT (email) DO NOTHING RETURNING contact_id, email
), contact AS (
    INSERT INTO crm_contact (id, name, language, remark, created_at, organisation_id)
    SELECT contact_id, name, language, '', %s, domain.organisation_id
    FROM address JOIN new USING (email)
    LEFT JOIN crm_organisationdomain AS domain ON domain.domain = split_part(email, '@', -1)
    RETURNING id
), told AS (
    {TELL_NEW_CONTACTS}
)
SELECT email, id FROM address JOIN contact ON id = contact_id
"""  # noqa: S608 - a statement of ours
"""The address first: its unique key decides who makes the contact, and a loser leaves nothing behind.

Who writes from a domain of an organisation belongs to it.
"""


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
    contact = _known(email) or _remembered(email, _made(email, name, language))
    spoken = contact.language if contact.language_is_set else language or contact.language
    learnt = {"name": contact.name or name, "language": spoken}
    changes = {field: value for field, value in learnt.items() if getattr(contact, field) != value}
    for field, value in changes.items():
        setattr(contact, field, value)
    if changes:
        contact.save(update_fields=list(changes))
    return contact


def find(address: Address) -> Contact | None:
    """The contact with this address, if there is one."""
    return _known(_key(address))


def is_new(contact: Contact) -> bool:
    """Whether the contact was made in this batch, so that nothing older can be known of it."""
    return contact.pk in (noted(MADE) or ())


def foresee(people: Iterable[Address]) -> None:
    """Look up once for a batch who of these is a contact already."""
    emails = {_key(address) for address in people}
    rows = ContactAddress.objects.select_related("contact").filter(email__in=emails)
    contacts: dict[str, Contact | None] = dict.fromkeys(emails)
    note(CONTACTS, contacts | {row.email: row.contact for row in rows})


def make(people: Iterable[tuple[Address, str]]) -> None:
    """Make the contacts of a batch that are new, with what they have written in, after `foresee`."""
    contacts: dict[str, Contact | None] = noted(CONTACTS)
    new: dict[str, Contact] = {}
    for address, language in people:
        email = _key(address)
        if email and contacts.get(email) is None and email not in new:
            new[email] = Contact(name=address.name.strip()[:NAME_LENGTH], language=language)
    if new:
        contacts.update(_make(list(new.values()), list(new)))


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


def _made(email: str, name: str, language: str) -> Contact:
    contact = _make([Contact(name=name, language=language)], [email]).get(email)
    # If not, the same person's other mail came at the same moment.
    return contact or ContactAddress.objects.select_related("contact").get(email=email).contact


def _make(contacts: Sequence[Contact], emails: Sequence[str]) -> dict[str, Contact]:
    """Write new contacts; those are returned by address that nobody has made at the same moment."""
    now = timezone.now()
    names, languages = [each.name for each in contacts], [each.language for each in contacts]
    with connection.cursor() as cursor:
        cursor.execute(MAKE, [list(emails), names, languages, now, now, is_told()])
        ids = dict(cursor.fetchall())
    made = {email: each for email, each in zip(emails, contacts, strict=True) if email in ids}
    for email, contact in made.items():
        contact.pk, contact.created_at = ids[email], now
        contact._state.adding, contact._state.db = False, connection.alias
    note(MADE, {*(noted(MADE) or ()), *ids.values()})
    return made


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
