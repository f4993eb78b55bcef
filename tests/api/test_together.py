"""Notes, mentions, whispers and following as a program meets them."""

import pytest

from agents.models import Agent
from queues import actions
from queues.models import Conversation, Note
from tests.api.test_api import Program
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, Agent]:
    return {"alice": make_agent("alice"), "dora": make_agent("dora"), "bob": make_supervisor("bob")}


@pytest.fixture
def row(people: dict[str, Agent]) -> Conversation:
    queue = make_queue(people.values(), name="Orders")
    return actions.take(people["alice"].user, make_conversation(queue))


def test_a_whisper_is_read_by_the_holder_and_supervisors_alone(
    people: dict[str, Agent], row: Conversation
) -> None:
    alice, dora, bob = (Program(people[name].user_id) for name in ("alice", "dora", "bob"))
    path = f"conversations/{row.pk}"
    made = bob.post(f"{path}/notes", {"text": "careful, the hippopotamus", "audience": "holder"})
    assert made.status_code == 201
    assert (made.json()["audience"], made.json()["mentions"]) == ("holder", [])
    assert [len(each.get(path)["notes"]) for each in (alice, dora, bob)] == [1, 0, 1]
    found = [len(each.get("conversations", text="hippopotamus")["results"]) for each in (alice, dora, bob)]
    assert found == [1, 0, 1]
    refused = dora.post(f"{path}/notes", {"text": "me too", "audience": "holder"})
    assert refused.status_code == 409
    assert bob.post(f"{path}/notes", {"text": "x", "audience": "everybody"}).status_code == 422
    assert Note.objects.count() == 1


def test_mentions_are_listed_and_followed(people: dict[str, Agent], row: Conversation) -> None:
    alice, dora = Program(people["alice"].user_id), Program(people["dora"].user_id)
    path = f"conversations/{row.pk}"
    assert alice.post(f"{path}/notes", {"text": "@dora?"}).json()["mentions"] == ["dora"]
    assert [each["id"] for each in dora.get("conversations", mentioned="true")["results"]] == [row.pk]
    assert alice.get("conversations", mentioned="true")["results"] == []
    assert dora.get(path)["following"] is True
    assert dora.post(f"{path}/follow", {"follows": False}).json()["following"] is False
    stranger = make_agent("charlie", queues=[make_queue(name="Elsewhere")])
    other = Program(stranger.user_id)
    assert other.post(f"{path}/follow", {}).status_code == 404
    assert other.post(f"{path}/notes", {"text": "hi"}).status_code == 404


def test_taking_over_and_giving_away_with_a_note(people: dict[str, Agent], row: Conversation) -> None:
    dora = Program(people["dora"].user_id)
    path = f"conversations/{row.pk}"
    assert dora.post(f"{path}/take").status_code == 409
    assert dora.post(f"{path}/take", {"take_over": True}).json()["agent"] == "dora"
    assert dora.post(f"{path}/assign", {"agent": "alice", "note": "yours again"}).json()["agent"] == "alice"
    assert [each.text for each in row.notes.all()] == ["yours again"]
    alice = Program(people["alice"].user_id)
    assert alice.post(f"{path}/release", {"note": "for anybody"}).json()["state"] == "waiting"
    assert row.notes.count() == 2
