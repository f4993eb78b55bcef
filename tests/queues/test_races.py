"""Many hands at once, on real PostgreSQL: each conversation one agent, each answer one mail."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from threading import Event as Signal
from time import monotonic
from typing import TypeVar

import pytest
from django.db import connection, transaction
from django.db.models import Count

from agents.models import Agent
from crm import tracking
from crm.models import Contact
from mailcore.parsed import Address
from mailsenders.models import OutgoingMail
from queues import actions, kinds, routing
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, EmailQueue, Event, Tag
from queues.tagging import tag
from tests.make import make_agent, make_conversation, make_mail, make_queue, make_supervisor, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

State = Conversation.State
Result = TypeVar("Result")


def at_once(jobs: list[Callable[[], Result]]) -> list[Result | Exception]:
    """Run all jobs at the same moment, each on a connection of its own."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], Result]) -> Result | Exception:
        try:
            barrier.wait(timeout=30)
            return job()
        except ActionRefused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@pytest.fixture(autouse=True)
def redis(clean_redis: None) -> None:
    """Announcements of these tests are nobody's business."""


def test_two_agents_take_one_wins_and_the_other_is_told_who() -> None:
    queue = make_queue()
    agents = [make_agent(name, queues=[queue]) for name in ("alice", "dora", "eve", "frank")]
    row = make_conversation(queue)
    results = at_once([lambda agent=agent: actions.take(agent.user, row) for agent in agents])  # type: ignore[misc]
    refusals = [result for result in results if isinstance(result, ActionRefused)]
    row.refresh_from_db()
    assert len(refusals) == 3
    assert all(f"is with {row.agent}" in refusal.sentence for refusal in refusals)
    assert row.events.filter(kind="taken").count() == 1


def test_next_gives_everybody_another_one() -> None:
    queue = make_queue()
    agents = [make_agent(f"agent{number}", queues=[queue]) for number in range(8)]
    rows = {make_conversation(queue).pk for _ in agents}
    results = at_once([lambda agent=agent: actions.take_next(agent.user) for agent in agents])  # type: ignore[misc]
    assert {getattr(result, "pk", None) for result in results} == rows


def test_next_is_behind_all_that_others_are_being_given() -> None:
    queue = make_queue()
    alice = make_agent("alice", queues=[queue])
    *firsts, last = [make_conversation(queue) for _ in range(20)]
    kinds.refresh()

    def take_next() -> Conversation | None:
        with closing(connection):
            return actions.take_next(alice.user)

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        held = Conversation.objects.select_for_update().filter(pk__in=[row.pk for row in firsts])
        assert len(held) == 19
        assert pool.submit(take_next).result(timeout=30) == last


def test_next_waits_while_another_finds_out_what_kind_of_mail_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = make_queue()
    alice, dora = (make_agent(name, queues=[queue]) for name in ("alice", "dora"))
    first, second = (make_conversation(queue) for _ in range(2))
    reached, go_on = Signal(), Signal()
    aim = kinds._set_targets

    def slowly(pks: Iterable[int]) -> None:
        if pks:  # they are locked
            reached.set()
            assert go_on.wait(timeout=30)
        aim(pks)

    monkeypatch.setattr(kinds, "_set_targets", slowly)

    def take_next(agent: Agent) -> Conversation | None:
        with closing(connection):
            return actions.take_next(agent.user)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(take_next, alice)
        assert reached.wait(timeout=30)
        other = pool.submit(take_next, dora)
        try:
            eventually(lambda: other.done() or _waits_for_a_lock(), "she is told, or waits")
        finally:
            go_on.set()
        assert {one.result(timeout=30), other.result(timeout=30)} == {first, second}


def _waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
        return bool(cursor.fetchone()[0])


def test_eight_dispatchers_give_each_conversation_once_and_fill_nobody_over_capacity() -> None:
    queue = make_queue(mode=EmailQueue.Mode.PUSH)
    agents = [make_agent(f"agent{number}", queues=[queue], capacity=2) for number in range(6)]
    for _ in range(15):
        make_conversation(queue)
    given = at_once([lambda: routing.dispatch(queue.pk)] * 8)
    routing.dispatch(queue.pk)
    assert all(isinstance(each, int) for each in given)
    open_ = dict(Conversation.objects.filter(state=State.ASSIGNED).values_list("agent").annotate(Count("pk")))
    assert open_ == {agent.pk: 2 for agent in agents}
    offered = (
        Event.objects.filter(kind="offered").order_by().values("conversation").annotate(times=Count("pk"))
    )
    assert [row["times"] for row in offered] == [1] * 12
    assert Conversation.objects.filter(state=State.WAITING, agent=None).count() == 3


def test_taking_by_hand_while_dispatchers_run() -> None:
    queue = make_queue(mode=EmailQueue.Mode.PUSH)
    alice = make_agent("alice", queues=[queue], capacity=20)
    make_agent("dora", queues=[queue], capacity=20)
    rows = [make_conversation(queue) for _ in range(12)]
    jobs: list[Callable[[], object]] = [lambda: routing.dispatch(queue.pk)] * 4
    jobs += [lambda row=row: actions.take(alice.user, row) for row in rows[:4]]  # type: ignore[misc]
    at_once(jobs)
    routing.dispatch(queue.pk)
    assert Conversation.objects.filter(state=State.ASSIGNED).exclude(agent=None).count() == 12
    for row in Conversation.objects.all():
        assert row.events.filter(kind__in=["offered", "taken"]).count() == 1


def test_twenty_clicks_on_send_are_one_mail() -> None:
    queue = make_queue()
    alice = make_agent("alice", queues=[queue])
    row = make_conversation(queue)
    results = at_once([lambda: actions.reply(alice.user, row, Reply(text="Hello.", token="click"))] * 20)
    assert len({getattr(result, "pk", None) for result in results}) == 1
    assert OutgoingMail.objects.count() == 1
    assert row.messages.count() == 2


def test_starting_ten_times_at_once_is_one_conversation() -> None:
    queue = make_queue()
    alice = make_agent("alice", queues=[queue])
    wanted = Reply(text="Hello.", to=("charlie@customer.example",), token="start-me")
    results = at_once([lambda: actions.start(alice.user, queue, "Order", wanted)] * 10)
    assert len({getattr(result, "pk", None) for result in results}) == 1
    assert Conversation.objects.count() == OutgoingMail.objects.count() == 1


def test_ten_mails_of_a_stranger_make_one_contact_and_one_acknowledgement() -> None:
    queue = make_queue(acknowledgement="We have it.")
    raws = [make_mail(f"Mail {number}") for number in range(10)]
    at_once([lambda raw=raw: receive(queue, raw) for raw in raws])  # type: ignore[misc]
    assert Contact.objects.count() == 1
    assert Conversation.objects.count() == 10
    assert OutgoingMail.objects.filter(is_automatic=True).count() == 1


def test_one_contact_for_addresses_that_differ_in_case() -> None:
    jobs = [lambda: tracking.contact_for(Address("Charlie", "Charlie@customer.example"))] * 5
    jobs += [lambda: tracking.contact_for(Address("", "charlie@customer.example"))] * 5
    assert len({getattr(contact, "pk", None) for contact in at_once(jobs)}) == 1


def test_customers_and_agents_at_the_same_conversation() -> None:
    queue = make_queue()
    alice = make_agent("alice", queues=[queue])
    first = receive(queue)
    row = first.conversation
    raws = [make_mail(f"More {number}", References=f"<{first.message_id}>") for number in range(6)]
    jobs: list[Callable[[], object]] = [lambda raw=raw: receive(queue, raw) for raw in raws]  # type: ignore[misc]
    jobs += [lambda n=n: actions.reply(alice.user, row, Reply(text=f"Answer {n}")) for n in range(6)]  # type: ignore[misc]
    at_once(jobs)
    row.refresh_from_db()
    assert row.messages_count == row.messages.count() == 13
    last = row.messages.latest("pk")
    assert row.state == (State.PENDING if last.direction == "out" else State.ASSIGNED)
    assert Agent.objects.get().pk == row.agent_id


def merged_whole(rows: list[Conversation]) -> list[Conversation]:
    """What is left of conversations that were merged: nothing of the others, no circle, no mail lost."""
    found = list(Conversation.objects.filter(pk__in=[row.pk for row in rows]))
    left = [row for row in found if row.merged_into_id is None]
    for row in found:
        assert row.messages_count == row.messages.count()
        assert (row.merged_into_id is None) or (row.state, row.messages_count) == (State.CLOSED, 0)
    return left


def test_two_people_merge_crosswise() -> None:
    queue = make_queue()
    people = [make_agent(name, queues=[queue]) for name in ("alice", "dora", "eve", "frank")]
    one, other = make_conversation(queue), make_conversation(queue)
    pairs = [(one, other), (other, one)] * 2
    results = at_once(
        [
            lambda agent=agent, pair=pair: actions.merge(agent.user, *pair)  # type: ignore[misc]
            for agent, pair in zip(people, pairs, strict=True)
        ]
    )
    (left,) = merged_whole([one, other])
    assert left.messages_count == 2
    assert all(result == left or "was merged into" in str(result) for result in results)


def test_merging_in_a_ring_while_customers_write_and_agents_answer() -> None:
    queue = make_queue()
    alice, dora = make_agent("alice", queues=[queue]), make_agent("dora", queues=[queue])
    mails = [receive(queue) for _ in range(4)]
    rows = [mail.conversation for mail in mails]
    jobs: list[Callable[[], object]] = []
    for number, row in enumerate(rows):
        into = rows[(number + 1) % len(rows)]
        raw = make_mail(f"More {number}", References=f"<{mails[number].message_id}>")
        jobs.append(lambda row=row, into=into: actions.merge(alice.user, row, into))  # type: ignore[misc]
        jobs.append(lambda raw=raw: receive(queue, raw))  # type: ignore[misc]
        jobs.append(lambda row=row: actions.take(dora.user, row, take_over=True))  # type: ignore[misc]
        jobs.append(lambda mail=mails[number], into=into: actions.move_message(alice.user, mail, into))  # type: ignore[misc]
    at_once(jobs)
    left = merged_whole(rows)
    assert left
    assert sum(row.messages_count for row in left) == 8


def test_an_action_that_meets_a_deadlock_is_done_again() -> None:
    queue = make_queue()
    alice = make_agent("alice", queues=[queue])
    row = make_conversation(queue)
    has_agent = Signal()

    def batch() -> None:
        """Holds the agent and then wants the conversation, which an action takes the other way round."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET LOCAL deadlock_timeout = '1min'"
                )  # so that it is the action which is undone
            Agent.objects.select_for_update().get(pk=alice.pk)
            has_agent.set()
            wait_for_a_lock()
            Conversation.objects.select_for_update().get(pk=row.pk)

    def act() -> Conversation:
        assert has_agent.wait(timeout=30)
        return actions.take(alice.user, row)

    results = at_once([batch, act])
    assert results == [None, row]
    row.refresh_from_db()
    assert (row.state, row.agent) == (State.ASSIGNED, alice)
    assert row.events.filter(kind="taken").count() == 1


def wait_for_a_lock() -> None:
    """Until somebody else waits for a lock of this database."""
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    end = monotonic() + 30
    with connection.cursor() as cursor:
        while monotonic() < end:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waits)
            if cursor.fetchone():
                return
    raise TimeoutError("nobody waits")


def test_a_tag_that_two_make_at_once_is_one() -> None:
    bob = make_supervisor("bob")
    row = make_conversation(make_queue([bob]))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            other = Tag.objects.create(name="Fresh")
            other_hand = pool.submit(lambda: at_once([lambda: tag(bob.user, row, ["fresh"])]))
            wait_for_a_lock()
        assert [getattr(each, "pk", each) for each in other_hand.result()] == [row.pk]
    assert list(row.tags.all()) == [other]
    assert Tag.objects.count() == 1
