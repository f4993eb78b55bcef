"""Saved views: whose they are, who sees and changes them, what they show and how many that is."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from audit.models import AuditRow
from queues import saved
from queues.models import EmailQueue, SavedView
from queues.refusals import ActionRefused
from queues.saved import Kept
from queues.saved_counts import saved_counts
from tests.make import make_administrator, make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Agent:
    cache.clear()
    return make_agent("alice")


@pytest.fixture
def bob() -> Agent:
    return make_supervisor("bob")


@pytest.fixture
def queue(alice: Agent, bob: Agent) -> EmailQueue:
    return make_queue([alice, bob])


def names(agent: Agent) -> list[str]:
    return [view.name for view in saved.visible(agent.user)]


def test_private_ones_are_ones_own_and_shared_ones_the_teams(
    alice: Agent, bob: Agent, queue: EmailQueue
) -> None:
    own = saved.save(alice.user, Kept(name="  My   list "))
    team = saved.save(bob.user, Kept(name="Ours", team=queue))
    assert names(alice) == ["My list", "Ours"]
    assert names(bob) == ["Ours"]
    assert names(make_agent("charlie")) == []
    for act in (lambda: saved.delete(alice.user, team), lambda: saved.change(bob.user, own, Kept(name="x"))):
        with pytest.raises(ActionRefused):
            act()
    with pytest.raises(ActionRefused, match="Only supervisors"):
        saved.save(alice.user, Kept(name="Mine for all", team=queue))
    with pytest.raises(ActionRefused, match="already"):
        saved.save(alice.user, Kept(name="My list"))
    with pytest.raises(ActionRefused):
        saved.save(alice.user, Kept(name=" "))
    queue.members.remove(alice)
    assert names(alice) == ["My list"]


def test_what_shows_a_queue_goes_when_one_leaves_it(alice: Agent, queue: EmailQueue) -> None:
    view = saved.save(alice.user, Kept(name="One queue", queue=queue, text="is:late", sort="oldest"))
    saved.begin_with(alice.user, view)
    assert saved.start(alice.user) is not None
    queue.members.clear()
    assert names(alice) == []
    assert saved.start(alice.user) is None


def test_they_have_an_order_and_the_desk_opens_with_one(alice: Agent, queue: EmailQueue) -> None:
    views = [saved.save(alice.user, Kept(name=name, view="unassigned")) for name in ("a", "b", "c")]
    saved.move(alice.user, views[2], -1)
    saved.move(alice.user, views[0], -1)
    assert names(alice) == ["a", "c", "b"]
    client = Client()
    client.force_login(alice.user)
    saved.begin_with(alice.user, views[1])
    assert '<h1 id="list-name" class="clip">b</h1>' in client.get("/").content.decode()
    saved.begin_with(alice.user, plain="pending")
    assert "Customer’s turn</h1>" in client.get("/").content.decode()
    saved.delete(alice.user, views[1])
    assert client.get(f"/?saved={views[1].pk}").status_code == 200  # the usual list


def test_the_numbers_of_all_cost_one_query(alice: Agent, queue: EmailQueue) -> None:
    make_conversation(queue, language="cs")
    make_conversation(queue, language="de")
    for number in range(4):
        saved.save(alice.user, Kept(name=f"Czech {number}", view="unassigned", text="language:cs"))
    saved.save(alice.user, Kept(name="Words", text="parcel"))
    found = [number for _, number in saved_counts(alice.user)]
    assert found == [1, 1, 1, 1, None]
    cache.clear()
    with CaptureQueriesContext(connection) as caught:
        saved_counts(alice.user)
    counted = [each for each in caught.captured_queries if "UNION ALL" in each["sql"]]
    assert len(counted) == 1


@pytest.mark.parametrize("text", ["tag:gone", "queue:gone", "agent:gone", "is:mine queue:gone"])
def test_what_can_find_nothing_counts_nothing_and_leaves_the_desk_whole(
    alice: Agent, bob: Agent, queue: EmailQueue, text: str
) -> None:
    make_conversation(queue)
    saved.save(bob.user, Kept(name="Nothing", text=text, team=queue))
    saved.save(alice.user, Kept(name="One", view="unassigned"))
    assert {view.name: number for view, number in saved_counts(alice.user)} == {"Nothing": 0, "One": 1}
    client = Client()
    client.force_login(alice.user)
    assert client.get("/").status_code == 200


def test_an_administrator_without_a_profile_keeps_the_list_of_ones_own() -> None:
    root = User.objects.create_superuser("root")
    saved.save(root, Kept(name="Mine", view="mine"))
    client = Client()
    client.force_login(root)
    assert client.get("/").status_code == 200


def test_what_is_wrong_is_told_as_what_it_is(alice: Agent, queue: EmailQueue) -> None:
    for kept, words in (
        (Kept(name="a", icon="cat"), "not a valid choice"),
        (Kept(name="a", text="x" * 300), "at most 200"),
        (Kept(name="a", view="nowhere"), "no list “nowhere”: choose all, closed"),
        (Kept(name="a", sort="upwards"), "no order “upwards”: choose due"),
    ):
        with pytest.raises(ActionRefused, match=words):
            saved.save(alice.user, kept)
    assert names(alice) == []
    saved.save(alice.user, Kept(name="a\0b", text="x\0"))
    assert names(alice) == ["ab"]


def test_what_somebody_has_deleted_meanwhile_stays_deleted(alice: Agent, queue: EmailQueue) -> None:
    view = saved.save(alice.user, Kept(name="Gone"))
    SavedView.objects.filter(pk=view.pk).delete()
    acts = (
        lambda: saved.change(alice.user, view, Kept(name="Back")),
        lambda: saved.move(alice.user, view, 1),
        lambda: saved.begin_with(alice.user, view),
    )
    for act in acts:
        with pytest.raises(ActionRefused, match="no view “Gone” any more"):
            act()
    assert names(alice) == []


def test_the_dialog_changes_one_view_and_tells_the_links_beside_it(alice: Agent, queue: EmailQueue) -> None:
    view, other = (saved.save(alice.user, Kept(name=name)) for name in ("Old", "Other"))
    client = Client()
    client.force_login(alice.user)
    page = client.post(f"/views/{view.pk}", {"name": "New"}).content.decode()
    links = page[page.index('<div id="nav-views" hx-swap-oob') :]
    assert 'title="New">' in links
    assert page.count('value="New"') == 1, "it is not what the next view would be called"
    for is_begun in (True, False):
        client.post(f"/views/{view.pk}", {"act": "start"})
        assert (saved.start(alice.user) is not None) == is_begun
    answer = client.post(f"/views/{view.pk}?saved={other.pk}", {"act": "delete"})
    assert "Other" in answer.content.decode()
    answer = client.post(f"/views/{other.pk}?saved={other.pk}", {"act": "delete"})  # the list that is open
    assert answer["HX-Trigger"] == "desk:acted"
    assert 'hx-get="/"' in answer.content.decode()


def test_the_dialog_costs_as_much_for_thirty_as_for_three(bob: Agent, queue: EmailQueue) -> None:
    client, costs = Client(), []
    client.force_login(bob.user)
    for count in (3, 27):
        for number in range(count):
            team = queue if number % 2 else None
            saved.save(bob.user, Kept(name=f"{count} {number}", team=team))
        with CaptureQueriesContext(connection) as found:
            assert client.get("/views").content.decode().count('name="act" value="delete"') >= count
        costs.append(len(found))
    assert costs[0] == costs[1]


def test_what_is_shared_stays_when_its_owner_is_deleted(queue: EmailQueue, bob: Agent) -> None:
    carol = make_supervisor("carol", queues=[queue])
    saved.save(carol.user, Kept(name="Mine"))
    shared = saved.save(carol.user, Kept(name="Ours", team=queue))
    root = Client()
    root.force_login(make_administrator())
    user = carol.user_id
    answer = root.post(f"/admin/auth/user/{user}/delete/", {"post": "yes"}, follow=True)
    assert not User.objects.filter(pk=user).exists(), answer.content.decode()
    assert names(bob) == ["Ours"]
    shared = SavedView.objects.get()
    assert shared.owner_id is None
    row = AuditRow.objects.get(act="deleted", kind="auth.user")
    assert row.note == "These saved views stay: “Ours”."
    saved.change(bob.user, shared, Kept(name="All of ours", team=queue))
