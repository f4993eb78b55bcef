"""What an editor shows: files on their way, in which language one writes, and which editor it is."""

import re

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent, Language
from queues import customers
from queues.models import Conversation, EmailQueue
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, make_sender, receive

pytestmark = pytest.mark.django_db(transaction=True)

DRAG = """([kinds, name, octets]) => {
  const field = document.querySelector("#reply-form textarea");
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([new Uint8Array(octets)], name, { type: "text/plain" }));
  return kinds.map((kind) => {
    const relatedTarget = kind === "dragleave" ? field.form.querySelector(".editor-foot") : null;
    const event = new DragEvent(kind, { dataTransfer, relatedTarget, bubbles: true, cancelable: true });
    field.dispatchEvent(event);
    return event.defaultPrevented;
  });
}"""
PROGRESS = "document.querySelector('#reply-form progress')?.value"
LOOKS = """(form) => {
  const of = (element) => getComputedStyle(element);
  return [of(form).backgroundColor, of(form).borderTopColor, of(form.querySelector(".editor-head")).color];
}"""
CZECH = "Dobrý den, kde je prosím moje zásilka? Čekám na ni už tři týdny a nikdo mi nic neřekl. Děkuji, Karel"
ENGLISH = "Good morning, your parcel left our depot today and it will be with you on Friday before noon."
CZECH_ANSWER = "Dobrý den, vaše zásilka dnes opustila náš sklad a dorazí k vám v pátek dopoledne."


@pytest.fixture
def orders() -> EmailQueue:
    alice = make_agent("alice", capacity=9, role=Agent.Role.SUPERVISOR)
    for tag in ("cs", "en", "de"):
        Language.objects.get_or_create(tag=tag)
    sender = make_sender(name="out", email_address="support@example.com")
    return make_queue([alice], name="Orders", sender=sender, default_language_id="de")


def drag(page: Page, *kinds: str, octets: int = 5) -> list[bool]:
    return list(page.evaluate(DRAG, [list(kinds), "label.txt", octets]))


def test_a_file_is_dropped_and_seen_on_its_way(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("See the label.")
    form = page.locator("#reply-form")
    octets = 2_000_000
    assert drag(page, "dragover", octets=octets) == [True]  # the browser would open the file instead
    expect(form).to_have_class(re.compile(r"\bdrag\b"))
    told = form.evaluate("(form) => getComputedStyle(form, '::after').content")
    assert told == '"Drop the files here: they go along."'
    drag(page, "dragleave", octets=octets)  # on to another part of the editor
    expect(form).to_have_class(re.compile(r"\bdrag\b"))

    held = held_back(page, "**/draft/files")
    assert drag(page, "drop", octets=octets) == [True]
    expect(form).not_to_have_class(re.compile(r"\bdrag\b"))
    upload = come(page, held)
    bar = page.get_by_role("progressbar", name="Uploading label.txt")
    expect(bar).to_be_visible()
    expect(bar).to_have_js_property("value", 0)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts .error")).to_contain_text("still being uploaded")
    upload.abort()
    expect(page.locator(".file.failed")).to_contain_text("could not be uploaded")
    page.unroute("**/draft/files")
    page.get_by_role("button", name="Remove label.txt").click()

    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": 200_000})
    drag(page, "drop", octets=octets)
    page.wait_for_function(f"() => {{ const at = {PROGRESS}; return at > 0 && at < 1; }}")
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    expect(page.locator(".file[data-file]")).to_contain_text("2.0 MB")
    expect(bar).to_have_count(0)


def test_in_which_language_one_writes(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail(CZECH)).conversation
    row.refresh_from_db()
    assert row.language == "cs"
    page = sign_in("alice", f"/conversations/{row.pk}/", width=390, height=844)
    text, hint = page.locator("#reply-text"), page.locator("#reply-form .tongue")
    page.keyboard.press("r")
    expect(text).to_be_focused()
    expect(hint).to_have_text("writes in Czech")
    expect(hint).to_be_in_viewport(ratio=1)
    expect(text).to_have_attribute("lang", "cs")
    page.keyboard.type(ENGLISH)
    other = page.locator("[data-otherwise]")
    expect(other).to_have_text("This is in English; the customer writes in Czech.")
    text.fill(CZECH_ANSWER)
    expect(other).to_be_hidden()
    page.locator("[data-act=format]").click()
    expect(page.locator("#reply-text[contenteditable]")).to_have_attribute("lang", "cs")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#note-text")).to_have_attribute("lang", "en")

    customers.set_language(orders.members.get().user, row, "en")
    page.goto(f"/conversations/{row.pk}/")
    expect(page.locator("#reply-text")).to_have_attribute("lang", "en")
    expect(hint).to_have_count(0)  # it is the language of the page
    page.goto("/?view=all")
    page.keyboard.press("c")
    expect(page.locator("#compose-text")).to_have_attribute("lang", "de")


def test_no_editor_is_taken_for_another(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail(To="support@example.com, dora@customer.example")).conversation
    Conversation.objects.filter(pk=row.pk).update(language_confidence=0)
    page = sign_in("alice", f"/conversations/{row.pk}/")
    looks: dict[str, list[str]] = {}
    for key, label in (("r", "Reply"), ("F", "Forward"), ("n", "Internal note"), ("w", "Whisper")):
        page.keyboard.press(key)
        form = page.locator("#composer form[data-editor]", has_text=label)
        expect(form).to_be_visible()
        expect(form.locator(":focus")).to_have_count(1)
        looks[label] = form.evaluate(LOOKS)
        page.keyboard.press("Escape")
    for part in (0, 1, 2):  # background, border, heading
        assert looks["Internal note"][part] not in {looks["Reply"][part], looks["Whisper"][part]}
    assert looks["Forward"][1] != looks["Reply"][1]
    page.keyboard.press("R")
    everybody, author = (
        page.get_by_role("button", name="Reply to all"),
        page.get_by_role("button", name="Reply", exact=True),
    )
    colour = "(each) => getComputedStyle(each).color + getComputedStyle(each).fontWeight"
    assert everybody.evaluate(colour) != author.evaluate(colour)
