"""Contacts by the API: rights, changes, conflicts, mails, merging."""

import pytest

from crm.models import Contact, Organisation
from queues.models import EmailQueue
from tests.api.test_api import Program
from tests.make import (
    make_agent,
    make_contact_field,
    make_mail,
    make_queue,
    make_supervisor,
    receive,
)

pytestmark = pytest.mark.django_db

DORA = "Dora Stone <dora@customer.example>"


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice"), make_supervisor("bob")], name="Orders")


@pytest.fixture
def bob(orders: EmailQueue) -> Program:
    return Program(orders.members.get(user__username="bob").user_id)


@pytest.fixture
def alice(orders: EmailQueue) -> Program:
    return Program(orders.members.get(user__username="alice").user_id)


def patch(program: Program, path: str, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    url = f"/api/v1.0/{path}"
    response = program.client.patch(url, body, content_type="application/json", headers=program.headers)
    return response.status_code, response.json()


def test_read_changed_and_who_was_faster_is_told(alice: Program, orders: EmailQueue) -> None:
    make_contact_field("tier")
    pk = receive(orders).conversation.contact_id
    found = alice.get("contacts", q="stone")["results"]
    assert [each["id"] for each in found] == [pk]
    body = {
        "name": "Charles",
        "emails": ["c@home.example", "charlie@customer.example"],
        "organisation": "Stone & Sons",
        "priority": "high",
        "fields": {"tier": "gold"},
        "version": 1,
    }
    status, changed = patch(alice, f"contacts/{pk}", body)
    assert (status, changed["emails"], changed["organisation"]) == (200, body["emails"], "Stone & Sons")
    assert (changed["priority"], changed["fields"]) == ("high", {"tier": "gold"})
    status, problem = patch(alice, f"contacts/{pk}", {"name": "Karl", "version": 1})
    assert (status, problem["status"]) == (409, 409)
    status, problem = patch(alice, f"contacts/{pk}", {"name": "Karl", "time_zone": "Nowhere/Land"})
    assert (status, problem["field"]) == (409, "time_zone")
    assert Contact.objects.get(pk=pk).name == "Charles"
    assert alice.get("contact-fields")[0]["key"] == "tier"


def test_an_address_of_another_changes_nothing_at_all(alice: Program, orders: EmailQueue) -> None:
    pk = receive(orders).conversation.contact_id
    receive(orders, make_mail(From=DORA))
    status, problem = patch(alice, f"contacts/{pk}", {"name": "Karl", "emails": ["dora@customer.example"]})
    assert status == 409
    assert "belongs to another contact" in str(problem["detail"])
    assert Contact.objects.get(pk=pk).name == "Charlie Stone"


def test_mails_over_queues_page_by_page_and_the_hidden_counted(alice: Program, orders: EmailQueue) -> None:
    row = receive(orders, make_mail(Subject="One")).conversation.contact
    receive(orders, make_mail(Subject="Two"))
    receive(make_queue(name="Elsewhere"))
    first = alice.get(f"contacts/{row.pk}/communications", limit="1")
    assert (first["results"][0]["subject"], first["hidden"]) == ("Two", 1)
    rest = alice.client.get(first["next"], headers=alice.headers).json()
    assert ([each["subject"] for each in rest["results"]], rest["next"]) == (["One"], None)


def test_strangers_and_agents_are_kept_out(alice: Program, orders: EmailQueue) -> None:
    pk = receive(make_queue(name="Elsewhere")).conversation.contact_id
    assert alice.get("contacts")["results"] == []
    for path in (f"contacts/{pk}", f"contacts/{pk}/communications"):
        assert alice.try_get(path).status_code == 404
    assert patch(alice, f"contacts/{pk}", {"name": "x"})[0] == 404
    assert alice.post(f"contacts/{pk}/notes", {"text": "x"}).status_code == 404
    assert alice.post("contacts", {"emails": ["a@b.example"]}).status_code == 403
    assert alice.post(f"contacts/{pk}/merge", {"into": pk}).status_code == 403
    assert alice.post("organisations", {"name": "Stone"}).status_code == 403


def test_organisations_by_a_supervisors_key(bob: Program) -> None:
    made = bob.post("organisations", {"name": "Stone", "domains": ["stone.example"]}).json()
    assert made["domains"] == ["stone.example"]
    status, changed = patch(bob, f"organisations/{made['id']}", {"domains": ["pebble.example"]})
    assert (status, changed["domains"]) == (200, ["pebble.example"])
    assert patch(bob, f"organisations/{made['id']}", {"name": "X", "domains": ["gmail.com"]})[0] == 409
    assert Organisation.objects.get().name == "Stone"
    assert [each["name"] for each in bob.get("organisations", domain="pebble.example")["results"]] == [
        "Stone"
    ]


@pytest.mark.django_db(transaction=True)
def test_made_noted_merged_and_undone(bob: Program, orders: EmailQueue, clean_redis: None) -> None:
    stays = receive(orders).conversation.contact_id
    gone = bob.post("contacts", {"name": "Dora", "emails": ["dora@customer.example"]}).json()["id"]
    assert bob.post("contacts", {"name": "D", "emails": ["dora@customer.example"]}).status_code == 409
    assert bob.post(f"contacts/{gone}/notes", {"text": "Likes tea"}).status_code == 201
    merged = bob.post(f"contacts/{gone}/merge", {"into": stays}).json()
    assert merged["contact"]["emails"] == ["charlie@customer.example", "dora@customer.example"]
    assert bob.get(f"contacts/{gone}")["id"] == stays
    assert bob.post(f"contact-merges/{merged['merge']}/undo").json()["emails"] == ["dora@customer.example"]
    assert bob.get(f"contacts/{gone}")["notes"][0]["text"] == "Likes tea"


def test_null_is_the_same_as_left_out() -> None:
    program = Program(make_supervisor().user_id)
    made = program.post("organisations", {"name": "Example", "fields": None, "remark": None})
    assert (made.status_code, made.json()["name"]) == (201, "Example")
    person = {"name": "Dana", "emails": ["dana@customer.example"], "fields": None, "phones": None}
    assert program.post("contacts", person).status_code == 201
