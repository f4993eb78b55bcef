"""Webhooks and the feed as people and programs meet them: API, administration, settings file, document."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from agents.models import Agent
from audit.models import AuditRow
from mailstore.feed import Type, tell
from mailstore.models import FeedEvent
from queues import states
from sso import guard
from tests.api.test_api import Program
from tests.make import make_administrator, make_agent, make_queue, make_webhook, receive
from tests.servers.receiver import Receiver
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export
from webhooks import choosing, sending, sequence
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db

DOC = (Path(__file__).parent.parent.parent / "docs" / "webhooks.md").read_text()
FILE = """\
queues:
  - {name: Support}
webhooks:
  - {name: crm, url: "https://8.8.8.8/hook", secret: "0123456789abcdef", events: [mail.received],
     queue: Support}
"""


def told(webhook: Webhook) -> None:
    sequence.number_new()
    choosing.choose(webhook.pk)
    sending.deliver(webhook.pk)


def test_the_feed_is_read_from_any_number_with_the_rights_of_the_key() -> None:
    alice = make_agent("alice")
    queue, other = make_queue([alice], name="Support"), make_queue(name="Other")
    mine = receive(queue).conversation
    theirs = receive(other).conversation
    tell(Type.CONTACT_MERGED, contact_id=theirs.contact_id)
    hers = Program(alice.user_id)
    found = hers.get("events")
    told = [(each["type"], each["conversation"]) for each in found["results"]]
    assert told == [
        ("contact.created", None), ("conversation.created", mine.pk), ("mail.received", mine.pk),
        ("contact.merged", None),
    ]  # fmt: skip
    assert found["results"][1]["data"] == {"state": "waiting", "how": "opened"}
    root = Program(make_administrator().pk)
    all_ = root.get("events")
    assert [each["number"] for each in all_["results"]] == list(range(1, 7))
    assert (found["last"], all_["last"], all_["next"]) == (6, 6, None)
    part = root.get("events", after="2", limit="2")
    assert [each["number"] for each in part["results"]] == [3, 4]
    assert (part["last"], "after=4" in part["next"]) == (4, True)
    only = root.get("events", type="mail.received", queue="Other")["results"]
    assert [each["conversation"] for each in only] == [theirs.pk]
    assert hers.try_get("events?queue=Other").status_code == 404
    assert hers.try_get("events?type=mail.eaten").status_code == 422
    assert root.get("events", after="6")["last"] == 6


def test_an_event_belongs_to_where_its_conversation_was() -> None:
    alice, dora = make_agent("alice"), make_agent("dora")
    queue, other = make_queue([alice], name="Support"), make_queue([dora], name="Other")
    row = receive(queue).conversation
    states.move(row, other, timezone.now())
    tell(Type.CLOSED, conversation_id=row.pk, queue_id=other.pk)

    def types(agent: Agent, **query: str) -> list[str]:
        return [each["type"] for each in Program(agent.user_id).get("events", **query)["results"]]

    before = ["conversation.created", "mail.received"]
    assert types(alice)[-3:] == [*before, "conversation.moved"], "that it left is told, and nothing after it"
    assert types(alice, queue="Support")[-1] == "conversation.moved"
    assert [each for each in types(dora) if each != "contact.created"] == [
        "conversation.moved", "conversation.closed",
    ]  # fmt: skip
    assert Program(alice.user_id).try_get(f"conversations/{row.pk}").status_code == 404


def test_programs_make_test_replay_and_read_the_log(receiver: Receiver) -> None:
    root = Program(make_administrator().pk)
    alice = Program(make_agent("alice").user_id)
    for refused in (alice.try_get("webhooks"), alice.post("webhooks", {"name": "x"})):
        assert refused.status_code == 403
    body: dict[str, Any] = {"name": "crm", "url": receiver.url, "events": ["conversation.late"]}
    made = root.post("webhooks", body)
    assert (made.status_code, made.json()["secret"][:6]) == (201, "whsec_")
    pk = made.json()["id"]
    assert root.get(f"webhooks/{pk}")["secret"] is None
    assert "whsec_" not in json.dumps(root.get("webhooks"))
    assert root.post(f"webhooks/{pk}/test").json()["ok"]
    tell(Type.LATE, contact_id=1)
    told(Webhook.objects.get(pk=pk))
    (row,) = root.get(f"webhooks/{pk}/deliveries", state="delivered")["results"]
    assert (row["type"], row["status"], row["answer"], row["number"]) == (
        "conversation.late",
        200,
        "thanks",
        1,
    )
    assert root.post(f"webhooks/{pk}/deliveries/{row['id']}/again").status_code == 202
    told(Webhook.objects.get(pk=pk))
    assert root.post(f"webhooks/{pk}/replay", {"number": 1}).status_code == 200
    told(Webhook.objects.get(pk=pk))
    assert receiver.types == ["webhook.test", *["conversation.late"] * 3]
    for wrong in (
        {"name": "crm2", "url": "http://example.com", "events": ["mail.sent"]},
        {"name": "crm2", "url": receiver.url, "events": ["mail.eaten"]},
        {"name": "crm2", "url": receiver.url, "events": ["mail.sent"], "secret": "short"},
        {"name": "crm2", "url": receiver.url, "events": ["mail.sent"], "secret": "whsec_é"},
        {"name": "crm", "url": receiver.url, "events": ["mail.sent"]},
        {"name": "crm2", "url": receiver.url, "events": ["mail.sent"], "queue": "Nowhere"},
    ):
        assert root.post("webhooks", wrong).status_code == 422, wrong
    patched = root.client.patch(
        f"/api/v1.0/webhooks/{pk}", {"active": False}, content_type="application/json", headers=root.headers
    )
    assert (patched.json()["state"], patched.json()["events"]) == ("off", ["conversation.late"])
    acts = AuditRow.objects.filter(kind="webhooks.webhook").order_by("id").values_list("act", flat=True)
    assert list(acts) == ["inserted", "did", "changed"]
    gone = root.client.delete(f"/api/v1.0/webhooks/{pk}", headers=root.headers)
    assert (gone.status_code, Webhook.objects.count()) == (204, 0)


def test_a_host_is_looked_up_before_the_row_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    root, webhook = Program(make_administrator().pk), make_webhook(events=["mail.sent"])
    depths = []
    monkeypatch.setattr(guard, "check_url", lambda url, what: depths.append(len(connection.savepoint_ids)))
    body, address = {"url": "https://other.example/hook"}, f"/api/v1.0/webhooks/{webhook.pk}"
    changed = root.client.patch(address, body, content_type="application/json", headers=root.headers)
    assert (changed.status_code, changed.json()["url"]) == (200, body["url"])
    assert depths == [len(connection.savepoint_ids)]
    webhook.refresh_from_db()
    assert (webhook.url, webhook.events) == (body["url"], ["mail.sent"])


def test_in_the_administration(receiver: Receiver, admin_client: Client) -> None:
    form = {"name": "crm", "url": receiver.url, "events": ["conversation.late"], "is_active": "on"}
    page = admin_client.post("/admin/webhooks/webhook/add/", form, follow=True).content.decode()
    webhook = Webhook.objects.get()
    assert f"The secret of crm is {webhook.secret}" in page
    address = f"/admin/webhooks/webhook/{webhook.pk}/"
    page = admin_client.get(f"{address}change/").content.decode()
    assert webhook.secret not in page
    saved = admin_client.post(f"{address}change/", form | {"secret": "", "events": ["mail.sent"]})
    assert saved.status_code == 302
    former, webhook = webhook.secret, Webhook.objects.get()
    assert (webhook.secret, webhook.events) == (former, ["mail.sent"])
    page = admin_client.post(f"{address}test/", follow=True).content.decode()
    assert "took the test: it answered 200" in page
    receiver.status = 404
    page = admin_client.post(f"{address}test/", follow=True).content.decode()
    assert "nothing is at that address" in page
    tell(Type.MAIL_SENT, contact_id=1)
    FeedEvent.objects.update(type="conversation.late")
    Webhook.objects.update(events=["conversation.late"])
    told(webhook)
    log = admin_client.get(f"/admin/webhooks/delivery/?webhook__id__exact={webhook.pk}").content.decode()
    assert "answered 404" in log
    assert "failing" in admin_client.get("/admin/webhooks/webhook/").content.decode()
    receiver.status = 200
    admin_client.post(f"/admin/webhooks/delivery/{Delivery.objects.get().pk}/again/")
    admin_client.post(f"{address}resume/")
    told(webhook)
    assert Delivery.objects.get().state == "delivered"
    admin_client.post(f"{address}replay/", {"from_number": "1"})
    assert Delivery.objects.get().state == "waiting"
    assert (
        "Give the number"
        in admin_client.post(f"{address}replay/", {"from_number": "x"}, follow=True).content.decode()
    )


def test_a_form_leaves_the_row_of_the_worker_alone(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the worker wrote between the reading of the form and its saving stays."""
    webhook, now = make_webhook(url="https://8.8.8.8/hook", events=["mail.sent"]), timezone.now()
    clean = Webhook.clean
    worked = {"cursor": 17, "paused_at": now, "failing_since": now, "failures": 9, "last_error": "Away."}

    def meanwhile(row: Webhook) -> None:
        clean(row)
        Webhook.objects.update(missed_from=3, **worked)

    monkeypatch.setattr(Webhook, "clean", meanwhile)
    form = {"name": "told", "url": webhook.url, "secret": "", "events": ["mail.received"], "is_active": "on"}
    said = admin_client.post(f"/admin/webhooks/webhook/{webhook.pk}/change/", form)
    assert said.status_code == 302, said.content.decode()
    found = Webhook.objects.values(*worked, "missed_from", "name", "events").get()
    assert found == worked | {"missed_from": 3, "name": "told", "events": ["mail.received"]}
    del form["is_active"]
    for each in (form, form | {"is_active": "on"}):
        admin_client.post(f"/admin/webhooks/webhook/{webhook.pk}/change/", each)
    row = Webhook.objects.get()
    assert (row.is_active, row.missed_from, row.paused_at) == (True, 3, now)


def test_a_settings_file_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(FILE)
    assert "created webhook crm" in apply_file(file).lines
    row = Webhook.objects.get()
    assert (row.secret, row.events, row.queue.name) == ("0123456789abcdef", ["mail.received"], "Support")  # type: ignore[union-attr]
    assert apply_file(file).lines == []
    exported = export()
    assert "0123456789abcdef" not in exported
    file.write_text(exported)
    assert apply_file(file).lines == []
    file.write_text(FILE.replace("[mail.received]", "[mail.eaten]"))
    with pytest.raises(BadFile, match="no type of event"):
        apply_file(file)


def test_the_document_tells_all_types_and_its_example_verifies(receiver: Receiver) -> None:
    table = re.findall(r"^\| ([a-z]+\.[^|]+) \|", DOC, re.MULTILINE)
    types = set()
    for row in table:
        first, *others = [each.strip() for each in row.split(",")]
        kind = first.split(".")[0]
        types |= {first, *(each if not each.startswith(".") else kind + each for each in others)}
    assert types == set(FeedEvent.Type.values)
    (code,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    for secret in ("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "a secret of words"):
        webhook = make_webhook(receiver.url, secret=secret, events=["conversation.late"])
        tell(Type.LATE, contact_id=1)
        told(webhook)
        got = receiver.got[-1]
        assert names["verify"](secret, got.headers, got.body)
        assert not names["verify"](secret, got.headers, got.body + b" ")
        assert not names["verify"](secret, got.headers | {"webhook-timestamp": "1"}, got.body)
