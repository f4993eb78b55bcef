"""Saved views for programs: made, changed, deleted, and seen by right."""

import pytest

from agents.models import Agent
from queues.models import EmailQueue
from tests.api.test_api import Program
from tests.make import make_agent, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> EmailQueue:
    return make_queue([make_agent("alice"), make_supervisor("bob")], name="Orders")


def of(username: str) -> Program:
    return Program(Agent.objects.get(user__username=username).user_id)


def test_programs_keep_views_by_the_same_rights(queue: EmailQueue) -> None:
    alice, bob = of("alice"), of("bob")
    made = bob.post("views", {"name": "Late", "view": "all", "text": "is:late", "team": "Orders"})
    assert made.status_code == 201
    row = made.json()
    assert (row["name"], row["team"], row["text"], row["queue"]) == ("Late", "Orders", "is:late", None)
    assert [each["name"] for each in alice.get("views")] == ["Late"]
    assert alice.post("views", {"name": "Late", "team": "Orders"}).status_code == 409
    assert alice.post("views", {"name": "x", "queue": "Elsewhere"}).status_code == 404
    path, headers = f"/api/v1.0/views/{row['id']}", alice.headers
    assert alice.client.delete(path, headers=headers).status_code == 409
    changed = bob.client.put(
        path, {"name": "Very late", "view": "mine"}, content_type="application/json", headers=bob.headers
    )
    assert (changed.status_code, changed.json()["name"], changed.json()["team"]) == (200, "Very late", None)
    assert alice.client.delete(path, headers=headers).status_code == 404
    assert bob.client.delete(path, headers=bob.headers).status_code == 204
    assert bob.get("views") == []
