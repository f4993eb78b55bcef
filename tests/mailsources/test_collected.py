"""Forwarded mail that arrives in a mailbox which is read: whose it is, and that it is there once."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import Settings

from mailsources import standing
from mailsources.fetch import poll_now
from mailsources.models import EmailSource, FetchedMail, ForwardingConfirmation
from queues.letters import own_addresses
from queues.models import Conversation, Message
from tests.mailsources.conftest import contents, source_at
from tests.make import make_mail, make_queue, make_source
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db

State = FetchedMail.State


def make_collected(box: EmailSource, **overrides: Any) -> EmailSource:
    values: dict[str, Any] = {
        "server_type": "FORWARDING",
        "name": "Sales, forwarded",
        "public_address": "sales@example.com",
        "username": "",
        "server_address": "",
        "collected_by": box,
    }
    values["queue"] = overrides.get("queue") or make_queue(name=f"Queue of {overrides.get('name', 'Sales')}")
    source = make_source(**(values | overrides))
    source.refresh_from_db()
    return source


def address(source: EmailSource, local: str = "info+", domain: str = "example.com") -> str:
    return f"{local}{source.forwarding_token}@{domain}"


@pytest.mark.parametrize("kind", ["imap-ssl", "pop3-ssl"])
@pytest.mark.parametrize("after", ["leave", "delete"])
def test_a_mail_goes_to_the_source_that_it_names(dovecot: Dovecot, kind: str, after: str) -> None:
    box = source_at(dovecot, kind, queue=make_queue(name="Info"), after_import=after)
    sales = make_collected(box)
    own = make_mail("For the mailbox itself.", To="info@example.com")
    theirs = make_mail(
        "Forwarded.",
        **{"Return-Path": "<SRS0=Qw12=AB=customer.example=max@example.com>"},
        **{"Delivered-To": address(sales).upper(), "To": "sales@example.com"},
    )
    for raw in (own, theirs):
        dovecot.drop(box.username, raw)
    assert poll_now(box).count == 2
    assert poll_now(box).count == 0

    assert contents(box) == [own]
    assert contents(sales) == [theirs]
    here, there = (
        FetchedMail.objects.get(source=box, state=State.SKIPPED),
        FetchedMail.objects.get(source=sales),
    )
    assert here.reason == "It was forwarded: its bytes are with the email source “Sales, forwarded”."
    assert here.content_hash == there.content_hash
    assert there.state == State.DELIVERED
    assert there.envelope_to.lower() == address(sales).lower()
    assert there.envelope_from == "SRS0=Qw12=AB=customer.example=max@example.com"
    queues = {
        name: Conversation.objects.filter(queue__name=name).count() for name in ("Info", "Queue of Sales")
    }
    assert queues == {"Info": 1, "Queue of Sales": 1}
    sales.state.refresh_from_db()
    assert sales.state.last_mail_at is not None
    assert not standing.alarms(sales, timezone.now())
    assert len(dovecot.mails(box.username)) == (2 if after == "leave" else 0)


def test_the_same_mail_shown_again_is_not_doubled(dovecot: Dovecot) -> None:
    box = source_at(dovecot)
    sales = make_collected(box)
    dovecot.drop(box.username, make_mail("Once.", **{"X-Original-To": address(sales)}))
    poll_now(box)
    dovecot.change_uidvalidity(box.username, 4711)
    poll_now(box)
    dovecot.drop(box.username, make_mail("Twice.", **{"X-Original-To": address(sales)}))
    poll_now(box)
    assert FetchedMail.objects.filter(source=sales).count() == 2
    assert Message.objects.count() == 2


def test_one_mail_for_two_sources_reaches_both(dovecot: Dovecot) -> None:
    box = source_at(dovecot, queue=make_queue(name="Info"))
    one = make_collected(box)
    two = make_collected(
        box, name="Billing", public_address="billing@example.com", queue=make_queue(name="Billing")
    )
    dovecot.drop(box.username, make_mail(To=f"{address(one)}, Billing <{address(two)}>"))
    assert poll_now(box).count == 2
    assert contents(one) == contents(two) != []
    assert contents(box) == []


def test_what_the_server_noted_tells_more_than_to(dovecot: Dovecot) -> None:
    box = source_at(dovecot, queue=make_queue(name="Info"))
    one = make_collected(box)
    two = make_collected(
        box, name="Billing", public_address="billing@example.com", queue=make_queue(name="Billing")
    )
    dovecot.drop(box.username, make_mail(To=address(one), **{"Delivered-To": address(two)}))
    poll_now(box)
    assert contents(one) == []
    assert len(contents(two)) == 1


def test_other_addresses_and_sources_that_are_off_leave_it_to_the_mailbox(dovecot: Dovecot) -> None:
    box, other = source_at(dovecot, queue=make_queue(name="Info")), source_at(dovecot, name="Other")
    off = make_collected(box, is_active=False)
    elsewhere = make_collected(other, name="Elsewhere", public_address="x@example.com")
    for to in (address(off), address(elsewhere), "info+aaaaaaaaaaaaaaaa@example.com"):
        dovecot.drop(box.username, make_mail(To=to))
    poll_now(box)
    assert len(contents(box)) == 3
    assert not FetchedMail.objects.filter(source__in=[off, elsewhere]).exists()


def test_old_mail_is_history_for_the_forwarding_source_too(dovecot: Dovecot) -> None:
    box = source_at(dovecot)
    sales = make_collected(box)
    before = timezone.now() - timedelta(days=30)
    dovecot.drop(box.username, make_mail(**{"Delivered-To": address(sales)}), at=before)
    poll_now(box)
    assert FetchedMail.objects.get(source=sales).is_history


def test_a_mail_too_big_is_told_to_the_queue_it_was_for(dovecot: Dovecot, settings: Settings) -> None:
    settings.LARGEST_MAIL = 2000
    box = source_at(dovecot, queue=make_queue(name="Info"))
    sales = make_collected(box)
    dovecot.drop(box.username, make_mail("x" * 5000, **{"Delivered-To": address(sales)}))
    poll_now(box)
    stub = FetchedMail.objects.get(source=sales)
    assert (stub.is_stub, stub.state) == (True, State.DELIVERED)
    message = Message.objects.get()
    assert message.conversation.queue == sales.queue
    assert f"open the folder INBOX of {box.username}" in message.text


def test_the_address_to_copy_is_a_plus_address(dovecot: Dovecot, settings: Settings) -> None:
    box = make_source(username="info@example.com")
    sales = make_collected(box)
    assert sales.address == address(sales)
    settings.INBOUND_DOMAIN = ""
    sales.full_clean()
    assert sales.address in own_addresses()
    assert not EmailSource.objects.handed_over().exists()

    shared = make_source(name="Shared", username="boss@example.com", mailbox="team@example.com")
    assert make_collected(shared, name="Team", public_address="team@example.com").address.startswith(
        "team+team-"
    )


def test_a_login_without_an_address_needs_the_domain(settings: Settings) -> None:
    box = make_source(username="catchall")
    sales = make_collected(box)
    settings.INBOUND_DOMAIN = ""
    with pytest.raises(ValidationError, match="is no e-mail address"):
        sales.full_clean()
    settings.INBOUND_DOMAIN = "inbound.example.test"
    sales.full_clean()
    assert sales.address == address(sales, "", "inbound.example.test")


def test_a_forwarding_source_collects_nothing() -> None:
    box = make_source(username="info@example.com")
    sales = make_collected(box)
    wrong = make_collected(box, name="Wrong", public_address="wrong@example.com")
    wrong.collected_by = sales
    with pytest.raises(ValidationError, match="has no mailbox itself"):
        wrong.full_clean()
    box.collected_by = sales
    box.full_clean()
    assert box.collected_by is None


def test_a_providers_question_is_kept_for_the_page(dovecot: Dovecot) -> None:
    box = source_at(dovecot)
    sales = make_collected(box)
    text = (
        "boss@example.com asks.\r\nConfirmation code: 512345678\r\n"
        "https://mail-settings.google.com/mail/vf-%5BAbc-9d%5D-Xy_z\r\n"
    )
    question = make_mail(text, From="Gmail Team <forwarding-noreply@google.com>", To=sales.address)
    dovecot.drop(box.username, question)
    poll_now(box)
    assert ForwardingConfirmation.objects.get().source == sales
    assert not Conversation.objects.exists()
