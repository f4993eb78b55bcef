"""The bell in a browser: it rings by itself, and is read without a mouse."""

import pytest
from playwright.sync_api import expect

from queues import actions, notices
from queues.letters import Reply
from queues.models import Notice
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db(transaction=True)
Kind = Notice.Kind


def test_what_one_is_told_comes_by_itself_and_is_read_by_keys(sign_in: SignIn, clean_redis: None) -> None:
    alice, bob = make_agent("alice"), make_supervisor("bob")
    orders = make_queue([alice, bob], name="Orders")
    parcel, bill = (make_conversation(orders, subject=each) for each in ("My parcel", "My bill"))
    page = sign_in("bob")
    bell = page.locator("#bell")
    expect(page.locator("#desk")).to_have_attribute("data-told", "0")  # asked for the first time
    notices.tell([bob], Kind.STEP, parcel)
    expect(bell.locator(".bell-count")).to_have_text("1")
    expect(page.locator("#toasts")).to_contain_text("its answer is due in")
    notices.tell([bob], Kind.MENTION, bill, by=alice)
    expect(bell.locator(".bell-count")).to_have_text("2")
    page.keyboard.press("i")
    expect(bell.locator(".told-line a").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(bell.locator(".told-line a").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # marks it as seen
    expect(bell.locator(".bell-count")).to_have_text("1")
    expect(bell.locator(".told-line a").nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("h1", has_text="My bill")).to_be_visible()
    expect(bell.locator("summary")).to_have_attribute("data-new", "0")
    expect(bell.locator(".menu-panel")).to_be_hidden()
    notices.tell([bob], Kind.STEP, parcel)
    expect(bell.locator(".bell-count")).to_have_text("1")
    actions.reply(alice.user, parcel, Reply(text="Tomorrow.", token="one"))
    page.goto("/board/")  # an answer has come since: there is nothing to look at
    expect(bell.locator(".told-line")).to_have_count(3)
    expect(bell.locator("summary")).to_have_attribute("data-new", "0")
    page.keyboard.press("i")
    expect(bell.locator("summary")).to_be_focused()
    page.keyboard.press("Escape")
    notices.tell([bob], Kind.MENTION, bill, by=alice)
    expect(bell.locator(".bell-count")).to_have_text("1")
