"""Brakes: two machines that face each other, one that writes without end."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from api.status import report
from mailcore.parse import parse
from mailsenders import sending
from mailsenders.models import EmailSender, OutgoingMail
from mailstore.models import RawMail
from queues import actions, answering, brakes, intake
from queues.brakes import Traffic, judge_acknowledgement, judge_new
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_mail, make_queue, make_sender, make_supervisor, receive
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db

State = Conversation.State
TEXT = "We have got your mail."
MARKS = (b"Auto-Submitted", b"X-Auto-Response-Suppress", b"Precedence")


def acknowledged() -> int:
    return Message.objects.filter(direction="out", automatic="auto_reply").count()


def alarms() -> dict[int, list[str]]:
    return brakes.alarms(timezone.now())


class TestJudging:
    """Pure decisions at their edges."""

    def test_the_twenty_first_new_conversation_is_too_many(self) -> None:
        assert judge_new(19) == ""
        assert "More than 20 new conversations" in judge_new(20)

    @pytest.mark.parametrize(
        ("domain", "to_domain", "of_queue", "words"),
        [
            ("robots.example", 19, 99, ""),
            ("robots.example", 20, 20, "20 acknowledgements went to robots.example"),
            ("gmail.com", 99, 99, ""),
            ("gmail.com", 99, 100, "“Support” has sent 100 acknowledgements"),
        ],
    )
    def test_acknowledgements(self, domain: str, to_domain: int, of_queue: int, words: str) -> None:
        traffic = Traffic(domain=domain, to_domain=to_domain, queue="Support", of_queue=of_queue, limit=100)
        assert words in judge_acknowledgement(traffic)
        assert bool(words) == bool(judge_acknowledgement(traffic))


class TestOneSender:
    """Who writes without end."""

    def test_what_comes_after_twenty_is_held(self) -> None:
        queue = make_queue(acknowledgement=TEXT)
        states = [receive(queue).conversation.state for _ in range(25)]

        assert states == [State.WAITING] * 20 + [State.HELD] * 5
        last = Conversation.objects.latest("pk")
        assert (last.due_at, last.agent) == (None, None)
        assert "perhaps a machine" in last.events.get(kind="held").sentence
        assert acknowledged() == 1
        assert alarms()[queue.pk][0].startswith("5 conversations are held")

    def test_other_senders_and_yesterday_do_not_count(self) -> None:
        queue = make_queue()
        at = timezone.now() - timedelta(hours=3)
        for _ in range(25):
            receive(queue, at=at)
        assert receive(queue).conversation.state == State.WAITING
        assert receive(queue, make_mail(From="eva@example.net")).conversation.state == State.WAITING

    def test_answers_are_no_new_conversations(self) -> None:
        queue = make_queue()
        first = receive(queue)
        for _ in range(25):
            answer = receive(queue, make_mail(In_Reply_To=f"<{first.message_id}>"))
            assert answer.conversation == first.conversation
        assert receive(queue).conversation.state == State.WAITING

    def test_old_mail_of_a_first_import_is_not_held(self) -> None:
        queue = make_queue()
        for _ in range(25):
            raw = make_mail()
            kept = RawMail.objects.keep(raw)
            message = intake.deliver(queue, parse(raw), kept, timezone.now(), acknowledge=False)
            assert message.conversation.state == State.WAITING

    def test_five_hundred_replies_of_a_robot_without_a_header(self) -> None:
        """Each with a new subject and no thread: one answer, an alarm, and no more to do than usual."""
        queue = make_queue(acknowledgement=TEXT)
        for number in range(500):
            receive(queue, make_mail("Thank you.", From="robot@robots.example", Subject=f"Ticket {number}"))

        assert acknowledged() == 1
        assert Conversation.objects.filter(state=State.WAITING).count() == 20
        assert Conversation.objects.filter(state=State.HELD).count() == 480
        assert "480 conversations are held" in alarms()[queue.pk][0]

    def test_a_robot_with_a_new_address_each_time(self) -> None:
        queue = make_queue(acknowledgement=TEXT)
        for number in range(30):
            message = receive(queue, make_mail(From=f"robot{number}@robots.example"))

        assert acknowledged() == 20
        assert "went to robots.example" in message.conversation.events.get(kind="acknowledged").sentence
        receive(queue, make_mail(From="eva@example.net"))
        assert acknowledged() == 21

    def test_a_robot_with_a_new_domain_each_time(self) -> None:
        queue = make_queue(acknowledgement=TEXT, acknowledgement_limit=10)
        other = make_queue(acknowledgement=TEXT)
        for number in range(15):
            receive(queue, make_mail(From=f"robot@r{number}.example"))
        receive(other, make_mail(From="eva@example.net"))

        assert acknowledged() == 11
        assert list(alarms()) == [queue.pk]
        assert "has sent 10 acknowledgements" in alarms()[queue.pk][0]

    def test_an_hour_later_it_goes_on(self) -> None:
        queue = make_queue(acknowledgement=TEXT, acknowledgement_limit=1)
        receive(queue, make_mail(From="max@example.org"))
        Message.objects.update(created_at=timezone.now() - timedelta(minutes=61))
        receive(queue, make_mail(From="eva@example.net"))

        assert acknowledged() == 2
        assert OutgoingMail.objects.filter(is_automatic=True, mail_from="").count() == 2

    def test_alarms_cost_the_same_for_many_queues(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(5):
            receive(make_queue(acknowledgement=TEXT, acknowledgement_limit=1), make_mail())
        with django_assert_num_queries(1):
            assert len(alarms()) == 5


class TestTwoSystems:
    """Two systems that acknowledge each mail, over a real server; each knows only its own addresses."""

    @pytest.fixture
    def both(self) -> dict[str, EmailQueue]:
        ours = make_queue(acknowledgement=TEXT, sender=make_sender(email_address="support@ours.example"))
        theirs = make_queue(acknowledgement=TEXT, sender=make_sender(email_address="help@theirs.example"))
        return {"support@ours.example": ours, "help@theirs.example": theirs}

    @pytest.mark.parametrize(
        "stripped", [(), (b"Auto-Submitted", b"X-Auto-Response-Suppress", b"Precedence")]
    )
    @pytest.mark.parametrize("thread", [True, False])
    def test_they_fall_silent(
        self,
        both: dict[str, EmailQueue],
        monkeypatch: pytest.MonkeyPatch,
        stripped: tuple[bytes, ...],
        thread: bool,
    ) -> None:
        """Also when a gateway between them takes away the headers that say what it is, and the thread."""
        lost = stripped if thread else (*stripped, b"In-Reply-To", b"References")
        with SmtpServer() as server:
            EmailSender.objects.update(server_address=server.host, service_port=server.port)
            raw = make_mail(From="Help <help@theirs.example>", To="support@ours.example")
            self.deliver(both["support@ours.example"], raw, monkeypatch)
            done = 0
            for _ in range(10):
                for queue in both.values():
                    assert queue.sender is not None
                    sending.send_due_mail(queue.sender.pk)
                new = server.mails[done:]
                done += len(new)
                for mail in new:
                    self.deliver(both[mail.recipients[0]], without(mail.raw, lost), monkeypatch)
                if not new:
                    break
            assert done <= 2
            assert all(mail.mail_from == "" for mail in server.mails)
        for queue in both.values():
            sent = Message.objects.filter(conversation__queue=queue, direction="out", automatic="auto_reply")
            assert sent.count() <= 1

    def deliver(self, queue: EmailQueue, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        assert queue.sender is not None
        own = frozenset({queue.sender.email_address})
        monkeypatch.setattr(answering, "own_addresses", lambda: own)
        receive(queue, raw)

    def test_two_queues_of_one_system_do_not_even_begin(self) -> None:
        first = make_queue(acknowledgement=TEXT, sender=make_sender(email_address="support@ours.example"))
        make_queue(acknowledgement=TEXT, sender=make_sender(email_address="sales@ours.example"))
        receive(first, make_mail(From="sales@ours.example"))

        assert acknowledged() == 0


def without(raw: bytes, names: tuple[bytes, ...]) -> bytes:
    """The mail without these headers."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0] not in names]
    return b"\r\n".join(kept) + b"\r\n\r\n" + body


def test_a_held_conversation_let_go_is_like_any_other() -> None:
    bob = make_supervisor("bob")
    queue = make_queue([bob], acknowledgement=TEXT)
    for _ in range(21):
        message = receive(queue)
    actions.let_go(bob.user, message.conversation)
    message.conversation.refresh_from_db()

    assert message.conversation.state == State.WAITING
    assert message.conversation.due_at is not None
    assert alarms() == {}


def test_the_alarm_is_on_the_queue_and_in_the_status(admin_client: Client) -> None:
    queue = make_queue(acknowledgement=TEXT)
    for _ in range(21):
        receive(queue)

    page = admin_client.get("/admin/queues/emailqueue/").content.decode()
    assert "1 conversation is held" in page
    assert f'ucs_queue_alarms{{queue="{queue.name}"}} 1.0' in admin_client.get("/metrics").content.decode()
    told = report()
    assert told["queues"][0]["held"] == 1
    assert any(each.startswith(f"queue {queue.name}: 1 conversation is held") for each in told["troubles"])
