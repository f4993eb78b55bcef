"""The desk in a real browser: what agents do all day, on the real web process."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from queues.models import Conversation, Draft, EmailQueue, Message
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn
from tests.desk.world import hostile, letter, rich, take_in
from tests.make import make_agent, make_mail, make_queue, make_sender, make_supervisor, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)


PASTE = """(field, name) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File(["dots"], name, { type: "image/png" }));
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def orders() -> EmailQueue:
    """A queue of Alice and Bob, with a signature."""
    people = [make_agent("alice", capacity=5), make_supervisor("bob")]
    sender = make_sender(name="out", email_address="support@example.com")
    return make_queue(people, name="Orders", sender=sender, signature="Example Outfitters")


def open_row(page: Page, name: str) -> None:
    page.locator("#rows .row", has_text=name).click()
    expect(page.locator("article.conversation")).to_be_visible()


def test_an_agent_takes_a_conversation_and_answers_it_once(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail("Where is it?", Subject="Parcel 17")).conversation
    page = sign_in("alice")
    page.locator("#view-waiting").click()
    open_row(page, "Parcel 17")
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.locator("#head")).to_contain_text("Alice")

    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    expect(page.locator(".chip")).to_have_text("Charlie Stone×")
    page.keyboard.type("It is on its way.")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    assert Draft.objects.get().text == "It is on its way."

    page.reload()
    expect(page.locator("#reply-text")).to_have_value("It is on its way.")
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("#reply-text")).to_have_value("It is on its way.")
    expect(page.locator("#items .out")).to_have_count(0)
    expect(page.locator("#toasts .toast")).to_have_count(0)

    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator("#open-reply")).to_be_visible()
    page.locator("#items .out .delivery").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts .toast")).to_have_count(0)

    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    expect(page.locator("#reply-form")).to_have_count(0)
    expect(page.locator("#head")).to_contain_text("Customer’s turn")
    sent = Message.objects.filter(direction="out").exclude(outgoing__state="cancelled")
    assert [message.text.splitlines()[0] for message in sent] == ["It is on its way."]
    row.refresh_from_db()
    assert row.state == Conversation.State.PENDING
    assert not Draft.objects.exists()


SEE_PARTS = """document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  window.swapped ||= detail.requestConfig.path.includes("/parts");
}), null"""


def test_a_late_refresh_leaves_the_editor_that_undo_opened(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    page.locator("#reply-text").fill("Almost right.")
    page.get_by_role("button", name="Send", exact=True).click()
    undo = page.locator("#toasts").get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    held = held_back(page, "**/parts*")
    page.evaluate("htmx.trigger('#refresh-conversation', 'desk:conversation')")
    parts = come(page, held)
    undo.click()
    expect(page.locator("#reply-text")).to_have_value("Almost right.")
    page.evaluate(SEE_PARTS)
    parts.continue_()
    come(page, held).continue_()  # what was read before is read again
    while not page.evaluate("window.swapped"):
        page.wait_for_timeout(20)
    expect(page.locator("#reply-text")).to_have_value("Almost right.")


def test_a_note_stays_in_the_house(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("n")
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.type("He called before.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".note-card")).to_contain_text("He called before.")
    expect(page.locator("#note-form")).to_have_count(0)
    assert row.notes.get().text == "He called before."
    assert not Message.objects.filter(direction="out").exists()


def test_closing_and_reopening_by_key(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("t")
    expect(page.locator("#head .pill").first).to_have_text("Assigned")
    page.keyboard.press("e")
    expect(page.locator("#head .pill").first).to_have_text("Closed")
    page.keyboard.press("e")
    expect(page.locator("#head .pill").first).to_have_text("Waiting")
    expect(page.locator("#items")).to_contain_text("Alice reopened it.")


def test_new_mail_appears_by_itself(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice")
    page.locator("#view-unassigned").click()
    expect(page.locator("#rows")).to_contain_text("Nothing waits")
    second_tab = page.context.new_page()
    streams: list[str] = []
    second_tab.on("request", lambda request: streams.append(request.url) if "/sse" in request.url else None)
    second_tab.goto("/?view=unassigned")
    first = receive(orders, make_mail("Hello?", Subject="Fresh mail"))
    expect(second_tab.locator("#rows .row")).to_contain_text("Fresh mail")
    assert streams == []  # the tabs share one
    second_tab.close()
    expect(page.locator("#rows .row")).to_contain_text("Fresh mail")
    expect(page.locator(f"#view-queue-{orders.pk}")).to_contain_text("1")
    open_row(page, "Fresh mail")
    page.keyboard.press("r")
    page.keyboard.type("I am looking")
    receive(orders, make_mail("One more thing.", In_Reply_To=f"<{first.message_id}>"))
    expect(page.locator("#items")).to_contain_text("One more thing.")
    expect(page.locator("#reply-text")).to_have_value("I am looking")
    expect(page.locator("#reply-text")).to_be_focused()

    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#warning")).to_contain_text("One more thing.")
    assert not Message.objects.filter(direction="out").exists()
    page.locator("#reply-text").press("End")
    page.keyboard.type(" into it")  # it is held, and saved as any other
    eventually(lambda: Draft.objects.get().text == "I am looking into it", "it is saved")
    page.set_viewport_size({"width": 390, "height": 700})
    page.get_by_role("button", name="Read it first").click()  # which needs room
    expect(page.locator("#reply-form")).to_have_count(0)
    expect(page.locator("#items .mail-text", has_text="One more thing.")).to_be_in_viewport()
    page.locator("#open-reply").click()
    expect(page.locator("#reply-text")).to_have_value("I am looking into it")
    page.get_by_role("button", name="Send", exact=True).click()  # it was read
    expect(page.locator("#items .out")).to_have_count(1)


def test_a_mail_that_comes_while_the_editor_loads_holds_it(sign_in: SignIn, orders: EmailQueue) -> None:
    first = receive(orders)
    page = sign_in("alice", f"/conversations/{first.conversation_id}/")

    def late(route: Route) -> None:
        receive(orders, make_mail("One more thing.", In_Reply_To=f"<{first.message_id}>"))
        route.continue_()

    intercept(page, "**/reply?*", late)
    page.keyboard.press("r")
    page.locator("#reply-text").fill("I am looking")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#warning")).to_contain_text("One more thing.")
    assert not Message.objects.filter(direction="out").exists()


def test_a_hostile_mail_runs_nothing_and_asks_nobody(sign_in: SignIn, orders: EmailQueue) -> None:
    now = timezone.now()
    row = take_in(orders, hostile("Nobody Good", "You have won", now), now).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    frame = page.frame_locator("iframe.frame")
    expect(frame.locator("body")).to_contain_text("harmless words")
    expect(page.get_by_text("1 image from the internet is blocked")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.title().startswith("You have won")
    # That nothing was asked for, of evil.example or of us, `sign_in` checks at the end.


def test_an_html_mail_shows_its_own_pictures_and_files(sign_in: SignIn, orders: EmailQueue) -> None:
    now = timezone.now()
    row = take_in(orders, rich("Margaret Doyle", "Incomplete", now), now).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    picture = page.frame_locator("iframe.frame").locator("img[alt='the seam']")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 96)
    page.wait_for_function("document.querySelector('iframe.frame').offsetHeight > 300")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save Receipt März 2026.pdf").click()
    assert download.value.suggested_filename == "Receipt März 2026.pdf"


def test_a_file_goes_with_the_answer(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    page.keyboard.type("See the label.")
    page.locator("[data-pick]").set_input_files(
        {"name": "štítek.txt", "mimeType": "text/plain", "buffer": b"label"}
    )
    expect(page.locator("[data-file]")).to_contain_text("štítek.txt")
    page.locator("#reply-text").evaluate(PASTE, "seam.png")
    expect(page.locator("[data-file]")).to_have_count(2)
    page.get_by_label("Send otherwise, or later").click()
    page.get_by_role("button", name="Send and close").click()
    expect(page.locator("#head .pill").first).to_have_text("Closed")
    files = Message.objects.get(direction="out").attachments.all()
    assert [file.name for file in files] == ["štítek.txt", "seam.png"]


def test_an_answer_does_not_leave_without_a_file_that_was_refused(
    sign_in: SignIn, orders: EmailQueue, tmp_path: Path
) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    page.keyboard.type("See the film.")
    film = tmp_path / "film.bin"
    film.write_bytes(bytes(26_000_000))
    page.locator("[data-pick]").set_input_files(film)
    expect(page.locator(".file.failed")).to_contain_text("“film.bin” doesn't fit")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#toasts .error")).to_contain_text("could not be attached")
    assert not Message.objects.filter(direction="out").exists()
    page.locator(".file.failed button").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")


def test_text_survives_the_end_of_the_session(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    page.keyboard.type("First half")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    held = held_back(page, "**/draft")
    page.keyboard.insert_text(", second half.")  # before the dialog is there, which takes the keys
    save = come(page, held)
    Session.objects.all().delete()
    save.continue_()
    page.unroute("**/draft")
    dialog = page.get_by_role("dialog", name="You were signed out")
    dialog.get_by_label("User name").fill("alice")
    dialog.get_by_label("Password").fill("alice")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#reply-text")).to_have_value("First half, second half.")
    # The words "Saved" may still be of the first half.
    eventually(lambda: Draft.objects.get().text == "First half, second half.", "the draft is saved")


def test_a_refusal_is_told_in_words(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    page.keyboard.type("Hello")
    page.get_by_role("button", name='Remove "Charlie Stone"').click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("Nobody would get it")
    expect(page.locator("#reply-text")).to_have_value("Hello")


def test_the_phone_shows_one_pane_and_leads_back(sign_in: SignIn, orders: EmailQueue) -> None:
    receive(orders, make_mail(Subject="Small screen"))
    page = sign_in("alice", width=390, height=844)
    page.get_by_role("button", name="Views and queues").click()
    page.locator("#view-unassigned").click()
    open_row(page, "Small screen")
    expect(page.locator("#list")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("link", name="Back to Unassigned").click()
    expect(page.locator("#list")).to_be_visible()
    expect(page.locator("#conversation")).to_be_hidden()


def test_the_keyboard_alone_is_enough(sign_in: SignIn, orders: EmailQueue) -> None:
    now = timezone.now()
    for number, name in enumerate(["Eva", "Jan"]):
        at = now - timedelta(minutes=10 * number)
        take_in(orders, letter(name, f"Subject of {name}", "Hello", at), at)
    page = sign_in("bob")
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page.locator("#list-name")).to_have_text("Unassigned")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#head h1")).to_have_text("Subject of Eva")
    page.keyboard.press("/")
    page.keyboard.type("jan")
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#rows .row")).to_contain_text("Subject of Jan")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
