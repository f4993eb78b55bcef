"""Each mail is recorded in a CRM once, through outages and lost answers; who writes is looked up."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from agents.models import Language
from mailsenders import outbox
from mailsenders.envelope import Outcome
from mailsenders.models import OutgoingRecipient
from queues import actions, looked_up, replies
from queues.letters import Reply
from queues.looked_up import Wanted
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_agent, make_conversation, make_mail, make_queue, receive
from tests.servers.hubspot import TOKEN, Crm, crm_running
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export
from webhooks import choosing, repeats, sending, sequence, trial
from webhooks.connectors import contract
from webhooks.models import CrmConnection, Delivery, PushedRecord, Webhook
from webhooks.post import Verdict

pytestmark = pytest.mark.django_db

State = Delivery.State
FIELDS = {
    "subject": "subject",
    "kind": "=email",
    "person.email": "contact_email",
    "way": "direction",
    "link": "url",
    "id": "message_id",
}


@pytest.fixture
def crm(settings: Settings) -> Iterator[Crm]:
    settings.ALLOW_PRIVATE_HOSTS = True
    with crm_running() as found:
        yield found


def connect(crm: Crm, **overrides: Any) -> CrmConnection:
    values: dict[str, Any] = {"name": "HubSpot", "kind": "hubspot", "url": crm.url, "secret": TOKEN}
    row = CrmConnection(**(values | overrides))
    row.full_clean()
    row.save()
    return row


def by_rest(crm: Crm, **overrides: Any) -> CrmConnection:
    values = {
        "kind": "rest",
        "record_path": "/api/activities",
        "record_fields": FIELDS,
        "record_id": "activity.id",
    }
    return connect(crm, **({"name": "House CRM"} | values | overrides))


def told(row: Webhook) -> None:
    sequence.number_new()
    choosing.choose(row.pk)
    sending.deliver(row.pk)


def answer_to(conversation: Conversation) -> int:
    """An answer of Alice, taken by its server."""
    alice = make_agent("alice", queues=[conversation.queue])
    actions.take(alice.user, conversation)
    sent = replies.reply(alice.user, conversation, Reply(text="It is on its way.", undo_seconds=0))
    assert sent.outgoing is not None
    claimed = outbox.claim(sent.outgoing.sender_id, timezone.now())
    assert claimed
    outbox.start_data(claimed)
    taken = dict.fromkeys(claimed.recipients, (OutgoingRecipient.State.ACCEPTED, "250 ok"))
    outbox.finish(claimed, Outcome(answer="250 ok", sentence="", recipients=taken))
    return sent.pk


def test_hubspot_has_each_mail_in_and_out_once_with_its_contact(crm: Crm) -> None:
    row = connect(crm)
    message = receive(make_queue(), make_mail("Where is it?", Subject="Parcel"))
    out = answer_to(message.conversation)
    told(row)
    assert [each["email"] for each in crm.contacts.values()] == ["charlie@customer.example"]
    came, went = crm.emails.values()
    properties = came["properties"]
    assert properties["hs_email_direction"] == "INCOMING_EMAIL"
    assert (properties["hs_email_subject"], properties["hs_email_text"]) == ("Parcel", "Where is it?")
    assert json.loads(properties["hs_email_headers"])["from"]["email"] == "charlie@customer.example"
    assert went["properties"]["hs_email_direction"] == "EMAIL"
    to_contact = {
        "to": {"id": "100"},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 198}],
    }
    assert came["associations"] == went["associations"] == [to_contact]
    assert set(PushedRecord.objects.values_list("message_id", "outside_id")) == {
        (message.pk, "9000"), (out, "9001"),
    }  # fmt: skip
    repeats.replay(row, 1)
    told(row)
    assert len(crm.emails) == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_a_lost_answer_and_an_outage_double_and_lose_nothing(crm: Crm) -> None:
    hubspot, house = connect(crm), by_rest(crm)
    crm.properties = {"ucs_email", "ucs_email_id"}
    crm.contacts["7"] = {"email": "charlie@customer.example"}
    crm.loses_answers = 1
    receive(make_queue())
    told(hubspot)
    assert len(crm.emails) == 1
    lost = Delivery.objects.get(webhook=hubspot)
    assert lost.state == State.WAITING
    assert lost.next_attempt_at - timezone.now() > timedelta(seconds=50)  # its search is behind what it makes
    crm.loses_answers = 1
    told(house)
    assert len(crm.activities) == 1
    crm.status = 503
    for _ in range(2):
        receive(make_queue(), make_mail(From="d@customer.example"))
    for row in (hubspot, house):
        told(row)
    crm.status = 0
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=True):
        for row in (hubspot, house):
            told(row)
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DELIVERED}
    assert (len(crm.emails), len(crm.activities), PushedRecord.objects.count()) == (3, 3, 6)
    assert PushedRecord.objects.filter(webhook=hubspot).order_by("message_id")[0].outside_id == "9000"
    assert PushedRecord.objects.filter(webhook=house).order_by("message_id")[0].outside_id == "1"


def test_by_rest_the_fields_are_mapped_and_cards_masked(crm: Crm, settings: Settings) -> None:
    row = by_rest(crm)
    queue = make_queue(pci=EmailQueue.PaymentCards.FLAG)
    mail = make_mail(Subject="Card 4111 1111 1111 1111", Message_ID="<parcel-7@customer.example>")
    message = receive(queue, mail)
    told(row)
    (activity,) = crm.activities.values()
    assert activity == {
        "subject": "Card **** **** **** 1111",
        "kind": "email",
        "person": {"email": "charlie@customer.example"},
        "way": "in",
        "link": f"{settings.BASE_URL}/conversations/{message.conversation_id}/",
        "id": "parcel-7@customer.example",
        "number": 1,
    }


def test_people_whom_hubspot_does_not_know(crm: Crm) -> None:
    row = connect(crm, makes_contacts=False)
    receive(make_queue())
    told(row)
    assert crm.emails == crm.contacts == {}
    assert "Nobody is known" in Delivery.objects.get().answer
    CrmConnection.objects.update(makes_contacts=True)
    crm.makes_contact_meanwhile = True
    receive(make_queue())
    told(row)
    (email,) = crm.emails.values()
    assert email["associations"][0]["to"] == {"id": "51"}


def test_a_contact_that_is_there_but_not_found_yet_loses_no_mail(crm: Crm) -> None:
    row = connect(crm)
    crm.makes_contact_meanwhile = True
    crm.says_which = False
    receive(make_queue())
    told(row)
    (email,) = crm.emails.values()
    assert email["associations"][0]["to"] == {"id": "51"}, "found by its address"
    crm.finds_contacts = False
    receive(make_queue())
    told(row)
    waits = Delivery.objects.get(state=State.WAITING)
    assert "doesn't find it yet" in waits.error
    assert len(crm.emails) == 1
    assert len(crm.asked) <= 2 * contract.MOST_CALLS
    Delivery.objects.filter(pk=waits.pk).update(next_attempt_at=timezone.now())
    Webhook.objects.update(next_attempt_at=None)
    crm.finds_contacts = True
    sending.deliver(row.pk)
    assert len(crm.emails) == 2


def test_a_mail_without_an_address_is_recorded_for_nobody(crm: Crm) -> None:
    row, message = connect(crm), receive(make_queue())
    Message.objects.filter(pk=message.pk).update(from_email="")
    told(row)
    assert "Nobody is known" in Delivery.objects.get().answer
    assert not [each for each in crm.asked if "contacts" in each]


def test_a_stored_token_is_not_sent_to_another_server(crm: Crm, admin_client: Client, tmp_path: Path) -> None:
    row = connect(crm)
    form = {"kind": "hubspot", "name": "HubSpot", "url": "http://127.0.0.1:8/", "is_active": "on"}
    address = f"/admin/webhooks/crmconnection/{row.pk}/change/"
    page = admin_client.post(address, form).content.decode()
    assert f"The stored token is for {crm.url.removeprefix('http://')}: type it in again" in page
    file = tmp_path / "settings.yml"
    text = "crm_connections:\n  - {name: HubSpot, kind: hubspot, url: http://127.0.0.1:8}\n"
    file.write_text(text)
    with pytest.raises(BadFile, match="url: The stored token is for"):
        apply_file(file)
    assert CrmConnection.objects.get().url == crm.url
    assert admin_client.post(address, form | {"url": f"{crm.url}/eu"}).status_code == 302
    assert admin_client.post(address, form | {"secret": "another-token"}).status_code == 302
    assert CrmConnection.objects.get().secret == "another-token"


def test_a_look_up_stays_at_its_host(crm: Crm) -> None:
    with pytest.raises(ValidationError, match="Begin the path of the look-up with /"):
        by_rest(crm, look_up_path="@other.example/{email}")


@pytest.mark.parametrize("kind", ["hubspot", "rest"])
def test_who_writes_is_looked_up_and_its_conversation_set(crm: Crm, kind: str) -> None:
    Language.objects.bulk_create([Language(tag="cs"), Language(tag="en")])
    vip, queue = make_queue(name="VIP"), make_queue(name="Support")
    crm.contacts["7"] = {
        "email": "charlie@customer.example",
        "tier": "gold",
        "team": "VIP",
        "hs_language": "cs",
    }
    crm.people["charlie@customer.example"] = {"tier": "gold", "account": {"team": "VIP"}, "hs_language": "cs"}
    team = "team" if kind == "hubspot" else "account.team"
    fields = {"priority": "tier", "queue": team, "language": "hs_language"}
    values: dict[str, Any] = {"look_up_fields": fields, "look_up_values": {"gold": "urgent"}}
    values["look_up_path"] = "/api/people?email={email}" if kind == "rest" else ""
    row = connect(crm, **values) if kind == "hubspot" else by_rest(crm, **values)
    known, stranger = (
        receive(queue).conversation,
        receive(queue, make_mail(From="d@customer.example")).conversation,
    )
    told(row)
    known.refresh_from_db()
    assert (known.queue, known.priority, known.language, known.state) == (vip, 1, "cs", "waiting")
    assert [each.kind for each in known.events.all()] == [
        "opened",
        "language",
        "contact_priority",
        "transferred",
    ]
    assert known.contact.priority == 1
    stranger.refresh_from_db()
    assert (stranger.queue, stranger.priority) == (queue, 3)


def test_what_is_in_hand_stays_and_names_that_nobody_has_are_told() -> None:
    queue, other = make_queue(), make_queue(name="VIP")
    row = make_conversation(queue)
    told_ = looked_up.apply(row.pk, Wanted(priority="golden", queue="Nowhere", language="xx"), "CRM")
    assert told_ == "There is no language “xx”. There is no priority “golden”. There is no queue “Nowhere”."
    alice = make_agent("alice", queues=[queue])
    actions.take(alice.user, row)
    assert "stays in its queue" in looked_up.apply(row.pk, Wanted(queue=other.name), "CRM")
    row.refresh_from_db()
    assert (row.queue, row.agent) == (queue, alice)


def test_the_test_says_what_is_wrong(crm: Crm, admin_client: Client) -> None:
    row = connect(crm)
    assert trial.send_test(row).verdict is Verdict.TAKEN
    assert trial.send_test(by_rest(crm, look_up_path="/api/people?email={email}")).verdict is Verdict.TAKEN
    CrmConnection.objects.filter(pk=row.pk).update(secret="another token")
    page = admin_client.post(f"/admin/webhooks/crmconnection/{row.pk}/test/", follow=True).content.decode()
    assert "HubSpot answered 401" in page
    assert crm.emails == {}
    form = {
        "kind": "rest",
        "name": "House",
        "url": crm.url,
        "secret": TOKEN,
        "record_path": "/api/activities",
    }
    form |= {"record_fields": "title = subject\nkind = =email", "record_id": "id", "is_active": "on"}
    form |= {"look_up_fields": "", "look_up_values": "", "look_up_path": ""}
    assert (
        "is no pair"
        in admin_client.post(
            "/admin/webhooks/crmconnection/add/", form | {"record_fields": "x"}
        ).content.decode()
    )
    admin_client.post("/admin/webhooks/crmconnection/add/", form)
    made = CrmConnection.objects.get(name="House")
    assert made.record_fields == {"title": "subject", "kind": "=email"}
    assert TOKEN not in admin_client.get(f"/admin/webhooks/crmconnection/{made.pk}/change/").content.decode()
    assert "House" not in admin_client.get("/admin/webhooks/webhook/").content.decode()


def test_in_a_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yml"
    text = """\
crm_connections:
  - {name: HubSpot, kind: hubspot, url: "https://8.8.8.8", token: secret-token,
     look_up_fields: {priority: tier}}
  - name: House
    kind: rest
    url: https://8.8.4.4
    token: other-token
    record_path: /api/activities
    record_fields: {title: subject, person.mail: contact_email}
"""
    file.write_text(text)
    assert apply_file(file).lines == ["created CRM connection HubSpot", "created CRM connection House"]
    assert CrmConnection.objects.get(name="HubSpot").events == [
        "conversation.created",
        "mail.received",
        "mail.sent",
    ]
    assert apply_file(file).lines == []
    exported = export()
    assert "token" not in exported
    file.write_text(exported)
    assert apply_file(file).lines == []
    file.write_text(text.replace("title: subject", "title: colour"))
    with pytest.raises(BadFile, match="none of our fields"):
        apply_file(file)
