"""The last days as an office: what is read, how much it asks, and that it plays as it went."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent
from queues.models import EmailQueue
from reports.whatif_history import TooLittle, read
from simulation import example
from simulation.changes import Change
from simulation.compare import compare
from tests.reports.past import remember

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 2


def test_days_that_were_worked_play_as_they_went() -> None:
    office = example.office(days=DAYS)
    office = replace(office, cases=office.cases[::2])
    minutes = office.until
    remember(office, START)
    until = START + timedelta(minutes=minutes)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        history = read(EmailQueue.objects.all(), 2, until)
    again = read(EmailQueue.objects.all(), 2, until)
    assert again.office.cases == history.office.cases
    assert history.start == until - timedelta(days=2)
    assert len(asked) <= 15
    assert {desk.name for desk in history.office.desks.values()} == set(office.desks)
    was = compare(office, Change(), []).outcomes[0].measures
    [now] = compare(history.office, Change(), []).outcomes
    assert history.really is not None
    assert history.really.mails > 400
    assert history.really.in_time == pytest.approx(was.in_time, abs=1.5)
    assert now.measures.in_time == pytest.approx(was.in_time, abs=1.5)
    assert now.measures.work == pytest.approx(was.work, rel=0.15)
    assert now.measures.mails == pytest.approx(history.really.mails, rel=0.1)


def test_too_little_is_said_in_words() -> None:
    remember(example.office(days=2), START)
    with pytest.raises(TooLittle, match="In the last 1 days 0 mails came to billing"):
        read(EmailQueue.objects.filter(name="billing"), 1, START + timedelta(days=30))


def test_the_command_plays_the_installation() -> None:
    office = example.office(days=2)
    queues = remember(replace(office, cases=office.cases[::5]), START)
    options = ["--history", "2", "--policy", "round-robin", "--without", "alice",
               "--more", "1 billing=4 en=5", "--target", "billing=60/120", "--level", "agent-2:cs=3",
               "--wait-rule", "returns=off"]  # fmt: skip
    out = StringIO()
    with patch.object(timezone, "now", return_value=START + timedelta(days=2)):
        call_command("simulate", *options, stdout=out)
        for words in (
            "- without alice",
            "| as it really was |",
            "| changed |",
            "| round robin |",
            "measured",
        ):
            assert words in out.getvalue()
        out = StringIO()
        call_command("simulate", *options, "--json", "--queue", "billing", "returns", stdout=out)
        told = json.loads(out.getvalue())
        assert [each["name"] for each in told["outcomes"]] == ["now", "changed", "round-robin"]
        assert set(told["outcomes"][0]["desks"]) == {"billing", "returns"}
        for option, value, words in (
            ("level", "alice", "write it like"),
            ("target", "60", "names no queue"),
            ("wait-rule", "billing=never", "no wait rule"),
            ("queue", "Sales", "no queue"),
            ("without", "dora", "no agent dora"),
        ):
            with pytest.raises(CommandError, match=words):
                call_command("simulate", "--history", "2", f"--{option}", value)
    assert queues


def test_planned_shifts_are_played_and_the_others_are_told() -> None:
    office = example.office(days=2)
    remember(replace(office, cases=office.cases[::5]), START)
    alice = Agent.objects.get(user__username="alice")
    Agent.objects.filter(pk=alice.pk).update(shifts="Mo-Su 02:00-03:00", time_zone="UTC")
    history = read(EmailQueue.objects.all(), 2, START + timedelta(days=2))
    [found] = [person for person in history.office.people if person.name == "alice"]
    assert [(shift.start, shift.end) for shift in found.shifts] == [(120, 180), (1560, 1620)]
    assert any("taken from what they did" in note for note in history.notes)
