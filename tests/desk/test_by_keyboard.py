"""An agent's day without a mouse; the cursor is always somewhere."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from queues.models import Conversation, EmailQueue, Message
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, make_snippet, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

FOCUSED = "document.activeElement !== document.body && document.activeElement.isConnected"


@pytest.fixture
def orders() -> EmailQueue:
    alice = make_agent("alice", capacity=9)
    make_snippet()
    make_queue([alice], name="Returns")
    return make_queue([alice], name="Orders")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def has_a_place(page: Page) -> None:
    """Not lost: the next Tab goes on from here, not from the top of the page."""
    page.wait_for_function(f"() => {FOCUSED}")


def tab_to(page: Page, wanted: Locator, most: int = 120) -> None:
    """Go there by Tab, as one must who has no mouse."""
    expect(wanted).to_be_visible()
    for _ in range(most):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{most} tabs don't lead to {wanted}")


QUOTING = "Where is it?\n\n> You wrote:\n> It left today."
REMOTE = '<p>Look:</p><img src="https://pictures.example/a.png" width="200" height="100">'


def test_from_the_log_in_to_the_next_one(chromium: Browser, site: str, orders: EmailQueue) -> None:
    quoting = receive(orders, make_mail(QUOTING)).conversation
    picture = receive(orders, make_mail(REMOTE, Content_Type="text/html", Subject="Look")).conversation
    last = receive(orders, make_mail(Subject="The last")).conversation
    context = chromium.new_context(base_url=site, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto("/login/")
    tab_to(page, page.get_by_label("User name"))
    page.keyboard.type("alice")
    press(page, "Tab")
    page.keyboard.type("alice")
    press(page, "Enter")
    expect(page.locator("#list-name")).to_be_visible()
    page.wait_for_load_state()

    press(page, "g", "n")
    expect(page.locator(f"article[data-conversation='{quoting.pk}']")).to_be_visible()
    expect(page.locator(".quoted .mail-text").first).to_be_hidden()
    tab_to(page, page.locator(".quoted > summary").first)
    press(page, "Enter")
    expect(page.locator(".quoted .mail-text").first).to_contain_text("It left today.")
    press(page, "r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("See the file.")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    tab_to(page, page.locator("[data-pick]"))
    with page.expect_file_chooser() as asked:
        page.evaluate("() => 0")  # Chromium has been told of it by then
        page.locator("[data-pick]").press("Space")
    asked.value.set_files({"name": "label.txt", "mimeType": "text/plain", "buffer": b"To the left"})
    expect(page.locator("[data-list] .file[data-file]")).to_contain_text("label.txt")
    press(page, "Escape", "r")
    expect(page.locator("#reply-text")).to_be_focused()
    press(page, "Control+Shift+Enter")  # send, and take the next one
    expect(page.locator(f"article[data-conversation='{picture.pk}']")).to_be_visible()
    sent = Message.objects.get(direction="out")
    assert (sent.conversation, sent.text.split("\n")[0]) == (quoting, "See the file.")
    assert [each.name for each in sent.attachments.all()] == ["label.txt"]

    show = page.get_by_role("button", name="Show images")
    tab_to(page, show)
    press(page, "Enter")
    expect(show).to_be_hidden()
    has_a_place(page)
    press(page, "a")
    expect(page.locator("#act-find")).to_be_focused()
    page.keyboard.type("ret")
    press(page, "ArrowDown", "Control+Enter")
    expect(page.locator("#act")).to_be_hidden()
    eventually(lambda: Conversation.objects.get(pk=picture.pk).queue.name == "Returns", "it is moved")
    has_a_place(page)

    press(page, "g", "w")
    expect(page.locator("#list-name")).to_have_text("Waiting for me")
    while not page.locator(f"#row-{last.pk} .row:focus").count():  # the other one is open already
        press(page, "j")
    press(page, "Enter")
    expect(page.locator(f"article[data-conversation='{last.pk}']")).to_be_visible()
    press(page, "Control+k")
    page.keyboard.type("snooze")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("Snooze")
    press(page, "Enter")
    expect(page.locator("#tool-snooze .menu-panel button").first).to_be_focused()
    press(page, "Enter")
    eventually(lambda: Conversation.objects.filter(state="snoozed").count() == 1, "it sleeps")
    has_a_place(page)
    context.close()


def test_a_day(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail("Where is it?\n\n> You wrote:\n> It left today.")).conversation
    other = receive(orders).conversation
    page = sign_in("alice")
    press(page, "p")
    expect(page.locator("#presence button").first).to_be_focused()
    press(page, "Escape")
    has_a_place(page)

    press(page, "g", "n")
    expect(page.locator(f"article[data-conversation='{row.pk}']")).to_be_visible()
    has_a_place(page)
    press(page, "r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("/Tha")
    expect(page.locator("[role=option]").first).to_be_visible()
    press(page, "Enter")
    expect(page.locator("#reply-text")).to_have_value("Thank you.")
    receive(orders)  # a live update takes nothing away
    expect(page.locator("#view-unassigned .num")).to_have_text("2")
    expect(page.locator("#reply-text")).to_be_focused()
    press(page, "Escape", "n")  # a note in between: the answer is put away, and comes back
    expect(page.locator("#note-text")).to_be_focused()
    press(page, "Escape", "r")
    expect(page.locator("#reply-text")).to_have_value("Thank you.")
    expect(page.locator("#reply-text")).to_be_focused()
    press(page, "Escape", "r")  # back to where one wrote
    expect(page.locator("#reply-text")).to_be_focused()
    page.reload()
    expect(page.locator("#reply-text")).to_have_value("Thank you.")
    press(page, "r")  # a key, not a letter of the draft that was there already
    expect(page.locator("#reply-text")).to_be_focused()
    expect(page.locator("#reply-text")).to_have_value("Thank you.")
    press(page, "Control+Enter")
    expect(page.locator("#items .out")).to_contain_text("Thank you.")
    expect(page.locator("#open-note")).to_be_visible()
    has_a_place(page)
    undo = page.locator("#toasts").get_by_role("button", name="Undo")
    undo.focus()
    press(page, "Enter")
    expect(page.locator("#reply-text")).to_have_value("Thank you.")
    has_a_place(page)
    page.locator("#reply-text").focus()
    press(page, "Control+Enter")
    expect(page.locator("#items .out")).to_contain_text("Thank you.")
    expect(page.locator("#open-note")).to_be_visible()  # a live update may show the mail before it has left
    has_a_place(page)
    press(page, "n")
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.type("For colleagues.")
    press(page, "Control+Enter")
    expect(page.locator(".note-card")).to_contain_text("For colleagues.")
    expect(page.locator("#open-note")).to_be_visible()
    has_a_place(page)

    press(page, "g", "n")
    expect(page.locator(f"article[data-conversation='{other.pk}']")).to_be_visible()
    has_a_place(page)
    press(page, "e")
    expect(page.locator("#head .pill.closed")).to_be_visible()
    has_a_place(page)
    press(page, "/")
    expect(page.locator("#q")).to_be_focused()
    press(page, "Escape", "?")
    expect(page.locator("#keys")).to_be_visible()
    press(page, "Escape")
    has_a_place(page)
    assert Message.objects.exclude(outgoing=None).exclude(outgoing__state="cancelled").count() == 1
    assert Conversation.objects.get(pk=other.pk).state == "closed"


def test_keys_and_clicks_before_the_scripts_have_run(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail("Where is it?", Subject="Parcel 17")).conversation
    page = sign_in("alice")
    held = held_back(page, re.compile("/(desk|reports)/main"))
    page.goto(f"/conversations/{row.pk}/", wait_until="commit")
    expect(page.locator("#open-reply")).to_be_visible()
    press(page, "n")
    come(page, held).continue_()
    expect(page.locator("form[data-editor=note]")).to_be_visible()
    page.goto(f"/conversations/{row.pk}/", wait_until="commit")
    page.locator("#tool-take").click()
    come(page, held).continue_()
    expect(page.locator("#head .pill").first).to_have_text("Assigned")

    page.goto(f"/contacts/{row.contact_id}/", wait_until="commit")
    expect(page.locator("#trail-rows")).to_be_visible()
    press(page, "/", "P", " ", "a")
    come(page, held).continue_()
    field = page.get_by_label("Search in subjects and first lines")
    expect(field).to_be_focused()
    expect(field).to_have_value("P a")
    page.goto(f"/contacts/{row.contact_id}/", wait_until="commit")
    page.locator("#add-note").fill("Likes tea")
    page.get_by_role("button", name="Add the note").click()
    come(page, held).continue_()
    expect(page.locator("#contact-notes")).to_contain_text("Likes tea")


def test_slow_hands_find_the_second_key(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice", "/?view=all")
    hint = page.locator("#pending-key")
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 60)  # however slow the machine is
    press(page, "g")
    page.clock.run_for(600)
    expect(hint).to_contain_text("Mine")
    expect(hint).not_to_contain_text("Held")  # nothing is
    page.clock.run_for(2000)
    press(page, "m")
    page.clock.resume()
    expect(page.locator("#list-name")).to_have_text("Mine")
    expect(hint).to_be_hidden()
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 60)
    press(page, "g")
    page.clock.run_for(600)
    expect(hint).to_be_visible()
    page.clock.run_for(3000)
    expect(hint).to_be_hidden()
    press(page, "a")  # alone, it is another key
    expect(page.locator("#list-name")).to_have_text("Mine")
    press(page, "g")
    page.clock.run_for(600)
    expect(hint).to_be_visible()
    press(page, "Escape", "a")
    expect(hint).to_be_hidden()
    expect(page.locator("#list-name")).to_have_text("Mine")
