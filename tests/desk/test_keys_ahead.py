"""Keys pressed before what they are meant for is on the screen."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from queues.actions import take
from queues.models import Conversation, Draft, EmailQueue, Note
from tests.browser import at_once, come, held_back
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice", capacity=5)], name="Orders")


@pytest.fixture
def first(orders: EmailQueue) -> Conversation:
    row = receive(orders, make_mail(Subject="The first")).conversation
    return take(orders.members.get().user, row)


@pytest.fixture
def second(orders: EmailQueue, first: Conversation) -> Conversation:
    return receive(orders, make_mail(Subject="The second")).conversation


def opening(page: Page, row: Conversation) -> list[Route]:
    """Open it from the list, while the server takes its time."""
    held = held_back(page, re.compile(rf"/conversations/{row.pk}/\?view=all$"))
    page.locator(f"#row-{row.pk} .row").focus()
    page.keyboard.press("Enter")
    return held


def test_an_answer_is_to_the_one_that_comes(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = opening(page, second)
    page.keyboard.press("r")
    page.keyboard.type("dear customer, ")
    page.keyboard.press("Enter")
    page.keyboard.type("it left today")
    expect(page.locator("#reply-form")).to_have_count(0)
    come(page, held).continue_()
    expect(page.locator("#reply-text")).to_have_value("dear customer, \nit left today")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().conversation == second


def test_nothing_happens_to_the_one_that_goes(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = opening(page, second)
    page.keyboard.press("e")
    come(page, held).continue_()
    eventually(lambda: Conversation.objects.get(pk=second.pk).state == "closed", "what was opened is closed")
    assert Conversation.objects.get(pk=first.pk).state != "closed"


def test_what_cannot_come_takes_no_keys_along(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = opening(page, second)
    page.keyboard.press("e")
    come(page, held).abort()
    expect(page.locator("#toasts .error")).to_contain_text("can’t be reached")
    page.keyboard.press("n")
    page.locator("#note-text").fill("Here")
    page.keyboard.press("Control+Enter")
    eventually(Note.objects.exists, "keys are for what is open again")
    assert Note.objects.get().conversation == first
    assert not Conversation.objects.filter(state="closed").exists()


def test_the_list_that_comes_is_moved_in(sign_in: SignIn, first: Conversation, second: Conversation) -> None:
    page = sign_in("alice", "/?view=all")
    held = held_back(page, re.compile(r":\d+/\?view=mine"))
    page.keyboard.press("g")
    page.keyboard.press("m")
    answer = come(page, held)
    page.keyboard.press("j")
    page.keyboard.press("o")
    answer.continue_()
    expect(page.locator(f"article[data-conversation='{first.pk}']")).to_be_visible()


def test_an_empty_mail_takes_what_is_typed_at_once(sign_in: SignIn, first: Conversation) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = held_back(page, re.compile(r"/compose\?"))
    page.keyboard.press("c")
    page.keyboard.type("bob@shop.example")
    come(page, held).continue_()
    expect(page.locator("#compose-form [data-chips] input:focus")).to_have_value("bob@shop.example")


def test_keys_behind_one_that_opens_yet_another_wait_for_that(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", "/?view=all")
    held = held_back(page, re.compile(r":\d+/\?view=mine"))
    opened = held_back(page, re.compile(rf"/conversations/{first.pk}/\?view=mine$"))
    page.keyboard.press("g")
    page.keyboard.press("m")
    answer = come(page, held)
    for key in "jordear":
        page.keyboard.press(key)
    answer.continue_()
    come(page, opened).continue_()
    expect(page.locator("#reply-text")).to_have_value("dear")


def test_the_palette_opens_something_to_wait_for(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = held_back(page, re.compile(rf"/conversations/{second.pk}/(\?.*)?$"))
    page.keyboard.press("Control+k")
    page.keyboard.type(f"#{second.number}")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("The second")
    page.keyboard.press("Enter")
    answer = come(page, held)
    page.keyboard.press("e")
    answer.continue_()
    expect(page.locator("#head h1")).to_have_text("The second")
    expect(page.locator("#head .pill.closed")).to_be_visible()
    eventually(lambda: Conversation.objects.get(pk=second.pk).state == "closed", "what was opened is closed")
    assert Conversation.objects.get(pk=first.pk).state != "closed"


def test_a_key_right_behind_the_palette_is_no_word_for_it(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    page.evaluate("document.activeElement.blur()")  # so that it goes back to nothing
    page.keyboard.press("Control+k")
    page.keyboard.type(f"#{second.number}")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("The second")
    at_once(page, "Enter", "e")  # the focus is in the palette still, which is shut
    expect(page.locator("#head h1")).to_have_text("The second")
    expect(page.locator("#head .pill.closed")).to_be_visible()


def test_a_row_that_a_live_update_replaces_keeps_its_keys(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = opening(page, second)
    page.keyboard.press("n")
    page.keyboard.type("Hi")
    answer = come(page, held)
    page.evaluate(f"document.getElementById('row-{second.pk}').remove()")
    answer.continue_()
    expect(page.locator("#note-text")).to_have_value("Hi")


def test_a_note_that_was_begun_takes_the_keys(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{second.pk}/?view=all")
    page.keyboard.press("n")
    page.locator("#note-text").fill("She called.")
    page.locator(f"#row-{first.pk} .row").click()
    expect(page.locator(f"article[data-conversation='{first.pk}']")).to_be_visible()
    held = opening(page, second)
    page.keyboard.press("n")
    page.keyboard.type(" Twice")
    come(page, held).continue_()
    expect(page.locator("#note-text")).to_have_value("She called. Twice")
    expect(page.locator("#note-text")).to_be_focused()


def test_what_was_typed_for_one_is_not_put_into_another(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = held_back(page, f"**/conversations/{first.pk}/notes*")
    page.keyboard.press("n")
    page.keyboard.type("a secret")
    come(page, held)
    page.locator(f"#row-{second.pk} .row").click()
    expect(page.locator(f"article[data-conversation='{second.pk}']")).to_be_visible()
    page.locator("#open-reply").click()
    expect(page.locator("#reply-text")).to_be_focused()
    expect(page.locator("#reply-text")).to_have_value("")


def test_who_goes_on_by_mouse_means_something_else(
    sign_in: SignIn, first: Conversation, second: Conversation
) -> None:
    page = sign_in("alice", f"/conversations/{first.pk}/?view=all")
    held = opening(page, second)
    page.keyboard.press("e")
    answer = come(page, held)
    page.locator("#q").click()
    answer.continue_()
    expect(page.locator(f"article[data-conversation='{second.pk}']")).to_be_visible()
    expect(page.locator("#q")).to_have_value("")
    assert not Conversation.objects.filter(state="closed").exists()


def test_a_button_is_pressed_though_a_list_is_on_its_way(sign_in: SignIn, first: Conversation) -> None:
    page = sign_in("alice", "/?view=all")
    held = held_back(page, re.compile(r":\d+/\?view=mine"))
    page.keyboard.press("g")
    page.keyboard.press("m")
    answer = come(page, held)
    page.locator("#user-menu > summary").focus()
    page.keyboard.press("Space")
    expect(page.locator("#user-menu")).to_have_attribute("open", "")
    answer.continue_()
    expect(page.locator("#list-name")).to_have_text("Mine")
