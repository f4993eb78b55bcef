"""Throwing a draft away, or sending it, in a window that doesn't know what became of it in another."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from queues import actions
from queues.actions import ActionRefused, Reply
from queues.models import Conversation, Draft, Message
from queues.refusals import DraftConflict
from queues.windows import Window
from tests.browser import intercept
from tests.desk.conftest import SignIn, written
from tests.make import make_agent, make_queue, make_sender, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "6b5a4d0e-6f9c-4c1f-9b0e-0c1f2a3b4c5d"


@pytest.fixture
def row() -> Conversation:
    alice = make_agent("alice", capacity=5)
    row = receive(make_queue([alice], name="Orders", sender=make_sender())).conversation
    return actions.take(alice.user, row)


@pytest.fixture
def windows(sign_in: SignIn, row: Conversation) -> tuple[Page, Page]:
    """Two with the same draft."""
    one = sign_in("alice", f"/conversations/{row.pk}/")
    written(one, "It is on its way.")
    two = one.context.new_page()
    two.goto(f"/conversations/{row.pk}/")
    two.keyboard.press("r")
    expect(two.locator("#reply-text")).to_have_value("It is on its way.")
    return one, two


def test_an_answer_that_waits_for_its_time_is_not_thrown_away(windows: tuple[Page, Page]) -> None:
    one, two = windows
    two.get_by_label("Send otherwise, or later").click()
    two.get_by_role("button", name="Tomorrow").click()
    expect(two.locator(".timed")).to_contain_text("Leaves")
    one.get_by_label("Discard the draft").click()
    expect(one.locator("#toasts .error")).to_contain_text("This answer waits for its time")
    assert Draft.objects.get().send_at is not None


def test_what_another_window_saved_later_is_not_thrown_away_unseen(windows: tuple[Page, Page]) -> None:
    one, two = windows
    two.locator("#reply-text").fill("It comes on Friday.")
    eventually(lambda: Draft.objects.get().text == "It comes on Friday.", "it is saved")
    one.get_by_label("Discard the draft").click()
    expect(one.locator("#toasts .error")).to_contain_text("Another window of yours has saved something else")
    panel = one.locator("[data-conflict] .warning")
    expect(panel.locator("[data-other]")).to_have_text("It comes on Friday.")
    assert Draft.objects.get().text == "It comes on Friday."
    panel.get_by_role("button", name="Take what is saved").press("Enter")
    expect(one.locator("#reply-text")).to_have_value("It comes on Friday.")
    with one.expect_request(lambda request: request.method == "DELETE") as asked:
        one.get_by_label("Discard the draft").click()
    assert "Friday" not in asked.value.url, "what is written stands in no log of addresses"
    expect(one.locator("#open-reply")).to_be_visible()
    assert not Draft.objects.exists()


def test_only_the_draft_on_the_screen_is_thrown_away(row: Conversation) -> None:
    assert row.agent is not None
    alice = row.agent.user
    draft = actions.save_draft(alice, row, "It is on its way.", window=Window("one", 0))
    for token, window in ((OTHER, None), (draft.token, Window("two", 0))):
        with pytest.raises(DraftConflict):
            actions.discard_draft(alice, row, token=token, window=window)
    actions.discard_draft(alice, row, token=draft.token, is_outside=True)
    Draft.objects.update(held_why="Charlie has written since.")
    with pytest.raises(ActionRefused, match="was held"):
        actions.discard_draft(alice, row, token=draft.token)
    assert Draft.objects.count() == 1
    Draft.objects.update(held_why="")
    actions.discard_draft(alice, row, token=draft.token, window=Window("one", 0))
    assert not Draft.objects.exists()


def test_a_page_from_before_is_refused_too(row: Conversation) -> None:
    client = Client()
    assert client.login(username="alice", password="alice")
    later = timezone.now() + timedelta(days=1)
    assert row.agent is not None
    draft = actions.schedule(row.agent.user, row, Reply(text="Tomorrow.", token=OTHER, send_at=later))
    answer = client.delete(
        f"/conversations/{row.pk}/draft?token={draft.token}&text=Tomorrow.", headers={"HX-Request": "true"}
    )
    assert answer.status_code == 409
    assert Draft.objects.get().send_at == later


def test_what_another_window_saved_later_does_not_go_unseen_with_an_older_text(
    windows: tuple[Page, Page],
) -> None:
    one, two = windows
    two.locator("#reply-text").fill("It comes on Friday.")
    eventually(lambda: Draft.objects.get().text == "It comes on Friday.", "it is saved")
    two.close()
    one.locator("#reply-text").press("Control+Enter")
    expect(one.locator("#toasts .error")).to_contain_text("Another window of yours has saved something else")
    panel = one.locator("[data-conflict] .warning")
    expect(panel.locator("[data-other]")).to_have_text("It comes on Friday.")
    one.locator("#reply-text").press("Control+Enter")
    expect(one.locator("#toasts .error").last).to_contain_text("Choose first")
    assert not Message.objects.filter(direction="out").exists()
    assert Draft.objects.get().text == "It comes on Friday."
    panel.get_by_role("button", name="Take what is saved").press("Enter")
    expect(one.locator("#reply-text")).to_have_value("It comes on Friday.")
    one.locator("#reply-text").press("Control+Enter")
    expect(one.locator("#open-reply")).to_be_visible()
    assert Message.objects.get(direction="out").text.startswith("It comes on Friday.")
    assert not Draft.objects.exists()


def test_other_words_for_an_answer_that_waits_for_its_time_are_not_taken_for_it(
    windows: tuple[Page, Page],
) -> None:
    one, two = windows
    one.get_by_label("Send otherwise, or later").click()
    one.get_by_role("button", name="Tomorrow").click()
    expect(one.locator(".timed")).to_contain_text("Leaves")
    two.locator("#reply-text").fill("It comes on Friday.")
    two.get_by_label("Send otherwise, or later").click()
    two.get_by_role("button", name="Tomorrow").click()
    expect(two.locator("#toasts .error")).to_contain_text("This answer waits for its time")
    expect(two.locator("#reply-text")).to_have_value("It comes on Friday.")
    assert Draft.objects.get().text == "It is on its way."


def test_who_has_read_both_sends_the_own_text(windows: tuple[Page, Page]) -> None:
    one, two = windows
    two.locator("#reply-text").fill("It comes on Friday.")
    eventually(lambda: Draft.objects.get().text == "It comes on Friday.", "it is saved")
    one.get_by_label("Send otherwise, or later").click()
    one.get_by_role("button", name="Tomorrow").click()
    panel = one.locator("[data-conflict] .warning")
    panel.get_by_role("button", name="Keep what is here").press("Enter")
    expect(one.locator("[data-saved]")).to_contain_text("Saved")
    one.get_by_label("Send otherwise, or later").click()
    one.get_by_role("button", name="Tomorrow").click()
    expect(one.locator(".timed")).to_contain_text("It is on its way.")
    assert Draft.objects.get().send_at is not None


def test_a_draft_goes_with_its_answer_only_for_who_knows_it(row: Conversation) -> None:
    assert row.agent is not None
    alice = row.agent.user
    draft = actions.save_draft(alice, row, "It comes on Friday.", window=Window("one", 0))
    old = Reply(text="It is on its way.", token=str(draft.token), window=Window("two", 0))
    for act in (actions.reply, actions.schedule):
        with pytest.raises(DraftConflict):
            act(alice, row, replace(old, send_at=timezone.now() + timedelta(days=1)))
    assert Draft.objects.get().text == "It comes on Friday."
    actions.reply(alice, row, replace(old, window=Window("two", draft.version)))
    assert not Draft.objects.exists()


def test_a_file_that_another_window_put_to_it_does_not_go_unseen(windows: tuple[Page, Page]) -> None:
    one, two = windows
    two.locator("[data-pick]").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"inside"}
    )
    expect(two.locator("[data-list] [data-file]")).to_contain_text("a.txt")
    one.locator("#reply-text").press("Control+Enter")
    expect(one.locator("#toasts .error")).to_contain_text("The files of this answer were changed")
    one.reload()
    expect(one.locator("[data-list] .file")).to_contain_text("a.txt")
    one.locator("#reply-text").press("Control+Enter")
    expect(one.locator("#open-reply")).to_be_visible()
    assert [each.name for each in Message.objects.get(direction="out").attachments.all()] == ["a.txt"]


def test_words_that_are_asked_about_outlive_what_another_tab_types_and_sends(
    windows: tuple[Page, Page],
) -> None:
    one, two = windows
    two.locator("#reply-text").fill("It comes on Friday.")
    eventually(lambda: Draft.objects.get().text == "It comes on Friday.", "it is saved")
    one.locator("#reply-text").press_sequentially(" Sorry.")
    expect(one.locator("[data-conflict] .warning")).to_be_visible()
    two.locator("#reply-text").press_sequentially(" Bye.")
    eventually(lambda: Draft.objects.get().text == "It comes on Friday. Bye.", "it is saved")
    one.reload()
    expect(one.locator("[data-conflict]")).to_contain_text("It is on its way. Sorry.")
    two.locator("#reply-text").press("Control+Enter")
    expect(two.locator("#open-reply")).to_be_visible()
    one.reload()
    expect(one.locator("#reply-text")).to_have_value("It is on its way. Sorry.")


def test_the_same_words_twice_are_no_question(windows: tuple[Page, Page]) -> None:
    one, two = windows
    two.close()
    intercept(one, "**/draft", lambda route: route.abort())
    one.locator("#reply-text").press_sequentially(" Sorry.")
    expect(one.locator("[data-saved]")).to_contain_text("Not saved")
    Draft.objects.update(text="It is on its way. Sorry.", version=F("version") + 1, window="another")
    one.unroute("**/draft")
    one.reload()
    expect(one.locator("#reply-text")).to_have_value("It is on its way. Sorry.")
    expect(one.locator("[data-conflict] .warning")).to_have_count(0)
    one.locator("#reply-text").press("Control+Enter")
    expect(one.locator("#open-reply")).to_be_visible()
