"""Finding, in a real browser, by keyboard alone."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from queues import actions
from queues.models import EmailQueue
from tests.desk.conftest import SignIn
from tests.desk.world import rich, take_in
from tests.make import make_agent, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db(transaction=True)

MARKED = """(root) => {
  const page = root.ownerDocument;
  return [...(page.defaultView.CSS.highlights.get("found") ?? [])].map((range) => range.toString());
}"""


@pytest.fixture
def orders() -> EmailQueue:
    """Alice's queue with three mails; an old one is long."""
    alice, now = make_agent("alice"), timezone.now()
    queue = make_queue([alice], name="Orders")
    make_queue([alice], name="Returns of parcels")
    receive(queue, make_mail("Where is the voucher <b>I paid</b>?", Subject="Gift"), now - timedelta(days=2))
    receive(queue, make_mail("No answer yet.", Subject="Voucher lost"), now - timedelta(days=1))
    receive(queue, make_mail("Something else.", Subject="Socks"), now)
    return queue


def rows(page: Page) -> list[str]:
    return [text.split("\n")[0] for text in page.locator("#rows .row .topic").all_inner_texts()]


def ask(page: Page, text: str) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def test_words_are_found_as_one_types_and_marked(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice", "/?view=all")
    ask(page, "vouch")
    expect(page.locator("#rows .row")).to_have_count(2)
    assert rows(page) == ["Voucher lost", "Gift"]
    expect(page.locator("#rows .preview mark")).to_have_text(["voucher"])
    expect(page.locator("#rows .preview").last).to_contain_text("<b>I paid</b>")
    expect(page.locator("#rows .topic mark")).to_have_text(["Voucher"])

    page.keyboard.press("ArrowDown")
    expect(page.locator("#rows .row").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("article.conversation h1")).to_have_text("Gift")
    assert set(page.locator("article.conversation").evaluate(MARKED)) == {"voucher"}

    ask(page, "absent")
    expect(page.locator("#rows .empty h2")).to_have_text("Nothing found for “absent”")


def test_what_was_understood_is_said_and_the_order_changed(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice", "/?view=all")
    ask(page, 'voucher -socks before:2999 "I paid')
    expect(page.locator("#understood .asked span")).to_have_text(
        ["“voucher”", "not “socks”", "“I paid”", "before 1 Jan 2999"]
    )
    assert rows(page) == ["Gift"]

    ask(page, "voucher")
    of_all_keys = re.compile("[?&]q=voucher($|&)")
    expect(page.locator("#rows .row").first).to_have_attribute("href", of_all_keys)
    expect(page.locator("#rows .row")).to_have_count(2)
    page.get_by_role("button", name="Best match first").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("voucher sort:best")
    expect(page.get_by_role("button", name="Newest first")).to_be_visible()


def test_operators_and_their_values_are_suggested(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice", "/?view=all")
    ask(page, "qu")
    options = page.locator("[role=option]")
    expect(options).to_have_text(re.compile("queue:"))
    page.keyboard.press("Tab")
    expect(page.locator("#q")).to_have_value("queue:")
    expect(options).to_have_text(["Orders", "Returns of parcels"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#q")).to_have_attribute("aria-activedescendant", "find-option-1")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value('queue:"Returns of parcels" ')
    expect(page.locator("#rows .empty")).to_be_visible()
    expect(options).to_have_count(0)

    ask(page, "from:char")
    expect(options).to_have_text(['"Charlie Stone" <charlie@customer.example>'])
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#rows .row")).to_have_count(3)


def test_words_are_marked_inside_of_framed_mails_and_notes(sign_in: SignIn, orders: EmailQueue) -> None:
    now = timezone.now() - timedelta(days=3)
    message = take_in(orders, rich("Margaret Doyle", "Incomplete", now), now)
    alice = orders.members.get()
    actions.note(alice.user, message.conversation, "Ask the tailor about the jacket.")
    page = sign_in("alice", "/?view=all")
    ask(page, "jacket")
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#rows .in-note")).to_have_text("Note")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#items .note-card")).to_be_visible()
    frame = page.frame_locator("iframe.frame").locator("body")
    expect(frame).to_contain_text("Rain jacket")
    page.wait_for_function(
        "() => document.querySelector('iframe.frame').contentWindow.CSS.highlights.get('found')?.size === 1"
    )
    assert page.locator("article.conversation").evaluate(MARKED).count("jacket") >= 1


def test_esc_right_behind_a_word_leaves_the_field(sign_in: SignIn, orders: EmailQueue) -> None:
    """What was suggested for the word before it does not take it."""
    page = sign_in("alice", "/?view=all")
    ask(page, "subject")
    expect(page.locator("[role=option]")).to_have_text(re.compile("subject:"))
    page.locator("#q").evaluate(
        """(field) => {
          field.value = "subject:gift";
          field.dispatchEvent(new Event("input", { bubbles: true }));
          field.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
        }"""
    )
    expect(page.locator("#q")).not_to_be_focused()
    expect(page.locator("#rows .row")).to_have_count(1)
