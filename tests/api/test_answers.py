"""Answers as a program makes them: who would get one, later, to somebody else, with pictures."""

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues import tasks
from queues.models import Draft, EmailQueue, Message
from tests.api.test_api import Program
from tests.desk.world import picture, rich, take_in
from tests.make import make_agent, make_mail, make_queue, make_sender, receive

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> EmailQueue:
    return make_queue(name="Support", sender=make_sender(aliases="sales@example.com", display_name="Example"))


@pytest.fixture
def alice(queue: EmailQueue) -> Agent:
    return make_agent("alice", queues=[queue])


@pytest.fixture
def program(alice: Agent) -> Program:
    return Program(alice.user_id)


def test_who_would_get_an_answer(program: Program, queue: EmailQueue) -> None:
    row = receive(queue, make_mail(To="sales@example.com", Cc="eve@customer.example")).conversation
    told = program.get(f"conversations/{row.pk}/recipients")
    assert told == {
        "from": {"name": "Example", "email": "sales@example.com"},
        "to": [{"name": "Charlie Stone", "email": "charlie@customer.example"}],
        "cc": [{"name": "", "email": "eve@customer.example"}],
        "warning": "",
    }
    assert program.get(f"conversations/{row.pk}/recipients", mode="reply")["cc"] == []
    nobody = receive(queue, make_mail(From="noreply@shop.example")).conversation
    assert "nobody reads" in program.get(f"conversations/{nobody.pk}/recipients")["warning"]
    other = receive(make_queue()).conversation
    assert program.try_get(f"conversations/{other.pk}/recipients").status_code == 404


def test_an_answer_for_later(program: Program, queue: EmailQueue) -> None:
    row = receive(queue).conversation
    body = {"text": "Later.", "send_at": (timezone.now() + timedelta(hours=2)).isoformat()}
    path = f"conversations/{row.pk}/replies"
    first, again = (program.post(path, body, **{"Idempotency-Key": "one"}) for _ in range(2))
    assert (first.status_code, first.json()["id"]) == (202, again.json()["id"])
    timed = program.get(f"conversations/{row.pk}")["timed"]
    assert [(each["text"], each["agent"], each["held_why"]) for each in timed] == [("Later.", "alice", "")]
    assert program.get(f"conversations/{row.pk}")["state"] == "snoozed"
    Draft.objects.update(send_at=timezone.now())
    tasks.sweep()
    detail = program.get(f"conversations/{row.pk}")
    assert (detail["timed"], detail["state"], len(detail["messages"])) == ([], "pending", 2)
    over = program.post(path, body | {"send_at": timezone.now().isoformat()})
    assert (over.status_code, "is over already" in over.json()["detail"]) == (409, True)


def test_an_answer_for_later_is_cancelled_or_sent_now(program: Program, queue: EmailQueue) -> None:
    row = receive(queue).conversation
    body = {"text": "Later.", "send_at": (timezone.now() + timedelta(hours=2)).isoformat()}
    timed = program.post(f"conversations/{row.pk}/replies", body).json()["id"]
    path = f"/api/v1.0/conversations/{row.pk}/timed/{timed}"
    assert program.client.delete(path, headers=program.headers).status_code == 204
    assert program.client.delete(path, headers=program.headers).status_code == 409
    assert Draft.objects.get().send_at is None
    Draft.objects.all().delete()
    timed = program.post(f"conversations/{row.pk}/replies", body).json()["id"]
    sent = program.post(f"conversations/{row.pk}/timed/{timed}/send")
    assert (sent.status_code, sent.json()["text"][:6]) == (201, "Later.")


def test_forwarding_with_chosen_files(program: Program, queue: EmailQueue) -> None:
    now = timezone.now()
    message = take_in(queue, rich("Margaret Doyle", "Incomplete", now), now)
    label = message.attachments.get(name="label.png")
    body = {"to": ["depot@carrier.example"], "text": "Where is it?", "enclosed": [label.pk]}
    sent = program.post(f"messages/{message.pk}/forward", body, **{"Idempotency-Key": "f1"})
    assert sent.status_code == 201, sent.content
    told = sent.json()
    assert (told["outside"], told["subject"]) == (True, "Fwd: Incomplete")
    assert [each["name"] for each in told["attachments"]] == ["label.png"]
    assert program.post(f"messages/{message.pk}/forward", body, **{"Idempotency-Key": "f1"}).json() == told
    assert OutgoingMail.objects.count() == 1
    wrong = program.post(f"messages/{message.pk}/forward", body | {"enclosed": [label.pk, 999_999]})
    assert (wrong.status_code, "no attachment 999999" in wrong.json()["detail"]) == (422, True)
    customer = program.post(
        f"messages/{message.pk}/forward", body | {"to": ["margaret.doyle@customer.example"]}
    )
    assert (customer.status_code, "is the customer" in customer.json()["detail"]) == (409, True)


def test_a_picture_within_the_html(program: Program, queue: EmailQueue) -> None:
    row = receive(queue).conversation
    file = {
        "name": "seam.png",
        "type": "image/png",
        "content": base64.b64encode(picture()).decode(),
        "content_id": "seam@picture",
    }
    body = {"text": "So:", "html": '<p>So: <img src="cid:seam@picture"></p>', "attachments": [file]}
    sent = program.post(f"conversations/{row.pk}/replies", body)
    assert sent.status_code == 201, sent.content
    assert [each["inline"] for each in sent.json()["attachments"]] == [True]
    raw = Message.objects.get(direction="out").raw
    assert raw is not None
    assert b"Content-ID: <seam@picture>" in raw.as_bytes()
    bad = program.post(
        f"conversations/{row.pk}/replies", body | {"attachments": [file | {"content_id": "a\r\nX: b@c"}]}
    )
    assert bad.status_code == 422
