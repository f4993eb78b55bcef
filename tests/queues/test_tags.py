"""Tags: who puts them on, who makes them, and where they are seen."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Agent
from queues import actions
from queues.models import Conversation, EmailQueue, Tag
from queues.refusals import ActionRefused
from queues.tagging import MOST_TAGS, tag
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


@pytest.fixture
def bob() -> Agent:
    return make_supervisor("bob")


@pytest.fixture
def queue(alice: Agent, bob: Agent) -> EmailQueue:
    return make_queue([alice, bob])


@pytest.fixture
def row(queue: EmailQueue) -> Conversation:
    return make_conversation(queue)


def names(row: Conversation) -> list[str]:
    return [each.name for each in row.tags.all()]


def test_put_on_and_taken_off_once(alice: Agent, row: Conversation) -> None:
    Tag.objects.create(name="Refund")
    for _ in range(2):
        tag(alice.user, row, ["refund"])
    assert names(row) == ["Refund"]
    assert [event.sentence for event in row.events.filter(kind="tagged")] == ["Alice put on “Refund”."]
    for _ in range(2):
        tag(alice.user, row, remove=["REFUND", "unknown"])
    assert names(row) == []


def test_new_ones_are_made_by_supervisors(alice: Agent, bob: Agent, row: Conversation) -> None:
    with pytest.raises(ActionRefused, match="There is no tag “Big”: a supervisor makes"):
        tag(alice.user, row, ["Big"])
    tag(bob.user, row, ["Big", "big"])
    assert names(row) == ["Big"]
    with pytest.raises(ActionRefused, match="no commas"):
        tag(bob.user, row, ["a,b"])


@pytest.mark.parametrize("name", ["Größe", "İade", "Τέλος"])
def test_letters_that_change_when_folded(alice: Agent, bob: Agent, row: Conversation, name: str) -> None:
    tag(bob.user, row, [name])
    tag(bob.user, row, remove=[name])
    tag(alice.user, row, [name])
    assert names(row) == [name]


def test_not_too_many(bob: Agent, row: Conversation) -> None:
    with pytest.raises(ActionRefused, match="at most"):
        tag(bob.user, row, [f"tag {number}" for number in range(MOST_TAGS + 1)])
    assert not Tag.objects.exists()


def test_strangers_may_not(row: Conversation) -> None:
    charlie = User.objects.create_user("charlie", password="charlie")
    client = Client()
    client.force_login(charlie)
    assert client.post(f"/conversations/{row.pk}/tags", {"add": "x"}).status_code == 404


def test_the_panel_answers_with_the_tags(alice: Agent, row: Conversation) -> None:
    Tag.objects.create(name="Refund", colour="green")
    client = Client()
    client.force_login(alice.user)
    page = client.post(f"/conversations/{row.pk}/tags", {"add": "refund"}).content.decode()
    assert 'class="tag green">Refund' in page
    assert 'class="tag green">Refund' in client.get("/?view=all").content.decode()


def test_merged_conversations_keep_the_tags_of_both(bob: Agent, queue: EmailQueue, row: Conversation) -> None:
    other = make_conversation(queue)
    tag(bob.user, row, ["one"])
    tag(bob.user, other, ["two"])
    assert names(actions.merge(bob.user, row, other)) == ["one", "two"]
