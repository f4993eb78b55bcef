"""The API as a program meets it: keys, rights, shapes, replies that are sent once, errors as problems."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from agents.models import Agent
from api.models import APIKey
from mailsenders.models import OutgoingMail
from queues.models import Conversation, EmailQueue, Message
from tests.make import (
    make_administrator,
    make_agent,
    make_conversation,
    make_mail,
    make_provider,
    make_queue,
    make_sender,
    make_source,
    receive,
)

pytestmark = pytest.mark.django_db


class Program:
    """A program that calls the API with somebody's key."""

    def __init__(self, user_id: int) -> None:
        self.headers = {"Authorization": f"Bearer {APIKey.make(user_id)}"}
        self.client = Client()

    def get(self, path: str, **query: str) -> Any:
        response = self.client.get(f"/api/v1.0/{path}", query, headers=self.headers)
        assert response.status_code == 200, response.content
        return response.json()

    def try_get(self, path: str) -> Any:
        return self.client.get(f"/api/v1.0/{path}", headers=self.headers)

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.post(
            f"/api/v1.0/{path}",
            body or {},
            content_type="application/json",
            headers=self.headers | headers,
        )


@pytest.fixture
def queue() -> EmailQueue:
    return make_queue(name="Support", skills={"billing": 2})


@pytest.fixture
def alice(queue: EmailQueue) -> Agent:
    return make_agent("alice", {"billing": 4}, {"en": 5}, [queue])


@pytest.fixture
def program(alice: Agent) -> Program:
    return Program(alice.user_id)


def test_without_a_good_key_nothing_is_told() -> None:
    for header in ({}, {"Authorization": "Bearer ucs_wrong"}, {"Authorization": "Basic eDp5"}):
        response = Client().get("/api/v1.0/conversations", headers=header)
        assert response.status_code == 401
        assert response["Content-Type"] == "application/problem+json"
        assert "apikey" in response.json()["detail"]


def test_a_user_who_left_takes_the_key_along(program: Program, alice: Agent) -> None:
    alice.user.is_active = False
    alice.user.save()
    assert program.try_get("conversations").status_code == 401


def test_a_conversation_has_its_promised_shape(program: Program, queue: EmailQueue) -> None:
    raw = make_mail("Where is my parcel?", Subject="Parcel", Cc="Dana <dana@customer.example>")
    message = receive(queue, raw)
    (shown,) = program.get("conversations")["results"]
    expected = {
        "subject": "Parcel",
        "state": "waiting",
        "queue": "Support",
        "contact": {"name": "Charlie Stone", "email": "charlie@customer.example"},
        "agent": None,
        "skills": {"billing": 2},
        "priority": "normal",
        "messages_count": 1,
    }
    assert {key: shown[key] for key in expected} == expected
    assert {"id", "number", "language", "due_at", "created_at", "last_message_at"} <= shown.keys()

    detail = program.get(f"conversations/{shown['id']}")
    (mail,) = detail["messages"]
    assert mail["from"] == {"name": "Charlie Stone", "email": "charlie@customer.example"}
    assert mail["to"] == [{"name": "", "email": "support@example.com"}]
    assert mail["cc"] == [{"name": "Dana", "email": "dana@customer.example"}]
    assert (mail["direction"], mail["state"], mail["delivery"]) == ("in", "received", None)
    assert mail["text"].strip() == "Where is my parcel?"
    assert mail["message_id"] == message.message_id
    assert program.try_get(f"messages/{mail['id']}/raw").content == raw


def test_strangers_get_404_for_everything(program: Program) -> None:
    message = receive(make_queue(name="Secret"))
    assert program.get("conversations")["results"] == []
    for path in (f"conversations/{message.conversation_id}", f"messages/{message.pk}/raw"):
        response = program.try_get(path)
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
    for act in ("take", "close", "release", "reopen"):
        assert program.post(f"conversations/{message.conversation_id}/{act}").status_code == 404
    reply = program.post(f"conversations/{message.conversation_id}/replies", {"text": "Hello"})
    assert reply.status_code == 404
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "conversations?contact=\u00b2",
        "conversations?contact=%00",
        "conversations?queue=%00",
        "conversations?agent=%00",
        "contacts?email=%00",
        "queues?limit=\u00b2",
    ],
)
def test_what_no_database_takes_is_a_problem_and_no_crash(program: Program, path: str) -> None:
    assert program.try_get(path).status_code in (200, 400, 422)


def test_texts_that_cannot_be_stored_are_refused(program: Program, queue: EmailQueue) -> None:
    path = f"conversations/{receive(queue).conversation_id}"
    assert program.post(f"{path}/take").status_code == 200
    assert program.post(f"{path}/assign", {"agent": "\0"}).status_code == 422
    assert program.post(f"{path}/transfer", {"queue": "\0"}).status_code == 422
    assert program.post(f"{path}/snooze", {"until": "9999-12-31T23:59:59-14:00"}).status_code == 409
    token = {"Idempotency-Key": "a\0b"}
    assert program.post(f"{path}/replies", {"text": "Hello"}, **token).status_code == 400
    assert program.post(f"{path}/replies", {"text": "Hello", "html": "<p>\ud800"}).status_code == 201


def test_filters_narrow_the_list(program: Program, queue: EmailQueue, alice: Agent) -> None:
    receive(queue, make_mail("The kettle leaks", Subject="Kettle"))
    mine = receive(queue, make_mail("A broken lamp", From="Dana <dana@customer.example>")).conversation
    program.post(f"conversations/{mine.pk}/take")

    def found(**query: str) -> list[str]:
        return [row["contact"]["name"] for row in program.get("conversations", **query)["results"]]

    assert found(state="assigned") == ["Dana"]
    assert found(agent="alice") == ["Dana"]
    assert found(contact="charlie@customer.example") == ["Charlie Stone"]
    assert found(text="kettle") == ["Charlie Stone"]
    assert found(queue="Support") == ["Dana", "Charlie Stone"]
    assert found(queue="Other") == []
    refused = program.try_get("conversations?state=lost")
    assert refused.status_code == 400
    assert "waiting" in refused.json()["detail"]


def test_pages_follow_each_other_without_gap_or_double(program: Program, queue: EmailQueue) -> None:
    for _ in range(5):
        receive(queue)
    page = program.get("conversations", limit="2")
    seen = [row["id"] for row in page["results"]]
    while page["next"]:
        page = program.get(page["next"].partition("/api/v1.0/")[2])
        seen += [row["id"] for row in page["results"]]
    assert seen == list(Conversation.objects.order_by("-last_message_at", "-id").values_list("pk", flat=True))
    assert program.try_get("conversations?cursor=forged").status_code == 400
    cursor = program.get("conversations", limit="2")["next"].partition("cursor=")[2]
    assert program.try_get(f"agents?cursor={cursor}").status_code == 400
    assert program.try_get("conversations?limit=9999").status_code == 422


def test_the_number_of_queries_does_not_grow_with_the_list(
    program: Program, queue: EmailQueue, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        receive(queue, make_mail(From=f"person{number}@customer.example"))
    with django_assert_max_num_queries(12) as few:
        program.get("conversations")
    for number in range(20):
        receive(queue, make_mail(From=f"more{number}@customer.example"))
    with django_assert_max_num_queries(len(few)):
        assert len(program.get("conversations")["results"]) == 23


def test_a_reply_is_sent_and_shown_with_its_delivery(program: Program, queue: EmailQueue) -> None:
    conversation = make_conversation(queue)
    content = base64.b64encode(b"%PDF-1.4").decode()
    body = {
        "text": "It is on its way.",
        "attachments": [{"name": "way.pdf", "type": "application/pdf", "content": content}],
    }
    response = program.post(f"conversations/{conversation.pk}/replies", body)
    assert response.status_code == 201, response.content
    sent = response.json()
    assert sent["direction"] == "out"
    assert sent["agent"] == "alice"
    assert [person["email"] for person in sent["to"]] == ["charlie@customer.example"]
    assert sent["delivery"]["state"] in ("queued", "held")
    assert sent["delivery"]["recipients"] == [
        {
            "email": "charlie@customer.example", "state": "pending", "answer": "",
            "reason": "", "returned_at": None, "delay": "",
        }
    ]  # fmt: skip
    (file,) = sent["attachments"]
    assert (file["name"], file["size"]) == ("way.pdf", 8)
    download = program.client.get(file["url"], headers=program.headers)
    assert download.content == b"%PDF-1.4"
    assert download["Content-Disposition"].startswith("attachment")
    assert program.get(f"conversations/{conversation.pk}")["state"] == "pending"


def test_undo_seconds_and_close_are_kept(program: Program, queue: EmailQueue) -> None:
    conversation = make_conversation(queue)
    body = {"text": "Done.", "close": True, "undo": 120}
    sent = program.post(f"conversations/{conversation.pk}/replies", body).json()
    assert sent["delivery"]["state"] == "held"
    assert sent["delivery"]["next_attempt_at"]
    assert program.get(f"conversations/{conversation.pk}")["state"] == "closed"


@pytest.mark.django_db(transaction=True)
def test_the_same_idempotency_key_gives_one_mail(program: Program, queue: EmailQueue) -> None:
    conversation = make_conversation(queue)

    def send(_: int) -> tuple[int, int | None]:
        try:
            answer = program.post(
                f"conversations/{conversation.pk}/replies", {"text": "Once."}, **{"Idempotency-Key": "k-1"}
            )
            return answer.status_code, answer.json().get("id")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(send, range(12)))
    assert {status for status, _ in answers} <= {201, 409}, "409 while it is being made"
    assert len({made for status, made in answers if status == 201}) == 1
    assert OutgoingMail.objects.count() == 1
    assert Message.objects.filter(direction="out").count() == 1


def test_two_agents_cannot_both_take(program: Program, queue: EmailQueue) -> None:
    conversation = make_conversation(queue)
    bob = make_agent("bob", {"billing": 4}, {"en": 5}, [queue])
    assert program.post(f"conversations/{conversation.pk}/take").json()["agent"] == "alice"
    refused = Program(bob.user_id).post(f"conversations/{conversation.pk}/take")
    assert refused.status_code == 409
    assert "Alice" in refused.json()["detail"]


def test_the_other_acts(program: Program, queue: EmailQueue) -> None:
    conversation = make_conversation(queue)
    path = f"conversations/{conversation.pk}"
    assert program.post(f"{path}/take").json()["state"] == "assigned"
    assert program.post(f"{path}/release").json()["state"] == "waiting"
    note = program.post(f"{path}/notes", {"text": "Called them."})
    assert (note.status_code, note.json()["user"]) == (201, "alice")
    assert program.post(f"{path}/close").json()["state"] == "closed"
    assert program.post(f"{path}/reopen").json()["state"] in ("waiting", "assigned")
    snoozed = program.post(f"{path}/snooze", {"until": "2040-01-01T08:00:00Z"})
    assert snoozed.json()["state"] == "snoozed", snoozed.content
    detail = program.get(path)
    assert [note["text"] for note in detail["notes"]] == ["Called them."]
    assert len(detail["events"]) >= 5
    assert not OutgoingMail.objects.exists()


def test_a_conversation_can_begin_with_us(program: Program, queue: EmailQueue) -> None:
    body = {
        "queue": "Support",
        "subject": "Your order",
        "to": ["dana@customer.example"],
        "text": "It is here.",
    }
    response = program.post("conversations", body)
    assert response.status_code == 201, response.content
    assert response.json()["contact"]["email"] == "dana@customer.example"
    assert OutgoingMail.objects.get().recipients.get().email == "dana@customer.example"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "x", "attachments": [{"name": "a", "content": "no base64!"}]}, "base64"),
        ({"text": "x", "attachments": [{"name": "a", "content": "é"}]}, "base64"),
        ({"text": "x", "undo": -1}, "undo"),
        ({"text": "x", "to": ["not an address"]}, "not an address"),
    ],
)
def test_bad_replies_are_explained_and_not_sent(
    program: Program, queue: EmailQueue, body: dict[str, Any], word: str
) -> None:
    response = program.post(f"conversations/{make_conversation(queue).pk}/replies", body)
    assert response.status_code in (409, 422), response.content
    assert response["Content-Type"] == "application/problem+json"
    assert word in response.json()["detail"]
    assert not OutgoingMail.objects.exists()


def test_settings_and_status_are_for_administrators_and_hold_no_secret(program: Program) -> None:
    provider = make_provider(client_secret="canary-client-secret")
    make_source(password="canary-source-password")
    make_sender(password="canary-sender-password")
    for path in ("status", "sources", "senders", "providers"):
        assert program.try_get(path).status_code == 403
    chief = Program(make_administrator().pk)
    for path in ("status", "queues", "sources", "senders", "providers", "agents", "contacts"):
        response = chief.try_get(path)
        assert response.status_code == 200, response.content
        assert b"canary" not in response.content
    status = chief.get("status")
    assert status["providers"][0]["id"] == provider.pk
    assert status["providers"][0]["state"] == "not signed in"
    assert {"name", "state", "on_server", "in_ledger", "waiting", "quarantined"} <= status["sources"][
        0
    ].keys()
    assert {"queued", "retrying", "uncertain", "failed"} <= status["senders"][0].keys()
    assert {worker["queue"] for worker in status["workers"]} >= {"fetch", "deliver", "send", "tokens"}


def test_contacts_are_those_of_ones_own_queues(program: Program, queue: EmailQueue) -> None:
    receive(queue)
    receive(make_queue(), make_mail(From="dana@customer.example"))
    (contact,) = program.get("contacts")["results"]
    assert contact["emails"] == ["charlie@customer.example"]


@pytest.mark.parametrize("path", ["nothing", "conversations/-1", "queues/x/y"])
def test_no_such_address_is_a_problem_too(program: Program, path: str) -> None:
    for answer in (program.try_get(path), program.post(path)):
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_description_can_be_read_by_anyone() -> None:
    description = Client().get("/api/v1.0/openapi.json").json()
    assert description["info"]["title"] == "UCS Email"
    assert "/api/v1.0/conversations/{conversation_id}/replies" in description["paths"]
    page = Client().get("/api/v1.0/docs").content.decode()
    assert "/static/ninja/swagger-ui-bundle" in page
    assert "https://" not in page, "its script comes from here"
