"""What goes wrong while somebody writes: a lost answer, a session that is over, one click too many."""

import re
from urllib.parse import parse_qs

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import APIResponse, Route, expect

from agents.models import Agent
from queues.actions import take
from queues.models import Draft, EmailQueue, Message
from tests.browser import come, fall_silent, held_back, intercept
from tests.desk.conftest import SignIn, written
from tests.make import make_agent, make_mail, make_queue, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = "() => Object.keys(localStorage).filter((name) => name.startsWith('ucs:draft:')).length"

# All but that the page goes: it still works until another one is there.
SIGN_OUT = """() => new Promise((resolve) => {
  HTMLFormElement.prototype.submit = () => resolve();
  document.getElementById("logout").requestSubmit();
})"""

# When this is here, what was answered before it has been read.
ANSWERED_LATER = "() => fetch('/login/').then((answer) => answer.text())"

TEXT_KEPT = """() => JSON.parse(localStorage.getItem(
  Object.keys(localStorage).find((name) => name.startsWith("ucs:draft:")))).text"""

SAVED_LONG_AGO = """() => localStorage.setItem(
  `ucs:draft:${document.body.dataset.user}:0:reply`, JSON.stringify({ text: "Old", savedAt: 1 }))"""

SECOND_HALF = """() => document.body.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id !== "warning") return;
  target.querySelector("[data-seen]").click();
  document.body.dataset.clicked = "";
})"""

# Typed as soon as the dialog has closed: an editor with formatting takes a moment to put its cursor right.
FASTER_THAN_THE_EDITOR = """() => document.getElementById("sign-in").addEventListener(
  "close", () => document.execCommand("insertText", false, " three"), { once: true })"""


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice", capacity=5)], name="Orders")


def lose_the_answer(route: Route) -> None:
    """The server gets the request, and the page never hears of it."""
    route.fetch()
    route.abort()


def test_an_answer_whose_receipt_was_lost_is_not_sent_again(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    intercept(page, "**/live/token", lambda route: route.abort())  # else the page hears of it by itself
    page.goto(f"/conversations/{row.pk}/")
    written(page, "It is on its way.")
    intercept(page, "**/reply", lose_the_answer)
    fall_silent(page)  # a save would be told
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts .error")).to_contain_text("can’t be reached")
    page.unroute("**/reply")
    intercept(page, "**/draft", lambda route: route.abort())
    page.goto(f"/conversations/{row.pk}/")
    expect(page.locator("#reply-text")).to_have_value("It is on its way.")
    expect(page.locator("#reply-text")).not_to_be_focused()  # nobody asked for it: keys are keys
    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator("#open-reply")).to_be_visible()
    assert Message.objects.filter(direction="out").count() == 1

    page.unroute("**/draft")
    row = receive(orders).conversation
    page.goto(f"/conversations/{row.pk}/")
    written(page, "It has arrived.")
    intercept(page, "**/reply", lose_the_answer)
    fall_silent(page)  # a save would be told
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts .error")).to_contain_text("can’t be reached")
    page.unroute("**/reply")
    page.goto(f"/conversations/{row.pk}/")
    expect(page.locator("#toasts")).to_contain_text("This answer was sent already.")
    expect(page.locator("#open-reply")).to_be_visible()
    assert (page.evaluate(KEPT), Draft.objects.count()) == (0, 0)
    assert Message.objects.filter(direction="out").count() == 2


def test_the_keys_try_again_what_a_click_could_not_do(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "It is on its way.")
    intercept(page, "**/reply", lambda route: route.abort(), times=1)
    page.locator("#reply-form .editor-foot button.primary").click()
    expect(page.locator("#toasts .error")).to_contain_text("can’t be reached")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#open-reply")).to_be_visible()
    assert Message.objects.filter(direction="out").count() == 1


def test_what_came_meanwhile_is_not_waved_through_by_a_second_click(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "On Friday.")
    receive(orders, make_mail("Never mind.", References=f"<{row.messages.get().message_id}>"))
    warning = page.locator("#warning .warning")
    for _ in range(2):
        with page.expect_response("**/reply"):
            page.locator("#reply-text").press("Control+Enter")
        expect(warning).to_contain_text("New mail came")
    page.evaluate(SECOND_HALF)
    with page.expect_response("**/reply"):
        page.locator("#reply-form button.primary").click()
    expect(page.locator("body[data-clicked]")).to_be_attached()
    expect(warning).to_contain_text("New mail came")
    assert not Message.objects.filter(direction="out").exists()
    page.get_by_role("button", name="Send all the same").click()
    expect(page.locator("#items .out")).to_contain_text("On Friday.")


def test_what_is_typed_while_the_session_ends_stays_in_the_answer(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    now = page.evaluate("Date.now() / 1000")
    page.clock.set_fixed_time(now)  # however slowly the test types, no second goes by without a key
    page.locator("#reply-text").focus()
    page.keyboard.press("Control+End")
    Session.objects.all().delete()
    page.keyboard.type(", two, three, four, five, six, seven", delay=120)
    page.clock.set_fixed_time(now + 2)
    dialog = page.get_by_role("dialog", name="You were signed out")
    dialog.get_by_label("User name").fill("alice")
    dialog.get_by_label("Password").fill("alice")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    page.keyboard.type("!")
    text = "One, two, three, four, five, six, seven!"
    expect(page.locator("#reply-text")).to_have_value(text)
    eventually(lambda: Draft.objects.get().text == text, "the draft is saved")


def test_a_refusal_is_read_though_its_button_has_gone(sign_in: SignIn) -> None:
    alice, bob = make_agent("alice"), make_agent("bob")
    row = receive(make_queue([alice, bob], name="Orders")).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    held = held_back(page, "**/take*")
    page.keyboard.press("t")
    asked = come(page, held)
    take(bob.user, row)
    expect(page.locator("#tool-take")).to_have_count(0)
    asked.continue_()
    expect(page.locator("#toasts .error")).to_contain_text("Bob")


def test_who_signs_in_again_writes_on_where_the_cursor_was(sign_in: SignIn, orders: EmailQueue) -> None:
    Agent.objects.update(writes=Agent.Writes.RICH)
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    field = page.locator("#reply-text[contenteditable]")
    expect(field).to_be_focused()
    page.keyboard.type("One two")
    Session.objects.all().delete()
    dialog = page.get_by_role("dialog", name="You were signed out")
    dialog.get_by_label("User name").fill("alice")
    dialog.get_by_label("Password").fill("alice")
    page.evaluate(FASTER_THAN_THE_EDITOR)
    page.keyboard.press("Enter")
    expect(field).to_contain_text("three")
    expect(field).to_have_text("One two three")


def test_a_page_that_was_asked_for_before_the_last_save_has_its_text(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    page.locator("#reply-text").press("Control+End")
    page.keyboard.type(" two")

    def come_late(route: Route) -> None:
        answer = route.fetch()
        eventually(lambda: Draft.objects.get().text == "One two", "the page that goes has saved")
        route.fulfill(response=answer)

    intercept(page, f"**/conversations/{row.pk}/", come_late)
    page.evaluate(SAVED_LONG_AGO)
    page.reload()
    expect(page.locator("#reply-text")).to_have_value("One two")
    page.locator("#reply-text").press("Control+End")
    page.keyboard.type(" three")
    eventually(lambda: Draft.objects.get().text == "One two three", "the page goes on with it")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert page.evaluate(KEPT) == 0


def test_a_save_that_is_answered_late_leaves_what_was_typed_since(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders, make_mail(Subject="First")).conversation
    receive(orders, make_mail(Subject="Second", From="dana@customer.example"))
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    saves = held_back(page, "**/draft")
    page.keyboard.press("r")
    with page.expect_request("**/draft"):
        page.locator("#reply-text").fill("One")
    for subject in ("Second", "First"):
        page.locator("#rows .row", has_text=subject).click()
        expect(page.get_by_role("heading", name=subject, exact=True)).to_be_visible()
    expect(page.locator("#reply-text")).to_have_value("One")
    page.locator("#reply-text").press("Control+End")
    page.keyboard.type(" two")
    with page.expect_response("**/draft"):
        come(page, saves).fulfill(json={"version": 1})
    page.evaluate(ANSWERED_LATER)
    assert page.evaluate(TEXT_KEPT) == "One two"

    page.evaluate(f"() => {{ window.signedOut = ({SIGN_OUT})().then(() => (window.isOut = true)); }}")
    page.keyboard.type(" three")  # while a save is under way
    with page.expect_request("**/draft") as last:
        come(page, saves).fulfill(json={"version": 2})
    assert parse_qs(last.value.post_data or "")["text"] == ["One two three"]
    last_save = come(page, saves)
    assert page.evaluate("() => window.isOut") is None, "nobody is signed out before all is saved"
    last_save.fulfill(json={"version": 3})
    page.evaluate("() => window.signedOut")
    page.evaluate(ANSWERED_LATER)
    assert page.evaluate(KEPT) == 0, "who signs out leaves no word in the browser"


def test_a_tab_that_took_a_text_over_does_not_overwrite_the_one_it_came_from(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    one = sign_in("alice", f"/conversations/{row.pk}/")
    written(one, "One")
    intercept(one, "**/draft", lambda route: route.abort())
    one.locator("#reply-text").press("Control+End")
    one.keyboard.type(" two")
    expect(one.locator("[data-saved]")).to_contain_text("Not saved")
    two = one.context.new_page()
    saves = held_back(two, "**/draft")
    with two.expect_request("**/draft"):  # of what it has found in the browser
        two.goto(f"/conversations/{row.pk}/")
    expect(two.locator("#reply-text")).to_have_value("One two")
    one.unroute("**/draft")
    one.keyboard.type(" three")
    eventually(lambda: Draft.objects.get().text == "One two three", "the first tab goes on")
    come(two, saves).continue_()
    expect(two.locator("#reply-form .warning")).to_contain_text("One two three")
    assert Draft.objects.get().text == "One two three"


def test_a_refusal_from_before_the_sign_in_asks_nobody_again(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    held = held_back(page, "**/follow*")
    page.keyboard.press("f")
    follow = come(page, held)
    intercept(page, "**/login/", lambda route: route.abort(), times=1)  # nor does the form come at once
    Session.objects.all().delete()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="You were signed out")
    dialog.get_by_label("User name").fill("alice")
    dialog.get_by_label("Password").fill("alice")
    intercept(page, "**/login/", lambda route: route.abort(), times=1)
    page.keyboard.press("Enter")
    told = page.locator("#toasts .error")
    expect(told).to_contain_text("can’t be reached")
    expect(page.locator("#toasts:popover-open")).to_be_visible()  # above the dialog
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    follow.fulfill(status=401, body="Sign in first.")
    expect(told.last).to_contain_text("try again")
    expect(dialog).to_be_hidden()


def test_a_note_begun_while_an_answer_leaves_stays_open(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "It is on its way.")
    replies: list[APIResponse] = []
    held: list[Route] = []

    def leave_late(route: Route) -> None:
        replies.append(route.fetch())
        held.append(route)

    intercept(page, "**/reply", leave_late)
    with page.expect_request("**/reply"):
        page.keyboard.press("Control+Enter")
    expect(page.locator("#items .out")).to_contain_text("It is on its way.")  # by a live update
    page.keyboard.press("Escape")  # out of the text that leaves
    page.keyboard.press("n")
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.type("For colleagues.")
    with page.expect_response("**/reply"):
        come(page, held).fulfill(response=replies.pop())
    expect(page.locator("#toasts")).to_contain_text("Undo")
    expect(page.locator("#note-text")).to_have_value("For colleagues.")
    expect(page.locator("#note-text")).to_be_focused()


def test_words_typed_before_the_scripts_run_are_kept(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One two")
    scripts = held_back(page, "**/desk/main*.js")
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    come(page, scripts).continue_()
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "Early One two"


def test_words_typed_before_the_scripts_run_stand_beside_newer_ones(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "One")
    intercept(page, "**/draft", lambda route: route.abort())
    page.keyboard.type(" two")
    scripts = held_back(page, "**/desk/main*.js")
    page.goto(page.url, wait_until="commit")
    page.locator("#reply-text").press_sequentially("Early ")
    page.unroute("**/draft")
    come(page, scripts).continue_()
    panel = page.locator("[data-conflict]")
    expect(panel).to_contain_text("One two")
    expect(page.locator("#reply-text")).to_have_value("Early One")
    panel.locator("[data-kept=mine]").click()
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "Early One"


def test_a_note_that_signing_out_would_lose_is_told_first(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("n")
    intercept(page, "**/notes/draft", lambda route: route.abort())
    page.locator("#note-text").fill("Call him back.")
    page.goto("/contacts/")
    sign_out = page.locator("#logout")
    sign_out.evaluate("form => form.requestSubmit()")
    told = page.locator("#toasts .error")
    expect(told).to_contain_text(f"what you wrote in #{row.number} is in this browser alone")
    sign_out.evaluate("form => form.requestSubmit()")
    expect(page).to_have_url(re.compile("/login/"))
    assert page.evaluate(KEPT) == 0


def test_a_text_that_is_asked_about_outlives_what_is_typed_beside_it(
    sign_in: SignIn, orders: EmailQueue
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    written(page, "From the server")
    page.evaluate(
        'key => localStorage.setItem(key, \'{"text": "Never saved", "version": 0, "window": "gone"}\')',
        f"ucs:draft:{page.evaluate('document.body.dataset.user')}:{row.pk}:reply",
    )
    page.reload()
    panel = page.locator("[data-conflict]")
    expect(panel).to_contain_text("Never saved")
    page.locator("#reply-text").press("Control+End")
    page.keyboard.type(", and more")
    page.reload()
    expect(panel).to_contain_text("Never saved")
    expect(page.locator("#reply-text")).to_have_value("From the server, and more")
    panel.locator("[data-kept=other]").click()
    expect(page.locator("#reply-text")).to_have_value("Never saved")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert (Draft.objects.get().text, page.evaluate(KEPT)) == ("Never saved", 0)
