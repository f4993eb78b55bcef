"""Leaving a page: what is typed reaches the server; signing out asks about what is in this browser alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from audit.models import AuditRow
from queues.models import Conversation, Draft
from tests.browser import come, held_back
from tests.desk.conftest import SignIn, Web, written
from tests.make import make_administrator, make_agent
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = "() => Object.keys(localStorage).filter((name) => name.startsWith('ucs:draft:')).length"
WRITTEN = """number => localStorage.setItem(
  `ucs:draft:${document.body.dataset.user}:1:note`, JSON.stringify({ text: "Call him back.", number }))"""


def test_the_administration_asks_before_it_signs_out(sign_in: SignIn) -> None:
    make_administrator()
    page = sign_in("root")
    page.evaluate(WRITTEN, 17)
    page.goto("/admin/")
    page.get_by_text("unfold_more").click()
    sign_out = page.get_by_role("button", name="Sign out")
    sign_out.click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("what you wrote in #17 is in this browser alone")
    sign_out.click()
    expect(page).to_have_url(re.compile("/login/"))
    assert page.evaluate(KEPT) == 0
    assert AuditRow.objects.filter(act="signed_out", actor_name="root").count() == 1


def test_the_desk_asks_though_its_scripts_have_not_run_yet(sign_in: SignIn) -> None:
    make_agent("alice")
    page = sign_in("alice")
    page.evaluate(WRITTEN, 17)
    held = held_back(page, re.compile("/desk/main"))
    page.goto("/", wait_until="commit")
    page.locator("details:has(#logout) > summary").click()
    page.locator("#logout button").click()
    come(page, held).continue_()
    expect(page.get_by_text("what you wrote in #17 is in this browser alone")).to_be_visible()
    assert page.evaluate(KEPT) == 1


@pytest.fixture
def page(sign_in: SignIn, row: Conversation) -> Page:
    """Where an answer is begun; the cursor is behind its word."""
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    written(page, "One")
    page.locator("#reply-text").press("Control+End")
    return page


def is_saved(text: str) -> None:
    eventually(lambda: Draft.objects.get().text == text, f"the draft is: {text}")


def test_a_save_that_is_under_way_is_not_cut_off(page: Page, web: Web) -> None:
    with web.standing_still():
        with page.expect_request("**/draft"):
            page.keyboard.type(" two")
        page.goto("about:blank")
    is_saved("One two")


def test_a_save_outlives_its_page(page: Page) -> None:
    """Chromium would tell the page what it cuts off, so that it can be tried again; no standard says so."""
    page.evaluate(
        """() => {
          const ask = fetch;
          window.fetch = (address, options) => {
            if (address.endsWith("/draft")) window.saving = options;
            return ask(address, options);
          };
        }"""
    )
    page.keyboard.type(" two")
    page.wait_for_function("() => window.saving")
    assert page.evaluate("() => saving.keepalive")


def test_what_is_typed_while_one_is_under_way_is_saved_as_the_tab_goes_out_of_sight(
    page: Page, web: Web
) -> None:
    with web.standing_still():
        with page.expect_request("**/draft"):
            page.keyboard.type(" two")
        page.keyboard.type(" three")
        hide = "Object.defineProperty(document, 'hidden', { get: () => true })"
        with page.expect_request("**/draft"):
            page.evaluate(f"() => {{ {hide}; document.dispatchEvent(new Event('visibilitychange')); }}")
    is_saved("One two three")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")


def test_what_was_not_saved_is_tried_again(page: Page) -> None:
    held = held_back(page, "**/draft")
    page.keyboard.type(" two")
    come(page, held).abort()
    expect(page.locator("[data-saved]")).to_contain_text("Not saved")
    page.unroute("**/draft")
    page.goto("/?view=mine")
    is_saved("One two")
