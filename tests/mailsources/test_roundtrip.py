"""“Round trip”: out over SMTP, into a Dovecot mailbox, in over IMAP, and never into the queue."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from mailsenders import connections, sending
from mailsenders.models import OutgoingMail
from mailsources import fetch, forwarding, forwarding_test, lease, roundtrip
from mailsources.deliver import deliver_many
from mailsources.models import EmailSource, FetchedMail, RoundTrip, SourceState
from queues.models import Conversation
from tests.mailsources.conftest import source_at
from tests.make import make_mail, make_queue, make_sender, make_source
from tests.servers.dovecot import Dovecot
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import TakenMail

pytestmark = pytest.mark.django_db(transaction=True)


class Relay(SmtpServer):
    """Hands what it takes to the mailboxes of a Dovecot."""

    def __init__(self, dovecot: Dovecot, **options: Any) -> None:
        super().__init__(**options)
        self.dovecot = dovecot
        self.forwards: dict[str, tuple[str, str]] = {}
        """Address → where to, and whose mailbox that is."""

    def take(self, mail: TakenMail) -> None:
        for user in mail.recipients:
            address, box = self.forwards.get(user, ("", user))
            trace = f"Delivered-To: {address}\r\nX-Forwarded-For: {user} {address}\r\n" if address else ""
            self.dovecot.drop(box, trace.encode() + mail.raw)
        super().take(mail)


@pytest.fixture
def relay(dovecot: Dovecot) -> Iterator[Relay]:
    with Relay(dovecot) as server:
        yield server
        connections.close_all()


@pytest.fixture
def source(dovecot: Dovecot) -> EmailSource:
    return source_at(dovecot)


def begun(relay: Relay, source: EmailSource) -> RoundTrip:
    sender = make_sender(server_address=relay.host, service_port=relay.port)
    return roundtrip.start(sender, source, "")


def look(source: EmailSource) -> None:
    """Fetch and deliver."""
    assert source.pk in lease.due(10)
    fetch.fetch_new(source)
    deliver_many(list(FetchedMail.objects.values_list("pk", flat=True)))


def fresh(trip: RoundTrip) -> RoundTrip:
    return RoundTrip.objects.select_related("outgoing", "sender__state", "source__state").get(pk=trip.pk)


def test_there_and_back(relay: Relay, source: EmailSource) -> None:
    SourceState.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1))
    trip = begun(relay, source)
    assert roundtrip.standing(fresh(trip)).word == "being sent"
    assert not roundtrip.wants_a_look(fresh(trip))

    sending.send_due_mail(trip.sender.pk)
    relay.wait_for(1)
    assert roundtrip.standing(fresh(trip)).word == "on its way"
    assert roundtrip.wants_a_look(fresh(trip))
    roundtrip.look(trip)
    look(source)

    shown = roundtrip.standing(fresh(trip))
    assert (shown.word, shown.is_over) == ("back", True)
    assert [stage.name for stage in shown.stages] == ["sent", "in the mailbox", "fetched", "recognised"]
    seconds = [stage.seconds for stage in shown.stages if stage.seconds is not None]
    assert len(seconds) == 4
    assert seconds == sorted(seconds)
    fetched = FetchedMail.objects.get(source=source)
    assert (fetched.state, fetched.reason) == (FetchedMail.State.SKIPPED, forwarding.MARKED)
    assert not Conversation.objects.exists()


def test_the_marked_mail_of_a_forwarding_source_comes_back(
    relay: Relay, source: EmailSource, settings: Settings
) -> None:
    """To the public address by SMTP, forwarded by its provider into a mailbox, and in by IMAP."""
    settings.INBOUND_DOMAIN = "inbound.example.test"
    sender = make_sender(server_address=relay.host, service_port=relay.port)
    forwarded = make_source(
        server_type="FORWARDING", public_address="sales@example.com", username="", server_address="",
        queue=make_queue(sender=sender), collected_by=source,
    )  # fmt: skip
    test = forwarding_test.start(forwarded)
    local, _, domain = source.username.partition("@")
    address = f"{local}+{forwarded.forwarding_token}@{domain}"
    relay.forwards = {"sales@example.com": (address, source.username)}

    sending.send_due_mail(sender.pk)
    relay.wait_for(1)
    test.refresh_from_db()
    assert forwarding_test.standing(test).word == "sent"
    look(source)
    test.refresh_from_db()
    shown = forwarding_test.standing(test)
    assert (shown.word, shown.is_over) == ("arrived", True)
    (mine,) = FetchedMail.objects.filter(source=forwarded)
    assert (mine.state, mine.reason) == (FetchedMail.State.SKIPPED, forwarding.MARKED)
    assert not Conversation.objects.exists()


def test_a_forged_mark_is_a_mail_like_any_other(dovecot: Dovecot, relay: Relay, source: EmailSource) -> None:
    trip = begun(relay, source)
    dovecot.drop(source.username, make_mail(Subject=f"Round trip {trip.pk}-{'0' * 24}"))
    look(source)

    assert fresh(trip).recognised_at is None
    assert Conversation.objects.count() == 1


def test_what_to_look_at_when_it_does_not_come(relay: Relay, source: EmailSource) -> None:
    trip = begun(relay, source)
    OutgoingMail.objects.update(state="sent", sent_at=timezone.now())
    RoundTrip.objects.update(started_at=timezone.now() - roundtrip.PATIENCE - timedelta(seconds=1))
    shown = roundtrip.standing(fresh(trip))
    assert (shown.word, shown.is_over) == ("not yet back", False)
    assert "spam folder" in shown.sentence

    source.state.failed("The server refused the password.", timezone.now() + timedelta(minutes=5))
    assert "The server refused the password." in roundtrip.standing(fresh(trip)).sentence
    assert not roundtrip.wants_a_look(fresh(trip))

    RoundTrip.objects.update(started_at=timezone.now() - timedelta(hours=2))
    assert roundtrip.standing(fresh(trip)).is_over


def test_a_refusal_on_the_way(relay: Relay, source: EmailSource) -> None:
    relay.fault("rcpt", "550 5.1.1 No such user")
    trip = begun(relay, source)
    sending.send_due_mail(trip.sender.pk)

    shown = roundtrip.standing(fresh(trip))
    assert (shown.word, shown.is_over) == ("not sent", True)
    assert "550 5.1.1 No such user" in shown.sentence


def test_a_sender_that_is_off_or_an_address_that_is_missing(source: EmailSource) -> None:
    with pytest.raises(roundtrip.RoundTripRefused, match="switched off"):
        roundtrip.start(make_sender(is_active=False), source, "")
    source.username = "box"
    with pytest.raises(roundtrip.RoundTripRefused, match="type it in"):
        roundtrip.start(make_sender(), source, "")
