"""Every page that there is, found by its address: WCAG 2.2 A and AA in both themes, as far as axe sees it.

    EVERY_PAGE=1 pytest tests/desk/test_every_page.py

walks them, all of the administration too, which takes minutes; without it the desk, some pages of the
administration, one for each thing that a page there is made of, and what strangers see.
"""

import os

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from tests.accessible import violations
from tests.desk.conftest import SignIn
from tests.desk.pages import Answer, Everything, answers, routes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

ADMIN = "admin/"
# GET does something here, or the answer is made for a program.
NO_PAGES = {"login/done", "logout/"}
# What a part replaces on its own page stands there no longer.
STAND_IN = """(html) => {
  const place = document.getElementById("conversation");
  place.innerHTML = html;
  for (const { id } of place.querySelectorAll("[id]"))
    for (const other of document.querySelectorAll(`#${CSS.escape(id)}`))
      if (!place.contains(other)) other.removeAttribute("id");
}"""
IS_WHOLE = bool(os.environ.get("EVERY_PAGE"))
SOME_OF_ADMIN = {
    "admin/",
    "admin/agents/agent/",  # a list that is sorted
    "admin/agents/agent/add/",  # rows in a row, and fields with a menu
    "admin/auth/user/<path:object_id>/change/",  # links among words
    "admin/mailsources/emailsource/<int:pk>/mailbox/",
    "admin/mailsources/emailsource/setup/",
}


@pytest.fixture
def everything() -> Everything:
    return Everything()


def gone_through(everything: Everything, chosen: list[str]) -> list[Answer]:
    """The answers to Bob, who may see everything."""
    client = Client()
    client.force_login(everything.bob.user)
    return list(answers(everything, client, [each for each in chosen if each not in NO_PAGES]))


def told(page: Page, where: str, **options: str) -> list[str]:
    return [f"{where}: {each}" for each in violations(page, **options)]


def test_every_page_of_the_desk(sign_in: SignIn, everything: Everything) -> None:
    found = gone_through(everything, [each for each in routes() if not each.startswith(ADMIN)])
    assert [(each.route, each.status) for each in found if each.status >= 500 or each.status == 0] == []
    page = sign_in("bob")
    wrong = []
    for each in [each for each in found if each.is_page and each.status == 200]:
        page.goto(each.url, wait_until="domcontentloaded")
        wrong += told(page, each.route)
    page.goto("/")
    for each in [each for each in found if each.is_part]:
        page.evaluate(
            STAND_IN, f"<ul>{each.text}</ul>" if each.text.lstrip().startswith("<li") else each.text
        )
        wrong += told(page, each.route, within="#conversation")
    assert wrong == []


def test_every_page_of_the_administration(sign_in: SignIn, everything: Everything) -> None:
    page = sign_in("bob")
    wrong = []
    whole = [each for each in routes() if each.startswith(ADMIN)]
    assert set(whole) >= SOME_OF_ADMIN
    for each in gone_through(everything, whole if IS_WHOLE else sorted(SOME_OF_ADMIN)):
        if each.is_page and each.status == 200:
            page.goto(each.url, wait_until="domcontentloaded")
            new = told(page, each.route, without=".select2-selection__rendered")
            print(each.route, each.status, len(new), flush=True)
            wrong += new
        elif each.status in (0, 404) or each.status >= 500:
            print(each.route, each.status, "?", flush=True)
    assert wrong == []


def test_what_strangers_see(chromium: Browser, site: str) -> None:
    """Signing in, and the pages for what can't be answered."""
    context = chromium.new_context(base_url=site)
    page = context.new_page()
    wrong = []
    for path in ("/login/", "/admin/login/", "/no-such-page/"):
        page.goto(path)
        wrong += told(page, path)
    context.close()
    assert wrong == []


def test_narrow_and_in_high_contrast(sign_in: SignIn, everything: Everything) -> None:
    """What a phone leaves away may have been a button's name; and the third look beside light and dark."""
    page = sign_in("bob", width=390, height=844)
    page.evaluate("localStorage.setItem('ucs:theme', 'contrast')")
    wrong = []
    row = everything.conversation
    for path in (
        "/?view=all",
        f"/conversations/{row.pk}/",
        "/contacts/",
        f"/contacts/{row.contact_id}/",
        "/board/",
    ):
        page.goto(path)
        page.wait_for_load_state()
        assert page.locator("html").get_attribute("data-contrast") == "more"
        wrong += told(page, path)
    page.keyboard.press("p")
    expect(page.locator("#presence button").first).to_be_focused()
    wrong += told(page, "the menu", within="#nav")
    assert wrong == []
