"""Mails that nobody ought to write can be stored, opened and answered like any other."""

import email.policy
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent
from mailstore.batch import batch
from queues import actions, intake
from queues.actions import Reply
from queues.models import Message
from tests.make import make_agent, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db

HOSTILE_NAMES = {
    "a path": '"../../etc/passwd"',
    "a drive": '"C:\\\\windows\\\\system32\\\\evil.exe"',
    "a NUL and line breaks": "=?utf-8?q?a=00b=0D=0AX-Evil=3A_1=2Etxt?=",
    "a right-to-left override": "=?utf-8?q?invoice=E2=80=AEfdp.exe?=",
    "no end": '"' + "x" * 300 + '.pdf"',
    "quotes": "=?utf-8?q?a=22=3B_filename=3D=22b.html?=",
}


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


def test_line_breaks_inside_encoded_headers_do_not_break_the_answer(alice: Agent) -> None:
    raw = make_mail(
        Subject="=?utf-8?q?Parcel=0D=0ABcc=3A_dora=40other.example=0D=0A=0D=0ABody?=",
        From="=?utf-8?q?Charlie=0D=0ABcc=3A_dora=40other.example?= <charlie@customer.example>",
        References="<a@b>\r\n\t<c@d>",
    )
    asked = receive(make_queue([alice]), raw)
    sent = actions.reply(alice.user, asked.conversation, Reply(text="It is on its way."))
    assert sent.outgoing is not None
    mail = email.message_from_bytes(sent.outgoing.raw.as_bytes(), policy=email.policy.default)
    assert mail["Bcc"] is None
    assert "\n" not in asked.subject + asked.from_name
    assert [address.addr_spec for address in mail["To"].addresses] == ["charlie@customer.example"]
    assert sent.outgoing.recipients.count() == 1


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
def test_file_names_lead_nowhere(alice: Agent, client: Client, name: str) -> None:
    raw = make_mail(
        "x", Content_Type="application/octet-stream", Content_Disposition=f"attachment; filename={name}"
    )
    message = receive(make_queue([alice]), raw)
    (file,) = message.attachments.all()
    assert len(file.name) <= 150
    assert not set(file.name) & set('/\\\0\r\n"\u202e')
    client.force_login(alice.user)
    answer = client.get(reverse("attachment", args=[file.pk]))
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert "X-Evil" not in answer.headers
    assert answer.content == b"x\r\n"


@pytest.mark.parametrize("missing", ["From", "Message_ID", "Date", "Subject", "To"])
def test_a_mail_without_one_of_its_headers_is_a_mail(alice: Agent, missing: str) -> None:
    at = timezone.now() - timedelta(hours=3)
    message = receive(make_queue([alice]), make_mail(**{missing: ""}), at)
    message.refresh_from_db()
    assert message.message_id
    assert message.created_at == at
    if missing == "Date":
        assert message.sent_at == at
    if missing == "From":
        assert message.conversation.contact.name == "Unknown sender"


def test_a_push_queue_is_dispatched_once_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(intake, "announce", lambda task, queue_id: told.append(queue_id))
    queue = make_queue(mode="push")
    with batch():
        for _ in range(3):
            receive(queue)
    assert told == [queue.pk]
    receive(queue)
    assert told == [queue.pk] * 2
    assert Message.objects.count() == 4
