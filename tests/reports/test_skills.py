"""Skills and languages: what the table says, and how it is changed."""

import csv
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.levels import Change, LevelError, set_levels
from agents.models import Agent, Language, Skill
from audit.models import AuditRow
from queues.models import AgentKind, EmailQueue
from reports.matrix import Scope, read
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


@pytest.fixture
def alice() -> Agent:
    """Alice and her supervisor Bob; Charlie works elsewhere."""
    alice = make_agent("alice", skills={"billing": 2}, languages={"en": 4, "cs": 3})
    orders = make_queue([alice, make_supervisor("bob")], skills={"billing": 2, "legal": 3}, name="Orders")
    orders.languages.set(Language.objects.all())
    make_queue([make_agent("charlie", skills={"returns": 5})], name="Elsewhere")
    return alice


def send(client: Client, *changes: dict[str, Any]) -> Any:
    body = json.dumps({"changes": changes})
    headers = {"X-Requested-With": "desk"}
    return client.post("/board/skills/change", body, content_type="application/json", headers=headers)


def cell(agent: Agent, name: str, level: int, was: int, kind: str = "skill") -> dict[str, Any]:
    return {"agent": agent.pk, "kind": kind, "name": name, "level": level, "was": was}


def skills_of(agent: Agent) -> dict[str, int]:
    return dict(agent.skill_levels.values_list("skill__name", "level"))


def test_gaps_are_told(alice: Agent) -> None:
    bob = Agent.objects.get(user__username="bob")
    bob.language_levels.create(language_id="en", level=3)

    def gaps() -> dict[str, str]:
        (row,) = read(Scope(bob.user)).demands
        return {name: demanded.gap for (_, name), demanded in row.cells.items()}

    assert gaps() == {"billing": "one", "legal": "nobody", "en": "", "cs": "one"}
    Agent.objects.filter(pk=alice.pk).update(presence="offline")
    assert gaps() == {"billing": "gone", "legal": "nobody", "en": "", "cs": "gone"}
    page = signed_in("bob").get("/board/skills/").content.decode()
    assert "1 able, none on duty" in page
    assert "nobody" in page


def test_a_supervisor_sees_and_changes_their_own_people_only(alice: Agent) -> None:
    client, charlie = signed_in("bob"), Agent.objects.get(user__username="charlie")
    assert {str(each) for each in read(Scope(Agent.objects.get(user__username="bob").user)).people} == {
        "Alice",
        "Bob",
    }
    assert send(client, cell(charlie, "returns", 1, 5)).status_code == 404
    assert send(client, cell(alice, "billing", 5, 2), cell(charlie, "returns", 1, 5)).status_code == 404
    assert (skills_of(alice), skills_of(charlie)) == ({"billing": 2}, {"returns": 5})
    assert send(signed_in("alice"), cell(alice, "billing", 5, 2)).status_code == 404


def test_a_change_is_saved_recorded_and_known_to_routing(alice: Agent) -> None:
    row = make_conversation(EmailQueue.objects.get(name="Orders"))
    answer = send(signed_in("bob"), cell(alice, "billing", 4, 2), cell(alice, "legal", 3, 0))
    assert [(each["done"], each["level"]) for each in answer.json()["outcomes"]] == [(True, 4), (True, 3)]
    assert skills_of(alice) == {"billing": 4, "legal": 3}
    entry = AuditRow.objects.get(act="did")
    assert (str(entry.actor_name), entry.object_id) == ("bob", str(alice.pk))
    assert entry.note == "Set skill billing from 2 to 4, skill legal from 0 to 3."
    row.refresh_from_db()
    assert list(AgentKind.objects.filter(kind=row.kind, eased=False).values_list("agent", flat=True)) == [
        alice.pk
    ]

    assert send(signed_in("bob"), cell(alice, "billing", 0, 4), cell(alice, "de", 0, 0)).status_code == 409
    assert send(signed_in("bob"), cell(alice, "billing", 0, 4)).json()["outcomes"][0]["done"]
    assert skills_of(alice) == {"legal": 3}
    assert send(signed_in("bob"), cell(alice, "cs", 5, 3, "language")).json()["outcomes"][0]["done"]
    assert dict(alice.language_levels.values_list("language", "level")) == {"cs": 5, "en": 4}


def test_who_was_slower_is_told_what_stands_there(alice: Agent) -> None:
    client = signed_in("bob")
    assert send(client, cell(alice, "billing", 5, 2)).json()["outcomes"][0]["done"]
    (late,) = send(client, cell(alice, "billing", 1, 2)).json()["outcomes"]
    assert (late["done"], late["level"]) == (False, 5)
    assert "Alice: billing was set to 5 by somebody else" in late["sentence"]
    assert skills_of(alice) == {"billing": 5}
    assert AuditRow.objects.filter(act="did").count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"level": 6}, {"level": -1}, {"name": "juggling"}, {"kind": "colour"}, {"level": "3"}, {"agent": "x"},
        {"level": True}, {"name": None},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_whole(alice: Agent, change: dict[str, Any]) -> None:
    bad = cell(alice, "billing", 4, 2) | change
    assert send(signed_in("bob"), cell(alice, "legal", 1, 0), bad).status_code == 409
    assert skills_of(alice) == {"billing": 2}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"changes": []}', b'{"changes": [{}]}', b"\xff"])
def test_unreadable_changes_are_refused(alice: Agent, body: bytes) -> None:
    answer = signed_in("bob").post("/board/skills/change", body, content_type="application/json")
    assert answer.status_code == 409


def test_levels_of_a_deleted_skill_are_refused(alice: Agent) -> None:
    with pytest.raises(LevelError, match="no skill"):
        set_levels([Change(alice.pk, "skill", "gone", 1, 0)])


def test_the_number_of_queries_does_not_grow(alice: Agent) -> None:
    client, orders = signed_in("bob"), EmailQueue.objects.get(name="Orders")

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get("/board/skills/").status_code == 200
        return sum(
            "staff_signinrules" not in each["sql"] for each in caught.captured_queries
        )  # read at times

    few = queries()
    bob = Agent.objects.get(user__username="bob")
    for name in "abcdef":
        agent = make_agent(f"agent-{name}", skills={name: 3}, languages={"de": 2}, queues=[orders])
        make_queue([agent, bob], skills={name: 2}, name=f"Queue {name}")
    assert queries() == few < 20


def test_the_export_is_a_table_without_formulas(alice: Agent) -> None:
    alice.user.first_name = "=HYPERLINK(1)"
    alice.user.save()
    answer = signed_in("bob").get("/board/skills/export.csv")
    assert answer["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(answer.content.decode().splitlines()))
    assert [row["user name"] for row in rows] == ["alice", "bob"]
    assert rows[0]["agent"] == "'=HYPERLINK(1)"
    assert (rows[0]["skill billing"], rows[0]["language cs"], rows[0]["skill returns"]) == ("2", "3", "0")
    assert Skill.objects.count() == 3
