"""The last days as an office: what is read, how much it asks, and that it plays as it went."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from queues.models import EmailQueue
from reports.whatif_history import TooLittle, read
from simulation import example
from simulation.changes import Change
from simulation.compare import compare
from tests.reports.past import remember

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 3


def test_days_that_were_worked_play_as_they_went() -> None:
    office = example.office(days=DAYS)
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
    assert history.really.mails > 500
    assert history.really.in_time == pytest.approx(was.in_time, abs=1.5)
    assert now.measures.in_time == pytest.approx(was.in_time, abs=1.5)
    assert now.measures.work == pytest.approx(was.work, rel=0.15)
    assert now.measures.mails == pytest.approx(history.really.mails, rel=0.1)


def test_too_little_is_said_in_words() -> None:
    remember(example.office(days=2), START)
    with pytest.raises(TooLittle, match="In the last 1 days 0 mails came to billing"):
        read(EmailQueue.objects.filter(name="billing"), 1, START + timedelta(days=30))
