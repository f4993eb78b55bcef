"""What the statements put first is what the rule puts first, of all that waits."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.calendars import Calendar
from agents.models import Agent
from crm.models import Contact
from queues import kinds, lines, ordering, policy
from queues.lines import Part
from queues.lines_sql import EFFECTIVE
from queues.models import AgentKind, Conversation, EmailQueue
from queues.policy import Head, Knobs
from tests.make import make_agent, make_queue

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
IN_SQL = EFFECTIVE.format(
    due="v.due",
    tick="v.tick",
    target="v.target",
    halving="v.halving",
    stretch="power(v.ratio, v.exponent) * v.scarcity",
)

seen = st.tuples(
    st.integers(-100_000, 100_000),
    st.integers(1, 20_000),
    st.floats(0.5, 5),
    st.floats(policy.LEAST_SCARCITY, policy.MOST_SCARCITY),
    st.floats(2, 12),
    st.floats(0.1, 10),
)


def in_sql(values: tuple[int, int, float, float, float, float]) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {IN_SQL.replace("%(savable)s", str(policy.SAVABLE))} FROM (
            SELECT %s::bigint + 5000000, 5000000::bigint, %s::int,
            %s::float8, %s::float8, %s::float8, %s::float8
            ) v(due, tick, target, ratio, scarcity, exponent, halving)""",
            values,
        )
        (found,) = cursor.fetchone()
    return float(found)


@pytest.mark.django_db
@settings(max_examples=80, deadline=None)
@given(seen)
@example((policy.SAVABLE, 60, 1.0, 1.0, 3.0, 1.0))
@example((policy.SAVABLE - 1, 60, 1.0, 1.0, 3.0, 1.0))
@example((-540, 60, 1.0, 1.0, 3.0, 1.0))
@example((-100_000, 1, 1.0, 1.0, 3.0, 0.1))
def test_the_formula_of_the_rule(values: tuple[int, int, float, float, float, float]) -> None:
    left, target, ratio, scarcity, exponent, halving = values
    head = Head(1, left, target, ratio, scarcity, knobs=Knobs(exponent, halving=halving))
    assert in_sql(values) == pytest.approx(head.effective, rel=1e-9, abs=1e-200)


def somewhere(draw: Random) -> tuple[Agent, dict[int, lines.Place]]:
    """A house drawn at random: targets few and many, late and not, own and kept, missed, waits for a step."""
    alice, dora = (
        make_agent(name, {"billing": draw.randint(1, 5), "returns": draw.randint(1, 5)})
        for name in ("alice", "dora")
    )
    for skill in ("billing", "returns", "billing"):
        make_queue(
            [alice, dora],
            {skill: draw.randint(1, 3)},
            exponent=draw.choice([2, 3, 6.5, 12]),
            late_halving=draw.choice([0.3, 1, 2]),
        )
    where = lines.places(EmailQueue.objects.all(), NOON)
    overload = draw.choice([0, 1, 30])
    contact = Contact.objects.create(name="Charlie")
    rows = []
    for queue in EmailQueue.objects.all():
        for _ in range(draw.randint(3, 40)):
            target = draw.choice([10, 60, 240, draw.randint(1, 2000)])
            left = draw.randint(-overload * target, 3 * target)
            row = Conversation(
                queue=queue,
                contact=contact,
                target=target,
                due_tick=where[queue.pk].tick + left,
                due_at=NOON + timedelta(minutes=left),
                waiting_since=NOON - timedelta(seconds=draw.randint(0, 3)),
                answered_by=draw.choice([alice, dora, None, None, None]),
                reserved_for=draw.choice([alice, dora] + [None] * 18),
                missed_by=draw.choice([[alice.pk], [dora.pk], [], [], []]),
                created_at=NOON,
                last_message_at=NOON,
            )
            rows.append(row)
    Conversation.objects.bulk_create(rows)
    kinds.refresh()
    AgentKind.objects.filter(agent=alice, kind=draw.choice(AgentKind.objects.all()).kind).update(
        eased=True, after=draw.randint(1, 200), lacks=["billing ≥ 3"]
    )
    return alice, where


def expected(alice: Agent, where: dict[int, lines.Place], depth: int) -> list[Head]:
    """Of all that waits: the first few of each kind and target, late and not; her own, and what is kept."""
    covered = set(AgentKind.objects.filter(eased=False).values_list("kind", flat=True))  # all are there
    rows = AgentKind.objects.filter(agent=alice)
    fits = {row.kind_id: row for row in rows if not row.eased or row.after or row.kind_id not in covered}
    halves: dict[tuple[int, int, bool], list[tuple[int, Head]]] = defaultdict(list)
    beside: list[tuple[int, Head]] = []
    for row in Conversation.objects.filter(state="waiting").select_related("kind").order_by("due_tick", "pk"):
        fit, place = fits.get(row.kind_id or 0), where[row.queue_id]
        if row.reserved_for_id not in (None, alice.pk) or alice.pk in row.missed_by:
            continue
        assert row.due_tick is not None
        assert row.target is not None
        assert row.kind is not None
        left = row.due_tick - place.tick
        if row.reserved_for_id is None and (fit is None or (fit.after and left > row.target - fit.after)):
            continue
        is_own = row.answered_by_id == alice.pk
        ratio = policy.ratio(fit.ratio if fit else 1.0, 1.0, is_own=is_own)
        assert row.waiting_since is not None
        head = Head(row.pk, left, row.target, ratio, row.kind.scarcity, row.waiting_since, place.knobs)
        if row.reserved_for_id:
            beside.append((row.pk, head))
            continue
        if is_own:
            beside.append((row.pk, head))
        halves[row.kind.pk, row.target, left >= policy.SAVABLE].append((row.pk, head))
    return policy.choose(dict(beside + [each for half in halves.values() for each in half[:depth]]).values())


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(12))
def test_the_foremost_of_all_that_waits(seed: int) -> None:
    draw = Random(seed)
    alice, where = somewhere(draw)
    for depth in (1, 3):
        wanted = [head.conversation_id for head in expected(alice, where, depth)]
        for most in (5, 1000):
            found = [
                line.head.conversation_id
                for line in lines.seen(alice.pk, where, NOON, Part(depth, most, is_push=True)).lines
            ]
            sure = most * depth
            assert found[:sure] == wanted[:sure]
            assert set(found) <= set(wanted)
            assert len(found) == len(wanted) or most == 5


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_the_same_list_by_whatever_pages(seed: int) -> None:
    alice, where = somewhere(Random(seed))
    whole = ordering.page(alice, ordering.Mark(NOON), 1000)
    assert [each.effective for each in whole] == sorted(each.effective for each in whole)
    found: list[ordering.Place] = []
    mark = ordering.Mark(NOON)
    while part := ordering.page(alice, mark, 7):
        found += part
        last = part[-1]
        mark = ordering.Mark(NOON, last.effective, last.due_tick, last.conversation_id)
    assert found == whole
    shown = {
        row.pk for row in Conversation.objects.filter(state="waiting") if row.reserved_for_id != alice.pk
    }
    assert len({each.conversation_id for each in whole}) == len(whole)
    assert {each.conversation_id for each in whole if not each.is_kept} <= shown
    assert len(where) == 3


@pytest.mark.django_db
def test_places_of_a_query_are_those_of_its_rows() -> None:
    """A query reads tuples alone; hours of one's own, or of a calendar with a day that differs."""
    calendar = Calendar.objects.create(name="Office", time_zone="Europe/Prague", hours="Mo-Fr 08:00-16:00")
    calendar.days.create(date=NOON.date(), hours="08:00-10:00")
    make_queue(hours="Mo-Fr 09:00-17:00", exponent=5, weight=2)
    make_queue(calendar=calendar, own_share=0.1, late_halving=2)
    found = lines.places(EmailQueue.objects.all(), NOON)
    assert found == lines.places(list(EmailQueue.objects.all()), NOON)
    assert len({place.tick for place in found.values()}) == 2
    assert {place.weight for place in found.values()} == {1, 2}
