"""What is known of a person, as a ZIP: their mails as they came, and the rest as JSON."""

import json
import zipfile
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.contrib.auth.models import User

from audit.acts import Act
from audit.log import record
from crm.models import Communication, Contact, ContactAddress, ContactNote
from privacy.person import Person, person_of
from queues.models import Conversation, Message

IN_MEMORY = 20_000_000  # octets; more goes into a file of the system's, which has no name
CHUNK = 64 * 1024


def export(actor: User, contact: Contact, *, with_notes: bool) -> IO[bytes]:
    """Write the ZIP; the caller sends and closes it."""
    person = person_of(contact)
    told = "With colleagues’ notes." if with_notes else "Without colleagues’ notes."
    record(actor, Act.EXPORTED, contact, note=told)
    file: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("contact.json", _json(_contact(contact, person, with_notes=with_notes)))
        for row in person.conversations.select_related("queue").iterator():
            archive.writestr(
                f"conversations/{row.number}.json", _json(_conversation(row, person, with_notes=with_notes))
            )
        for message in person.mails.select_related("raw", "conversation").iterator(chunk_size=20):
            if message.raw is not None and person.is_told(message):
                name = f"mails/{message.conversation.number}-{message.pk}.eml"
                archive.writestr(name, message.raw.as_bytes())
    file.seek(0)
    return file


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The file by and by; it is gone afterwards."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, indent=1, default=str)


def _contact(contact: Contact, person: Person, *, with_notes: bool) -> dict[str, Any]:
    rows = Communication.objects.filter(contact__in=person.contacts).order_by("at")
    emails = ContactAddress.objects.filter(contact__in=person.contacts).exclude(email="")
    found: dict[str, Any] = {
        "name": contact.name,
        "emails": list(emails.values_list("email", flat=True)),
        "phones": contact.phones,
        "organisation": contact.organisation.name if contact.organisation else None,
        "language": contact.language,
        "time_zone": contact.time_zone,
        "external_id": contact.external_id,
        "fields": contact.fields,
        "remark": contact.remark,
        "created_at": contact.created_at,
        "communications": list(
            rows.values("at", "direction", "subject", "conversation_number", "queue_name")
        ),
    }
    if with_notes:
        notes = ContactNote.objects.filter(contact__in=person.contacts)
        found["notes"] = list(notes.values("at", "user__username", "text"))
    return found


def _conversation(row: Conversation, person: Person, *, with_notes: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": row.number,
        "queue": row.queue.name,
        "subject": row.subject,
        "state": row.state,
        "created_at": row.created_at,
        "closed_at": row.closed_at,
        "messages": [
            _message(each) if person.is_told(each) else _others(each)
            for each in row.messages.prefetch_related("attachments")
        ],
    }
    if with_notes:
        found["notes"] = list(row.notes.values("created_at", "user__username", "text"))
    return found


def _others(row: Message) -> dict[str, Any]:
    """A mail of which they have no copy: that it was, and no word of it."""
    return {
        "id": row.pk,
        "direction": row.direction,
        "sent_at": row.sent_at,
        "left_out": "Between us and somebody else.",
    }


def _message(row: Message) -> dict[str, Any]:
    return {
        "id": row.pk,
        "direction": row.direction,
        "sent_at": row.sent_at,
        "from": {"name": row.from_name, "email": row.from_email},
        "to": row.to,
        "cc": row.cc,
        "subject": row.subject,
        "text": row.text,
        "attachments": [
            {"name": each.name, "type": each.type, "size": each.size} for each in row.attachments.all()
        ],
    }
