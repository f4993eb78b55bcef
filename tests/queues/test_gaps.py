"""What nobody on duty can do is on the board, and an alarm, within one sweep, by name."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent
from alarms.gap_troubles import gap_troubles
from queues import actions, gaps, tasks
from queues.models import Conversation, Kind
from tests.make import make_agent, make_conversation, make_queue

pytestmark = pytest.mark.django_db


def test_named_within_one_sweep_and_gone_with_the_next() -> None:
    alice = make_agent("alice", {"billing": 4}, {"cs": 2})
    dora = make_agent("dora", {"billing": 4}, {"cs": 5}, presence=Agent.Presence.OFFLINE)
    queue = make_queue([alice, dora], {"billing": 2}, name="Orders", wait_rule="off")
    rows = [make_conversation(queue, language="cs") for _ in range(3)]
    make_conversation(queue, language="")
    tasks.sweep()
    (gap,) = gaps.current()
    assert gap.sentence == "Nobody on duty has cs ≥ 3: 3 conversations wait in Orders"
    assert (gap.waiting, gap.oldest, gap.missing) == (3, rows[0].waiting_since, ("cs ≥ 3",))
    assert gaps.current([queue.pk + 1]) == []
    (trouble,) = gap_troubles()
    assert str(trouble).startswith(
        "queue Orders: Nobody on duty has cs ≥ 3: 3 conversations wait in Orders: "
    )
    since = gap.since
    tasks.sweep()
    assert gaps.current()[0].since == since
    Agent.objects.filter(pk=dora.pk).update(presence=Agent.Presence.AWAY)
    tasks.sweep()
    assert gaps.current() == []
    assert Kind.objects.filter(gap_since__isnull=False).count() == 0


def test_each_is_there_but_nobody_has_both() -> None:
    agents = [make_agent("alice", {"billing": 4}), make_agent("dora", {}, {"cs": 5})]
    queue = make_queue(agents, {"billing": 2}, name="Orders", wait_rule="off")
    make_conversation(queue, language="cs")
    tasks.sweep()
    (gap,) = gaps.current()
    assert (
        gap.sentence == "Nobody on duty has billing ≥ 2 together with cs ≥ 3: 1 conversation waits in Orders"
    )


def test_no_alarm_while_the_queue_is_closed() -> None:
    day = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[(timezone.localtime().weekday() + 3) % 7]
    queue = make_queue([make_agent("alice", presence="offline")], hours=f"{day} 08:00-09:00")
    make_conversation(queue)
    tasks.sweep()
    (gap,) = gaps.current()
    assert gap.who == "Nobody is on duty"
    assert list(gap_troubles()) == []


def test_what_wakes_in_a_sweep_is_on_the_board_after_it() -> None:
    """Its kind was never worked out, as it slept since it came."""
    alice = make_agent("alice", {"billing": 5})
    queue = make_queue([alice], {"billing": 2})
    row = make_conversation(queue)
    actions.snooze(alice.user, row, timezone.now() + timedelta(hours=1))
    alice.skill_levels.all().delete()
    Conversation.objects.update(snoozed_until=timezone.now(), kind=None)
    tasks.sweep()
    (gap,) = gaps.current()
    assert gap.missing == ("billing ≥ 2",)


def test_as_many_queries_for_many_gaps() -> None:
    def missing(*skills: str) -> None:
        for skill in skills:
            agent = make_agent(f"agent{Agent.objects.count()}")
            make_conversation(make_queue([agent], {skill: 3}, wait_rule="off"))
        tasks.sweep()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            gaps.current()
        return len(captured)

    missing("a", "b", "c")
    few = queries()
    missing(*"defghijklmno")
    assert (len(gaps.current()), queries()) == (15, few)
