"""Files, appointments and signatures as agents and programs see them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import pytest
from django.test import Client

from api.models import APIKey
from queues.enclosures import appointments, split_files, when
from queues.models import Message
from queues.thread import letter
from tests.mailcore import winmail as wm
from tests.mailcore.test_calendar import calendar
from tests.mailcore.test_protection import ENCRYPTED, SIGNED
from tests.make import make_agent, make_mail, make_queue, receive

PRAGUE = timezone(timedelta(hours=1))


@dataclass(frozen=True)
class Sent:
    part: str
    type: str = "application/pdf"
    size: int = 1
    name: str = "a"


def test_wrapping_is_parted_from_what_was_sent() -> None:
    files = [
        Sent("1", "text/calendar", 500),
        Sent("2", "application/octet-stream", 500, "invite.ics"),
        Sent("3", "text/calendar", 700, "other.ics"),
        Sent("4", "application/ms-tnef"),
        Sent("4#1"),
        Sent("5", "application/pgp-signature"),
        Sent("6", "application/pkcs7-mime"),
        Sent("7", "application/ms-tnef"),
        Sent("8", "message/rfc822"),
        Sent("8#2"),
    ]

    assert [each.part for each in split_files(files)[0]] == ["2", "3", "4#1", "6", "7", "8", "8#2"]
    assert [each.part for each in split_files(files, is_signed=True)[1]] == ["1", "4", "5", "6"]


@pytest.mark.parametrize(
    ("starts", "ends", "words"),
    [
        (None, None, "No time is given"),
        (date(2026, 3, 5), date(2026, 3, 6), "Thursday 5 March 2026"),
        (date(2026, 3, 5), None, "Thursday 5 March 2026"),
        (date(2026, 3, 5), date(2026, 3, 8), "Thursday 5 March 2026 – Saturday 7 March 2026"),
        (datetime(2026, 3, 5, 9), None, "Thursday 5 March 2026, 09:00"),
        (datetime(2026, 3, 5, 9), datetime(2026, 3, 5, 10, 30), "Thursday 5 March 2026, 09:00–10:30"),
        (
            datetime(2026, 3, 5, 23, tzinfo=PRAGUE),
            datetime(2026, 3, 6, 1, tzinfo=PRAGUE),
            "Thursday 5 March 2026, 23:00 – Friday 6 March 2026, 01:00",
        ),
        (datetime(2026, 3, 5, 9), datetime(2026, 3, 5, 8, tzinfo=PRAGUE), "Thursday 5 March 2026, 09:00"),
        (datetime(2026, 3, 5, 9), date(2026, 3, 5), "Thursday 5 March 2026, 09:00"),
    ],
)
def test_when(starts: date | None, ends: date | None, words: str) -> None:
    assert when(starts, ends) == words


def test_what_was_kept_wrongly_is_borne() -> None:
    (event,) = appointments(Message(invitations=[{"starts": "soon", "method": "X"}]))

    assert (event.badge, event.when, event.title) == (
        "Calendar entry",
        "No time is given",
        "Appointment without a title",
    )


def multipart(*parts: bytes) -> bytes:
    body = b"".join(b"--b\r\n" + each + b"\r\n" for each in parts) + b"--b--\r\n"
    return make_mail("", Content_Type='multipart/mixed; boundary="b"') + body


def with_calendar(data: bytes) -> bytes:
    return multipart(
        b"Content-Type: text/plain\r\n\r\nPlease come.",
        b"Content-Type: text/calendar; method=REQUEST\r\n\r\n" + data,
        b"Content-Type: application/ics; name=invite.ics\r\n\r\n" + data,
    )


def page(client: Client, message: Message) -> str:
    client.force_login(make_agent(queues=[message.conversation.queue]).user)
    response = client.get(f"/conversations/{message.conversation_id}/")
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.django_db
def test_an_invitation_is_a_card(client: Client) -> None:
    message = receive(make_queue(), with_calendar(calendar()))

    shown = page(client, message)

    assert "Contract, second round" in shown
    assert "Thursday 5 March 2026, 10:00–11:30" in shown
    assert 'data-own-start="2026-03-05T10:00:00+01:00"' in shown
    assert "Europe/Prague" in shown
    assert "Customer, Carla" in shown
    assert "every week on Monday and Friday, 4 times" in shown
    assert shown.count(">invite.ics<") == 1
    assert message.conversation.has_attachments
    assert "Please come." in client.get("/rows", {"view": "all", "q": "ground floor"}).content.decode()


@pytest.mark.django_db
def test_cancelled_and_answered_invitations() -> None:
    cancelled = receive(make_queue(), with_calendar(calendar(method="CANCEL")))
    event = "DTSTART:20260305T090000Z\nATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.com\n"
    answered = receive(cancelled.conversation.queue, with_calendar(calendar(event, method="REPLY")))

    assert [(each.badge, each.is_cancelled) for each in appointments(cancelled)] == [("Cancelled", True)]
    assert [each.badge for each in appointments(answered)] == ["Bob: accepted"]


@pytest.mark.django_db
def test_files_in_winmail_are_offered_and_winmail_is_kept(client: Client) -> None:
    inside = wm.winmail(wm.file(b"the price", values=[wm.long_name("Ceník.txt")]))
    raw = multipart(
        b"Content-Type: text/plain\r\n\r\nSee.", b"Content-Type: application/ms-tnef\r\n\r\n" + inside
    )
    message = receive(make_queue(), raw)

    shown = page(client, message)
    whole = letter(message, message.created_at)

    assert [each.name for each in whole.files] == ["Ceník.txt"]
    assert [each.name for each in whole.wrapping] == ["winmail.dat"]
    assert "Ceník.txt" in shown
    assert client.get(f"/attachments/{whole.files[0].pk}").content == b"the price"
    assert client.get(f"/attachments/{whole.wrapping[0].pk}").content == inside


@pytest.mark.django_db
def test_signed_and_encrypted_mails_say_so_and_no_more(client: Client) -> None:
    signed = receive(make_queue(), make_mail(SIGNED.decode()))
    encrypted = receive(signed.conversation.queue, make_mail(ENCRYPTED.decode()))

    shown = page(client, signed)
    assert "Signed (PGP)" in shown
    assert "Please pay." in shown
    assert "BEGIN PGP" not in shown
    assert not signed.conversation.has_attachments

    shown = client.get(f"/conversations/{encrypted.conversation_id}/").content.decode()
    assert "This mail is encrypted (PGP)." in shown
    assert f"/messages/{encrypted.pk}/raw" in shown
    assert "message.asc" in shown
    assert "(no text)" not in shown


@pytest.mark.django_db
def test_programs_see_the_same(client: Client) -> None:
    message = receive(make_queue(), with_calendar(calendar()))
    signed = receive(message.conversation.queue, make_mail(SIGNED.decode()))
    key = APIKey.make(make_agent(queues=[message.conversation.queue]).user.pk)

    def told(row: Message) -> dict[str, object]:
        path = f"/api/v1.0/conversations/{row.conversation_id}"
        found = client.get(path, headers={"Authorization": f"Bearer {key}"}).json()
        return dict(found["messages"][0])

    shape = told(message)
    assert isinstance(shape["invitations"], list)
    (event,) = shape["invitations"]
    assert event["summary"] == "Contract, second round"
    assert event["starts"] == "2026-03-05T10:00:00+01:00"
    assert event["organiser"] == {"name": "Customer, Carla", "email": "carla@customer.example"}
    assert shape["protection"] == ""
    assert told(signed)["protection"] == "signed"
