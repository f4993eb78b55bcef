"""A page of which a script did not come: the server went away just then."""

import pytest
from playwright.sync_api import Route, expect

from queues.models import Draft, EmailQueue
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn, written
from tests.make import make_agent, make_queue, receive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice", capacity=5)], name="Orders")


def only_to_a_script(route: Route) -> None:
    """What somebody in between keeps away from pages, though the server is there."""
    if route.request.resource_type == "script":
        route.abort()
    else:
        route.continue_()


def test_a_page_without_its_scripts_is_loaded_again(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    intercept(page, "**/draft", lambda route: route.abort())
    page.keyboard.type(" two")
    intercept(page, "**/desk/*.js", lambda route: route.abort())
    page.goto(page.url)
    expect(page.locator("#unfinished")).to_be_visible()
    expect(page.locator("#desk")).to_have_attribute("inert", "")
    page.unroute("**/draft")
    page.unroute("**/desk/*.js")  # it asks again and again whether the server is there
    expect(page.locator("#unfinished")).to_be_hidden()
    expect(page.locator("#reply-text")).to_have_value("One two")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "One two"


def test_a_page_that_came_by_half_is_loaded_again(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    page.keyboard.type(" two")
    asked: list[str] = []

    def by_half(route: Route) -> None:
        """The server was killed behind the last of its dialogs."""
        asked.append(route.request.url)
        answer = route.fetch()
        text = answer.text()
        route.fulfill(response=answer, body=text[: text.index('<i id="page-end"')])

    intercept(page, page.url, by_half, times=1)
    page.goto(page.url)
    expect(page.locator("#page-end")).to_have_count(1)
    expect(page.locator("#reply-text")).to_have_value("One two")
    expect(page.locator("#unfinished")).to_be_hidden()
    assert len(asked) == 1


def test_words_typed_into_a_page_without_its_scripts_are_there_again(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One two")
    scripts = held_back(page, "**/desk/rich*.js")
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    come(page, scripts).abort()
    page.unroute("**/desk/rich*.js")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "Early One two"


def test_a_page_whose_script_never_comes_is_not_loaded_for_ever(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice", "/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    intercept(page, "**/desk/main*.js", only_to_a_script)
    page.goto("/")
    while len(asked) < 6:
        page.wait_for_event("framenavigated")
    expect(page.locator("#unfinished")).to_be_visible()
    page.wait_for_load_state()
    assert (page.evaluate("sessionStorage.getItem('ucs:unfinished')"), len(asked)) == ("6", 6)
    page.unroute("**/desk/main*.js")
    page.locator("#unfinished a").click()
    expect(page.locator("#unfinished")).to_be_hidden()
    page.wait_for_function("() => sessionStorage.getItem('ucs:unfinished') === null")
