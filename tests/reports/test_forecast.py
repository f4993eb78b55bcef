"""What will come, with bands that are true, and the hours that nobody planned can answer."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from agents.models import Agent
from alarms.coverage import coverage_troubles
from bench.forecast import FIRST, coverage
from crm.models import Contact
from queues.models import Conversation, EmailQueue, Message
from reports.forecast import Forecast, coming
from reports.forecast_gaps import Span, gaps, hours_of, merged, without
from reports.forecast_law import DAY_LONG, Series, band, thinned
from tests.make import make_agent, make_queue, make_supervisor

NOW = datetime(2026, 11, 16, 7, 30, tzinfo=UTC)  # a Monday
AT_NINE = 9


def weekly(count: int, growth: int = 0, weeks: int = 12) -> Series:
    """So many each Monday at nine, and one at noon each day."""
    counts = {}
    for number in range(7 * weeks):
        day = FIRST + timedelta(days=number)
        counts[day, 12] = 1
        if day.weekday() == 0:
            counts[day, AT_NINE] = count + growth * (number // 7)
    return Series(counts, FIRST, FIRST + timedelta(days=7 * weeks - 1))


def test_an_hour_of_the_week_is_like_those_before() -> None:
    series = weekly(20)
    monday = series.last + timedelta(days=1)
    assert series.mean(monday, AT_NINE) == pytest.approx(20, rel=0.01)
    assert series.mean(monday + timedelta(days=1), AT_NINE) == 0
    assert series.mean(monday, DAY_LONG) == pytest.approx(21, rel=0.01)
    found = series.band(monday, AT_NINE)
    assert found.low < 20 < found.high


def test_what_grows_is_expected_to_go_on() -> None:
    series = weekly(100, growth=5)
    assert 150 < series.mean(series.last + timedelta(days=1), AT_NINE) < 175


def test_holidays_neither_teach_nor_follow() -> None:
    usual = weekly(20)
    holiday, coming_one = FIRST, usual.last + timedelta(days=1)
    counts = dict(usual.counts) | {(holiday, AT_NINE): 4}
    series = Series(counts, usual.first, usual.last, {holiday, coming_one})
    assert series.mean(coming_one + timedelta(days=7), AT_NINE) == pytest.approx(20, rel=0.02)
    assert series.mean(coming_one, AT_NINE) == pytest.approx(20 * 5 / 21, rel=0.1)
    unseen = Series(usual.counts, usual.first, usual.last, {coming_one})
    assert unseen.mean(coming_one, AT_NINE) == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(("busiest", "dispersion"), [(2.0, 1.0), (10.0, 3.0), (60.0, 6.0)])
def test_four_of_five_lie_in_the_band(busiest: float, dispersion: float) -> None:
    """Whole numbers cover more where they are small, see `bench.forecast`."""
    hours, days = coverage(busiest, dispersion, 6)
    assert 76 < hours < 96
    assert 60 < days < 97


@given(st.floats(0, 300), st.floats(1, 10))
def test_a_band_holds_its_mean(mean: float, dispersion: float) -> None:
    found = band(mean, mean * dispersion)
    assert 0 <= found.low <= found.high
    assert found.low <= mean + 1
    assert found.high >= mean - 1 - mean * (dispersion - 1)
    assert thinned(found, 0.1).mean == pytest.approx(mean / 10)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 17, hour, minute, tzinfo=UTC)


def test_gaps_are_what_is_open_without_a_shift() -> None:
    def one_an_hour(start: datetime, end: datetime) -> float:
        return (end - start) / timedelta(hours=1)

    found = list(
        gaps([(at(8), at(18))], [(at(9), at(12)), (at(11), at(14)), (at(16), at(17, 45))], one_an_hour)
    )
    assert [(gap.start, gap.end, gap.next_at) for gap in found] == [
        (at(8), at(9), at(9)), (at(14), at(16), at(16)),
    ]  # fmt: skip
    assert [gap.expected for gap in found] == [1, 2]


spans = st.lists(
    st.tuples(st.integers(0, 22), st.integers(1, 5)).map(
        lambda s: (at(s[0]), at(s[0]) + timedelta(hours=s[1]))
    ),
    max_size=6,
)


@given(spans, spans)
def test_what_is_left_is_neither_covered_nor_lost(some: list[Span], others: list[Span]) -> None:
    covered = merged(others)
    left = [span for each in merged(some) for span in without(each, covered)]

    def inside(moment: datetime, among: list[Span]) -> bool:
        return any(start <= moment < end for start, end in among)

    for number in range(28 * 2):
        moment = at(0) + timedelta(minutes=30 * number)
        assert inside(moment, left) == (inside(moment, some) and not inside(moment, others))


def test_hours_are_counted_by_their_part() -> None:
    assert [(hour.hour, part) for hour, part in hours_of(at(9, 30), at(11, 15))] == [
        (9, 0.5), (10, 1), (11, 0.25),
    ]  # fmt: skip


# With the database


def mails(queue: EmailQueue, language: str, hour: int, count: int, weeks: int = 8) -> None:
    """So many mails at that hour of every day of the last weeks."""
    contact = Contact.objects.create(name="Charlie Stone")
    rows, sent = [], []
    for number in range(1, 7 * weeks + 1):
        moment = NOW.replace(hour=hour, minute=10) - timedelta(days=number)
        for _ in range(count):
            rows.append(Conversation(queue=queue, contact=contact, language=language, created_at=moment,
                                     last_message_at=moment, state="closed"))  # fmt: skip
    for row in Conversation.objects.bulk_create(rows):
        sent.append(
            Message(conversation=row, direction="in", created_at=row.created_at, sent_at=row.created_at)
        )
    Message.objects.bulk_create(sent)


@pytest.fixture
def orders() -> Iterator[EmailQueue]:
    """Czech mail at 14 and English mail at 10; Alice has Czech until noon, Bob speaks English all day."""
    cache.clear()
    alice = make_agent("alice", languages={"cs": 4, "en": 3})
    bob = make_supervisor("bob", languages={"en": 5, "cs": 1})
    Agent.objects.filter(pk=alice.pk).update(shifts="Mo-Fr 08:00-12:00; Tu 18:00-20:00", time_zone="UTC")
    Agent.objects.filter(pk=bob.pk).update(shifts="Mo-Su 00:00-24:00", time_zone="UTC")
    queue = make_queue([alice, bob], name="Orders", hours="Mo-Fr 08:00-18:00", language_level=3)
    mails(queue, "cs", 14, 3)
    mails(queue, "en", 10, 4)
    yield queue
    cache.clear()


@pytest.mark.django_db
def test_the_gap_is_told_with_what_comes_and_who_has_it_first(orders: EmailQueue) -> None:
    orders.hours = "Mo-Fr 08:00-20:00"
    orders.save()
    found = Forecast(EmailQueue.objects.all(), NOW)
    first, second, *_ = found.missing()
    assert (first.language, first.gap.next_at) == ("cs", datetime(2026, 11, 17, 8, tzinfo=UTC))
    assert second.sentence == (
        "No Czech ≥ 3 from 12:00 to 18:00 on Tuesday 17 November: 3 mails expected; "
        "the first shift that has it begins at 18:00."
    )
    assert {each.language for each in found.missing()} == {"cs"}
    assert found.planned(orders, "cs", first.gap.start, first.gap.end) == 0
    assert found.planned(orders, "en", first.gap.start, first.gap.end) == 1


@pytest.mark.django_db
def test_who_has_no_shifts_may_come_and_nothing_is_claimed(orders: EmailQueue) -> None:
    orders.members.add(make_agent("dora", languages={"cs": 5}))
    found = Forecast(EmailQueue.objects.all(), NOW)
    assert found.missing() == []
    assert found.planned(orders, "cs", NOW, NOW + timedelta(hours=1)) is None


@pytest.mark.django_db
def test_what_no_member_can_do_is_told_once(orders: EmailQueue) -> None:
    mails(orders, "sk", 9, 1)
    [gap] = [each for each in Forecast(EmailQueue.objects.all(), NOW).missing() if each.language == "sk"]
    assert gap.sentence.startswith("No Slovak ≥ 3: ")
    assert gap.sentence.endswith("no member has it.")
    with override("de"):
        told = [each.sentence for each in Forecast(EmailQueue.objects.all(), NOW).missing()]
    assert any(each.startswith("Es fehlt Slowakisch ≥ 3: ") for each in told)


@pytest.mark.django_db
def test_a_rare_language_borrows_the_hours_of_its_queue(orders: EmailQueue) -> None:
    mails(orders, "pl", 3, 1, weeks=4)
    lines = Forecast(EmailQueue.objects.all(), NOW).lines
    own, borrowed = lines[orders.pk, "cs"], lines[orders.pk, "pl"]
    assert (own.borrows, borrowed.borrows) == (False, True)
    tuesday = date(2026, 11, 17)
    assert own.band(tuesday, 14).mean == pytest.approx(3, rel=0.01)
    assert borrowed.band(tuesday, 10).mean == pytest.approx(4 * 28 / 420, rel=0.2)
    assert lines[orders.pk, ""].band(tuesday, DAY_LONG).mean == pytest.approx(7.5, abs=0.6)


@pytest.mark.django_db
def test_how_many_queries_it_needs_does_not_grow(orders: EmailQueue) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as found:
            assert Forecast(EmailQueue.objects.all(), NOW).missing()
        return len(found)

    before = count()
    for number in range(3):
        other = make_queue([make_agent(f"dora-{number}")], name=f"More {number}")
        mails(other, "cs", 9, 1)
    assert count() == before
    assert before <= 12


@pytest.mark.django_db
def test_the_alarm_comes_hours_before(orders: EmailQueue) -> None:
    with patch.object(timezone, "now", return_value=NOW):
        [trouble] = coverage_troubles()
    assert trouble.sentence.startswith("No Czech ≥ 3 from 12:00 to 18:00 on Monday")
    assert not trouble.is_urgent
    assert trouble.link == f"/board/forecast/?line={orders.pk}-cs"
    with CaptureQueriesContext(connection) as asked:
        list(coverage_troubles())
    assert len(asked) == 1, "whether there are shifts; the rest is kept for a quarter of an hour"
    Agent.objects.update(shifts="")
    assert list(coverage_troubles()) == []
    Agent.objects.filter(user__username="alice").update(shifts="Mo 08:00-09:00")
    assert coming(NOW + timedelta(days=4, hours=12)) == [], "the weekend is closed, Monday noon too far"


@pytest.mark.django_db
def test_the_page_shows_gaps_days_and_hours(orders: EmailQueue) -> None:
    client = Client()
    assert client.login(username="bob", password="bob")
    make_queue([make_agent("charlie")], name="Elsewhere")
    with patch.object(timezone, "now", return_value=NOW):
        page = client.get(f"/board/forecast/?line={orders.pk}-cs").content.decode()
    for words in ("No Czech ≥ 3 from 12:00", "Orders, Czech: the next seven days", "From 8 weeks", "<polygon",
                  "Hours, 6 without anybody", 'class="gap-row"',
                  "mail is expected, but nobody able has a shift"):  # fmt: skip
        assert words in page
    assert "Elsewhere" not in page
    with patch.object(timezone, "now", return_value=NOW - timedelta(days=40)):
        assert "Too little history" in client.get("/board/forecast/").content.decode()
    assert client.get("/board/forecast/?line=x").status_code == 200


@pytest.mark.django_db
def test_the_command_tells_days_gaps_and_hours(orders: EmailQueue) -> None:
    out = StringIO()
    with patch.object(timezone, "now", return_value=NOW), pytest.raises(SystemExit):
        call_command("forecast", stdout=out)
    assert "Orders, Czech: Mon 3 (" in out.getvalue()
    assert "Orders: No Czech ≥ 3 from 12:00" in out.getvalue()
    out = StringIO()
    with patch.object(timezone, "now", return_value=NOW), pytest.raises(SystemExit):
        call_command("forecast", "--json", "--days", "2", "--queue", "Orders", stdout=out)
    told = json.loads(out.getvalue())
    assert len(told["lines"][0]["hours"]) == 48
    assert {gap["language"] for gap in told["gaps"]} == {"cs"}
    with pytest.raises(CommandError, match="no queue Sales"):
        call_command("forecast", "--queue", "Sales")
