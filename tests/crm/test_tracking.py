"""Contacts by address, and one record for each mail."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crm.models import Communication, Contact
from crm.tracking import Entry, contact_for, forget, record, timeline
from mailcore.parsed import Address

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def entry(contact: Contact, **overrides: object) -> Entry:
    usual = Entry(
        contact_id=contact.pk,
        direction="in",
        message_ref="message-1",
        message_id="a@b",
        conversation_id=7,
        conversation_number=1007,
        queue_name="Support",
        subject="Parcel",
        preview="Where is it?",
        at=NOON,
    )
    return replace(usual, **overrides)  # type: ignore[arg-type]


def test_one_contact_for_one_address_in_any_case() -> None:
    first = contact_for(Address("", "Charlie@Customer.example"))
    again = contact_for(Address("Charlie Stone", "charlie@customer.EXAMPLE "))
    assert first == again
    assert again.name == "Charlie Stone"
    assert contact_for(Address("C. S.", "charlie@customer.example"), "cs").name == "Charlie Stone"
    assert contact_for(Address("", "charlie@customer.example")).language == "cs"


def test_all_unknown_senders_are_one() -> None:
    first, again = contact_for(Address("Somebody", "")), contact_for(Address())
    assert first == again
    assert first.name == "Unknown sender"


def test_recording_twice_is_one_record() -> None:
    charlie = contact_for(Address("Charlie", "charlie@customer.example"))
    record(entry(charlie))
    record(entry(charlie, subject="Other"))
    row = Communication.objects.get()
    assert (row.subject, row.conversation_number) == ("Parcel", 1007)
    forget("message-1")
    assert not Communication.objects.exists()


def test_the_timeline_goes_back_page_by_page() -> None:
    charlie = contact_for(Address("Charlie", "charlie@customer.example"))
    dora = contact_for(Address("Dora", "dora@customer.example"))
    for number in range(5):
        at = NOON + timedelta(minutes=number // 2)
        record(entry(charlie, message_ref=str(number), at=at, conversation_id=number))
    record(entry(dora, message_ref="other"))
    first = timeline(charlie, limit=3)
    rest = timeline(charlie, limit=3, before=first[-1])
    assert [row.message_ref for row in first + rest] == ["4", "3", "2", "1", "0"]
    only = Communication.objects.filter(message_ref="3").values("conversation_id")
    assert [row.message_ref for row in timeline(charlie, conversations=only)] == ["3"]
