"""Writing with formatting at the desk, in a real browser."""

import email
import re
from email import policy

import pytest
from playwright.sync_api import Locator, Page, expect

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues.models import Draft, EmailQueue, FirstDraft, Message
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn
from tests.desk.test_writing import PASTE_PICTURE
from tests.desk.world import picture
from tests.make import make_agent, make_queue, make_sender, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

PASTE_HTML = """(field, html) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/html", html);
  clipboardData.setData("text/plain", "");
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""
FORMATTED = (
    "<p>Dear <strong>Charlie</strong>,</p>"
    "<ol><li><p>open it</p></li><li><p>press <em>reset</em></p></li></ol>"
)


@pytest.fixture
def orders() -> EmailQueue:
    """Alice's queue; she writes with formatting."""
    sender = make_sender(name="out", email_address="support@example.com")
    alice = make_agent("alice", capacity=5, writes=Agent.Writes.RICH)
    return make_queue([alice], name="Orders", sender=sender, signature="{{ agent.name }}")


@pytest.fixture
def page(sign_in: SignIn, orders: EmailQueue) -> Page:
    """An answer begun."""
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    expect(field(page)).to_be_focused()
    return page


def field(page: Page) -> Locator:
    return page.locator("#reply-text[contenteditable]")


def write_formatted(page: Page) -> None:
    """By keyboard alone."""
    page.keyboard.type("Dear ")
    page.keyboard.press("Control+b")
    page.keyboard.type("Charlie")
    page.keyboard.press("Control+b")
    page.keyboard.type(",")
    page.keyboard.press("Enter")
    page.keyboard.type("1. open it")
    page.keyboard.press("Enter")
    page.keyboard.type("press *reset*")
    expect(field(page).locator("em")).to_have_text("reset")


def content(page: Page) -> str:
    return str(page.locator("[name=html]").input_value())


def parts_of(mail: OutgoingMail) -> tuple[str, str]:
    """Text and HTML as another parser reads them."""
    parsed = email.message_from_bytes(mail.raw.as_bytes(), policy=policy.default)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content()


def test_an_answer_keeps_its_formatting_all_the_way(page: Page) -> None:
    write_formatted(page)
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert content(page) == FORMATTED
    draft = Draft.objects.get()
    assert draft.text == "Dear Charlie,\n\n1. open it\n2. press reset"
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(field(page).locator("strong")).to_have_text("Charlie")
    assert content(page) == draft.html

    field(page).press("Control+Enter")  # a draft that came with its page has no focus
    expect(page.locator("#open-reply")).to_be_visible()
    page.locator("#items .out .delivery").get_by_role("button", name="Undo").click()
    expect(field(page).locator("ol > li")).to_have_count(2)
    expect(field(page)).not_to_contain_text("Alice")  # the signature is no part of it
    field(page).press("Control+Enter")
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    text, html = parts_of(OutgoingMail.objects.exclude(state="cancelled").get())
    assert text.startswith("Dear Charlie,\n\n1. open it\n2. press reset\n\n-- \nAlice\n")
    assert (
        "<p>Dear <strong>Charlie</strong>,</p><ol><li>open it</li><li>press <em>reset</em></li></ol>" in html
    )
    assert not Draft.objects.exists()


def test_a_slow_server_takes_no_key_from_what_was_asked_for(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    held = held_back(page, "**/django_prose_editor/**", "**/bar")
    now = page.evaluate("Date.now() / 1000")
    page.clock.set_fixed_time(now)
    page.keyboard.press("r")
    asked = come(page, held)
    page.clock.set_fixed_time(now + 5)
    page.keyboard.type("even so")  # e would close it
    asked.continue_()
    expect(field(page)).to_have_text("even so")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    asked = come(page, held)
    page.clock.set_fixed_time(now + 10)
    page.keyboard.type("even late")
    asked.continue_()
    expect(page.locator("#note-text")).to_have_value("even late")
    row.refresh_from_db()
    assert row.state == row.State.WAITING


@pytest.mark.parametrize(
    ("key", "place"), [("n", "#note-text"), ("F", "#reply-form [data-chips] input:not([type=hidden])")]
)
def test_what_comes_late_has_all_that_was_typed(
    sign_in: SignIn, orders: EmailQueue, key: str, place: str
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    held = held_back(page, re.compile(r"/(notes|reply)(\?|$)"))
    now = page.evaluate("Date.now() / 1000")
    page.clock.set_fixed_time(now)
    page.keyboard.press(key)
    asked = come(page, held)
    page.clock.set_fixed_time(now + 5)
    page.keyboard.type("eve")  # e would close it
    asked.continue_()
    expect(page.locator(place).first).to_have_value("eve")
    row.refresh_from_db()
    assert row.state == row.State.WAITING


def test_the_focus_waits_for_no_frame(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.evaluate("window.requestAnimationFrame = () => 0")  # as in a browser that has too much to do
    page.keyboard.press("r")
    expect(field(page)).to_be_focused()
    page.keyboard.type("Dear ")
    page.get_by_role("button", name="Bold").click()
    page.keyboard.type("Charlie")
    expect(field(page).locator("strong")).to_have_text("Charlie")
    page.keyboard.press("Escape")
    expect(field(page)).not_to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("#note-text")).to_be_focused()


def test_formatting_waits_for_its_time_and_is_changed(page: Page) -> None:
    write_formatted(page)
    page.get_by_label("Send otherwise, or later").click()
    page.get_by_role("button", name="Tomorrow").click()
    page.locator(".timed").get_by_role("button", name="Edit").click()
    expect(field(page).locator("strong")).to_have_text("Charlie")


def test_what_was_not_saved_comes_back_from_the_browser(page: Page) -> None:
    intercept(page, "**/draft", lambda route: None)  # the server answers nothing
    write_formatted(page)
    page.unroute("**/draft")
    page.reload()
    expect(field(page).locator("em")).to_have_text("reset")
    eventually(lambda: Draft.objects.filter(text__startswith="Dear Charlie").exists(), "it is saved")


def test_buttons_links_and_switching_over(page: Page) -> None:
    page.keyboard.type("See the page")
    page.keyboard.press("Control+Shift+ArrowLeft")
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Address of the link")).to_be_focused()
    page.keyboard.type("javascript:alert(1)")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts .error")).to_contain_text("https://")
    page.get_by_label("Address of the link").fill("example.com/x")
    page.keyboard.press("Enter")
    expect(field(page).locator("a")).to_have_attribute("href", "https://example.com/x")
    page.get_by_role("button", name="List", exact=True).click()
    expect(page.get_by_role("button", name="List", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(field(page).locator("ul a")).to_have_text("page")

    page.get_by_role("button", name="Formatting", exact=True).click()
    plain = page.locator("textarea#reply-text")
    expect(plain).to_have_value("- See the page <https://example.com/x>")
    expect(plain).to_be_focused()
    page.get_by_role("button", name="Formatting", exact=True).click()
    expect(field(page).locator("ul a")).to_have_text("page")
    page.get_by_role("button", name="Formatting", exact=True).click()
    plain.fill("First\nsecond\n\nthird")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    draft = Draft.objects.get()
    assert (draft.text, draft.html) == ("First\nsecond\n\nthird", "")
    page.reload()
    expect(plain).to_have_value("First\nsecond\n\nthird")
    page.get_by_role("button", name="Formatting", exact=True).click()
    expect(field(page).locator("p")).to_have_count(2)
    field(page).press("Control+a")
    page.get_by_role("button", name="Remove the formatting").click()
    assert content(page) == "<p>First<br>second</p><p>third</p>"


def test_pictures_stand_in_the_text(page: Page) -> None:
    page.keyboard.type("Look: ")
    field(page).evaluate(PASTE_PICTURE, list(picture()))
    shown = field(page).locator("img[src]")
    expect(shown).to_have_js_property("naturalWidth", 96)
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    page.reload()
    expect(shown).to_have_js_property("naturalWidth", 96)
    page.get_by_role("button", name="Formatting", exact=True).click()
    expect(page.locator("textarea#reply-text")).to_have_value("Look: [image: picture-1.png]")
    page.get_by_role("button", name="Formatting", exact=True).click()
    expect(shown).to_have_count(1)
    field(page).press("Control+Enter")
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    raw = OutgoingMail.objects.get().raw.as_bytes()
    assert b"multipart/related" in raw
    text, html = parts_of(OutgoingMail.objects.get())
    assert "Look: [image: picture-1.png]" in text
    assert 'src="cid:' in html
    expect(page.locator("#open-reply")).to_be_visible()
    page.locator("#items .out .delivery").get_by_role("button", name="Undo").click()
    expect(shown).to_have_js_property("naturalWidth", 96)
    page.get_by_role("button", name="Remove picture-1.png").click()
    expect(shown).to_have_count(0)


HOSTILE = (
    "<meta charset='utf-8'><p onclick='fetch(\"/stolen-by-click\")'>Dear <span data-x='1'>customer</span></p>"
    "<img src='https://tracker.example/pixel.gif'><script>fetch('/stolen-by-script')</script>"
    "<img src=x onerror=\"fetch('/stolen-by-onerror')\"><iframe src='https://tracker.example/'></iframe>"
    "<p style='display:none;background:url(https://tracker.example/b.png)'>beneath</p>"
    "<a href='javascript:fetch(1)'>click</a><svg onload=\"fetch('/stolen-by-svg')\"></svg>"
)


def test_nothing_hostile_is_pasted_or_leaves(page: Page) -> None:
    field(page).evaluate(PASTE_HTML, HOSTILE)
    expect(field(page)).to_contain_text("beneath")
    expect(field(page).locator("[style], [onclick], a, svg, iframe, img[src]")).to_have_count(0)
    # Whoever does without the editor gets no further.
    page.evaluate("html => document.querySelector('[name=html]').value = html", HOSTILE)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    raw = OutgoingMail.objects.get().raw.as_bytes()
    for word in (b"tracker.example", b"stolen", b"display", b"<script", b"javascript", b"<img", b"onclick"):
        assert word not in raw
    assert "beneath" in Message.objects.get(direction="out").text


def test_what_offices_call_bold_is_bold(page: Page) -> None:
    field(page).evaluate(
        PASTE_HTML,
        "<b style='font-weight:normal' id='docs-internal-guid-1'><p>"
        "<span style='font-weight:700'>fat</span><span style='font-weight:400'> thin</span></p></b>",
    )
    expect(field(page).locator("strong")).to_have_text("fat")


def test_a_first_mail_is_written_with_formatting(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice")
    page.keyboard.press("c")
    text = page.locator("#compose-text[contenteditable]")
    expect(text).to_be_visible()
    page.get_by_label("To", exact=True).fill("charlie@customer.example,")
    page.get_by_label("Subject").fill("Your order")
    text.focus()
    page.keyboard.type("It is **ready**")
    page.keyboard.type(".")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert FirstDraft.objects.get().html == "<p>It is <strong>ready</strong>.</p>"
    page.evaluate("localStorage.clear()")
    page.reload()
    page.keyboard.press("c")
    expect(text.locator("strong")).to_have_text("ready")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out")).to_be_visible()
    assert "<strong>ready</strong>" in parts_of(OutgoingMail.objects.get())[1]


def test_what_is_typed_while_the_formatting_of_a_draft_comes_is_no_key(page: Page) -> None:
    page.keyboard.type("Dear")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    held = held_back(page, "**/django_prose_editor/editor.js*")
    page.reload()
    expect(page.locator("#reply-form[data-starting]")).to_be_visible()
    page.keyboard.press("r")
    page.keyboard.type("customer")  # which would close, take, reply and more
    come(page, held).continue_()
    expect(field(page)).to_have_text("Dear customer")
    expect(field(page)).to_be_focused()
