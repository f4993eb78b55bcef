"""The palette beside the desk: on the board, and on the pages of contacts."""

import pytest
from playwright.sync_api import Page, expect

from tests.accessible import violations
from tests.browser import at_once
from tests.desk.conftest import SignIn
from tests.make import make_mail, make_queue, make_supervisor, receive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]


def run(page: Page, asked: str, name: str) -> None:
    """Open it, ask, and take what is foremost, which has this name."""
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-field")).to_be_focused()
    page.keyboard.type(asked)
    expect(page.locator("#palette-list [aria-selected=true] b")).to_have_text(name)
    page.keyboard.press("Enter")


def test_from_the_board_to_a_contact_and_to_a_conversation(sign_in: SignIn) -> None:
    row = receive(
        make_queue([make_supervisor("bob")], name="Orders"), make_mail(Subject="A parcel")
    ).conversation
    page = sign_in("bob", "/board/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("everything by name")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-list")).to_contain_text("go to")
    assert violations(page, within="#palette") == []
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()

    page.keyboard.press("Control+k")
    expect(page.locator("#palette-field")).to_be_focused()
    page.evaluate("document.addEventListener('keydown', () => palette.close(), {once: true, capture: true})")
    at_once(page, "?")  # the focus is still in the palette, which is shut
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")

    run(page, "presence", "presence: available, away, offline")
    expect(page.locator("#presence button").first).to_be_focused()
    page.keyboard.press("Escape")
    run(page, "shif", "Shifts")
    page.wait_for_url("**/board/shifts/")
    page.goto("/contacts/")
    page.keyboard.press("/")
    expect(page.locator("[data-find]")).to_be_focused()  # also while one writes
    run(page, "acc", "Account")
    page.wait_for_url("**/account/")
    page.goto(f"/contacts/{row.contact_id}/")
    run(page, "edi", "Edit")
    page.wait_for_url("**/edit")
    page.goto("/contacts/")
    run(page, f"#{row.number}", f"#{row.number} A parcel")
    expect(page.locator(f"article[data-conversation='{row.pk}']")).to_be_visible()
