"""What was given and not opened, what is kept for who answered last, what who has gone leaves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from agents import presence
from agents.models import Agent
from mailcore.moments import written
from queues import actions, inbox, routing, tasks, waking
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, EmailQueue
from tests.make import make_agent, make_conversation, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db
State = Conversation.State
Presence = Agent.Presence
PUSH = EmailQueue.Mode.PUSH


def pushed(*agents: Agent, **more: object) -> Conversation:
    queue = make_queue(agents, mode=PUSH, **more)  # type: ignore[arg-type]
    row = make_conversation(queue)
    assert routing.dispatch(queue.pk) == 1
    row.refresh_from_db()
    return row


def time_out(row: Conversation) -> None:
    """The time to open it is over, and the sweep comes."""
    Conversation.objects.filter(pk=row.pk).update(accept_by=timezone.now())
    tasks.sweep()
    row.refresh_from_db()


def answered(agent: Agent, queue: EmailQueue) -> Conversation:
    message = receive(queue)
    actions.reply(agent.user, message.conversation, Reply(text="Hello."))
    message.conversation.refresh_from_db()
    return message.conversation


def follow_up(row: Conversation) -> Conversation:
    sent = row.messages.filter(direction="out").latest("pk")
    receive(row.queue, make_mail(References=f"<{sent.message_id}>"))
    row.refresh_from_db()
    return row


class TestAccepting:
    """Opened, or begun, in time."""

    def test_opening_accepts(self, client: Client) -> None:
        alice, dora = make_agent("alice"), make_agent("dora", capacity=0)
        row = pushed(alice, dora)
        assert row.accept_by is not None
        assert row.offered_at is not None
        assert (row.accept_by - row.offered_at).seconds == 120
        client.force_login(dora.user)
        client.get(f"/conversations/{row.pk}/")
        row.refresh_from_db()
        assert row.accepted_at is None
        client.force_login(alice.user)
        client.get(f"/conversations/{row.pk}/")
        row.refresh_from_db()
        assert row.accepted_at is not None

    def test_beginning_accepts(self) -> None:
        alice = make_agent("alice", missed_offers=1)
        row = pushed(alice)
        actions.save_draft(alice.user, row, "Hello")
        row.refresh_from_db()
        alice.refresh_from_db()
        assert (row.accept_by, alice.missed_offers) == (None, 0)

    def test_no_limit(self) -> None:
        row = pushed(make_agent("alice"), accept_seconds=0)
        assert row.accept_by is None
        assert row.offered_at is not None

    def test_what_somebody_took_needs_no_opening(self) -> None:
        alice = make_agent("alice")
        make_conversation(make_queue([alice], mode=PUSH))
        row = actions.take_next(alice.user)
        assert row is not None
        assert row.accept_by is None


class TestMissing:
    """Not opened in time: somebody else, and the same due time."""

    def test_to_somebody_else_with_the_same_due_time(self) -> None:
        alice = make_agent("alice", idle_since=timezone.now() - timedelta(hours=1))
        dora = make_agent("dora", idle_since=timezone.now())
        row = pushed(alice, dora)
        assert row.agent == alice
        due = (row.due_at, row.due_tick, row.waiting_since)
        time_out(row)
        assert (row.agent, row.due_at, row.due_tick, row.waiting_since) == (dora, *due)
        kinds = list(row.events.values_list("kind", flat=True))
        assert kinds[-2:] == ["missed", "offered"]
        assert "Alice did not open it in time" in row.events.get(kind="missed").sentence

    def test_twice_in_a_row_and_the_agent_is_away(self) -> None:
        alice = make_agent("alice")
        row = pushed(alice)
        time_out(row)
        alice.refresh_from_db()
        # nobody else could have had it, so the round begins anew
        assert (row.agent, alice.presence, alice.missed_offers) == (alice, Presence.AVAILABLE, 1)
        time_out(row)
        alice.refresh_from_db()
        assert (row.state, row.agent) == (State.WAITING, None)
        assert (alice.presence, alice.away_reason) == (Presence.AWAY, "did not answer offers")
        actions.set_presence(alice.user, Presence.AVAILABLE)
        tasks.sweep()
        row.refresh_from_db()
        alice.refresh_from_db()
        assert (row.agent, alice.away_reason, alice.missed_offers) == (alice, "", 0)

    def test_one_missed_and_one_opened_is_no_row(self) -> None:
        alice = make_agent("alice")
        row = pushed(alice)
        time_out(row)
        actions.save_draft(alice.user, row, "Hello")
        alice.refresh_from_db()
        assert alice.missed_offers == 0

    def test_an_answer_ends_the_round(self) -> None:
        alice, dora = make_agent("alice"), make_agent("dora")
        row = pushed(alice, dora)
        time_out(row)
        assert len(row.missed_by) == 1
        assert row.agent is not None
        actions.reply(row.agent.user, row, Reply(text="Hello."))
        row.refresh_from_db()
        assert row.missed_by == []


class TestKeeping:
    """A customer's answer goes to who answered last, or waits for them for a part of the target."""

    def test_to_who_answered_last_when_free(self) -> None:
        alice = make_agent("alice")
        row = follow_up(answered(alice, make_queue([alice])))
        assert (row.state, row.agent, row.reserved_for) == (State.ASSIGNED, alice, None)

    @pytest.mark.parametrize("reason", ["away", "full"])
    def test_kept_while_away_or_full(self, reason: str) -> None:
        """Oracle 7: 0.4 of 480 minutes."""
        alice, dora = make_agent("alice"), make_agent("dora")
        queue = make_queue([alice, dora], mode=PUSH)
        row = answered(alice, queue)
        if reason == "away":
            actions.set_presence(alice.user, Presence.AWAY)
        else:
            actions.take(alice.user, make_conversation(queue))
        follow_up(row)
        assert (row.state, row.reserved_for) == (State.WAITING, alice)
        assert row.reserved_until is not None
        assert row.waiting_since is not None
        kept = row.reserved_until - row.waiting_since
        assert timedelta(minutes=191) <= kept <= timedelta(minutes=192)  # whole minutes of opening hours
        where = f"it is kept for Alice until {written(row.reserved_until)}."
        assert where in row.events.latest("pk").sentence
        tasks.sweep()
        row.refresh_from_db()
        assert row.state == State.WAITING  # Dora is free, but it isn't hers
        Conversation.objects.filter(pk=row.pk).update(reserved_until=timezone.now())
        tasks.sweep()
        row.refresh_from_db()
        assert row.agent == dora

    def test_taken_before_all_else_by_whom_it_is_kept_for(self) -> None:
        alice = make_agent("alice")
        queue = make_queue([alice], mode=PUSH)
        row, other = answered(alice, queue), make_conversation(queue)
        actions.take(alice.user, other)
        follow_up(row)
        actions.close(alice.user, other)
        assert routing.offer(alice.pk) == row
        assert "It was kept for Alice, who answered last" in row.events.latest("pk").sentence

    def test_open_to_all_when_the_agent_goes_offline(self) -> None:
        """Oracle 8."""
        alice, dora = make_agent("alice"), make_agent("dora")
        queue = make_queue([alice, dora], mode=PUSH)
        row = answered(alice, queue)
        actions.set_presence(alice.user, Presence.AWAY)
        follow_up(row)
        actions.set_presence(alice.user, Presence.OFFLINE)
        row.refresh_from_db()
        assert row.reserved_for is None
        routing.dispatch(queue.pk)
        row.refresh_from_db()
        assert row.agent == dora

    def test_not_kept_for_who_is_offline_or_works_elsewhere(self) -> None:
        alice, dora = make_agent("alice"), make_agent("dora")
        queue = make_queue([alice, dora])
        one, other = answered(alice, queue), answered(dora, queue)
        actions.set_presence(alice.user, Presence.OFFLINE)
        queue.members.remove(dora)
        for row in (one, other):
            follow_up(row)
            assert (row.state, row.reserved_for) == (State.WAITING, None)

    def test_nothing_is_kept_with_a_share_of_nothing(self) -> None:
        alice = make_agent("alice", presence=Presence.AWAY)
        row = follow_up(answered(alice, make_queue([alice], own_share=0)))
        assert (row.state, row.reserved_for) == (State.WAITING, None)

    def test_a_snoozed_one_wakes_the_same_way(self) -> None:
        alice = make_agent("alice")
        queue = make_queue([alice])
        row = make_conversation(queue)
        actions.take(alice.user, row)
        actions.snooze(alice.user, row, timezone.now() + timedelta(hours=1))
        actions.take(alice.user, make_conversation(queue))
        Conversation.objects.filter(pk=row.pk).update(snoozed_until=timezone.now())
        tasks.sweep()
        row.refresh_from_db()
        assert (row.state, row.reserved_for) == (State.WAITING, alice)


class TestGone:
    """Unbegun work leaves who went offline at once; begun work after a quarter of an hour."""

    def test_unbegun_at_once_and_begun_later(self) -> None:
        alice = make_agent("alice", capacity=2)
        one, other = pushed(alice), pushed(alice)
        actions.save_draft(alice.user, other, "Hello")
        actions.set_presence(alice.user, Presence.OFFLINE)
        one.refresh_from_db()
        other.refresh_from_db()
        assert (one.state, other.state) == (State.WAITING, State.ASSIGNED)
        Agent.objects.update(presence_at=timezone.now() - timedelta(minutes=15))
        Conversation.objects.update(assigned_at=timezone.now() - timedelta(minutes=16))
        tasks.sweep()
        other.refresh_from_db()
        assert other.state == State.WAITING
        event = other.events.latest("pk")
        assert (event.kind, event.data["begun"]) == ("returned", True)
        assert "what is written is kept" in event.sentence
        assert actions.draft_of(alice.user, other) is not None

    def test_a_lost_heartbeat_gives_back_what_was_taken_as_next_but_not_what_was_chosen(self) -> None:
        alice = make_agent("alice", capacity=2)
        queue = make_queue([alice])
        chosen = make_conversation(queue)
        actions.take(alice.user, chosen)
        make_conversation(queue)
        following = actions.take_next(alice.user)
        assert following is not None
        Agent.objects.update(seen_at=timezone.now() - timedelta(seconds=91))
        tasks.sweep()
        chosen.refresh_from_db()
        following.refresh_from_db()
        assert (chosen.state, following.state) == (State.ASSIGNED, State.WAITING)

    def test_who_works_without_saying_so_keeps_what_they_took_while_the_browser_lives(self) -> None:
        alice = make_agent("alice", presence=Presence.OFFLINE)
        make_conversation(make_queue([alice]))
        presence.seen(alice)
        row = actions.take_next(alice.user)
        assert row is not None
        tasks.sweep()
        row.refresh_from_db()
        assert row.state == State.ASSIGNED
        Agent.objects.update(seen_at=timezone.now() - timedelta(seconds=91))
        tasks.sweep()
        row.refresh_from_db()
        assert row.state == State.WAITING


class TestPicking:
    """Where routing decides, nobody chooses but a supervisor, and who it is kept for."""

    def test_who_may_choose(self) -> None:
        alice, bob = make_agent("alice"), make_supervisor("bob")
        queue = make_queue([alice, bob], allow_picking=False, name="Support")
        row, other = make_conversation(queue), make_conversation(queue)
        with pytest.raises(ActionRefused, match="In “Support” everybody gets what is first in line"):
            actions.take(alice.user, row)
        with pytest.raises(ActionRefused, match="Take next"):
            actions.reply(alice.user, row, Reply(text="Hello."))
        actions.take(bob.user, other)
        assert actions.take_next(alice.user) == row
        assert row.events.latest("pk").data["rule"]
        assert other.events.latest("pk").data == {"agent": bob.pk, "lacks": []}

    def test_what_is_kept_for_me_i_may_take(self) -> None:
        alice = make_agent("alice", presence=Presence.AWAY)
        queue = make_queue([alice], allow_picking=False)
        message = receive(queue)
        Conversation.objects.update(state=State.ASSIGNED, agent=alice)
        actions.reply(alice.user, message.conversation, Reply(text="Hello."))
        row = follow_up(message.conversation)
        assert row.reserved_for == alice
        assert actions.take(alice.user, row).agent == alice


def test_notify_tells_who_is_free_and_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr("queues.live.waits_for", lambda *values: told.append(values))
    alice, dora = make_agent("alice"), make_agent("dora", {"billing": 5})
    eve = make_agent("eve", capacity=0)
    queue = make_queue([alice, dora, eve], mode=EmailQueue.Mode.NOTIFY)
    row = make_conversation(queue)
    tasks.tell(conversation_id=row.pk)
    assert told == [(row.pk, queue.pk, [alice.pk, dora.pk])]
    tasks.sweep()
    row.refresh_from_db()
    assert row.state == State.WAITING
    assert [each.pk for each in inbox.page(dora.user, inbox.Listing(inbox.View.WAITING)).rows] == [row.pk]


def test_notify_tells_again_whatever_comes_back(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    called: list[int] = []
    monkeypatch.setattr(
        "mailstore.announce.publish", lambda task, values: called.append(values["conversation_id"])
    )
    alice, dora = make_agent("alice"), make_agent("dora", capacity=9)
    queue = make_queue([alice, dora], mode=EmailQueue.Mode.NOTIFY, name="Orders")
    row = make_conversation(queue)
    taken = actions.take(alice.user, row)

    def happens(act: Callable[[], object]) -> int:
        called.clear()
        with django_capture_on_commit_callbacks(execute=True):
            act()
        return called.count(row.pk)

    assert happens(lambda: actions.release(alice.user, taken)) == 1
    actions.snooze(dora.user, actions.take(dora.user, row), timezone.now() + timedelta(hours=1))
    Agent.objects.update(presence=Agent.Presence.OFFLINE)
    Conversation.objects.update(snoozed_until=timezone.now())
    assert happens(waking.wake_due) == 1
    Conversation.objects.update(reserved_for=dora, reserved_until=timezone.now())
    assert happens(waking.release_kept) == 1
    assert happens(lambda: actions.close(dora.user, row)) == 0


def test_what_takes_more_than_is_free_is_told() -> None:
    alice = make_agent("alice", capacity=4)
    light, heavy = make_queue([alice], name="Orders"), make_queue([alice], name="Claims", weight=3)
    for _ in range(3):
        make_conversation(light)
    for _ in range(3):
        actions.take_next(alice.user, light)
    assert actions.take_next(alice.user) is None
    make_conversation(heavy)
    with pytest.raises(ActionRefused, match=r"in Claims, needs 3 of your capacity, and you have 1 free"):
        actions.take_next(alice.user)
    assert actions.take_next(alice.user, light) is None  # nothing waits there
