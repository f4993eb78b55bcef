"""Rows by COPY are the rows that `bulk_create` writes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from crm.models import Communication
from mailstore import copying
from mailstore.copying import copy_in, give_ids, update_in
from mailstore.models import RawMail
from queues.models import Attachment, Conversation, Event, Message
from queues.search import vector
from tests.make import make_mail, make_queue, receive

pytestmark = pytest.mark.django_db

AT = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("kind", [RawMail, Conversation, Message, Attachment, Event, Communication])
def test_there_is_a_way_to_write_each_column(kind: type) -> None:
    assert copying._can_copy(kind)


def test_what_is_written_is_what_is_read() -> None:
    conversation = receive(make_queue(), make_mail()).conversation
    row = Message(
        conversation=conversation,
        direction=Message.Direction.IN,
        text='Tab\t, line\n, "\\N", \\., Žluťoučký kůň 🐎',
        to=[{"name": 'Zoë, \\ "quoted"', "email": "zoe@customer.example"}],
        quote_at=2**31 - 1,
        search=vector(["Příliš žluťoučký kůň, příliš"]),
        sent_at=AT,
        created_at=AT + timedelta(days=20_000),
    )
    give_ids([row])
    copy_in([row])
    assert row.pk
    assert not row._state.adding
    read = Message.objects.get(pk=row.pk)
    for field in Message._meta.concrete_fields:
        if field.name != "search":
            assert getattr(read, field.attname) == getattr(row, field.attname), field.name
    with connection.cursor() as cursor:
        cursor.execute("SELECT search::text FROM queues_message WHERE id = %s", [row.pk])
        assert cursor.fetchone() == ("'kun' 'prilis' 'zlutoucky'",)


def test_bytes_are_kept_as_they_are() -> None:
    raws = [RawMail.objects.prepare(bytes(range(256)) * times) for times in (0, 1, 5000)]
    give_ids(raws)
    copy_in(raws)
    assert [RawMail.objects.get(pk=raw.pk).as_bytes() for raw in raws] == [
        bytes(range(256)) * times for times in (0, 1, 5000)
    ]
    assert all(raw.created_at for raw in raws)


def test_the_database_refuses_as_ever() -> None:
    message = receive(make_queue(), make_mail())
    again = Message(pk=message.pk, conversation=message.conversation, sent_at=AT, created_at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_in([again])
    too_long = Attachment(message=message, part="1" * 201)
    with pytest.raises(DataError), transaction.atomic():
        copy_in([too_long])


def test_several_rows_are_changed_together() -> None:
    rows = [receive(make_queue(), make_mail()).conversation for _ in range(3)]
    for number, row in enumerate(rows[:2]):
        row.messages_count, row.last_message_at, row.preview = number + 7, AT, "it's \\ new"
        row.has_attachments, row.subject = True, "not written"
    update_in(rows[:2], ["messages_count", "last_message_at", "preview", "has_attachments"])
    read = [Conversation.objects.get(pk=row.pk) for row in rows]
    assert [each.messages_count for each in read] == [7, 8, 1]
    assert [each.preview for each in read[:2]] == ["it's \\ new"] * 2
    assert all(each.last_message_at == AT and each.has_attachments for each in read[:2])
    assert not any(each.subject == "not written" for each in read)
