"""The desk and the pages around it in other languages, in a browser: nothing on them is left in English."""

from collections.abc import Iterable

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent
from crm.models import Contact
from queues import actions
from queues.models import EmailQueue
from tests.desk.conftest import SignIn
from tests.languages.catalogues import PLACE, read
from tests.make import make_agent, make_mail, make_queue, make_sender, make_supervisor, receive

pytestmark = pytest.mark.django_db(transaction=True)

SEEN = """() => {
  const found = [];
  const beside = "[hidden], script, style, code, textarea, .mail-text, iframe";
  const shown = (element) => element && element.closest(beside) === null;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (const breaks of document.querySelectorAll("wbr")) breaks.remove();
  document.body.normalize();  // an address that may break is one text
  while (walker.nextNode()) if (shown(walker.currentNode.parentElement)) found.push(walker.currentNode.data);
  for (const element of document.querySelectorAll("[title], [aria-label], [placeholder]")) {
    for (const name of ["title", "aria-label", "placeholder"]) found.push(element.getAttribute(name) ?? "");
  }
  return [document.title, ...found].map((text) => text.trim().replace(/\\s+/g, " ")).filter(Boolean);
}"""


@pytest.fixture
def orders() -> EmailQueue:
    """Two conversations, one in Alice's hands with a history."""
    alice, bob = make_agent("alice", capacity=5), make_supervisor("bob")
    sender = make_sender(name="out", email_address="support@example.com")
    queue = make_queue([alice, bob], name="Orders", sender=sender)
    receive(queue, make_mail("Where is it?", Subject="Parcel 17"))
    row = receive(queue, make_mail("And this?", Subject="Parcel 18")).conversation
    actions.take(alice.user, row)
    actions.release(alice.user, row)
    actions.take(alice.user, row)
    return queue


def english(language: str) -> set[str]:
    """What would be English, as nobody says it in this language."""
    entries = [entry for domain in ("django", "djangojs") for entry in read(language, domain)]
    return {
        entry.text.text
        for entry in entries
        if not PLACE.search(entry.text.text)
        and entry.text.text not in entry.told
        and len(entry.text.text) > 2
    } - {told for entry in entries for told in entry.told}


def left_over(page: Page, words: Iterable[str]) -> list[str]:
    """The English on a page."""
    return sorted(set(words) & set(page.evaluate(SEEN)))


@pytest.mark.parametrize(
    ("language", "take", "reply"), [("cs", "Převzít", "Odeslat"), ("de", "Übernehmen", "Senden")]
)
def test_nothing_is_left_in_english(
    sign_in: SignIn, orders: EmailQueue, language: str, take: str, reply: str
) -> None:
    Agent.objects.update(interface=language)
    words = english(language)
    page = sign_in("alice")
    assert page.locator("html").get_attribute("lang") == language
    assert left_over(page, words) == []
    page.locator("#user-menu summary").click()
    assert left_over(page, words) == []
    page.keyboard.press("Escape")

    page.goto("/?view=unassigned")
    page.locator("#rows .row", has_text="Parcel 17").click()
    expect(page.locator("#tool-take")).to_have_text(take)
    assert left_over(page, words) == []
    page.goto("/?view=mine")
    page.locator("#rows .row", has_text="Parcel 18").click()
    expect(page.locator(".event").first).to_contain_text("Alice")
    page.keyboard.press("r")
    expect(page.locator(".editor-foot button.primary")).to_have_text(reply)
    page.keyboard.type("x")
    expect(page.locator("[data-saved]")).not_to_be_empty()
    assert left_over(page, words) == []
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    expect(page.locator("#act-title")).to_be_visible()
    assert left_over(page, words) == []

    pages = [
        "/?q=nothing+such",
        "/account/",
        f"/contacts/{Contact.objects.latest('pk').pk}/",
        "/account/two-factor",
    ]
    for path in pages:
        page.goto(path)
        assert left_over(page, words) == [], path
    supervisor = sign_in("bob")
    for path in ("", "skills/", "shifts/", "forecast/", "what-if/"):
        supervisor.goto(f"/board/{path}")  # the rules "off" and "uncovered" are named as in the settings file
        expect(supervisor.locator("#main")).to_be_visible()
        assert left_over(supervisor, words - {"off"}) == [], path


def test_a_stranger_chooses_a_language_and_keeps_it(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("alice")
    page.locator("#user-menu summary").click()
    page.locator("#logout button").click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    page.get_by_label("Benutzername").fill("alice")
    page.get_by_label("Passwort").fill("alice")
    page.get_by_role("button", name="Anmelden", exact=True).click()
    expect(page.locator("#list-name")).to_have_text("Meine")
    page.goto("/account/")
    page.get_by_label("Sprache").select_option("es")
    page.locator("form[action='/language'] button").click()
    expect(page.get_by_role("heading", name="Cuenta", exact=True)).to_be_visible()
    assert Agent.objects.get(user__username="alice").interface == "es"
