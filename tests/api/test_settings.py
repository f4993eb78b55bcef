"""Settings by the API: through the forms of the administration, with their rules, and in the audit log."""

import json
from typing import Any

import pytest

from agents.models import Agent, Calendar, Language, Skill
from audit.acts import Act
from audit.models import AuditRow
from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from queues.models import EmailQueue, Macro, Snippet
from sso.models import SSOProvider
from tests.api.test_api import Program
from tests.make import make_administrator, make_agent, make_queue, receive

pytestmark = pytest.mark.django_db


class Chief(Program):
    """A program of an administrator, which writes settings."""

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.generic(
            method, f"/api/v1.0/{path}", "" if body is None else json.dumps(body),
            content_type="application/json", headers=self.headers | headers,
        )  # fmt: skip

    def made(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.send("POST", path, body)
        assert answer.status_code == 201, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def changed(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.send("PATCH", path, body)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def chief() -> Chief:
    return Chief(make_administrator().pk)


def test_a_whole_installation_is_set_up_by_a_program(chief: Chief) -> None:
    for tag in ("cs", "en"):
        chief.made("languages", tag=tag)
    skill = chief.made("skills", name="billing")
    calendar = chief.made(
        "calendars", name="Prague", time_zone="Europe/Prague", hours="Mo-Fr 08:00-17:00",
        days=[{"date": "2026-12-24", "yearly": True, "name": "Christmas Eve"}],
    )  # fmt: skip
    alice = chief.made(
        "agents", username="alice", password="a-long-winded-word", role="agent", is_active=True,
        skills={"billing": 4}, languages={"cs": 5, "en": 3},
    )  # fmt: skip
    sender = chief.made(
        "senders", server_type="STARTTLS", server_address="smtp.example.com", username="support",
        password="canary-word", email_address="support@example.com",
    )  # fmt: skip
    queue = chief.made(
        "queues", name="Support", sender=sender["name"], members=["alice"], languages=["cs", "en"],
        skills={"billing": 2}, calendar="Prague", wait_rule="steps",
        steps=[{"after_minutes": 60, "skills": {"billing": 1}}],
        acknowledgements=[{"language": "cs", "text": "Dobrý den, máme to."}],
    )  # fmt: skip
    source = chief.made(
        "sources", server_type="IMAP", server_address="imap.example.com", username="support@example.com",
        password="canary-word", queue="Support",
    )  # fmt: skip
    provider = chief.made(
        "providers", type="google", client_id="1.apps.example.com", client_secret="canary-word"
    )
    chief.made("tags", name="vip", colour="red")
    snippet = chief.made("snippets", name="Hello", html="Dear {{ contact.name }},", queues=["Support"])
    macro = chief.made("macros", name="Thanks", html="Thank you.", then="close", tags=["vip"])

    row = EmailQueue.objects.get(pk=queue["id"])
    assert (row.sender_id, [each.user.username for each in row.members.all()]) == (sender["id"], ["alice"])
    assert {each.skill.name: each.level for each in row.skill_demands.all()} == {"billing": 2}
    assert row.steps == [{"after_minutes": 60, "skills": {"billing": 1}}]
    assert row.acknowledgement_texts.get().text.startswith("Dobrý")
    agent = Agent.objects.get(pk=alice["id"])
    assert agent.user.check_password("a-long-winded-word")
    assert {each.language_id: each.level for each in agent.language_levels.all()} == {"cs": 5, "en": 3}
    assert Calendar.objects.get(pk=calendar["id"]).days.get().yearly is True
    assert EmailSource.objects.get(pk=source["id"]).password == "canary-word"
    assert Snippet.objects.get(pk=snippet["id"]).queues.get() == row
    assert Macro.objects.get(pk=macro["id"]).then == "close"
    paths = (
        "queues",
        "sources",
        "senders",
        "providers",
        "agents",
        "skills",
        "languages",
        "tags",
        "calendars",
    )
    ids = (
        row.pk,
        source["id"],
        sender["id"],
        provider["id"],
        agent.pk,
        skill["id"],
        "cs",
        None,
        calendar["id"],
    )
    for path, pk in zip(paths, ids, strict=True):
        for answer in (chief.try_get(path), *([chief.try_get(f"{path}/{pk}")] if pk else [])):
            assert answer.status_code == 200
            assert b"canary" not in answer.content
    assert not AuditRow.objects.filter(changes__icontains="canary").exists()
    assert AuditRow.objects.filter(act=Act.INSERTED, kind="queues.emailqueue").count() == 1


def test_what_is_left_out_stays_and_parts_are_exactly_what_is_given(chief: Chief) -> None:
    Skill.objects.create(name="returns")
    queue = make_queue([make_agent("alice", {"billing": 3})], name="Support", skills={"billing": 2})
    before = chief.get(f"queues/{queue.pk}")
    told = chief.changed(f"queues/{queue.pk}", first_response=60)
    assert {**before, "first_response": 60} | {"first_response_minutes": 60, "warnings": []} == told
    told = chief.changed(f"queues/{queue.pk}", skills={"billing": 3, "returns": 1}, members=[])
    assert (told["skills"], told["members"], told["first_response"]) == ({"billing": 3, "returns": 1}, [], 60)
    assert chief.changed(f"queues/{queue.pk}", skills={"returns": 1})["skills"] == {"returns": 1}
    change = AuditRow.objects.filter(act=Act.CHANGED, kind="queues.emailqueue").first()
    assert change is not None
    assert "key" in str(change.actor_name) or change.actor_id


def test_the_forms_rules_hold(chief: Chief) -> None:
    queue = make_queue(name="Support")
    make_queue(name="Sales")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": "Sales"}, "name"),
        ({"name": ""}, "name"),
        ({"hours": "sometimes"}, "hours"),
        ({"mode": "magic"}, "mode"),
        ({"sender": "nobody"}, "sender"),
        ({"skills": {"nothing": 1}}, "skill"),
        ({"wait_rule": "steps", "steps": []}, "steps"),
        ({"signature": "{{ nothing.known }}"}, "signature"),
        ({"first_response": -1}, "first_response"),
        ({"colour": "red"}, "colour"),
        ({"name": "a\0b"}, "name"),
        ({"exponent": 1e400}, "exponent"),
    ]
    for body, word in cases:
        refused = chief.send("PATCH", f"queues/{queue.pk}", body)
        assert refused.status_code in (400, 422), (body, refused.content)
        assert refused["Content-Type"] == "application/problem+json"
        if refused.status_code == 422:
            assert word in str(refused.json()["errors"]), refused.content
    queue.refresh_from_db()
    assert (queue.name, queue.mode) == ("Support", EmailQueue.Mode.PICK)
    assert not AuditRow.objects.filter(act=Act.CHANGED).exists()


def test_a_stored_password_goes_to_no_other_server(chief: Chief) -> None:
    made = chief.made("senders", server_type="SSL", server_address="smtp.example.com", service_port=465,
                      username="u", password="canary-word", email_address="s@example.com")  # fmt: skip
    path = f"senders/{made['id']}"
    refused = chief.send("PATCH", path, {"server_address": "evil.example"})
    assert refused.status_code == 422
    assert chief.changed(path, display_name="Support")["password_is_set"] is True
    assert EmailSender.objects.get().password == "canary-word"


def test_two_at_once_do_not_write_over_each_other(chief: Chief) -> None:
    queue = make_queue(name="Support")
    path = f"queues/{queue.pk}"
    mark = chief.try_get(path)["ETag"]
    first = chief.send("PATCH", path, {"first_response": 60}, **{"If-Match": mark})
    assert first.status_code == 200
    second = chief.send("PATCH", path, {"first_response": 90}, **{"If-Match": mark})
    assert (second.status_code, second["Content-Type"]) == (412, "application/problem+json")
    fresh = chief.send("PATCH", path, {"first_response": 90}, **{"If-Match": first["ETag"]})
    assert fresh.status_code == 200
    assert chief.send("DELETE", path, **{"If-Match": mark}).status_code == 412
    assert chief.send("DELETE", path, **{"If-Match": fresh["ETag"]}).status_code == 204
    assert chief.try_get(path).status_code == 404
    assert AuditRow.objects.filter(act=Act.DELETED, kind="queues.emailqueue").count() == 1


def test_what_is_in_use_is_not_deleted(chief: Chief) -> None:
    queue = make_queue(name="Support")
    receive(queue)
    refused = chief.send("DELETE", f"queues/{queue.pk}")
    assert (refused.status_code, "conversation" in refused.json()["detail"]) == (409, True)
    assert EmailQueue.objects.filter(pk=queue.pk).exists()


def test_others_see_what_they_work_with_and_write_nothing(chief: Chief) -> None:
    mine, other = make_queue(name="Support"), make_queue(name="Secret")
    alice = Chief(make_agent("alice", queues=[mine]).user_id)
    Language.objects.get_or_create(tag="en")
    provider = SSOProvider.objects.create(name="g", client_id="1")
    assert alice.get(f"queues/{mine.pk}")["name"] == "Support"
    assert "signature" not in alice.get(f"queues/{mine.pk}")
    assert alice.try_get(f"queues/{other.pk}").status_code == 404
    assert alice.try_get(f"providers/{provider.pk}").status_code == 404
    assert alice.try_get("languages/en").status_code == 200
    for method, path in (("POST", "queues"), ("PATCH", f"queues/{mine.pk}"), ("DELETE", f"queues/{mine.pk}")):
        assert alice.send(method, path, {} if method != "DELETE" else None).status_code == 403
    hers = Snippet.objects.create(name="x", html="x", owner=Agent.objects.get())
    assert alice.try_get(f"snippets/{hers.pk}").status_code == 200


def test_many_at_once_by_a_program(chief: Chief) -> None:
    queue = make_queue(name="Support")
    alice = Program(make_agent("alice", queues=[queue]).user_id)
    other = receive(make_queue(name="Secret")).conversation
    ids = [receive(queue).conversation_id for _ in range(3)]
    body = {"verb": "close", "ids": [*ids, other.pk]}
    begun = alice.post("bulk", body, **{"Idempotency-Key": "b-1"})
    assert begun.status_code == 202, begun.content
    told = alice.get(f"bulk/{begun.json()['id']}")
    assert (told["state"], told["total"], told["done"], told["refused"]) == ("done", 3, 3, 0)
    assert alice.post("bulk", body, **{"Idempotency-Key": "b-1"}).json()["id"] == told["id"]
    other.refresh_from_db()
    assert other.state == "waiting"
    assert chief.try_get(f"bulk/{told['id']}").status_code == 404
    undone = alice.post(f"bulk/{told['id']}/undo")
    assert (undone.status_code, undone.json()["done"]) == (202, 3)
    by_list = alice.post("bulk", {"verb": "tag", "tag": "nothing", "listing": {"view": "all"}})
    assert by_list.status_code in (202, 409)
    assert alice.post("bulk", {"verb": "close"}).status_code == 409
    assert alice.post("bulk", {"verb": "close", "ids": [1], "listing": {"view": "all"}}).status_code == 422


def test_skills_that_are_had_or_not_and_choices(chief: Chief) -> None:
    assert chief.made("skills", name="certified", kind="yes_no")["kind"] == "yes_no"
    chief.made("skills", name="product", kind="choice", choices="red blue")
    chief.made("skills", name="billing")
    listed = {each["name"]: (each["kind"], each["of"]) for each in chief.get("skills")["results"]}
    assert listed == {
        "billing": ("level", ""), "certified": ("yes_no", ""), "product": ("choice", ""),
        "product/blue": ("choice", "product"), "product/red": ("choice", "product"),
    }  # fmt: skip
    alice = chief.made(
        "agents", username="alice", password="a-long-winded-word", role="agent", is_active=True,
        skills={"certified": True, "product": ["red", "blue"], "billing": 3},
    )  # fmt: skip
    held = {"billing": 3, "certified": True, "product/blue": True, "product/red": True}
    assert alice["skills"] == held
    assert chief.changed(f"agents/{alice['id']}", skills=held | {"product/blue": False})["skills"] == {
        "billing": 3, "certified": True, "product/red": True,
    }  # fmt: skip
    queue = chief.made("queues", name="Support", skills={"certified": True}, members=["alice"])
    assert queue["skills"] == {"certified": True}
    row = receive(EmailQueue.objects.get()).conversation
    told = chief.send("POST", f"conversations/{row.pk}/demand", {"skills": {"product": "red"}}).json()
    assert told["skills"] == {"certified": True, "product/red": True}
    assert chief.send("PATCH", f"queues/{queue['id']}", {"skills": {"product": 3}}).status_code == 422
