"""Merging, splitting, moving and letting go, as programs do it."""

from typing import Any

import pytest

from agents.models import Agent
from queues.models import Conversation, EmailQueue
from tests.api.test_api import Program
from tests.make import make_agent, make_conversation, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> EmailQueue:
    return make_queue(name="Support")


@pytest.fixture
def alice(queue: EmailQueue) -> Agent:
    return make_agent("alice", queues=[queue])


@pytest.fixture
def program(alice: Agent) -> Program:
    return Program(alice.user_id)


def refused(answer: Any) -> str:
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    return str(answer.json()["detail"])


def test_a_merged_conversation_leads_to_the_other(program: Program, queue: EmailQueue) -> None:
    gone, stays = make_conversation(queue), make_conversation(queue)
    for _ in range(2):
        answer = program.post(f"conversations/{gone.pk}/merge", {"into": stays.pk})
        assert (answer.status_code, answer.json()["id"]) == (200, stays.pk)
    whole = program.get(f"conversations/{gone.pk}")
    assert (whole["id"], whole["messages_count"], len(whole["messages"])) == (stays.pk, 2, 2)
    assert whole["events"][-1]["conversation"] == gone.pk
    assert [row["id"] for row in program.get("conversations")["results"]] == [stays.pk]
    assert [row["id"] for row in program.get("conversations", text=f"#{gone.number}")["results"]] == [
        stays.pk
    ]
    told = refused(program.post(f"conversations/{gone.pk}/replies", {"text": "Hello."}))
    assert told.startswith(f"#{gone.number} was merged into #{stays.number}")


def test_splitting_twice_is_once_and_moving_brings_it_back(program: Program, queue: EmailQueue) -> None:
    first = receive(queue)
    other = receive(queue, make_mail("More.", References=f"<{first.message_id}>"))
    path, body = f"conversations/{first.conversation_id}/split", {"messages": [other.pk], "subject": "More"}
    made = [program.post(path, body) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json()["id"] == made[1].json()["id"]
    assert (made[0].json()["subject"], made[0].json()["state"]) == ("More", "waiting")
    assert Conversation.objects.count() == 2
    told = refused(program.post(f"messages/{other.pk}/move", {"to": first.conversation_id}))
    assert "merge" in told
    third = receive(queue, make_mail("And more.", References=f"<{first.message_id}>"))
    moved = program.post(f"messages/{third.pk}/move", {"to": made[0].json()["id"]})
    assert (moved.status_code, moved.json()["messages_count"]) == (200, 2)


def test_what_the_key_may_not_see_is_not_there(program: Program, queue: EmailQueue) -> None:
    row, foreign = make_conversation(queue), make_conversation()
    mail = foreign.messages.get()
    for path, body in (
        (f"conversations/{foreign.pk}/merge", {"into": row.pk}),
        (f"conversations/{foreign.pk}/split", {"messages": [mail.pk]}),
        (f"conversations/{foreign.pk}/let-go", {}),
        (f"messages/{mail.pk}/move", {"to": row.pk}),
    ):
        assert program.post(path, body).status_code == 404, path
    assert f"id {foreign.pk}" in refused(program.post(f"conversations/{row.pk}/merge", {"into": foreign.pk}))
    message = row.messages.get()
    assert "no conversation" in refused(program.post(f"messages/{message.pk}/move", {"to": foreign.pk}))
    nonsense: list[dict[str, Any]] = [{"into": 0}, {"into": 2**63}, {"into": "x"}, {}]
    for body in nonsense:
        assert program.post(f"conversations/{row.pk}/merge", body).status_code == 422


def test_held_ones_are_found_and_let_go(program: Program, queue: EmailQueue) -> None:
    row = make_conversation(queue, state="held", due_at=None, due_tick=None)
    assert [each["id"] for each in program.get("conversations", state="held")["results"]] == [row.pk]
    freed = program.post(f"conversations/{row.pk}/let-go")
    assert (freed.status_code, freed.json()["state"]) == (200, "waiting")
    assert "is not held" in refused(program.post(f"conversations/{row.pk}/let-go"))


def test_siblings_are_told_as_far_as_the_key_may_see(
    program: Program, queue: EmailQueue, alice: Agent
) -> None:
    raw, billing = make_mail(), make_queue(name="Billing")
    one, other = receive(queue, raw).conversation, receive(billing, raw).conversation
    (sibling,) = program.get(f"conversations/{one.pk}")["siblings"]
    assert sibling == {"queue": "Billing", "id": None, "number": None, "state": None, "agent": None}
    billing.members.add(alice)
    (sibling,) = program.get(f"conversations/{one.pk}")["siblings"]
    assert (sibling["id"], sibling["state"]) == (other.pk, "waiting")
