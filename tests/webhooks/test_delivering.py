"""Webhooks over the wire: signed, in order, tried again, ended, claimed once, replayed."""

import base64
import hashlib
import hmac
import random
import zlib
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alarms.webhook_troubles import webhook_troubles
from mailstore.feed import Type, tell
from mailstore.models import FeedEvent, RawMail
from privacy import stripping
from queues import actions, states
from queues.models import EmailQueue
from tests.make import make_agent, make_mail, make_queue, make_source, make_webhook, receive
from tests.servers.receiver import Got, Receiver
from webhooks import choosing, keeping, payload, repeats, sending, sequence, standing, trial
from webhooks.connectors import contract
from webhooks.models import Delivery, Webhook
from webhooks.post import SECONDS, Verdict

State = Delivery.State
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def told(webhook: Webhook) -> None:
    """All that is new goes to the webhook, as a tick has it."""
    sequence.number_new()
    choosing.choose(webhook.pk)
    sending.deliver(webhook.pk)


def happens(conversation: int, *types: Type) -> None:
    """Events of a contact each, so that no conversation need be there."""
    for each in types:
        tell(each, conversation_id=None, contact_id=conversation)


def is_genuine(got: Got, secret: str) -> bool:
    """As the standard has it, by hand."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return got.headers["webhook-signature"] == f"v1,{wanted}"


@pytest.mark.django_db
def test_a_mail_is_told_signed_once_and_of_its_queue_and_source_alone(receiver: Receiver) -> None:
    source = make_source()
    queue, other = source.queue, make_queue(name="Other")
    webhook = make_webhook(receiver.url, secret=SECRET, events=["mail.received"], queue=queue)
    of_source = make_webhook(receiver.url + "/source", events=["mail.received"], source=source)
    message = receive(queue, make_mail("Where is it?", Subject="Parcel", X_Shop="42"))
    receive(other)
    told(webhook)
    told(webhook)
    assert receiver.types == ["mail.received"]
    got = receiver.got[0]
    assert is_genuine(got, SECRET)
    assert got.headers["content-type"] == "application/json"
    assert abs(int(got.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 30
    body = got.payload
    event = FeedEvent.objects.get(type="mail.received", queue_id=queue.pk)
    assert (body["id"], got.headers["webhook-id"], body["number"]) == (event.public_id,) * 2 + (event.number,)
    mail = body["data"]["message"]
    assert (mail["id"], mail["subject"], mail["text"]) == (message.pk, "Parcel", "Where is it?")
    assert mail["from"] == {"name": "Charlie Stone", "email": "charlie@customer.example"}
    assert ["X-Shop", "42"] in mail["headers"]
    assert body["data"]["conversation"]["queue"] == queue.name
    done = Delivery.objects.get()
    assert (done.state, done.status, done.answer, done.attempts) == (State.DELIVERED, 200, "thanks", 1)
    assert done.latency_ms is not None
    source.fetched.create(message=message, folder="INBOX", epoch="1", uid="1", raw=message.raw)
    told(of_source)
    assert [each.path for each in receiver.got] == ["/hook", "/hook/source"]


@pytest.mark.django_db
def test_a_failure_holds_back_its_own_conversation_alone_and_is_tried_again(receiver: Receiver) -> None:
    queue = make_queue()
    webhook = make_webhook(receiver.url, events=["conversation.created", "mail.received"])
    bad, good = receive(queue).conversation, receive(queue, make_mail(From="d@customer.example")).conversation
    receiver.answers = {bad.pk: 503}
    told(webhook)
    asked = [(each.payload["type"], each.payload["data"]["conversation"]["id"]) for each in receiver.got]
    assert asked == [
        ("conversation.created", bad.pk), ("conversation.created", good.pk), ("mail.received", good.pk),
    ]  # fmt: skip
    first, second = Delivery.objects.filter(order_key=bad.pk).order_by("number")
    assert (first.state, first.status, first.attempts, second.attempts) == (State.WAITING, 503, 1, 0)
    assert "a fault there" in first.error
    told(webhook)
    assert len(receiver.got) == 3
    receiver.answers = {}
    with time_machine.travel(timezone.now() + timedelta(seconds=6), tick=True):
        told(webhook)
    assert receiver.types[3:] == ["conversation.created", "mail.received"]
    assert receiver.got[3].headers["webhook-id"] == receiver.got[0].headers["webhook-id"]
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since) == (0, None)


@pytest.mark.django_db
def test_days_of_failure_pause_it_with_an_alarm_until_it_is_resumed(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, name="crm")
    receiver.status = 500
    happens(1, Type.CONTACT_MERGED)
    FeedEvent.objects.update(type="conversation.late")  # of which nothing need be there
    told(webhook)
    assert not list(webhook_troubles())
    start = timezone.now()
    for hours in (2, 30, 73):
        with time_machine.travel(start + timedelta(hours=hours), tick=True):
            told(webhook)
            troubles = [(each.key, each.is_urgent) for each in webhook_troubles()]
    assert troubles == [(f"webhook:{webhook.pk}:paused", True)]
    assert len(receiver.got) == 4
    with time_machine.travel(start + timedelta(hours=80), tick=True):
        told(webhook)
        assert len(receiver.got) == 4
        receiver.status = 204
        repeats.resume(webhook)
        told(webhook)
        assert Delivery.objects.get().state == State.DELIVERED
        assert not list(webhook_troubles())


@pytest.mark.django_db
def test_one_that_nobody_takes_is_given_up_while_others_are_taken(receiver: Receiver) -> None:
    queue = make_queue()
    webhook = make_webhook(receiver.url, events=["mail.received"])
    bad = receive(queue).conversation
    receiver.answers = {bad.pk: 400}
    told(webhook)
    start = timezone.now()
    for day in (1, 2, 4):
        with time_machine.travel(start + timedelta(days=day), tick=True):
            receive(queue, make_mail(From=f"d{day}@customer.example"))
            told(webhook)
    states = list(Delivery.objects.order_by("number").values_list("state", flat=True))
    assert states == [State.FAILED, State.DELIVERED, State.DELIVERED, State.DELIVERED]
    webhook.refresh_from_db()
    assert webhook.runs


@pytest.mark.django_db
def test_gone_switches_it_off_and_what_the_server_asks_is_heard(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, events=["conversation.late"])
    receiver.status, receiver.headers = 429, {"Retry-After": "90"}
    tell(Type.LATE, contact_id=1)
    told(webhook)
    row = Delivery.objects.get()
    assert timedelta(seconds=80) < row.next_attempt_at - timezone.now() < timedelta(seconds=91)
    receiver.status = 410
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        told(webhook)
        webhook.refresh_from_db()
        assert (webhook.is_active, Delivery.objects.get().state) == (False, State.FAILED)
        assert [each.key for each in webhook_troubles()] == [f"webhook:{webhook.pk}:gone"]


@pytest.mark.django_db
def test_failures_are_explained_and_redirects_not_followed(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url)
    receiver.status, receiver.headers = 302, {"Location": "https://elsewhere.example/"}
    outcome = trial.send_test(webhook)
    assert (outcome.verdict, outcome.status) == (Verdict.AGAIN, 302)
    assert "https://elsewhere.example/" in outcome.sentence
    receiver.status, receiver.headers, receiver.text = 401, {}, "card 4111 1111 1111 1111 " + "x" * 5000
    outcome = trial.send_test(webhook)
    assert "compare the secret" in outcome.sentence
    assert len(outcome.answer) <= 1024
    assert "4111 1111" not in outcome.answer
    assert len(receiver.got) == 2
    webhook.url = "http://127.0.0.1:9/"
    assert "did not answer" in trial.send_test(webhook).sentence
    assert FeedEvent.objects.count() == 0


@pytest.mark.django_db
def test_what_no_database_takes_is_noted_all_the_same(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, events=["conversation.late"])
    receiver.status, receiver.headers = 302, {"Location": "https://elsewhere.example/\0"}
    tell(Type.LATE, contact_id=1)
    told(webhook)
    row = Delivery.objects.get()
    assert (row.state, row.status) == (State.WAITING, 302)
    assert "https://elsewhere.example/," in row.error


@pytest.mark.django_db
def test_sent_again_and_replayed_with_the_same_ids_also_what_was_not_chosen(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, events=["conversation.late"])
    for each in range(3):
        tell(Type.LATE, contact_id=each + 1)
    tell(Type.TAGGED, contact_id=9)
    told(webhook)
    ids = [each.headers["webhook-id"] for each in receiver.got]
    assert len(ids) == 3
    assert repeats.send_again(Delivery.objects.order_by("number")[1].pk)
    told(webhook)
    assert [each.headers["webhook-id"] for each in receiver.got[3:]] == [ids[1]]
    Webhook.objects.update(events=["conversation.late", "conversation.tagged"])
    repeats.replay(webhook, 2)
    told(webhook)
    again = [each.headers["webhook-id"] for each in receiver.got[4:]]
    assert again[:2] == ids[1:]
    assert receiver.types[4:] == ["conversation.late", "conversation.late", "conversation.tagged"]


@pytest.mark.django_db
def test_what_waits_is_looked_for_without_reading_the_whole_log(
    rf: RequestFactory, admin_client: Client
) -> None:
    idle, busy = make_webhook(), make_webhook(events=["conversation.late"])
    for _ in range(3):
        tell(Type.LATE, contact_id=1)
    sequence.number_new()
    choosing.choose(busy.pk)
    Delivery.objects.filter(number=1).update(state=State.DELIVERED)
    with CaptureQueriesContext(connection) as asked:
        assert sending.due(timezone.now()) == [busy.pk]
        rows = admin.site.get_model_admin(Webhook).get_queryset(rf.get("/"))
        assert {row.pk: row.in_waiting for row in rows} == {idle.pk: 0, busy.pk: 2}  # type: ignore[attr-defined]
        assert admin_client.get("/admin/webhooks/delivery/?o=5").status_code == 200
    whole = ('JOIN "webhooks_delivery"', 'COUNT(*) AS "__count" FROM "webhooks_delivery"', '"attempts" ASC')
    assert not [each["sql"] for each in asked if any(words in each["sql"] for words in whole)]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_send_the_same_and_a_lost_one_is_taken_up(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, events=["conversation.late"])
    tell(Type.LATE, contact_id=1)
    tell(Type.LATE, contact_id=1)
    sequence.number_new()
    choosing.choose(webhook.pk)
    receiver.gate = Event()
    threads = [Thread(target=_deliver, args=(webhook.pk,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not receiver.got:
        Event().wait(0.01)
    assert sending.claim(webhook, timezone.now()) is None  # the second one waits for the first
    receiver.gate.set()
    for thread in threads:
        thread.join(20)
    sending.deliver(webhook.pk)
    assert [each.payload["number"] for each in receiver.got] == [1, 2]
    assert repeats.send_again(Delivery.objects.get(number=1).pk)
    lost = sending.claim(webhook, timezone.now())
    assert lost is not None
    later = timezone.now() + sending.LEASE + timedelta(minutes=1)
    assert sending.sweep(later) == 1
    sending.attempt(webhook, lost)  # its answer comes late, and counts for nothing
    assert Delivery.objects.get(number=1).state == State.WAITING


def _deliver(pk: int) -> None:
    sending.deliver(pk)
    connection.close()


@pytest.mark.django_db
def test_what_was_erased_is_dropped_and_what_is_old_forgotten(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, events=["contact.created"])
    tell(Type.CONTACT_CREATED, contact_id=123456)
    tell(Type.LATE, contact_id=1)
    told(webhook)
    row = Delivery.objects.get()
    assert (row.state, receiver.got) == (State.DROPPED, [])
    assert "erased" in row.error
    assert keeping.tidy(timezone.now() + timedelta(days=29)) == 0
    assert keeping.tidy(timezone.now() + timedelta(days=31)) == 1
    assert list(FeedEvent.objects.values_list("number", flat=True)) == [2]
    tell(Type.LATE, contact_id=1)
    sequence.number_new()
    assert set(FeedEvent.objects.values_list("number", flat=True)) == {2, 3}


@pytest.mark.django_db
def test_a_mail_without_its_people_is_told_to_nobody(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, events=["mail.received"])
    message = receive(make_queue(), make_mail())
    stripping.strip(message.conversation_id)
    told(webhook)
    assert (Delivery.objects.get().state, receiver.got) == (State.DROPPED, [])


@pytest.mark.django_db
def test_old_mail_of_a_new_mailbox_is_in_the_feed_alone(receiver: Receiver) -> None:
    source = make_source()
    webhook = make_webhook(receiver.url, events=["mail.received", "conversation.created"])
    message = receive(source.queue)
    source.fetched.create(
        message=message, folder="INBOX", epoch="1", uid="1", raw=message.raw, is_history=True
    )
    told(webhook)
    assert receiver.got == []


@pytest.mark.django_db
def test_card_numbers_never_leave_and_files_are_links_that_end(
    receiver: Receiver, client: Any, settings: Any
) -> None:
    queue = make_queue(pci=EmailQueue.PaymentCards.FLAG)
    plain = make_queue()
    webhook = make_webhook(receiver.url, events=["mail.received"])
    receive(queue, make_mail("My card is 4111 1111 1111 1111.", Subject="Card 4111111111111111"))
    receive(plain, with_file())
    told(webhook)
    masked, open_ = (each.payload["data"]["message"] for each in receiver.got)
    assert b"4111 1111 1111 1111" not in receiver.got[0].body
    assert b"4111111111111111" not in receiver.got[0].body
    assert masked["text"].endswith("1111.")
    file = open_["attachments"][0]
    assert (file["name"], file["withheld"]) == ("invoice.html", "")
    path = file["url"].removeprefix(settings.BASE_URL)
    found = client.get(path)
    assert (found.status_code, found.content) == (200, b"<script>alert(1)</script>")
    assert found["Content-Type"] == "application/octet-stream"
    assert "attachment" in found["Content-Disposition"]
    assert found["Cache-Control"] == "no-store"
    assert client.get(path[:-3] + "abc").status_code == 404
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        late = client.get(path)
    assert (late.status_code, b"invoice" in late.content) == (410, False)
    open_message = plain.conversations.get().messages.get()
    open_message.has_cards = True
    open_message.save()
    assert client.get(path).status_code == 409
    Webhook.objects.update(is_active=False)
    assert client.get(path).status_code == 404


@pytest.mark.django_db
def test_a_mail_without_measure_is_told_within_the_limits(receiver: Receiver) -> None:
    """Long in each way at once: text, headers, people and files."""
    webhook = make_webhook(receiver.url, events=["mail.received"])
    crowd = ", ".join(f'"{"ž" * 40} {each}" <p{each}@long.example>' for each in range(400))
    fields = "".join(f"X-Long-{each}: {'header ' * 70}\r\n" for each in range(300))
    files = "".join(
        f'--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="{"f" * 180}{each}"'
        "\r\n\r\n1;2\r\n"
        for each in range(150)
    )
    text = '"☃\\' * 90_000
    raw = make_mail("", Content_Type='multipart/mixed; boundary="b"', Cc=crowd).partition(b"\r\n\r\n")[0]
    parts = f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n{files}--b--\r\n"
    receive(make_queue(), raw + f"\r\n{fields}\r\n{parts}".encode())
    told(webhook)
    (got,) = receiver.got
    mail = got.payload["data"]["message"]
    assert len(got.body) <= payload.LARGEST
    assert mail["text_is_cut"]
    assert len(mail["text"].encode()) <= payload.MOST_TEXT
    assert mail["text"].startswith('"☃\\"☃')
    assert len(mail["cc"]) == len(mail["attachments"]) == 100
    assert sum(len(name) + len(value) for name, value in mail["headers"]) <= payload.MOST_HEADER_TEXT


def with_file() -> bytes:
    mail = make_mail("", Content_Type='multipart/mixed; boundary="b"', From="d@customer.example")
    parts = (
        b"--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
        b'--b\r\nContent-Type: text/html; name="invoice.html"\r\n'
        b'Content-Disposition: attachment; filename="invoice.html"\r\n\r\n'
        b"<script>alert(1)</script>\r\n--b--\r\n"
    )
    return mail.rstrip() + b"\r\n\r\n" + parts


def test_pauses_grow_up_to_four_hours() -> None:
    pauses = [sending.pause(attempts).total_seconds() for attempts in range(1, 12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (5, 14400)
    assert sending.pause(1, timedelta(minutes=3)) == timedelta(minutes=3)


@pytest.mark.django_db
def test_the_head_of_a_mail_is_read_alone() -> None:
    raw = make_mail("x" * 3_000_000, X_Shop="42")
    noise = random.Random(7).randbytes(2_000_000)
    for mail in (raw, raw[:400] + noise):
        row = RawMail.objects.keep(mail)
        with CaptureQueriesContext(connection) as asked:
            assert RawMail.objects.beginning(row.pk, 100_000) == mail[:100_000]
        assert "SUBSTRING" in asked[0]["sql"].upper()
        RawMail.objects.filter(pk=row.pk).update(data=zlib.compress(mail))
        assert RawMail.objects.beginning(row.pk, 1000) == mail[:1000]
    assert RawMail.objects.beginning(0, 1000) == b""
    message = receive(make_queue(), raw)
    webhook = make_webhook(events=["mail.received"])
    sequence.number_new()
    event = FeedEvent.objects.get(type="mail.received", message_id=message.pk)
    with patch.object(RawMail, "as_bytes", side_effect=AssertionError("all of it was unpacked")):
        headers = payload.build(event, webhook)["data"]["message"]["headers"]
    assert ["X-Shop", "42"] in headers


@pytest.mark.django_db
def test_what_was_moved_is_told_to_who_has_it_now(receiver: Receiver) -> None:
    queue, other = make_queue(name="Support"), make_queue(name="Secret")
    old = make_webhook(receiver.url, events=["mail.received", "conversation.moved"], queue=queue)
    new = make_webhook(receiver.url + "/new", events=["conversation.moved"], queue=other)
    row = receive(queue, make_mail("Before.", Subject="Hippopotamus")).conversation
    states.move(row, other, timezone.now())
    told(old)
    told(new)
    to_old, to_new = receiver.got
    assert to_old.payload["type"] == to_new.payload["type"] == "conversation.moved"
    assert to_old.payload["data"]["conversation"] == {"id": row.pk, "number": row.number}
    assert b"Hippopotamus" not in to_old.body
    assert to_new.payload["data"]["conversation"]["subject"] == "Hippopotamus"
    dropped = Delivery.objects.get(webhook=old, event__type="mail.received")
    assert (dropped.state, "in another queue now" in dropped.error) == (State.DROPPED, True)


@pytest.mark.django_db
def test_a_mail_that_was_merged_into_another_queue_is_not_told(receiver: Receiver) -> None:
    alice = make_agent("alice")
    queue, other = make_queue([alice], name="Support"), make_queue([alice], name="Secret")
    webhook = make_webhook(receiver.url, events=["mail.received"], queue=queue)
    row = receive(queue, make_mail("Hippopotamus")).conversation
    actions.merge(alice.user, row, receive(other).conversation)
    told(webhook)
    assert receiver.got == []
    assert "in another queue now" in Delivery.objects.get(webhook=webhook).error


@pytest.mark.django_db
def test_switched_on_again_it_begins_now_with_a_replay(receiver: Receiver, admin_client: Client) -> None:
    webhook = make_webhook(receiver.url, events=["conversation.late"])
    tell(Type.LATE, contact_id=1)
    sequence.number_new()
    choosing.choose(webhook.pk)
    webhook.refresh_from_db()
    webhook.is_active = False
    webhook.save()
    assert not list(webhook_troubles())
    for number in range(3):
        tell(Type.LATE, contact_id=number)
    sequence.number_new()
    webhook.is_active = True
    webhook.save(update_fields=["is_active"])
    tell(Type.LATE, contact_id=9)
    told(webhook)
    assert [each.payload["number"] for each in receiver.got] == [5]
    webhook.refresh_from_db()
    assert webhook.missed_from == 1
    for is_active in (False, True):
        webhook.is_active = is_active
        webhook.save()
    assert webhook.missed_from == 1, "what was missed before is so still"
    page = admin_client.get(f"/admin/webhooks/webhook/{webhook.pk}/change/").content.decode()
    assert "what happened from number 1 on was not told" in page
    repeats.replay(webhook, 1)
    told(webhook)
    assert [each.payload["number"] for each in receiver.got] == [5, 1, 2, 3, 4, 5]
    webhook.refresh_from_db()
    assert webhook.missed_from is None


@pytest.mark.django_db
def test_who_switches_it_off_is_not_alarmed(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url, events=["conversation.late"])
    receiver.status = 500
    tell(Type.LATE, contact_id=1)
    told(webhook)
    Webhook.objects.update(failing_since=timezone.now() - timedelta(hours=3))
    assert [each.key for each in webhook_troubles()] == [f"webhook:{webhook.pk}:failing"]
    webhook = Webhook.objects.get()
    webhook.is_active = False
    webhook.save()
    assert not list(webhook_troubles())


def test_a_lease_outlasts_the_longest_delivery() -> None:
    longest = max(SECONDS, contract.MOST_CALLS * contract.SECONDS)
    assert sending.LEASE.total_seconds() > 2 * longest


@pytest.mark.django_db
def test_counts_are_bounded_and_old_events_found_by_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = make_webhook(events=["conversation.late"])
    for _ in range(4):
        tell(Type.LATE, contact_id=1)
    sequence.number_new()
    choosing.choose(webhook.pk)
    monkeypatch.setattr(standing, "MOST", 3)
    with CaptureQueriesContext(connection) as asked:
        found = standing.standing(webhook, timezone.now())
    assert (found.waiting, found.delivered) == ("3 and more", "0")
    assert all("LIMIT" in each["sql"] for each in asked if '"webhooks_delivery"' in each["sql"])
    with CaptureQueriesContext(connection) as asked:
        keeping.tidy(timezone.now())
    assert not [each["sql"] for each in asked if '"at" <' in each["sql"]]
