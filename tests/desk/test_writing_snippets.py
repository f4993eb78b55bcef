"""Snippets at the desk, by keyboard alone."""

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent
from queues.models import Draft, EmailQueue, Macro, Message, Snippet
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_queue, make_sender, make_snippet, receive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    alice = make_agent("alice", capacity=5, writes=Agent.Writes.RICH)
    sender = make_sender(name="out", email_address="support@example.com")
    make_snippet("Refund", "<p>Dear {{ contact.name }},</p><p>we refund <strong>{{ ?amount }}</strong>.</p>")
    make_snippet("Repair steps", "<ul><li>one</li><li>two</li></ul>")
    make_snippet("Thanks", "<p>Thank you for #{{ conversation.number }}</p>", owner=alice)
    return make_queue([alice], name="Orders", sender=sender)


def open_reply(sign_in: SignIn, orders: EmailQueue) -> Page:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    return page


def test_a_slash_opens_the_list_and_enter_inserts(sign_in: SignIn, orders: EmailQueue) -> None:
    page = open_reply(sign_in, orders)
    options = page.get_by_role("listbox", name="Snippets").get_by_role("option")
    page.keyboard.type("Hello and/or ")
    expect(options).to_have_count(0)
    page.keyboard.type("/")
    expect(options).to_have_count(3)
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type(" /rfd")  # some of its letters
    expect(options).to_have_count(1)
    expect(page.locator("#reply-text")).to_have_attribute("aria-activedescendant", r"snippets-1-0")
    page.keyboard.press("Enter")
    expect(page.locator("#reply-text")).to_contain_text("Dear Charlie Stone,")
    expect(page.locator("[data-open]")).to_contain_text("amount")
    expect(page.locator("#reply-text .place")).to_have_text("{{ ?amount }}")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts .error")).to_contain_text("Fill in {{ ?amount }}")
    assert not Message.objects.filter(direction="out").exists()
    page.keyboard.type("20 EUR")  # the place is marked
    expect(page.locator("[data-open]")).to_be_hidden()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    assert "we refund 20 EUR." in Message.objects.get(direction="out").text

    expect(page.locator("#open-reply")).to_be_visible()
    page.reload()
    page.keyboard.press("r")
    expect(page.locator("#reply-text[contenteditable]")).to_be_focused()
    page.keyboard.type("/")
    expect(options.first).to_contain_text("Refund")  # used last
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator("#reply-text li")).to_have_count(2)


def test_a_text_is_kept_as_a_snippet_and_thrown_away(sign_in: SignIn, orders: EmailQueue) -> None:
    page = open_reply(sign_in, orders)
    page.keyboard.type("Our **hours** are 8 to 16")
    page.get_by_role("button", name="Save as a snippet").click()
    dialog = page.get_by_role("dialog", name="Save as a snippet")
    expect(dialog).to_contain_text("Our hours are 8 to 16")
    dialog.get_by_label("Name").fill("Opening hours")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Opening hours")
    kept = Snippet.objects.get(name="Opening hours")
    assert kept.html == "<p>Our <strong>hours</strong> are 8 to 16</p>"
    assert str(kept.owner) == "Alice"
    page.get_by_role("button", name="Formatting", exact=True).click()
    text = page.locator("textarea#reply-text")
    text.fill("")
    text.press_sequentially("Note: /opening h")
    options = page.get_by_role("listbox", name="Snippets").get_by_role("option")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(text).to_have_value("Note: Our hours are 8 to 16")
    text.press_sequentially(" /ope")
    expect(options).to_have_count(1)
    page.keyboard.press("Shift+Delete")
    expect(page.locator("#toasts")).to_contain_text("was deleted")
    assert not Snippet.objects.filter(name="Opening hours").exists()


def test_a_macro_is_told_sent_and_taken_back(sign_in: SignIn, orders: EmailQueue) -> None:
    macro = Macro.objects.create(name="Close it off", html="<p>All is done.</p>", note="Paid.", then="close")
    note = f"Called. {'They call again. ' * 5}Tomorrow."
    Macro.objects.create(name="Leave a note", note=note)
    page = open_reply(sign_in, orders)
    page.keyboard.type("/close")
    options = page.get_by_role("listbox", name="Snippets").get_by_role("option")
    expect(options).to_contain_text("answer, note “Paid.”, close it")
    page.keyboard.press("Enter")
    line = page.locator("[data-macro]")
    expect(line).to_contain_text("sent, it will note “Paid.”, close it")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().macro == macro
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(line).to_contain_text("close it")
    page.locator("#reply-text[contenteditable]").press("Control+Enter")
    expect(page.locator("#head .pill").first).to_have_text("Closed")
    expect(page.locator("#items")).to_contain_text("Paid.")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(line).to_contain_text("close it")
    expect(page.locator("#items")).not_to_contain_text("Paid.")
    page.get_by_role("button", name="Send without the macro").click()
    expect(line).to_be_hidden()
    page.get_by_label("Discard the draft").click()
    expect(page.locator("#open-reply")).to_be_visible()

    page.keyboard.press("s")
    expect(options.first).to_be_visible()
    page.keyboard.type("leave")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Leave a note")
    expect(dialog).to_contain_text(f"note “{note}”")  # all that will be done is told before
    page.keyboard.press("Enter")
    expect(page.locator("#items")).to_contain_text("Called.")
    expect(dialog).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("“Leave a note” was run.")
    expect(page.locator("#open-reply")).to_be_visible()  # the editor was opened for it alone
