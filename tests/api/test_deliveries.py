"""A program decides on a mail in doubt, and is told what a mail waits for."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from mailsenders.models import EmailSender, OutgoingMail, SenderState
from queues.models import EmailQueue, Message
from tests.api.test_api import Program
from tests.make import make_agent, make_conversation, make_queue

State = OutgoingMail.State

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> EmailQueue:
    return make_queue(name="Support")


@pytest.fixture
def program(queue: EmailQueue) -> Program:
    return Program(make_agent("alice", queues=[queue]).user_id)


def replied(program: Program, queue: EmailQueue, state: str) -> tuple[int, OutgoingMail]:
    """A reply by the API whose mail came to that state."""
    path = f"conversations/{make_conversation(queue).pk}/replies"
    message = Message.objects.get(pk=program.post(path, {"text": "Thank you.", "undo": 0}).json()["id"])
    assert message.outgoing
    OutgoingMail.objects.filter(pk=message.outgoing.pk).update(state=state, data_started_at=timezone.now())
    return message.pk, message.outgoing


def test_a_mail_in_doubt_is_sent_again_or_marked(program: Program, queue: EmailQueue) -> None:
    pk, mail = replied(program, queue, State.UNCERTAIN)
    assert program.post(f"messages/{pk}/mark-sent", {}).json()["delivery"]["state"] == "sent"
    pk, mail = replied(program, queue, State.UNCERTAIN)
    answer = program.post(f"messages/{pk}/resend", {})
    assert answer.status_code == 200, answer.content
    mail.refresh_from_db()
    assert (mail.state, answer.json()["delivery"]["state"]) == (State.QUEUED, "queued")
    assert program.post(f"messages/{pk}/mark-sent", {}).status_code == 409


def test_others_mails_can_not_be_decided_on(program: Program, queue: EmailQueue) -> None:
    pk, mail = replied(program, queue, State.UNCERTAIN)
    queue.members.clear()
    assert program.post(f"messages/{pk}/resend", {}).status_code == 404
    mail.refresh_from_db()
    assert mail.state == State.UNCERTAIN


def test_it_says_what_a_mail_waits_for(program: Program, queue: EmailQueue) -> None:
    EmailSender.objects.update(limit_per_day=1)
    _, mail = replied(program, queue, State.SENT)
    sent_at = timezone.now() - timedelta(hours=1)
    OutgoingMail.objects.filter(pk=mail.pk).update(sent_at=sent_at)
    path = f"conversations/{make_conversation(queue).pk}/replies"
    delivery = program.post(path, {"text": "Thank you.", "undo": 0}).json()["delivery"]
    assert delivery["waits_for"].endswith("is used up")
    waits_until = datetime.fromisoformat(delivery["next_attempt_at"])
    assert abs(waits_until - sent_at - timedelta(days=1)) < timedelta(minutes=5)
    SenderState.objects.update(
        next_attempt_at=timezone.now() + timedelta(hours=1), last_error="The password is wrong."
    )
    delivery = program.get(f"conversations/{Message.objects.latest('pk').conversation_id}")["messages"][-1]
    assert delivery["delivery"]["waits_for"].endswith("pauses")
