"""Forwarded mail on its way into the queue: whose it is, and what stays out of it."""

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from api import status
from mailcore.parse import parse
from mailsenders.models import OutgoingMail
from mailsources import addressing, forwarding_test, lease
from mailsources.accepting import store
from mailsources.deliver import deliver
from mailsources.fetch import ingest
from mailsources.forwarding import CONFIRMATION
from mailsources.forwarding_test import TestRefused, standing, start
from mailsources.models import EmailSource, FetchedMail, ForwardingConfirmation, ForwardingTest
from mailstore.workers import INTAKE, note_heartbeat
from queues.models import Conversation, Message
from tests.make import make_mail, make_queue, make_source
from ucs import alive

pytestmark = pytest.mark.django_db

State = FetchedMail.State
VF = "https://mail-settings.google.com/mail/vf-%5BAbc-9d%5D-Xy_z"


@pytest.fixture(autouse=True)
def domain(settings: Settings) -> None:
    settings.INBOUND_DOMAIN = "inbound.example.test"


def make_forwarding(**overrides: object) -> EmailSource:
    values = {
        "server_type": "FORWARDING",
        "public_address": "support@example.com",
        "queue": make_queue(),
        "username": "",
        "server_address": "",
    }
    return make_source(**(values | overrides))


def hand_over(source: EmailSource, raw: bytes, mail_from: str = "charlie@customer.example") -> FetchedMail:
    """As a mail server does, and deliver it."""
    (fetched,) = store(mail_from, [source.address], raw)
    deliver(fetched.pk)
    fetched.refresh_from_db()
    return fetched


def test_addresses_cannot_be_guessed() -> None:
    tokens = {addressing.new_token("Support Čapek & Söhne mit einem sehr langen Namen") for _ in range(50)}
    assert len(tokens) == 50
    for token in tokens:
        assert token.startswith("support-capek-sohne-mit-")
        assert len(token) <= 40
        assert addressing.token_of(f"{token.upper()}+Tag@Inbound.Example.Test") == token
    assert addressing.TOKEN.fullmatch(addressing.new_token("客服"))
    assert addressing.new_token("info@example.com").startswith("info-")
    assert addressing.token_of("support@inbound.example.test") == ""


def test_the_address_stays_when_the_source_is_renamed() -> None:
    source = make_forwarding(name="Support")
    address = source.address
    source.name = "Sales"
    source.save()
    assert EmailSource.objects.get().address == address


def test_it_is_no_mailbox_to_look_into() -> None:
    source, mailbox = make_forwarding(), make_source()
    assert lease.due(10) == [mailbox.pk]
    assert [held.source for held in lease.claim([source.pk, mailbox.pk], early=True)] == [mailbox]


def test_a_forwarded_mail_is_the_customers() -> None:
    source = make_forwarding()
    raw = make_mail(From="Max Muster via Support <support@example.com>", To="support@example.com")
    fetched = hand_over(source, raw, "SRS0=Qw12=AB=customer.example=max@example.com")
    assert (fetched.state, fetched.source) == (State.DELIVERED, source)
    message = Message.objects.get()
    assert (message.from_name, message.from_email) == ("Max Muster", "max@customer.example")
    assert message.conversation.queue == source.queue


def test_an_answer_finds_the_thread_whose_id_the_forwarder_replaced() -> None:
    """The customer's next mail names the id that the customer's program gave, which only the header has."""
    source = make_forwarding()
    ids = {"Message-ID": "<made@example.com>", "X-Original-Message-ID": "<first@customer.example>"}
    hand_over(source, make_mail(To="support@example.com", Subject="Delivery", **ids))
    next_one = {"Message-ID": "<next@customer.example>", "In-Reply-To": "<first@customer.example>"}
    hand_over(source, make_mail(To="support@example.com", Subject="One more thing", **next_one))
    assert set(Message.objects.values_list("message_id", flat=True)) == {
        "first@customer.example",
        "next@customer.example",
    }
    assert Conversation.objects.count() == 1
    # In a mailbox that we fetch ourselves nobody forwards: ids stay as they are.
    box = make_source(queue=source.queue, public_address="box@example.com")
    evil = {"Message-ID": "<other@example.com>", "X-Original-Message-ID": "<stolen@customer.example>"}
    deliver(ingest(box, make_mail(**evil)).pk)
    assert Message.objects.filter(message_id="other@example.com").exists()


@pytest.mark.parametrize(
    ("shown", "writer"),
    [
        ("support@example.com", "max@customer.example"),
        ("team@example.com", "max@customer.example"),  # a group of the same house
        ("list@attacker.example", "list@attacker.example"),
        ("eve@gmail.com", "eve@gmail.com"),
        ("shop.example@gmail.com", "max@customer.example"),
    ],
)
def test_only_we_ourselves_may_have_put_another_from_before_the_writers(shown: str, writer: str) -> None:
    source = make_source(queue=make_queue(), username="shop.example@gmail.com")
    make_forwarding(name="Forwarded", queue=source.queue)
    trap = {"To": shown, "Cc": "support@example.com", "X-Original-From": "Max <max@customer.example>"}
    deliver(ingest(source, make_mail(From=f"Max via List <{shown}>", **trap)).pk)
    assert Message.objects.get().from_email == writer


def test_mail_of_machines_is_known_by_the_null_path() -> None:
    hand_over(make_forwarding(), make_mail(), "<>")
    assert Message.objects.get().automatic == "auto_reply"


def confirmation(source: EmailSource, **headers: str) -> bytes:
    text = f"boss@example.com asks.\r\nConfirmation code: 512345678\r\n{VF}\r\n"
    usual = {"From": "Gmail Team <forwarding-noreply@google.com>", "To": source.address}
    return make_mail(text, **(usual | headers))


def test_a_confirmation_is_for_the_page_of_the_source() -> None:
    source = make_forwarding()
    fetched = hand_over(source, confirmation(source), "forwarding-noreply@google.com")
    assert (fetched.state, fetched.reason) == (State.SKIPPED, CONFIRMATION)
    assert not Conversation.objects.exists()
    found = ForwardingConfirmation.objects.get()
    assert (found.source, found.fetched) == (source, fetched)
    assert (found.provider, found.account) == ("Gmail", "boss@example.com")
    assert (found.code, found.link) == ("512345678", VF)
    source.state.refresh_from_db()
    assert source.state.last_mail_at is None, "it proves that we can be reached, not that mail is forwarded"
    hand_over(source, make_mail())
    hand_over(source, confirmation(source, Subject="Again"))
    source.state.refresh_from_db()
    assert source.state.last_mail_at == FetchedMail.objects.order_by("pk")[1].fetched_at


def test_nobody_opens_the_link_of_a_confirmation_by_itself(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when it comes, not when its page is shown: names are looked up and lines opened for nothing."""
    asked: list[object] = []
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def noted_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return look_up(host, *args, **kwargs)

    def noted_connect(line: socket.socket, address: Any) -> None:
        asked.append(address)
        connect(line, address)

    monkeypatch.setattr(socket, "getaddrinfo", noted_look_up)
    monkeypatch.setattr(socket.socket, "connect", noted_connect)
    source = make_forwarding()
    hand_over(source, confirmation(source), "forwarding-noreply@google.com")
    for view in ("change", "forwarding"):
        shown = admin_client.get(reverse(f"admin:mailsources_emailsource_{view}", args=[source.pk]))
        assert VF in shown.content.decode()
    assert [each for each in asked if "google" in str(each)] == []


def test_a_confirmation_for_somebody_else_is_mail_like_any_other() -> None:
    source = make_forwarding()
    fetched = hand_over(source, confirmation(source, To="other@elsewhere.example"))
    assert fetched.state == State.DELIVERED
    mailbox = make_source(queue=source.queue)
    deliver(ingest(mailbox, confirmation(source)).pk)
    assert not ForwardingConfirmation.objects.exists()


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("noreply@bank.example", "Votre transfert attend : https://bank.example/confirm?t=1"),
        ("notify@hotel.example", "We look forward to your stay: https://hotel.example/confirm/8"),
        ("straightforward@outlook.com", "Please forward my order 512345678 to my new address."),
        ("forwarding-noreply@google.com", f"boss@example.com asks.\r\nCode: 512345678\r\n{VF}"),
    ],
)
def test_what_came_over_the_public_address_is_never_kept_from_the_agents(sender: str, text: str) -> None:
    fetched = hand_over(make_forwarding(), make_mail(text, From=sender, To="support@example.com"), sender)
    assert fetched.state == State.DELIVERED
    assert Message.objects.get().conversation.queue == fetched.source.queue


def marked(test: ForwardingTest) -> bytes:
    """The mail that a test has put into the outbox."""
    assert test.outgoing is not None
    return test.outgoing.raw.as_bytes()


def sent(test: ForwardingTest) -> None:
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT)
    test.refresh_from_db()
    assert test.outgoing
    test.outgoing.refresh_from_db()


def test_the_marked_mail_comes_back() -> None:
    source = make_forwarding()
    test = start(source)
    assert standing(test).word == "being sent"
    mail = parse(marked(test))
    assert [person.email for person in mail.to] == ["support@example.com"]
    assert mail.from_.email == source.queue.sender.email_address if source.queue.sender else False
    assert test.outgoing is not None
    assert test.outgoing.is_automatic
    sent(test)
    assert standing(test).word == "sent"
    raw = b"Received: from a by b; Mon, 2 Mar 2026 09:30:00 +0000\r\n" + marked(test)
    fetched = hand_over(
        source, raw.replace(b"Subject: ", b"Subject: WG: "), "SRS0=a=b=example.com=x@f.example"
    )
    assert fetched.state == State.SKIPPED
    assert not Conversation.objects.exists()
    test.refresh_from_db()
    assert test.arrived_at is not None
    test.started_at = test.arrived_at - timedelta(seconds=0.2)
    found = standing(test)
    assert (found.tone, found.word, found.is_over) == ("good", "arrived", True)
    assert found.sentence == "The test mail came back within a second: it works."
    test.started_at = test.arrived_at - timedelta(seconds=42)
    assert "came back after 42 s" in standing(test).sentence


def test_over_another_source_it_stays_out_of_the_queue_too_but_proves_nothing() -> None:
    source, other = make_forwarding(), make_forwarding(public_address="sales@example.com")
    test = start(source)
    assert hand_over(other, marked(test)).state == State.SKIPPED
    test.refresh_from_db()
    assert test.arrived_at is None


def test_a_mark_hides_no_mail_for_ever() -> None:
    source = make_forwarding()
    test = start(source)
    ForwardingTest.objects.update(started_at=timezone.now() - timedelta(days=8))
    assert hand_over(source, marked(test)).state == State.DELIVERED


def test_a_mark_cannot_be_forged() -> None:
    source = make_forwarding()
    test = start(source)
    fetched = hand_over(source, make_mail(Subject=f"Forwarding test {test.pk}-{'0' * 24}"))
    assert fetched.state == State.DELIVERED
    test.refresh_from_db()
    assert test.arrived_at is None


BOUNCE = """\
From: postmaster@example.com\r
To: support@example.com\r
Subject: Undeliverable: Forwarding test\r
Message-ID: <ndr-1@example.com>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
Your message couldn't be delivered.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mail.example.com\r
\r
Final-Recipient: rfc822; x@inbound.example.test\r
Action: failed\r
Status: 5.7.520\r
Diagnostic-Code: smtp; 550 5.7.520 Access denied, Your organization does not allow external forwarding.\r
\r
--b\r
Content-Type: text/rfc822-headers\r
\r
From: support@example.com\r
Message-ID: <{}>\r
--b--\r
"""


def test_a_refusal_to_forward_is_explained() -> None:
    source = make_forwarding()
    test = start(source)
    sent(test)
    assert test.outgoing is not None
    fetched = hand_over(
        make_forwarding(public_address="sales@example.com"),
        BOUNCE.format(test.outgoing.message_id).encode(),
        "<>",
    )
    assert fetched.state == State.SKIPPED
    test.refresh_from_db()
    found = standing(test)
    assert (found.tone, found.word, found.is_over) == ("bad", "returned", True)
    assert "5.7.520" in found.sentence
    assert "“Automatic forwarding” to “On”" in found.sentence


def test_what_to_look_for_when_it_does_not_come_back() -> None:
    test = start(make_forwarding())
    sent(test)
    test.started_at = timezone.now() - forwarding_test.PATIENCE
    found = standing(test)
    assert (found.tone, found.word, found.is_over) == ("warn", "not yet back", False)
    assert "spam folder" in found.sentence
    test.started_at -= timedelta(hours=2)
    assert standing(test).is_over


def test_a_mail_that_was_never_sent() -> None:
    test = start(make_forwarding())
    assert test.outgoing is not None
    test.outgoing.state, test.outgoing.last_error = OutgoingMail.State.FAILED, "The server refused it."
    assert standing(test).sentence.endswith("was not sent: The server refused it.")


def test_a_test_needs_a_sender() -> None:
    with pytest.raises(TestRefused, match="no active email sender"):
        start(make_forwarding(queue=make_queue(sender=None)))
    with pytest.raises(TestRefused, match="switched off"):
        start(make_forwarding(is_active=False))
    assert not ForwardingTest.objects.exists()


def test_we_never_answer_ourselves() -> None:
    """An acknowledgement to an address that forwards to us would come back for ever."""
    queue = make_queue(acknowledgement="We have your mail.")
    source = make_forwarding(queue=queue, public_address="info@example.com")
    for sender in ("info@example.com", source.address, "support@example.com"):
        hand_over(source, make_mail(From=sender), sender)
    assert not OutgoingMail.objects.exists()
    hand_over(source, make_mail())
    assert OutgoingMail.objects.count() == 1


@pytest.mark.usefixtures("clean_redis")
def test_the_status_tells_who_waits_and_who_is_missing() -> None:
    assert not [row for row in status.report()["workers"] if row["queue"] == "intake"], "nobody needs one"
    source = make_forwarding()
    report = status.report()
    [row] = report["sources"]
    assert row["state"] == "waiting for first mail"
    assert any(sentence.startswith("intake: ") for sentence in report["troubles"])
    assert alive.main(["intake"]) == 1
    note_heartbeat(INTAKE)
    assert alive.main(["intake"]) == 0
    hand_over(source, make_mail())
    report = status.report()
    assert report["sources"][0]["state"] == "ok"
    assert not any(sentence.startswith("intake: ") for sentence in report["troubles"])
