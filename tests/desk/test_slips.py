"""What a page lets slip that is not careful: another person, another button, another moment."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents.models import Agent
from queues.models import Conversation, Draft, Message, NoteDraft
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn, written
from tests.make import make_snippet
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

# To the last character.
FULL = """() => {
  for (let size = 2 ** 23; size >= 1; size /= 2) {
    try {
      for (const time of [1, 2, 3, 4]) localStorage.setItem(`filler-${size}-${time}`, "x".repeat(size));
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
    }
  }
}"""


def test_in_a_browser_without_room_all_is_saved_the_same(page: Page) -> None:
    page.evaluate(FULL)
    written(page, "One")
    assert Draft.objects.get().text == "One"
    page.locator("[data-act=shut]").click()
    page.locator("#open-note").click()
    page.locator("#note-text").fill("Two")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert NoteDraft.objects.get().text == "Two"


def test_who_signs_in_for_somebody_else_sends_nothing_of_theirs(page: Page, row: Conversation) -> None:
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    Session.objects.all().delete()
    page.keyboard.type("Of Alice")
    dialog = page.get_by_role("dialog", name="You were signed out")
    dialog.get_by_label("User name").fill("bob")
    dialog.get_by_label("Password").fill("bob")
    held = held_back(page, re.compile(r":\d+/$"))  # the desk of Bob, who waits for it
    page.keyboard.press("Enter")
    come(page, held).continue_()
    expect(page.locator("#user-menu summary")).to_contain_text("Bob")
    assert not Draft.objects.exists()


def test_the_button_that_was_pressed_is_the_one_that_counts(page: Page, row: Conversation) -> None:
    saves = held_back(page, "**/draft")
    page.keyboard.press("r")
    page.locator("#reply-text").fill("In the morning.")
    save = come(page, saves)
    page.get_by_label("Send otherwise, or later").click()
    page.get_by_role("button", name="Tomorrow").click()
    page.locator("#reply-text").focus()  # while the save is under way
    save.continue_()
    expect(page.locator(".timed")).to_contain_text("In the morning.")
    assert not Message.objects.filter(direction="out").exists()


def test_enter_in_a_time_is_for_that_time(page: Page) -> None:
    written(page, "At noon.")
    page.get_by_label("Send otherwise, or later").click()
    local = page.get_by_label("At another time")
    local.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("Choose a day and a time.")
    local.fill(f"{timezone.now() + timedelta(days=100):%Y-%m-%dT12:00}")
    local.press("Control+Enter")
    expect(page.locator(".timed")).to_contain_text("At noon.")
    assert not Message.objects.filter(direction="out").exists()


@pytest.mark.parametrize("writes", [Agent.Writes.PLAIN, Agent.Writes.RICH])
def test_nothing_can_be_written_into_what_is_leaving(
    sign_in: SignIn, row: Conversation, writes: Agent.Writes
) -> None:
    Agent.objects.update(writes=writes)
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    field = page.locator("#reply-text")
    expect(field).to_be_focused()
    page.keyboard.type("It left today.")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    held = held_back(page, "**/reply")
    page.keyboard.press("Control+Enter")
    answer = come(page, held)
    page.keyboard.type(" PS")
    page.keyboard.press("Enter")
    assert "PS" not in (field.input_value() if writes == "plain" else field.inner_text())
    answer.abort()
    expect(page.locator("#toasts .error")).to_contain_text("can’t be reached")
    page.keyboard.type(" PS")  # it has not left
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    page.unroute("**/reply")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#open-reply")).to_be_visible()
    assert "It left today. PS" in Message.objects.get(direction="out").text


@pytest.mark.parametrize("writes", [Agent.Writes.PLAIN, Agent.Writes.RICH])
def test_what_is_typed_while_a_snippet_comes_stays(
    sign_in: SignIn, row: Conversation, writes: Agent.Writes
) -> None:
    Agent.objects.update(writes=writes)
    make_snippet("Delivery", "<p>It comes on Friday.</p>")
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("/del")
    expect(page.get_by_role("listbox", name="Snippets").get_by_role("option")).to_have_count(1)
    held = held_back(page, "**/insert")
    page.keyboard.press("Enter")
    answer = come(page, held)
    page.keyboard.type("Good news: ")
    answer.continue_()
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    eventually(lambda: Draft.objects.filter(text__contains="It comes on Friday.").exists(), "it is saved")
    assert Draft.objects.get().text.strip() == "Good news: It comes on Friday."


def test_a_snippet_that_does_not_come_leaves_what_asked_for_it(page: Page) -> None:
    make_snippet("Delivery", "<p>It comes on Friday.</p>")
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    intercept(page, "**/insert", lambda route: route.abort())
    page.keyboard.type("Good news: /del")
    expect(page.get_by_role("listbox", name="Snippets").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#toasts .error")).to_contain_text("could not be loaded")
    expect(page.locator("#reply-text")).to_have_value("Good news: /del")


def test_a_note_that_could_not_be_shut_is_written_on(page: Page, row: Conversation) -> None:
    page.keyboard.press("n")
    expect(page.locator("#note-text")).to_be_focused()
    intercept(page, "**/bar", lambda route: route.abort())
    page.locator("[data-act=shut]").click()
    expect(page.locator("#toasts .error")).to_contain_text("can’t be reached")
    page.locator("#note-text").focus()
    page.keyboard.type("She called.")
    page.reload()
    expect(page.locator("#note-text")).to_have_value("She called.")
