"""The live board: what it says, what it costs, and what a supervisor does from there."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent
from audit.models import AuditRow
from queues import actions
from queues.letters import Reply
from queues.models import Conversation, EmailQueue, Event
from queues.today import figures, morning
from reports.board import DECISIONS, MOST_OPEN, Scope, read
from tests.make import make_administrator, make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


@pytest.fixture
def bob() -> Agent:
    """Supervises Orders and Billing, where Alice works; Charlie works elsewhere."""
    bob, alice = make_supervisor("bob", capacity=9), make_agent("alice", capacity=3)
    make_queue([alice, bob], name="Orders")
    make_queue([alice, bob], name="Billing")
    make_queue([make_agent("charlie")], name="Elsewhere")
    return bob


def orders() -> EmailQueue:
    return EmailQueue.objects.get(name="Orders")


def alice() -> Agent:
    return Agent.objects.get(user__username="alice")


def test_queues_are_counted(bob: Agent) -> None:
    now = timezone.now()
    make_conversation(orders(), waiting_since=now - timedelta(minutes=25), due_at=now + timedelta(minutes=5))
    make_conversation(orders(), due_at=now - timedelta(minutes=5))
    row = make_conversation(orders(), due_at=now + timedelta(hours=1))
    actions.take(alice().user, row)
    make_conversation(EmailQueue.objects.get(name="Elsewhere"))

    found = read(Scope(bob.user), now)
    queues = {each.queue.name: each for each in found.queues}
    assert set(queues) == {"Billing", "Orders"}
    assert (queues["Orders"].waiting, queues["Orders"].assigned, queues["Orders"].late) == (2, 1, 1)
    assert queues["Orders"].oldest_at == now - timedelta(minutes=25)
    assert queues["Orders"].next_due_at == now + timedelta(minutes=5)
    assert (queues["Billing"].waiting, queues["Billing"].oldest_at) == (0, None)
    assert (queues["Orders"].available, queues["Orders"].members) == (2, 2)
    assert {str(each.agent) for each in found.people} == {"Alice", "Bob"}
    by_name = {str(each.agent): each for each in found.people}
    assert [each.pk for each in by_name["Alice"].shown] == [row.pk]


def test_work_elsewhere_counts_but_is_not_told(bob: Agent) -> None:
    elsewhere = EmailQueue.objects.get(name="Elsewhere")
    elsewhere.members.add(alice())
    row = make_conversation(elsewhere, subject="None of Bob's business")
    actions.take(alice().user, row)
    (seen,) = [each for each in read(Scope(bob.user), timezone.now()).people if each.agent == alice()]
    assert (seen.open, seen.shown) == (1, [])
    assert "None of Bob" not in signed_in("bob").get("/board/").content.decode()


def test_who_is_late_stands_first_and_who_is_gone_last(bob: Agent) -> None:
    Agent.objects.filter(pk=bob.pk).update(presence="offline")
    dora = make_agent("dora", queues=[orders()], presence="away")
    eve = make_agent("eve", queues=[orders()], presence="away")
    row = make_conversation(orders())
    actions.assign(bob.user, row, eve)
    Conversation.objects.filter(pk=row.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    assert [each.agent for each in read(Scope(bob.user), timezone.now()).people] == [eve, alice(), dora, bob]


def test_answers_of_today(bob: Agent) -> None:
    now = timezone.now()
    in_time, late, undone = (make_conversation(orders()) for _ in range(3))
    Conversation.objects.filter(pk=late.pk).update(due_at=now - timedelta(minutes=1))
    for row in (in_time, late, undone):
        message = actions.reply(alice().user, row, Reply(text="Yes.", token=f"t{row.pk}"))
    assert actions.undo(alice().user, message)
    yesterday = make_conversation(orders())
    actions.reply(alice().user, yesterday, Reply(text="Yes.", token="old"))
    yesterday.events.update(at=morning(now) - timedelta(minutes=1))

    found = figures(morning(now))
    assert (set(found.by_queue), set(found.by_user)) == ({orders().pk}, {alice().user_id})
    today = found.by_queue[orders().pk]
    assert found.by_user[alice().user_id] == today
    assert (today.answered, today.judged, today.in_time) == (2, 2, 1)
    assert today.in_time_share == 0.5
    assert figures(morning(now), user_id=bob.user_id).by_user == {}
    assert figures(morning(now), queues=[]).by_queue == {}


def test_the_number_of_queries_does_not_grow(bob: Agent) -> None:
    client = signed_in("bob")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert client.get("/board/").status_code == 200
        return sum(
            "staff_signinrules" not in each["sql"] for each in caught.captured_queries
        )  # read at times

    def grow(names: str) -> None:
        for name in names:
            agent = make_agent(f"agent-{name}", queues=[orders()], capacity=MOST_OPEN + 5)
            make_queue([agent, bob], name=f"Queue {name}")
            for _ in range(2):
                actions.assign(bob.user, make_conversation(orders()), agent)
            make_conversation(orders(), language="cs")

    grow("a")
    queries()  # what is asked once and kept
    few = queries()
    grow("bcdef")
    assert queries() == few < 30


def test_decisions_are_the_last_ones_of_my_queues(bob: Agent) -> None:
    row = make_conversation(orders())
    elsewhere = make_conversation(EmailQueue.objects.get(name="Elsewhere"))
    for number in range(DECISIONS + 3):
        Event.objects.create(conversation=row, kind="taken", sentence=f"Decision {number}")
        Event.objects.create(conversation=elsewhere, kind="taken", sentence="Hidden")
    told = [event.sentence for event in read(Scope(bob.user), timezone.now()).decisions]
    assert told == [f"Decision {number}" for number in range(DECISIONS + 2, 2, -1)]


def test_a_supervisor_gives_away_and_takes_back(bob: Agent) -> None:
    client, row = signed_in("bob"), make_conversation(orders())
    actions.take(alice().user, row)
    choices = client.get(f"/board/conversations/{row.pk}/assign").content.decode()
    assert "Bob" in choices
    assert "Charlie" not in choices
    answer = client.post(f"/board/conversations/{row.pk}/assign", {"agent": bob.pk})
    assert (answer.status_code, "board:acted" in answer["HX-Trigger"]) == (200, True)
    row.refresh_from_db()
    assert row.agent == bob
    assert client.post(f"/board/conversations/{row.pk}/release").status_code == 200
    assert Conversation.objects.filter(pk=row.pk, agent=None, state="waiting").exists()
    assert client.post(f"/board/conversations/{row.pk}/release").status_code == 409
    assert client.post(f"/board/conversations/{row.pk}/assign", {"agent": "x"}).status_code == 409


def test_nothing_can_be_done_in_queues_of_others(bob: Agent) -> None:
    client = signed_in("bob")
    elsewhere = make_conversation(EmailQueue.objects.get(name="Elsewhere"))
    charlie = Agent.objects.get(user__username="charlie")
    for path in (f"conversations/{elsewhere.pk}/assign", f"conversations/{elsewhere.pk}/release"):
        assert client.post(f"/board/{path}").status_code == 404
    assert client.get(f"/board/agents/{charlie.pk}/").status_code == 404
    assert client.post(f"/board/agents/{charlie.pk}/presence", {"presence": "away"}).status_code == 404
    event = elsewhere.events.get(kind="opened")
    assert client.get(f"/board/decisions/{event.pk}/").status_code == 404


def test_presence_set_by_a_supervisor_is_recorded(bob: Agent) -> None:
    client, row = signed_in("bob"), alice()
    path = f"/board/agents/{row.pk}/presence"
    assert client.post(path, {"presence": "away"}).status_code == 200
    row.refresh_from_db()
    assert (row.presence, row.seen_at) == ("away", None)
    entry = AuditRow.objects.get(act="did")
    assert (entry.actor_id, entry.object_id) == (bob.user.pk, str(row.pk))
    assert "away" in entry.note

    refused = client.post(path, {"presence": "available"})
    assert (refused.status_code, "no desk open" in refused.content.decode()) == (409, True)
    Agent.objects.filter(pk=row.pk).update(seen_at=timezone.now())
    assert client.post(path, {"presence": "available"}).status_code == 200
    assert client.post(path, {"presence": "nonsense"}).status_code == 409


def test_an_empty_board_says_what_to_do(bob: Agent) -> None:
    EmailQueue.objects.all().delete()
    assert "Ask an administrator" in signed_in("bob").get("/board/").content.decode()
    make_administrator()
    assert "add email queue" in signed_in("root").get("/board/").content.decode()
