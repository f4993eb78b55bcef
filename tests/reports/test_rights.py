"""Who may open the pages for supervisors, and what they see there."""

import pytest
from django.test import Client

from agents.rights import agent_of
from reports import urls
from reports.rights import people_of, supervised
from tests.make import make_administrator, make_agent, make_queue, make_supervisor

pytestmark = pytest.mark.django_db


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


def test_no_page_is_open_to_agents() -> None:
    make_queue([make_agent("alice")], name="Orders")
    alice, tried = signed_in("alice"), 0
    for pattern in urls.urlpatterns:
        path = "/" + str(pattern.pattern).replace("<int:pk>", "1")
        assert alice.get(path).status_code in (404, 405), path
        assert alice.post(path).status_code in (404, 405), path
        assert Client().get(path).status_code in (302, 405), path
        tried += 1
    assert tried


def test_pages_open_for_supervisors_and_administrators() -> None:
    make_queue([make_supervisor("bob")], name="Orders")
    make_administrator()
    for username in ("bob", "root"):
        assert signed_in(username).get("/board/").status_code == 200


def test_a_supervisor_directs_their_own_queues_only() -> None:
    alice, charlie, bob = make_agent("alice"), make_agent("charlie"), make_supervisor("bob")
    orders, elsewhere = make_queue([alice, bob], name="Orders"), make_queue([charlie], name="Elsewhere")
    root = make_administrator()
    assert list(supervised(bob.user)) == [orders]
    assert set(people_of(bob.user)) == {alice, bob}
    assert set(supervised(root)) == {orders, elsewhere}
    assert set(people_of(root)) == {alice, bob, charlie}
    assert not supervised(alice.user).exists()
    assert not people_of(alice.user).exists()
    assert agent_of(root) is None


def test_the_desk_leads_supervisors_to_the_board() -> None:
    make_queue([make_agent("alice"), make_supervisor("bob")], name="Orders")
    assert 'href="/board/"' in signed_in("bob").get("/").content.decode()
    assert 'href="/board/"' not in signed_in("alice").get("/").content.decode()
