"""Signed return paths: what comes to one is about that mail, whatever it says; forged ones are nothing."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone
from pytest_django import Settings

from agents.models import Agent
from mailsenders import outbox, returnpath, sending, testsend
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailsources import accepting
from mailsources.accepting import store
from mailsources.deliver import deliver
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail
from queues import actions
from queues.actions import Reply
from queues.models import Message
from tests.make import make_agent, make_mail, make_outgoing, make_queue, make_sender, make_source, receive
from tests.queues.test_bounces import fields, report, taken
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import Phase

pytestmark = pytest.mark.django_db

DOMAIN = "inbound.example.test"
MAX, EVA = "max@customer.example", "eva@customer.example"
STRANGE = make_mail(
    "Viestiäsi ei voitu toimittaa perille.", From="Postipalvelu <>", Subject="Ilmoitus", Return_Path="<>"
)


@pytest.fixture(autouse=True)
def domain(settings: Settings) -> None:
    settings.INBOUND_DOMAIN = DOMAIN


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


def answer(alice: Agent, path: str, to: tuple[str, ...] = (MAX,), **more: str) -> Message:
    """An answer that a server has taken."""
    sender = make_sender(email_address="support@example.com", return_path=path, **more)
    queue = make_queue([alice], sender=sender)
    make_source(queue=queue, username="support@example.com")
    asked = receive(queue, make_mail(From=f"Max <{MAX}>"))
    sent = actions.reply(alice.user, asked.conversation, Reply(text="Today.", to=to, undo_seconds=0))
    taken(sent)
    return sent


def path_of(sent: Message) -> str:
    return OutgoingMail.objects.get(message=sent).mail_from


def handed_over(path: str, raw: bytes, mail_from: str = "<>") -> Message | None:
    """As a mail server does."""
    accepting.check_recipient(path)
    (fetched,) = store(mail_from, [path], raw)
    return deliver(fetched.pk)


def fetched(raw: bytes) -> Message | None:
    """As it lies in the mailbox."""
    return deliver(ingest(EmailSource.objects.get(), raw).pk)


def state_of(email: str) -> str:
    return OutgoingRecipient.objects.get(email=email).state


class TestLeaving:
    """What stands in MAIL FROM."""

    def test_the_sink_sees_it(self, server: SmtpServer) -> None:
        values = {"server_type": "NONE", "server_address": server.host, "service_port": server.port}
        wanted = {
            "plain": r"support@example\.com",
            "plus": r"support\+b=[0-9a-z]+-[0-9a-z]+-[a-z2-7]{16}@example\.com",
            "domain": r"bounce\+b=[0-9a-z]+-[0-9a-z]+-[a-z2-7]{16}@inbound\.example\.test",
        }
        for number, (path, pattern) in enumerate(wanted.items()):
            sender = make_sender(return_path=path, **values)
            mail = make_outgoing(sender)
            make_outgoing(sender, mail_from="", order_key=2)  # automatic mail stays without one
            sending.send_due_mail(sender.pk)
            first, second = server.wait_for(2 * number + 2)[-2:]
            assert re.fullmatch(pattern, first.mail_from)
            assert second.mail_from == ""
            named = returnpath.read(first.mail_from)
            assert (named.number if named else None) == (mail.pk if path != "plain" else None)

    @pytest.mark.parametrize(
        ("phase", "said"),
        [
            ("mail", "550 5.7.60 Client does not have permissions to send as this sender"),
            ("rcpt", "550 5.1.0 <support+b=1@example.com>: Address rejected"),
            ("rcpt", "550 5.1.7 Undeliverable address"),
        ],
    )
    def test_a_server_that_minds_gets_the_senders_address(
        self, server: SmtpServer, phase: Phase, said: str
    ) -> None:
        values = {"server_type": "NONE", "server_address": server.host, "service_port": server.port}
        sender = make_sender(return_path="plus", **values)
        mail = make_outgoing(sender)
        server.fault(phase, said)
        sending.send_due_mail(sender.pk)
        mail.refresh_from_db()
        assert [each.mail_from for each in server.wait_for(1)] == ["support@example.com"]
        assert (mail.state, mail.attempts) == ("sent", 1)

    def test_the_test_mail_has_the_same_kind(self, server: SmtpServer) -> None:
        values = {"server_type": "NONE", "server_address": server.host, "service_port": server.port}
        sender = make_sender(return_path="plus", **values)
        make_source(queue=make_queue(sender=sender))
        test = testsend.start(sender, "charlie@example.org")
        testsend.run(test.pk)
        (seen,) = server.wait_for(1)
        assert returnpath.read(seen.mail_from) == returnpath.Named(test.pk, is_test=True)
        raw = report(fields("charlie@example.org"), "", To=seen.mail_from)
        assert fetched(raw) is None
        test.refresh_from_db()
        assert (test.state, "returned it afterwards" in test.verdict) == ("refused", True)

    def test_sent_again_it_is_good_for_another_month(self, alice: Agent) -> None:
        sent = answer(alice, "plus")
        first = path_of(sent)
        with time_machine.travel(timezone.now() + timedelta(days=40), tick=False):
            assert returnpath.read(first) is None
            OutgoingMail.objects.update(state="failed")
            OutgoingRecipient.objects.update(state="refused")
            assert outbox.resend(OutgoingMail.objects.get())
            assert returnpath.read(path_of(sent)) is not None


@pytest.mark.parametrize("path", ["plus", "domain"])
class TestComingBack:
    """Reports that name nothing but the address that they came to."""

    def come(self, sent: Message, raw: bytes) -> Message | None:
        path = path_of(sent)
        if path.endswith(DOMAIN):
            return handed_over(path.upper(), raw)
        return fetched(f"Delivered-To: {path.upper()}\r\n".encode() + raw)

    def test_one_that_nobody_can_read_marks_the_recipient(self, alice: Agent, path: str) -> None:
        sent = answer(alice, path)
        back = self.come(sent, STRANGE)
        assert back is not None
        assert (back.conversation, back.automatic) == (sent.conversation, "bounce")
        assert state_of(MAX) == "refused"
        assert OutgoingMail.objects.get().state == "failed"
        assert MAX in sent.conversation.events.get(kind="bounced").sentence

    def test_without_the_original_it_says_whom_of_several(self, alice: Agent, path: str) -> None:
        sent = answer(alice, path, to=(MAX, EVA))
        back = self.come(sent, report(fields(EVA), ""))
        assert back is not None
        assert back.conversation == sent.conversation
        assert (state_of(MAX), state_of(EVA)) == ("accepted", "refused")

    def test_unreadable_and_of_several_people_are_told(self, alice: Agent, path: str) -> None:
        sent = answer(alice, path, to=(MAX, EVA))
        self.come(sent, STRANGE)
        assert (state_of(MAX), state_of(EVA)) == ("accepted", "accepted")
        assert sent.conversation.events.filter(kind="bounced").exists()

    def test_a_delay_marks_no_failure(self, alice: Agent, path: str) -> None:
        sent = answer(alice, path)
        self.come(sent, report(fields(MAX, action="delayed"), ""))
        row = OutgoingRecipient.objects.get()
        assert (row.state, row.delay != "") == ("accepted", True)

    def test_who_answers_by_himself_returns_nothing(self, alice: Agent, path: str) -> None:
        sent = answer(alice, path)
        for headers in (
            {"From": f"Max <{MAX}>", "Return_Path": "<>"},
            {"From": "Other <max@elsewhere.example>", "Auto_Submitted": "auto-replied"},
        ):
            FetchedMail.objects.all().delete()
            self.come(sent, make_mail("I am away.", Subject="Away", **headers))
            assert state_of(MAX) == "accepted"


def test_reports_are_taken_whatever_sender_the_queue_has_now(alice: Agent) -> None:
    sent = answer(alice, "domain")
    path = path_of(sent)
    queue = sent.conversation.queue
    queue.sender = make_sender(name="newer")
    queue.save()
    back = handed_over(path, STRANGE)
    assert back is not None
    assert (back.conversation, state_of(MAX)) == (sent.conversation, "refused")


class TestForged:
    """Only our own signature counts, and not for ever."""

    def forged(self, path: str) -> list[str]:
        local, _, domain = path.rpartition("@")
        other = local.replace("b=", "b=1") if "b=1" not in local else local.replace("b=", "b=2")
        return [f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}", f"{other}@{domain}"]

    def test_the_intake_knows_no_such_address(self, alice: Agent) -> None:
        path = path_of(answer(alice, "domain"))
        for each in [*self.forged(path), f"bounce@{DOMAIN}", path.replace(DOMAIN, "else.example")]:
            with pytest.raises(accepting.Refused, match=r"550 5\.1\.1"):
                accepting.check_recipient(each)
        with (
            time_machine.travel(timezone.now() + timedelta(days=31), tick=False),
            pytest.raises(accepting.Refused, match=r"550 5\.1\.1"),
        ):
            accepting.check_recipient(path)
        assert not FetchedMail.objects.exists()

    def test_in_the_mailbox_it_is_a_mail_like_any_other(self, alice: Agent) -> None:
        sent = answer(alice, "plus")
        for path in self.forged(path_of(sent)):
            FetchedMail.objects.all().delete()
            came = fetched(f"Delivered-To: {path}\r\n".encode() + STRANGE)
            assert came is not None
            assert came.conversation != sent.conversation
        assert state_of(MAX) == "accepted"

    def test_the_mark_of_a_test_mail_is_none_of_an_answer(self, alice: Agent) -> None:
        path = path_of(answer(alice, "plus"))
        assert returnpath.read(path.replace("+b=", "+t=")) is None


def test_a_person_who_writes_there_joins_by_the_thread_alone(alice: Agent) -> None:
    sent = answer(alice, "plus")
    raw = make_mail("Thanks!", From=f"Max <{MAX}>", To=path_of(sent), In_Reply_To=f"<{sent.message_id}>")
    came = fetched(raw)
    assert came is not None
    assert (came.conversation, came.automatic) == (sent.conversation, "no")
    assert state_of(MAX) == "accepted"


def test_what_cannot_work_is_refused_in_words(settings: Settings) -> None:
    settings.INBOUND_DOMAIN = ""
    sender = make_sender()
    sender.return_path = "domain"
    with pytest.raises(ValidationError, match="UCS_INBOUND_DOMAIN"):
        sender.clean()
    sender.return_path, sender.email_address = "plus", f"{'x' * 40}@example.com"
    with pytest.raises(ValidationError, match="too long for a plus-address"):
        sender.clean()
