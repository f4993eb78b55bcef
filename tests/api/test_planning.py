"""What programs of workforce planning write: by the right people, once, and with words for what is wrong."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents import presence
from agents.models import Agent
from api.models import APIKey
from audit.models import AuditRow
from crm.models import Contact
from queues import actions, directing, waking
from queues.models import EmailQueue
from tests.make import make_administrator, make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


class Program:
    """A program with somebody's key."""

    def __init__(self, user_id: int) -> None:
        self.headers = {"Authorization": f"Bearer {APIKey.make(user_id)}"}

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Call, and expect a status; the answer is what the body says."""
        options: dict[str, Any] = {"content_type": "application/json", "headers": self.headers}
        answer = getattr(Client(), method)(f"/api/v1.0/{path}", body or {}, **options)
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    def get(self, path: str, *, status: int = 200) -> Any:
        answer = Client().get(f"/api/v1.0/{path}", headers=self.headers)
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue(name="Orders")


@pytest.fixture
def alice(orders: EmailQueue) -> Agent:
    return make_agent("alice", queues=[orders], presence="offline", shifts="Mo-Fr 08:00-16:00")


@pytest.fixture
def bob(orders: EmailQueue) -> Program:
    return Program(make_supervisor("bob", queues=[orders]).user_id)


class TestPresence:
    def test_what_a_program_says_needs_no_browser(self, alice: Agent, orders: EmailQueue) -> None:
        told = Program(alice.user_id).call("put", "presence", {"presence": "available"})
        assert told == {"presence": "available", "reason": "", "by_program": True, "until": None}
        alice.refresh_from_db()
        presence.seen(alice, timezone.now() - timedelta(hours=1))  # a browser was opened, and closed
        row = actions.take(alice.user, make_conversation(orders))
        assert presence.expire() == []
        assert waking.return_unbegun() == 0
        row.refresh_from_db()
        assert row.agent == alice

    def test_for_as_long_as_the_program_wants(self, alice: Agent) -> None:
        program = Program(alice.user_id)
        program.call("put", "presence", {"presence": "away", "reason": "Nightly run", "lease_seconds": 60})
        assert program.get("presence")["reason"] == "Nightly run"
        assert presence.expire(timezone.now() + timedelta(seconds=50)) == []
        program.call("put", "presence", {"presence": "available", "lease_seconds": 120})
        assert presence.expire(timezone.now() + timedelta(seconds=70)) == []
        assert presence.expire(timezone.now() + timedelta(seconds=121)) == [alice]
        assert program.get("presence")["presence"] == "offline"

    def test_the_desk_says_it_anew(self, alice: Agent) -> None:
        Program(alice.user_id).call("put", "presence", {"presence": "available", "lease_seconds": 30})
        actions.set_presence(alice.user, "available")
        assert presence.expire(timezone.now() + timedelta(seconds=80)) == []
        assert presence.expire(timezone.now() + timedelta(seconds=100)) == [alice]

    def test_a_supervisor_sets_it_for_a_program_too(self, alice: Agent, bob: Program) -> None:
        Program(alice.user_id).call("put", "presence", {"presence": "away"})
        alice.refresh_from_db()
        directing.set_presence_of(Agent.objects.get(user__username="bob").user, alice, "available")
        alice.refresh_from_db()
        assert (alice.presence, alice.presence_by_program) == ("available", True)
        assert presence.expire(timezone.now() + timedelta(days=1)) == []

    @pytest.mark.parametrize("body", [{"presence": "lunch"}, {"presence": "away", "lease_seconds": 1}])
    def test_what_makes_no_sense_is_told(self, alice: Agent, body: dict[str, Any]) -> None:
        Program(alice.user_id).call("put", "presence", body, status=422)


class TestShifts:
    def test_the_week_is_written_once(self, alice: Agent, bob: Program) -> None:
        wanted = {"shifts": "Mo-Th 09:00-17:00; Fr 09:00-12:00,13:00-15:00", "was": "Mo-Fr 08:00-16:00"}
        told = bob.call("put", "agents/alice/shifts", wanted)
        assert told["days"]["Fr"] == "09:00-12:00,13:00-15:00"
        assert told["days"]["Sa"] == ""
        assert bob.get("agents/alice/shifts") == told
        bob.call("put", "agents/alice/shifts", {"shifts": wanted["shifts"]})
        assert AuditRow.objects.filter(act="did").count() == 1
        problem = bob.call("put", "agents/alice/shifts", wanted, status=409)
        assert "look again" in problem["detail"]
        assert bob.call("put", "agents/alice/shifts", {"shifts": ""})["shifts"] == ""

    def test_what_cannot_be_read_is_told(self, alice: Agent, bob: Program) -> None:
        assert "“9-5”" in bob.call("put", "agents/alice/shifts", {"shifts": "Mo 9-5"}, status=409)["detail"]
        bad = {"first_date": "2031-05-02", "last_date": "2031-05-01"}
        bob.call("post", "agents/alice/absences", bad, status=409)

    def test_absences_come_and_go(self, alice: Agent, bob: Program) -> None:
        wanted = {"first_date": "2031-05-01", "last_date": "2031-05-09", "kind": "sick"}
        first = bob.call("post", "agents/alice/absences", wanted, status=201)
        again = bob.call("post", "agents/alice/absences", wanted, status=201)
        assert first["id"] == again["id"]
        assert bob.get("agents/alice/shifts")["absences"] == [first]
        for _ in range(2):
            bob.call("delete", f"agents/alice/absences/{first['id']}", status=204)
        assert bob.get("agents/alice/shifts")["absences"] == []

    def test_only_who_directs_the_agent_plans_them(self, alice: Agent, bob: Program) -> None:
        stranger = Program(make_supervisor("charlie", queues=[make_queue(name="Billing")]).user_id)
        for program in (stranger, Program(alice.user_id)):
            program.get("agents/alice/shifts", status=404)
            program.call("put", "agents/alice/shifts", {"shifts": ""}, status=404)
            absence = {"first_date": "2031-05-01", "last_date": "2031-05-01"}
            program.call("post", "agents/alice/absences", absence, status=404)
            program.call("delete", "agents/alice/absences/1", status=404)
        bob.get("agents/nobody/shifts", status=404)


class TestEscalation:
    STEPS = (
        {"when": "used", "amount": 80, "act": "supervisor"},
        {"when": "after", "amount": 30, "act": "move", "to_queue": "Billing"},
    )

    def test_the_steps_are_those_and_no_others(self, orders: EmailQueue) -> None:
        make_queue(name="Billing")
        root = Program(make_administrator("root").pk)
        path = f"queues/{orders.pk}/escalation"
        told = root.call("put", path, {"steps": self.STEPS})
        assert [each["sentence"] for each in told["steps"]] == [
            "when 80 % of the target are used: tell the supervisors",
            "30 min after it was due: move to Billing",
        ]
        assert root.call("put", path, {"steps": self.STEPS}) == told
        kept = root.call("put", path, {"steps": self.STEPS[:1]})["steps"]
        assert kept == told["steps"][:1]
        assert root.get(path)["steps"] == kept

    @pytest.mark.parametrize(
        ("step", "told"),
        [
            ({"when": "used", "amount": 120, "act": "supervisor"}, "Step 1: Give 1 to 100 percent"),
            ({"when": "after", "amount": 5, "act": "move"}, "Choose the queue"),
            ({"when": "after", "amount": 5, "act": "note"}, "Write what the note says"),
            ({"when": "after", "amount": 5, "act": "move", "to_queue": "None"}, "no queue “None”"),
        ],
    )
    def test_nothing_is_changed_by_steps_with_a_fault(
        self, orders: EmailQueue, step: dict[str, Any], told: str
    ) -> None:
        root = Program(make_administrator("root").pk)
        path = f"queues/{orders.pk}/escalation"
        root.call("put", path, {"steps": self.STEPS[:1]})
        assert told in root.call("put", path, {"steps": [step]}, status=409)["detail"]
        assert len(root.get(path)["steps"]) == 1

    def test_reading_is_for_members_and_writing_for_administrators(
        self, orders: EmailQueue, alice: Agent, bob: Program
    ) -> None:
        other = make_queue(name="Billing")
        assert Program(alice.user_id).get(f"queues/{orders.pk}/escalation")["steps"] == []
        bob.get(f"queues/{other.pk}/escalation", status=404)
        bob.call("put", f"queues/{orders.pk}/escalation", {"steps": []}, status=403)


def test_the_priority_of_a_contact(alice: Agent, bob: Program, orders: EmailQueue) -> None:
    row = make_conversation(orders)
    path = f"conversations/{row.pk}/contact-priority"
    told = bob.call("put", path, {"priority": "urgent"})
    assert told == {"contact_id": row.contact_id, "priority": "urgent"}
    bob.call("put", path, {"priority": "urgent"})
    assert row.events.filter(kind="contact_priority").count() == 1
    assert bob.call("put", path, {"priority": "none"})["priority"] == "none"
    assert Contact.objects.get(pk=row.contact_id).priority == Contact.Priority.NONE
    bob.call("put", path, {"priority": "soon"}, status=422)
    elsewhere = make_conversation(make_queue(name="Billing"))
    bob.call("put", f"conversations/{elsewhere.pk}/contact-priority", {"priority": "low"}, status=404)


def test_the_description_knows_all_of_it(bob: Program) -> None:
    paths = Client().get("/api/v1.0/openapi.json").json()["paths"]
    assert set(paths["/api/v1.0/presence"]) == {"get", "put"}
    assert set(paths["/api/v1.0/agents/{username}/shifts"]) == {"get", "put"}
    assert set(paths["/api/v1.0/queues/{queue_id}/escalation"]) == {"get", "put"}
