"""Many dispatchers in processes of their own, and what routing holds whatever they do to each other."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from bench import dispatch_trials, mixed_trials
from bench.dispatch_trials import House
from queues import kinds, routing, standing, tasks
from queues.models import Conversation, EmailQueue, Event
from tests.make import make_agent, make_conversation, make_queue

State = Conversation.State


@pytest.mark.django_db(transaction=True)
def test_eight_dispatchers_of_which_two_die(clean_redis: None) -> None:
    """Oracle 15; python -m bench.dispatch does it at length."""
    dispatch_trials.build(House(agents=40, queues=4, queues_each=2, waiting=400))
    outcome = dispatch_trials.dispatch_at_once(8, seconds=3, kill_after=1)
    assert outcome.wrong == []
    assert outcome.given > 0
    assert outcome.killed >= 1
    for event in Event.objects.filter(kind="offered")[:20]:
        assert routing.replay(event.data).conversation_id == event.conversation_id
        assert event.sentence == routing.explain(event.data)


@pytest.mark.django_db(transaction=True)
def test_everything_at_once_breaks_nothing(clean_redis: None) -> None:
    """Eight threads that give, answer, move, merge, split, change, sleep and come; `--mixed` at length."""
    mixed_trials.populate()
    trial = mixed_trials.play(seconds=3)
    assert trial.wrong == []
    assert sum(trial.done.values()) > 0


@pytest.mark.django_db(transaction=True)
def test_what_a_dead_dispatcher_held_is_given_by_the_next_one(clean_redis: None) -> None:
    """A transaction that never commits leaves nothing behind."""
    alice = make_agent("alice")
    queue = make_queue([alice], mode=EmailQueue.Mode.PUSH)
    row = make_conversation(queue)
    with transaction.atomic():
        assert routing.offer(alice.pk) is None  # its kind isn't known yet: the sweep makes it
        kinds.fill()
        assert routing.offer(alice.pk) == row
        transaction.set_rollback(True)
    row.refresh_from_db()
    assert (row.state, row.events.filter(kind="offered").count()) == (State.WAITING, 0)
    tasks.sweep()
    row.refresh_from_db()
    assert row.agent == alice


@pytest.mark.django_db
def test_nobody_waits_while_somebody_able_is_free() -> None:
    """With no hint at all, each sweep alone: nothing that anybody free can do is left."""
    for number in range(4):
        make_agent(f"agent{number}", {"billing": number + 1}, {"cs": 5 - number}, capacity=2)
    everybody = list(Agent.objects.all())
    for number in range(3):
        queue = make_queue(everybody[number:], {"billing": number + 1}, mode=EmailQueue.Mode.PUSH)
        for _ in range(3):
            make_conversation(queue, language="cs" if number % 2 else "")
    tasks.sweep()
    for queue in EmailQueue.objects.all():
        assert standing.first_to_give(queue, routing.clock()) is None
    tasks.sweep()
    assert not Conversation.objects.filter(agent__isnull=False).exclude(state=State.ASSIGNED).exists()


@pytest.mark.django_db
def test_a_long_line_is_read_from_its_head() -> None:
    """Whatever waits in one line, the rows that are looked at are the first few."""
    dispatch_trials.build(House(agents=4, queues=1, queues_each=1, waiting=3000))
    agent = Agent.objects.all()[0]
    got = routing.offer(agent.pk)
    assert got is not None
    assert got.state == State.ASSIGNED
    data = got.events.latest("pk").data
    assert data["considered"] <= 5 * 4 * 2 * routing.DEPTHS[0]  # five kinds, four targets, late and not


@pytest.mark.django_db
def test_the_wait_rule_waits_for_who_comes_on_duty_in_time() -> None:
    """Oracle 9."""
    now = timezone.localtime()
    reader = make_agent("eve", languages={"cs": 2})
    expert = make_agent("alice", languages={"cs": 5}, presence=Agent.Presence.OFFLINE)
    queue = make_queue([reader, expert], mode=EmailQueue.Mode.PUSH)
    row = make_conversation(queue, language="cs")
    Agent.objects.filter(pk=expert.pk).update(shifts="Mo-Su 00:00-24:00")
    assert routing.dispatch(queue.pk) == 0
    Agent.objects.filter(pk=expert.pk).update(shifts=_only_in(now + timedelta(hours=8)))
    assert routing.dispatch(queue.pk) == 1
    row.refresh_from_db()
    assert row.agent == reader
    assert row.events.latest("pk").data["eased"] == 0


def _only_in(at: object) -> str:
    """A shift of an hour that begins then, long after the mail is due."""
    day = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[at.weekday()]  # type: ignore[attr-defined]
    hour = min(at.hour, 22)  # type: ignore[attr-defined]
    return f"{day} {hour:02}:00-{hour + 1:02}:00"


@pytest.mark.django_db
def test_what_waited_before_there_were_targets_is_routed_too() -> None:
    alice = make_agent("alice")
    queue = make_queue([alice], first_response=100, next_response=90)
    row = make_conversation(queue, target=None)
    assert routing.next_for(alice, [queue.pk]) == row
    row.refresh_from_db()
    assert row.target == 90


@pytest.mark.django_db
def test_the_clock_is_the_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dispatchers whose machines disagree decide by one clock."""
    alice = make_agent("alice")
    row = make_conversation(make_queue([alice], first_response=100))
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=300))
    assert routing.next_for(alice, [row.queue_id]) == row
    row.refresh_from_db()
    assert row.assigned_at is not None
    assert row.assigned_at < now + timedelta(hours=1)
    assert 90 <= row.events.get(kind="taken").data["left"] <= 100
