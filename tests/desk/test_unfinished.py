"""A page of which a script did not come: the server went away just then."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from queues.models import Draft, EmailQueue
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn, written
from tests.make import make_agent, make_queue, receive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice", capacity=5)], name="Orders")


NOTHING_KEPT = "() => !Object.keys(localStorage).some((key) => key.startsWith('ucs:draft:'))"


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
    page.wait_for_function(NOTHING_KEPT)
    assert Draft.objects.get().text == "One two"


FILES = re.compile("/(static|words)/")


def test_a_page_that_came_alone_is_loaded_again(sign_in: SignIn, orders: EmailQueue) -> None:
    """The server was gone behind it: no script came, none that could tell of the others either."""
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    intercept(page, "**/draft", lambda route: route.abort())
    page.keyboard.type(" two")
    intercept(page, FILES, lambda route: route.abort())
    page.goto(page.url)
    expect(page.locator("#desk")).to_have_attribute("inert", "")
    page.unroute("**/draft")
    page.unroute(FILES)
    expect(page.locator("#reply-text")).to_have_value("One two")
    page.wait_for_function(NOTHING_KEPT)
    assert Draft.objects.get().text == "One two"


@pytest.mark.usefixtures("orders")
def test_a_page_without_its_styles_is_loaded_again(sign_in: SignIn) -> None:
    page = sign_in("alice", "/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    intercept(page, "**/desk*.css", lambda route: route.abort(), times=1)
    page.goto("/")
    expect(page.locator("#desk")).to_have_css("display", "grid")
    expect(page.locator("#unfinished")).to_be_hidden()
    assert len(asked) == 2


def kept_waiting(page: Page, address: str = "**/desk/rich*.js") -> Callable[[], Route]:
    """Where the request for a script, which neither comes nor fails, is awaited; who asks again has it."""
    held: list[Route] = []
    intercept(page, address, lambda route: route.continue_() if held else held.append(route))

    def first() -> Route:
        while not held:
            page.wait_for_timeout(20)
        return held[0]

    return first


def test_a_page_that_waits_for_a_script_for_ever_is_loaded_again(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One two")
    asked = kept_waiting(page)
    page.clock.install()
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    asked()
    page.clock.run_for("00:26")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "Early One two"


def test_early_words_stand_beside_what_another_window_has_saved_since(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    asked = kept_waiting(page)
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    Draft.objects.update(text="Two", version=9, window="another")
    asked().abort()
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "Two\n\nEarly One"


def test_early_words_of_an_answer_that_has_left_are_in_no_other(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    asked = kept_waiting(page)
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    Draft.objects.update(text="Two", token=uuid4(), version=9, window="another")
    with page.expect_navigation():
        asked().abort()
    page.wait_for_function("() => sessionStorage.getItem('ucs:unfinished') === null")
    expect(page.locator("#reply-text")).to_have_value("Two")


def test_nothing_is_sent_by_a_page_that_did_not_come_whole(sign_in: SignIn, orders: EmailQueue) -> None:
    """The browser itself would put the text into the address, and htmx would not ask the editor."""
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One two")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    main = kept_waiting(page, "**/desk/main*.js")
    page.goto(page.url, wait_until="commit")
    page.get_by_role("button", name="Send", exact=True).click()
    with page.expect_navigation():
        main().abort()
    page.wait_for_function("() => sessionStorage.getItem('ucs:unfinished') === null")
    expect(page.locator("#reply-text")).to_have_value("One two")
    assert {urlsplit(url).query for url in asked} == {""}
    assert Draft.objects.get().text == "One two"


# One that is switched off isn't asked for; what a policy or a blocker keeps away tells the same event.
ELSEWHERE = """() => {
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href: "https://elsewhere.example/font.css", disabled: true });
  document.head.append(link);
  link.dispatchEvent(new Event("error"));
}"""


@pytest.mark.usefixtures("orders")
def test_what_a_browser_extension_lacks_is_no_concern_of_the_page(sign_in: SignIn) -> None:
    page = sign_in("alice", "/")
    held = held_back(page, "**/desk/main*.js")
    page.goto("/", wait_until="commit")
    main = come(page, held)
    page.wait_for_selector("#page-end", state="attached")
    page.evaluate(ELSEWHERE)
    assert page.evaluate("sessionStorage.getItem('ucs:unfinished')") is None
    main.continue_()
    page.wait_for_load_state()
    expect(page.locator("#desk")).not_to_have_attribute("inert", "")
    expect(page.locator("#unfinished")).to_be_hidden()


def test_words_for_one_answer_never_get_into_another(sign_in: SignIn, orders: EmailQueue) -> None:
    first, second = (receive(orders).conversation for _ in range(2))
    page = sign_in("alice", f"/conversations/{second.pk}/")
    written(page, "Second")
    page.goto(f"/conversations/{first.pk}/")
    written(page, "First")
    asked = kept_waiting(page)
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    asked()
    page.goto(f"/conversations/{second.pk}/")
    expect(page.locator("#reply-text")).to_have_value("Second")


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
    asked = kept_waiting(page)
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    asked().abort()
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "Early One two"


def test_a_page_whose_script_never_comes_is_not_loaded_for_ever(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice", "/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    intercept(page, "**/desk/main*.js", only_to_a_script)
    page.goto("/")
    page.wait_for_function("() => sessionStorage.getItem('ucs:unfinished') === '6'")
    expect(page.locator("#unfinished")).to_be_visible()
    page.wait_for_load_state()
    assert len(asked) == 6
    page.unroute("**/desk/main*.js")
    page.locator("#unfinished a").click()
    expect(page.locator("#unfinished")).to_be_hidden()
    page.wait_for_function("() => sessionStorage.getItem('ucs:unfinished') === null")
