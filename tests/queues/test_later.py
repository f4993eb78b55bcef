"""Answers that leave later: at their time, once, and not over anybody's head."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import Signature
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from agents.models import Agent
from alarms.troubles import troubles
from mailcore.compose import OutFile
from mailsenders.models import OutgoingMail
from queues import actions, hours, later, tasks
from queues.actions import ActionRefused, NewMailArrived, Reply
from queues.models import Conversation, Draft, EmailQueue, Macro, Message
from tests.make import make_agent, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db

State = Conversation.State
TOKEN = "0b7c2a52-7f0e-4f0e-9d0e-1f2a3b4c5d6e"
CARD = "4111 1111 1111 1111"
IN_AN_HOUR = timedelta(hours=1)


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


@pytest.fixture
def asked(alice: Agent) -> Message:
    return receive(make_queue([alice]))


def timed(alice: Agent, asked: Message, **more: object) -> Draft:
    values: dict[str, object] = {
        "text": "In the morning.",
        "token": TOKEN,
        "send_at": timezone.now() + IN_AN_HOUR,
    }
    return actions.schedule(alice.user, asked.conversation, Reply(**(values | more)))  # type: ignore[arg-type]


def pass_time() -> None:
    """As if the time of all timed answers had come."""
    Draft.objects.filter(send_at__isnull=False).update(send_at=timezone.now() - timedelta(seconds=1))
    tasks.sweep()


def sent() -> list[Message]:
    return list(Message.objects.filter(direction="out"))


def test_a_held_one_is_not_overwritten_by_a_window_left_open(alice: Agent, asked: Message) -> None:
    timed(alice, asked, files=(OutFile("a.txt", "text/plain", b"a"),))
    Draft.objects.update(send_at=None, held_why="Charlie Stone has written since.")
    for token in (TOKEN, ""):
        with pytest.raises(ActionRefused, match="waits for your word"):
            actions.save_draft(alice.user, asked.conversation, "something else", token=token)
    with pytest.raises(ActionRefused, match="waits for your word"):
        actions.add_draft_file(
            alice.user, asked.conversation, actions.NewFile(name="b", type="text/plain", data=b"b")
        )
    draft = Draft.objects.get()
    actions.remove_draft_file(alice.user, draft.files.get().pk)
    assert (draft.text, draft.files.count()) == ("In the morning.", 1)
    actions.cancel(alice.user, asked.conversation, draft.pk)
    actions.save_draft(alice.user, asked.conversation, "changed", token=TOKEN)
    assert Draft.objects.get().text == "changed"


class TestLeaving:
    """At its time, once."""

    def test_it_waits_and_leaves(self, alice: Agent, asked: Message) -> None:
        file = OutFile("a.txt", "text/plain", b"abc")
        timed(alice, asked, files=(file,), close=True)
        row = Conversation.objects.get()
        assert (row.state, row.agent, row.due_at is not None) == (State.SNOOZED, alice, True)
        tasks.sweep()
        assert sent() == []
        pass_time()
        (message,) = sent()
        row.refresh_from_db()
        assert (row.state, message.agent, message.text[:15]) == (State.CLOSED, alice, "In the morning.")
        assert [each.name for each in message.attachments.all()] == ["a.txt"]
        assert message.outgoing is not None
        assert message.outgoing.state == OutgoingMail.State.QUEUED
        assert message.sent_at > timezone.now() - timedelta(minutes=1)
        assert not Draft.objects.exists()
        pass_time()
        assert len(sent()) == 1

    def test_the_same_request_again_changes_nothing(self, alice: Agent, asked: Message) -> None:
        at = timezone.now() + timedelta(hours=2)
        assert timed(alice, asked, send_at=at) == timed(alice, asked, send_at=at)
        with pytest.raises(ActionRefused, match="waits for its time"):
            timed(alice, asked, send_at=at, text="Other.")
        assert Draft.objects.get().text == "In the morning."
        pass_time()
        with pytest.raises(ActionRefused, match="sent already"):
            timed(alice, asked)

    def test_a_key_of_a_program_need_not_be_a_uuid(self, alice: Agent, asked: Message) -> None:
        at = timezone.now() + timedelta(hours=2)
        one, again = (timed(alice, asked, token="order 7", send_at=at) for _ in range(2))
        assert one == again

    @pytest.mark.parametrize(
        "more",
        [{"to": ("other@example.net",)}, {"send_at": timezone.now() + timedelta(days=2)}, {"close": True}],
    )
    def test_another_wish_with_the_same_key_is_not_taken_for_it(
        self, alice: Agent, asked: Message, more: dict[str, Any]
    ) -> None:
        wish: dict[str, Any] = {"token": "order 7", "send_at": timezone.now() + timedelta(days=1)}
        before = timed(alice, asked, **wish)
        with pytest.raises(ActionRefused, match="waits for its time"):
            timed(alice, asked, **(wish | more))
        before.refresh_from_db()
        assert before.send_at == wish["send_at"]

    def test_the_number_of_a_card_is_kept_no_more_than_in_a_mail(self, alice: Agent, asked: Message) -> None:
        EmailQueue.objects.update(pci=EmailQueue.PaymentCards.MASK)
        assert CARD not in timed(alice, asked, text=f"It is {CARD}.").text
        EmailQueue.objects.update(pci=EmailQueue.PaymentCards.REJECT)
        asked.conversation.drafts.all().delete()
        asked.conversation.refresh_from_db()
        with pytest.raises(ActionRefused, match="payment card"):
            timed(alice, asked, text=f"It is {CARD}.")

    def test_a_macro_that_was_taken_off_does_not_come_back(self, alice: Agent, asked: Message) -> None:
        macro = Macro.objects.create(name="Done")
        actions.save_draft(alice.user, asked.conversation, "In the morning.", token=TOKEN, macro_id=macro.pk)
        assert timed(alice, asked).macro is None

    def test_what_cannot_be_sent_is_told_at_once(self, alice: Agent, asked: Message) -> None:
        for more, words in (
            ({"send_at": timezone.now()}, "is over already"),
            ({"send_at": datetime(2099, 1, 1)}, "is over already"),
            ({"send_at": timezone.now() + timedelta(days=400)}, "within a year"),
            ({"text": " "}, "is empty"),
            ({"to": ("nobody",)}, "is not an e-mail address"),
        ):
            with pytest.raises(ActionRefused, match=words):
                timed(alice, asked, **more)
        assert not Draft.objects.exists()


class TestHeld:
    """Nobody is written to over somebody's head."""

    def test_a_mail_of_the_customer_holds_it_and_the_agent_is_told(
        self, alice: Agent, asked: Message
    ) -> None:
        draft = timed(alice, asked)
        news = receive(asked.conversation.queue, make_mail("Never mind!", References=f"<{asked.message_id}>"))
        row = Conversation.objects.get()
        assert (row.state, row.agent) == (State.ASSIGNED, alice)
        assert later.why_held(draft, row) == "Charlie Stone has written since."
        pass_time()
        assert sent() == []
        draft.refresh_from_db()
        assert (draft.send_at, draft.held_why) == (None, "Charlie Stone has written since.")
        assert "was not sent. Charlie" in row.events.get(kind="unscheduled").sentence
        with pytest.raises(NewMailArrived):
            actions.send_now(alice.user, row, draft.pk, asked.pk)
        message = actions.send_now(alice.user, row, draft.pk, news.pk)
        assert message.text.startswith("In the morning.")

    def test_a_colleagues_answer_holds_it(self, alice: Agent, asked: Message) -> None:
        bob = make_supervisor("bob", queues=[asked.conversation.queue])
        timed(alice, asked)
        actions.reply(bob.user, asked.conversation, Reply(text="Done already."))
        pass_time()
        assert [message.agent for message in sent()] == [bob]
        assert Draft.objects.get().held_why == "Bob has answered since."

    def test_machines_hold_nothing(self, alice: Agent, asked: Message) -> None:
        timed(alice, asked)
        raw = make_mail("Away.", References=f"<{asked.message_id}>", Auto_Submitted="auto-replied")
        receive(asked.conversation.queue, raw)
        pass_time()
        assert len(sent()) == 1

    def test_what_became_impossible_is_held_with_its_reason(self, alice: Agent, asked: Message) -> None:
        timed(alice, asked)
        sender = asked.conversation.queue.sender
        assert sender is not None
        sender.is_active = False
        sender.save()
        pass_time()
        assert "is switched off" in Draft.objects.get().held_why
        row = Conversation.objects.get()
        assert (row.state, row.agent) == (State.ASSIGNED, alice)


class TestFaults:
    """What is our own fault is tried three times, and then told."""

    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        tried: list[int] = []

        def fail(*args: object, **more: object) -> Message:
            tried.append(1)
            raise ZeroDivisionError

        monkeypatch.setattr(later, "reply", fail)
        return tried

    def test_three_tries_then_a_person_is_asked(
        self, alice: Agent, asked: Message, broken: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draft = timed(alice, asked)
        pass_time()
        tasks.sweep()
        draft.refresh_from_db()
        assert (len(broken), draft.tries, draft.held_why) == (2, 2, "")
        assert later.stuck() == {}
        tasks.sweep()
        tasks.sweep()
        draft.refresh_from_db()
        assert (len(broken), draft.send_at) == (3, None)
        assert "failed 3 times by a fault of ours (ZeroDivisionError" in draft.held_why
        row = Conversation.objects.get()
        assert (row.state, row.agent) == (State.ASSIGNED, alice)
        assert later.stuck() == {row.queue_id: 1}
        trouble = next(each for each in troubles() if each.key.endswith(":timed"))
        assert "1 timed answer" in trouble.sentence
        monkeypatch.undo()
        actions.send_now(alice.user, row, draft.pk)
        assert len(sent()) == 1
        assert later.stuck() == {}

    def test_another_answer_leaves_meanwhile(
        self, alice: Agent, asked: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        timed(alice, asked)
        other = receive(asked.conversation.queue)
        timed(alice, other, text="The other.", token="other")
        real = actions.reply

        def fail(actor: User, row: Conversation, answer: Reply) -> Message:
            if row == asked.conversation:
                raise ZeroDivisionError
            return real(actor, row, answer)

        monkeypatch.setattr(later, "reply", fail)
        pass_time()
        assert [each.text[:10] for each in sent()] == ["The other."]

    def test_stopped_and_timed_again_it_counts_anew(
        self, alice: Agent, asked: Message, broken: list[int]
    ) -> None:
        draft = timed(alice, asked)
        pass_time()
        actions.cancel(alice.user, asked.conversation, draft.pk)
        assert Draft.objects.get().tries == 0


class TestHints:
    """A worker is told a little before, so that an answer is on time."""

    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
        hints: list[tuple[int, float]] = []

        def note(task: Signature[object], draft_id: int) -> None:
            assert task.task == tasks.leave.name
            hints.append((draft_id, task.options["countdown"]))

        monkeypatch.setattr(later, "announce", note)
        return hints

    def test_soon_is_told_at_once_and_later_by_a_tick(
        self, alice: Agent, asked: Message, told: list[tuple[int, float]]
    ) -> None:
        draft = timed(alice, asked, send_at=timezone.now() + timedelta(seconds=20))
        assert [pk for pk, _ in told] == [draft.pk]
        assert 15 < told[0][1] <= 20
        other = timed(alice, receive(asked.conversation.queue))
        assert len(told) == 1
        tasks.sweep()
        assert {pk for pk, _ in told} == {draft.pk}
        assert other.send_at is not None
        later.hint(other.send_at - timedelta(seconds=45))
        assert (told[-1][0], round(told[-1][1])) == (other.pk, 45)

    def test_the_hint_sends_it_once_and_never_early(self, alice: Agent, asked: Message) -> None:
        draft = timed(alice, asked)
        tasks.leave(draft.pk)
        assert sent() == []
        Draft.objects.update(send_at=timezone.now())
        tasks.leave(draft.pk)
        tasks.leave(draft.pk)
        assert len(sent()) == 1


class TestChanging:
    """Until then it is the author's."""

    def test_it_is_stopped_changed_and_sent(self, alice: Agent, asked: Message) -> None:
        draft = timed(alice, asked)
        row = asked.conversation
        with pytest.raises(ActionRefused, match="waits for its time"):
            actions.save_draft(alice.user, row, "Changed.", token=TOKEN)
        actions.cancel(alice.user, row, draft.pk)
        row.refresh_from_db()
        assert (row.state, row.agent) == (State.ASSIGNED, alice)
        actions.save_draft(alice.user, row, "Changed.", token=TOKEN)
        pass_time()
        assert sent() == []
        with pytest.raises(ActionRefused, match="waits no longer"):
            actions.cancel(alice.user, row, draft.pk)

    def test_sent_now(self, alice: Agent, asked: Message) -> None:
        draft = timed(alice, asked)
        message = actions.send_now(alice.user, asked.conversation, draft.pk)
        assert message.outgoing is not None
        assert message.outgoing.state == OutgoingMail.State.HELD
        pass_time()
        assert len(sent()) == 1

    def test_sent_now_and_taken_back_it_does_not_sleep_on(self, alice: Agent, asked: Message) -> None:
        draft = timed(alice, asked)
        message = actions.send_now(alice.user, asked.conversation, draft.pk)
        assert actions.undo(alice.user, message)
        row = Conversation.objects.get()
        assert (row.state, row.agent, row.snoozed_until) == (State.ASSIGNED, alice, None)
        assert row.due_at is not None
        assert Draft.objects.get().text == "In the morning."

    def test_a_colleague_does_not_touch_it_a_supervisor_does(self, alice: Agent, asked: Message) -> None:
        queue = asked.conversation.queue
        dora, bob = make_agent("dora", queues=[queue]), make_supervisor("bob", queues=[queue])
        draft = timed(alice, asked)
        with pytest.raises(ActionRefused, match="ask Alice or a supervisor"):
            actions.cancel(dora.user, asked.conversation, draft.pk)
        actions.cancel(bob.user, asked.conversation, draft.pk)
        assert Draft.objects.get().agent == alice

    def test_merged_away_it_waits_for_a_word(self, alice: Agent, asked: Message) -> None:
        other = receive(asked.conversation.queue)
        timed(alice, asked)
        actions.merge(alice.user, asked.conversation, other.conversation)
        draft = Draft.objects.get()
        assert (draft.conversation, draft.send_at) == (other.conversation, None)
        assert "merged" in draft.held_why


@pytest.mark.parametrize(
    ("opening", "now", "expected"),
    [
        ("Mo-Su 00:00-24:00", "2026-03-04 15:00", ["Tomorrow 2026-03-05 08:00", "Monday 2026-03-09 08:00"]),
        ("Mo-Fr 09:30-18:00", "2026-03-06 15:00", ["Monday 2026-03-09 09:30"]),
        ("Mo-Fr 06:00-18:00", "2026-03-05 23:00", ["Tomorrow 2026-03-06 08:00", "Monday 2026-03-09 08:00"]),
        (
            "Tu 06:00-07:00,10:00-12:00",
            "2026-03-02 10:00",
            ["Tomorrow 2026-03-03 10:00", "Tuesday 2026-03-10 10:00"],
        ),
        ("Mo-Su 00:00-24:00", "2026-03-28 12:00", ["Tomorrow 2026-03-29 08:00", "Monday 2026-03-30 08:00"]),
    ],
)
def test_times_to_choose(opening: str, now: str, expected: list[str], settings: Settings) -> None:
    """Mornings on which the queue is open, also over the night when clocks change."""
    zone = ZoneInfo("Europe/Prague")
    settings.TIME_ZONE = "Europe/Prague"
    with timezone.override(zone):
        found = later.presets(hours.calendar(opening), datetime.fromisoformat(now).replace(tzinfo=zone))
        told = [f"{each.label} {timezone.localtime(each.at):%Y-%m-%d %H:%M}" for each in found]
    assert told == expected


def test_open_or_not() -> None:
    calendar = hours.calendar("Mo-Fr 08:00-12:00,13:00-17:00")
    for text, is_open in (("02 08:00", True), ("02 12:00", False), ("02 13:00", True), ("07 10:00", False)):
        at = timezone.make_aware(datetime.strptime(f"2026-03-{text}", "%Y-%m-%d %H:%M"))
        assert calendar.is_open(at) is is_open
