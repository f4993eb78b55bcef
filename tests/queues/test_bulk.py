"""Things done with many conversations: each once, by right, stopped, taken up again and undone."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Agent
from queues import actions, bulk, bulk_acts, tasks
from queues.bulk import Chosen
from queues.inbox import Listing, View
from queues.models import BulkAct, Conversation, EmailQueue, Tag
from queues.refusals import ActionRefused
from tests.make import make_agent, make_conversation, make_queue, make_supervisor, receive
from tests.queues.test_races import at_once

State = Conversation.State
Verb = BulkAct.Verb
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def redis(clean_redis: None) -> None:
    """Announcements of these tests are nobody's business."""


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=50)


@pytest.fixture
def queue(alice: Agent) -> EmailQueue:
    return make_queue([alice, make_supervisor("bob", capacity=50)])


def some(queue: EmailQueue, count: int = 3) -> tuple[int, ...]:
    return tuple(make_conversation(queue).pk for _ in range(count))


def begin(actor: Agent, verb: str, ids: tuple[int, ...], token: str = "t", **values: Any) -> BulkAct:
    return bulk.begin(actor.user, verb, values, Chosen(ids), token)


def states(ids: tuple[int, ...]) -> list[str]:
    return list(Conversation.objects.filter(pk__in=ids).order_by("pk").values_list("state", flat=True))


def places() -> list[Any]:
    return list(
        Conversation.objects.order_by("pk").values_list("state", "agent", "due_at", "due_tick", "spam_at")
    )


def test_many_are_closed_and_each_that_is_not_says_why(alice: Agent, queue: EmailQueue) -> None:
    dora = make_agent("dora", queues=[queue])
    ids = some(queue)
    actions.take(dora.user, Conversation.objects.get(pk=ids[1]))
    strange = make_conversation(make_queue())
    act = begin(alice, Verb.CLOSE, (*ids, strange.pk))
    assert act.state == BulkAct.State.DONE
    found = bulk.progress(act)
    number = Conversation.objects.get(pk=ids[1]).number
    assert (found.total, found.done, found.refused) == (3, 2, 1)
    assert found.sentences == ((f"#{number} is with Dora: ask Dora or a supervisor to give it to you.", 1),)
    assert states(ids) == ["closed", "assigned", "closed"]
    strange.refresh_from_db()
    assert strange.state == State.WAITING


def test_the_same_token_does_it_once(alice: Agent, queue: EmailQueue) -> None:
    ids = some(queue, 2)
    first = begin(alice, Verb.CLOSE, ids)
    for pk in ids:
        actions.reopen(alice.user, Conversation.objects.get(pk=pk))
    assert begin(alice, Verb.CLOSE, ids) == first
    assert states(ids) == ["waiting", "waiting"]


@pytest.mark.parametrize(
    ("verb", "values", "state"),
    [
        (Verb.TAKE, {}, "assigned"),
        (Verb.CLOSE, {}, "closed"),
        (Verb.PENDING, {}, "pending"),
        (Verb.SNOOZE, {"until": (timezone.now() + timedelta(days=1)).isoformat()}, "snoozed"),
        (Verb.SPAM, {}, "closed"),
    ],
)
def test_what_was_done_is_undone_once(
    alice: Agent, queue: EmailQueue, verb: str, values: dict[str, str], state: str
) -> None:
    ids = some(queue, 2)
    before = list(
        Conversation.objects.order_by("pk").values("state", "agent", "due_at", "due_tick", "spam_at")
    )
    act = begin(alice, verb, ids, **values)
    assert states(ids) == [state, state]
    back = bulk.undo(alice.user, act)
    assert bulk.progress(back).done == 2
    assert bulk.undo(alice.user, act) == back
    after = list(
        Conversation.objects.order_by("pk").values("state", "agent", "due_at", "due_tick", "spam_at")
    )
    assert after == before
    assert Conversation.objects.get(pk=ids[0]).events.filter(kind="put_back").count() == 1


def test_what_changed_since_is_not_put_back(alice: Agent, queue: EmailQueue) -> None:
    ids = some(queue, 2)
    act = begin(alice, Verb.CLOSE, ids)
    actions.reopen(alice.user, Conversation.objects.get(pk=ids[0]))
    actions.take(alice.user, Conversation.objects.get(pk=ids[0]))
    found = bulk.progress(bulk.undo(alice.user, act))
    assert (found.done, found.refused) == (1, 1)
    assert states(ids) == ["assigned", "waiting"]


def test_what_went_on_though_it_stands_where_it_stood_is_not_put_back(
    alice: Agent, queue: EmailQueue
) -> None:
    mailed, taken, tagged = some(queue)
    act = begin(alice, Verb.TAKE, (mailed, taken))
    Conversation.objects.filter(pk=mailed).update(messages_count=3)  # answered, and asked again
    row = Conversation.objects.get(pk=taken)
    actions.release(alice.user, row)
    actions.take(alice.user, row)
    assert bulk.progress(bulk.undo(alice.user, act)).done == 0
    assert states((mailed, taken)) == ["assigned", "assigned"]
    Tag.objects.create(name="Late")
    act = begin(alice, Verb.TAG, (tagged,), "u", tag="Late")
    Conversation.objects.filter(pk=tagged).update(messages_count=3)
    assert bulk.progress(bulk.undo(alice.user, act)).done == 1  # a tag may be taken off all the same


def test_nothing_is_put_back_to_who_left_the_queue_nor_a_tag_that_is_gone(
    alice: Agent, queue: EmailQueue
) -> None:
    ids, bob = some(queue, 2), Agent.objects.get(user__username="bob")
    actions.take(alice.user, Conversation.objects.get(pk=ids[0]))
    act = begin(bob, Verb.RELEASE, ids[:1])
    queue.members.remove(alice)
    found = bulk.progress(bulk.undo(bob.user, act))
    assert (found.done, "not there any more" in found.sentences[0][0]) == (0, True)
    assert states(ids) == ["waiting", "waiting"]
    tag = Tag.objects.create(name="Late")
    Conversation.objects.get(pk=ids[1]).tags.add(tag)
    act = begin(bob, Verb.UNTAG, ids[1:], "u", tag="Late")
    tag.delete()
    assert bulk.progress(bulk.undo(bob.user, act)).refused == 0


def test_odd_tokens_and_numbers_are_refused_in_words(alice: Agent, queue: EmailQueue) -> None:
    ids = some(queue, 1)
    act = begin(alice, Verb.TAKE, ids)
    for token in (f"undo:{act.pk}", "a\0", "", "x" * 65):
        with pytest.raises(ActionRefused, match="Load the page again"):
            begin(alice, Verb.CLOSE, ids, token)
    for verb, name in ((Verb.TRANSFER, "queue"), (Verb.ASSIGN, "agent")):
        for value in ("9" * 5000, "²", "٣", "x"):
            with pytest.raises(ActionRefused, match="Choose a"):
                begin(alice, verb, ids, "u", **{name: value})
    for value in ("0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "2026-02-31", "x"):
        with pytest.raises(ActionRefused):
            begin(alice, Verb.SNOOZE, ids, "u", until=value)
    assert bulk.progress(bulk.undo(alice.user, act)).done == 1


def test_what_is_long_over_is_forgotten(alice: Agent, queue: EmailQueue) -> None:
    old, new, running = (begin(alice, Verb.TAKE, some(queue, 2), token) for token in ("a", "b", "c"))
    bulk.undo(alice.user, old)
    BulkAct.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=31))
    BulkAct.objects.filter(pk=running.pk).update(finished_at=None, state=BulkAct.State.RUNNING)
    tasks.check_kinds()
    assert set(BulkAct.objects.values_list("pk", flat=True)) == {new.pk, running.pk}


def test_tags_go_on_and_off_and_only_supervisors_make_them(alice: Agent, queue: EmailQueue) -> None:
    ids = some(queue, 2)
    with pytest.raises(ActionRefused, match="a supervisor makes new ones"):
        begin(alice, Verb.TAG, ids, tag="Fresh")
    bob = Agent.objects.get(user__username="bob")
    act = begin(bob, Verb.TAG, ids, tag="Fresh")
    tag = Tag.objects.get(name="Fresh")
    assert tag.conversations.count() == 2
    bulk.undo(bob.user, act)
    assert tag.conversations.count() == 0


def test_moving_and_giving_keep_rights(alice: Agent, queue: EmailQueue) -> None:
    ids, strange, mine = some(queue, 2), make_queue(), make_queue([alice])
    for values in ({"queue": strange.pk}, {"queue": "x"}, {}):
        with pytest.raises(ActionRefused, match="Choose a queue"):
            begin(alice, Verb.TRANSFER, ids, **values)
    act = begin(alice, Verb.TRANSFER, ids, queue=mine.pk, note="Yours, I think.")
    row = Conversation.objects.get(pk=ids[0])
    assert row.queue == mine
    assert row.notes.get().text == "Yours, I think."
    bulk.undo(alice.user, act)
    row.refresh_from_db()
    assert row.queue == queue
    with pytest.raises(ActionRefused, match="Choose an agent"):
        begin(alice, Verb.ASSIGN, ids, "u", agent=make_agent("dora").pk)
    given = begin(alice, Verb.ASSIGN, ids, "v", agent=alice.pk)  # not hers to give
    assert bulk.progress(given).refused == 2


def test_all_of_a_list_are_meant_as_they_were(alice: Agent, queue: EmailQueue, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "PAGE", 3)
    ids = some(queue, 7)
    listing = Listing(view=View.UNASSIGNED, text="parcel")
    act = bulk.begin(alice.user, Verb.CLOSE, {}, Chosen(listing=listing), "all")
    assert bulk.progress(act).total == 7
    assert set(states(ids)) == {"closed"}
    back = bulk.undo(alice.user, act)
    assert bulk.progress(back).done == 7


def test_a_worker_that_died_is_followed_by_another(
    alice: Agent, queue: EmailQueue, monkeypatch: Any, settings: Any
) -> None:
    settings.BULK_AT_ONCE = 0
    ids = some(queue, 5)
    act = begin(alice, Verb.CLOSE, ids)
    assert states(ids) == ["waiting"] * 5
    done: list[int] = []
    real = bulk._one

    def dies(act: BulkAct, item: int) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(item)
        real(act, item)

    monkeypatch.setattr(bulk, "_one", dies)
    with pytest.raises(KeyboardInterrupt):
        tasks.carry_on(act.pk)
    monkeypatch.setattr(bulk, "_one", real)
    assert states(ids).count("closed") == 2
    assert bulk.resume() == 0  # the lease holds
    assert bulk.carry_on(act.pk, 5)  # not ours
    assert states(ids).count("closed") == 2
    BulkAct.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert bulk.resume() == 1
    tasks.carry_on(act.pk)
    act.refresh_from_db()
    assert (act.state, bulk.progress(act).done) == ("done", 5)
    rows = Conversation.objects.filter(pk__in=ids)
    assert [row.events.filter(kind="closed").count() for row in rows] == [1] * 5


def test_one_alone_is_done_when_it_is_told_to_be(alice: Agent, queue: EmailQueue, settings: Any) -> None:
    settings.BULK_AT_ONCE = 0
    ids = some(queue, 1)
    act = begin(alice, Verb.CLOSE, ids)
    assert (act.state, states(ids)) == (BulkAct.State.DONE, ["closed"])
    bulk.undo(alice.user, act)
    assert states(ids) == ["waiting"]


def test_a_stopped_act_goes_no_further(alice: Agent, queue: EmailQueue, settings: Any) -> None:
    settings.BULK_AT_ONCE = 0
    act = begin(alice, Verb.CLOSE, some(queue, 3))
    bulk.cancel(make_agent("dora").user, act)  # not hers
    act.refresh_from_db()
    assert act.state == BulkAct.State.RUNNING
    bulk.cancel(alice.user, act)
    tasks.carry_on(act.pk)
    assert bulk.progress(act).done == 0


def test_a_fault_of_ours_marks_the_row_and_goes_on(
    alice: Agent, queue: EmailQueue, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ids, real = some(queue, 2), bulk_acts.do

    def fails(actor: Any, row: Conversation, *rest: Any) -> Any:
        if row.pk == ids[0]:
            raise ZeroDivisionError
        return real(actor, row, *rest)

    monkeypatch.setattr(bulk_acts, "do", fails)
    act = begin(alice, Verb.CLOSE, ids)
    assert bulk.progress(act).sentences == ((bulk.FAULT, 1),)
    assert states(ids) == ["waiting", "closed"]


def test_spam_stays_spam_and_the_next_from_its_sender_is_held(alice: Agent, queue: EmailQueue) -> None:
    first = receive(queue)
    row = actions.mark_spam(alice.user, first.conversation)
    assert (row.state, row.spam_at is None) == (State.CLOSED, False)
    again = receive(queue).conversation
    assert again.state == State.HELD
    assert again.events.filter(kind="held", sentence__contains=f"#{row.number}").exists()
    row = actions.not_spam(alice.user, row)
    assert (row.state, row.spam_at) == (State.WAITING, None)
    with pytest.raises(ActionRefused, match="not marked as spam"):
        actions.not_spam(alice.user, row)
    assert receive(queue).conversation.state == State.WAITING


def test_spam_of_one_queue_holds_nothing_in_another(alice: Agent, queue: EmailQueue) -> None:
    actions.mark_spam(alice.user, receive(queue).conversation)
    other = make_queue([alice])
    assert receive(other).conversation.state == State.WAITING
    assert receive(queue).conversation.state == State.HELD


def test_undone_a_draft_that_went_along_is_its_writers_again(alice: Agent, queue: EmailQueue) -> None:
    bob = Agent.objects.get(user__username="bob")
    went, began_anew = some(queue, 2)
    for pk in (went, began_anew):
        row = Conversation.objects.get(pk=pk)
        actions.take(alice.user, row)
        actions.save_draft(alice.user, row, "Good morning,")
    act = begin(bob, Verb.ASSIGN, (went, began_anew), agent=bob.pk)
    rows = [Conversation.objects.get(pk=pk) for pk in (went, began_anew)]
    assert [each.agent for row in rows for each in row.drafts.all()] == [bob, bob]
    actions.save_draft(alice.user, rows[1], "Another one.")
    assert bulk.progress(bulk.undo(bob.user, act)).done == 2
    (draft,) = rows[0].drafts.all()
    assert (draft.agent, draft.handed_by, draft.text) == (alice, None, "Good morning,")
    assert {each.agent: each.text for each in rows[1].drafts.all()} == {
        alice: "Another one.",
        bob: "Good morning,",
    }


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_act() -> None:
    alice = make_agent("alice", capacity=50)
    queue = make_queue([alice])
    ids = some(queue, 3)
    found = at_once([lambda: begin(alice, Verb.CLOSE, ids)] * 3)
    assert len({getattr(each, "pk", each) for each in found}) == 1
    rows = Conversation.objects.filter(pk__in=ids)
    assert [row.events.filter(kind="closed").count() for row in rows] == [1, 1, 1]


def test_the_page_takes_what_is_chosen_and_shows_no_stranger_how_far_it_is(
    alice: Agent, queue: EmailQueue
) -> None:
    ids, charlie = some(queue, 2), make_agent("charlie")
    client, strange = Client(), Client()
    client.force_login(alice.user)
    strange.force_login(charlie.user)
    assert 'data-verb="close"' in client.get("/bulk?view=unassigned").content.decode()
    form = {"verb": "close", "token": "t", "id": [*map(str, ids), "x", "9" * 30]}
    for _ in range(2):
        assert "2 closed." in client.post("/bulk?view=unassigned", form).content.decode()
    act = BulkAct.objects.get()
    for path in ("", "/stop", "/undo"):
        assert strange.post(f"/bulk/{act.pk}{path}").status_code in (404, 405)
    assert strange.get(f"/bulk/{act.pk}").status_code == 404
    assert "2 put back." in client.post(f"/bulk/{act.pk}/undo").content.decode()
    for wrong in (
        {"verb": "close"},
        {"verb": "erase", "token": "u", "id": ids[0]},
        {"verb": "close", "token": "v"},
    ):
        assert client.post("/bulk?view=unassigned", wrong).status_code == 409
    assert (
        strange.post("/bulk?view=unassigned", form | {"token": "w"}).status_code == 200
    )  # none of them is theirs
    assert states(ids) == ["waiting", "waiting"]
