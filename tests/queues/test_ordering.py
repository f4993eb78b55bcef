"""“Waiting for me” stands in the order in which routing would give it, page by page."""

from datetime import timedelta
from itertools import count
from random import Random

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent
from queues import inbox, kinds, lines, routing
from queues.inbox import BadCursor, Listing, View
from queues.models import Conversation, EmailQueue
from tests.make import make_administrator, make_agent, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db


_numbers = count(1)


def somebody_writes(queue: EmailQueue) -> Conversation:
    """Each mail has another sender, or they would be held."""
    return receive(queue, make_mail(From=f"writer{next(_numbers)}@customer.example")).conversation


@pytest.fixture
def alice() -> Agent:
    """She fits three queues differently well; two are hers alone, mail is early and late in all of them."""
    random = Random("ordering")
    alice = make_agent("alice", {"billing": 5, "returns": 3, "general": 1}, capacity=9)
    expert = make_agent("dora", {"billing": 5, "returns": 5, "general": 5})
    for skill, exponent in (("billing", 6), ("returns", 3), ("general", 12)):
        queue = make_queue(
            [alice, expert], {skill: 1}, exponent=exponent, late_halving=random.choice([0.5, 1, 2])
        )
        for _ in range(12):
            row = somebody_writes(queue)
            target = random.choice([60, 240, 480])
            tick = row.due_tick
            assert tick is not None
            Conversation.objects.filter(pk=row.pk).update(
                target=target, due_tick=tick - 240 + random.randint(-3 * target, target), kind=None,
                answered_by=alice if random.random() < 0.1 else None,
            )  # fmt: skip
    return alice


def in_order(alice: Agent, limit: int) -> list[int]:
    found: list[int] = []
    mark = ""
    while True:
        page = inbox.page(alice.user, Listing(View.WAITING, after=mark, limit=limit))
        found += [row.pk for row in page.rows]
        mark = page.next
        if not mark:
            return found


@pytest.mark.parametrize("limit", [1, 5, 36])
def test_the_order_of_the_rule_whatever_the_page(alice: Agent, limit: int) -> None:
    with time_machine.travel(timezone.now(), tick=False):  # else a minute passes between two pages
        found = in_order(alice, limit)
        where = lines.places(EmailQueue.objects.all(), timezone.now())
        wanted = lines.heads(alice.pk, where, timezone.now(), depth=100)
    effective = {line.head.conversation_id: line.head.effective for line in wanted}
    assert len(found) == len(set(found)) == 36
    assert set(found) == set(effective)
    measured = [effective[pk] for pk in found]
    assert measured == sorted(measured)
    assert routing.next_for(alice, list(where)) is not None


def test_the_first_row_is_what_next_gives(alice: Agent) -> None:
    first = in_order(alice, 5)[0]
    queues = list(alice.queues.values_list("pk", flat=True))
    got = routing.next_for(alice, queues)
    assert got is not None
    assert got.pk == first


def test_who_got_it_is_spoken_to_and_others_are_told_of_them(alice: Agent) -> None:
    queues = list(alice.queues.values_list("pk", flat=True))
    got = routing.next_for(alice, queues)
    assert got is not None
    make_administrator()
    for name, why, told in (("alice", "Why me?", "You got it: "), ("root", "Why Alice?", "Alice got it: ")):
        client = Client()
        assert client.login(username=name, password=name)
        page = client.get(f"/conversations/{got.pk}/").content.decode()
        head = page.partition('id="why"')[2].partition("</details>")[0]
        assert why in head
        assert f"<p>{told}" in head


def test_why_in_few_words(alice: Agent) -> None:
    page = inbox.page(alice.user, Listing(View.WAITING))
    said = set(page.why.values())
    assert said == {"You fit it best.", "You answered it last.", "Others fit it better."}


def test_kept_for_others_is_not_mine(alice: Agent) -> None:
    row = Conversation.objects.order_by("pk")[0]
    dora = Agent.objects.get(user__username="dora")
    kinds.fill()
    until = timezone.now() + timedelta(hours=1)
    Conversation.objects.filter(pk=row.pk).update(reserved_for=dora, reserved_until=until)
    assert row.pk not in in_order(alice, 50)
    assert row.pk in in_order(dora, 50)
    assert inbox.page(dora.user, Listing(View.WAITING)).why[row.pk] == "Kept for you."


def test_as_many_queries_whatever_waits(alice: Agent) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            inbox.page(alice.user, Listing(View.WAITING, limit=30))
        return len(captured)

    queries()
    before = queries()
    queue = alice.queues.all()[0]
    for _ in range(20):
        somebody_writes(queue)
    assert queries() == before


@pytest.mark.parametrize("mark", ["x", "1_2_3", "1_zz_3_4", "99999999999999999999_0x1p+0_1_1", "1_nan_1_1"])
def test_a_mark_that_is_none(alice: Agent, mark: str) -> None:
    with pytest.raises(BadCursor):
        inbox.page(alice.user, Listing(View.WAITING, after=mark))


def test_searched_it_is_due_first(alice: Agent) -> None:
    page = inbox.page(alice.user, Listing(View.WAITING, text="parcel"))
    due = [row.due_at for row in page.rows]
    assert len(due) == 36
    assert due == sorted(due, key=str)
