"""Two people at one conversation, each in a browser of their own; and one person in two windows."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect
from playwright.sync_api import TimeoutError as NotInTime

from queues import actions
from queues.models import Conversation, Draft, EmailQueue, Message, Note
from tests.accessible import violations
from tests.browser import come, intercept
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, make_sender, make_supervisor, receive
from tests.product import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]


@pytest.fixture
def orders() -> EmailQueue:
    """A queue of Alice, Dora and their supervisor Bob."""
    people = [make_agent("alice", capacity=9), make_agent("dora", capacity=9), make_supervisor("bob")]
    return make_queue(people, name="Orders", sender=make_sender(email_address="support@example.com"))


def of_alice(orders: EmailQueue, subject: str = "Parcel 17") -> Conversation:
    row = receive(orders, make_mail("Where is it?", Subject=subject)).conversation
    return actions.take(orders.members.get(user__username="alice").user, row)


def write_on(page: Page) -> None:
    """From now on no time goes by there: who has typed writes still, however slow the others are."""
    page.clock.set_fixed_time(page.evaluate("Date.now() / 1000"))


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_contain_text("Saved")


def send_all_the_same(page: Page) -> None:
    """Until it is done: right after the warning came, a key is not yet an answer to it."""
    button = page.locator("#warning").get_by_role("button", name="Send all the same")

    def is_sent() -> bool:
        with suppress(NotInTime):  # it may go as the key before this one is answered
            button.press("Enter", timeout=500)
        return page.locator("#items .out").count() > 0

    eventually(is_sent, "the answer is sent")


def test_two_see_each_other_and_one_takes_over(sign_in: SignIn, orders: EmailQueue) -> None:
    row = of_alice(orders)
    alice = sign_in("alice", f"/conversations/{row.pk}/")
    dora = sign_in("dora", f"/conversations/{row.pk}/")
    expect(dora.locator("#watchers")).to_have_text(re.compile("Alice is reading this"))
    expect(alice.locator("#watchers")).to_have_text(re.compile("Dora is reading this"))
    alice.keyboard.press("r")
    expect(alice.locator("#reply-text")).to_be_focused()
    write_on(alice)
    alice.keyboard.type("It is on its way")
    expect(dora.locator("#watchers")).to_have_text(re.compile("Alice is writing an answer…"))
    saved(alice)

    dora.keyboard.press("t")
    dialog = dora.locator("#act")
    expect(dialog).to_contain_text("It is with Alice, who will be told.")
    expect(dialog).to_contain_text("Alice is writing an answer…")
    expect(dialog).to_contain_text("The draft of Alice, 5 words, comes to you with it.")
    assert violations(dora, within="#act") == []
    dora.keyboard.press("Enter")
    expect(dora.locator("#reply-text")).to_have_value("It is on its way")
    expect(dora.locator(".handed")).to_have_text("Alice began this draft.")
    expect(alice.locator("#head")).to_contain_text("Dora")

    alice.locator("#reply-text").press_sequentially(", by ship.")
    panel = alice.locator("#reply-form .warning")
    expect(panel).to_contain_text("Dora has this conversation now, and your draft with it.")
    assert violations(alice, within="#composer") == []
    alice.reload()  # what is in this browser alone is not lost, and not forced on anybody
    panel = alice.locator("#composer .warning")
    expect(panel).to_contain_text("It is on its way, by ship.")
    panel.get_by_role("button", name="Leave it as a note").press("Enter")
    expect(alice.locator("#note-text")).to_have_value("It is on its way, by ship.")
    alice.locator("#note-text").press("Control+Enter")
    expect(alice.locator(".note-card")).to_contain_text("by ship")
    assert Draft.objects.get().text == "It is on its way"

    expect(dora.locator(".note-card")).to_contain_text("by ship")
    dora.locator("#reply-text").press("Control+Enter")
    news = dora.locator("#warning")
    expect(news).to_contain_text("A note was left while you were writing.")
    expect(news).to_contain_text("by ship")
    assert not Message.objects.filter(direction="out").exists()
    send_all_the_same(dora)
    expect(dora.locator("#items .out .delivery")).to_contain_text("Leaves in")
    assert Message.objects.get(direction="out").agent == orders.members.get(user__username="dora")
    dora.goto("/")
    expect(alice.locator("#watchers")).to_be_hidden(timeout=40_000)  # a late sign of hers lasts a while


def test_both_are_warned_when_both_write(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail("Where is it?", Subject="Parcel 17")).conversation
    alice = sign_in("alice", f"/conversations/{row.pk}/")
    bob = sign_in("bob", f"/conversations/{row.pk}/")
    for page in (alice, bob):
        page.keyboard.press("r")
        expect(page.locator("#reply-text")).to_be_focused()
        write_on(page)
        page.keyboard.type("Dear Charlie")
    expect(alice.locator("[data-collision]")).to_have_text(
        "Bob is writing an answer here too: agree who sends it."
    )
    expect(bob.locator("[data-collision]")).to_contain_text("Alice is writing an answer here too")
    bob.keyboard.press("Control+Enter")
    expect(bob.locator("#items .out")).to_have_count(1)
    actions.assign(
        orders.members.get(user__username="bob").user, row, orders.members.get(user__username="alice")
    )
    expect(alice.locator("#items .out")).to_have_count(1)
    alice.keyboard.press("Control+Enter")
    expect(alice.locator("#warning")).to_contain_text("An answer was sent while you were writing.")
    expect(alice.locator("#warning")).to_contain_text("Dear Charlie")
    assert Message.objects.filter(direction="out").count() == 1


def test_notes_mention_whisper_and_go_along_by_keys(sign_in: SignIn, orders: EmailQueue) -> None:
    row, other = of_alice(orders), of_alice(orders, "Parcel 18")
    dora = sign_in("dora")
    bob = sign_in("bob", f"/conversations/{row.pk}/?view=all")
    bob.keyboard.press("r")
    expect(bob.locator("#reply-form *:focus")).to_have_count(1)
    bob.keyboard.press("Escape")
    bob.keyboard.press("w")  # puts the answer away
    expect(bob.locator("#note-form.whisper")).to_contain_text("only Alice and supervisors read it")
    bob.keyboard.type("Be kind to @a")
    expect(bob.locator("#mentionable li").first).to_contain_text("Alice")
    bob.keyboard.press("Enter")
    expect(bob.locator("#note-text")).to_have_value("Be kind to @alice ")
    bob.reload()
    expect(bob.locator("#note-form.whisper #note-text")).to_have_value("Be kind to @alice ")
    bob.keyboard.press("?")  # what nobody asked for has not the focus
    expect(bob.locator("#keys")).to_contain_text("whisper a note")
    bob.keyboard.press("Escape")
    bob.keyboard.press("w")
    expect(bob.locator("#note-text")).to_be_focused()
    assert violations(bob, within="#composer") == []
    bob.keyboard.press("Control+Enter")
    expect(bob.locator(".note-card.whisper .mention")).to_have_text("@alice")
    expect(bob.locator("#open-note")).to_be_visible()  # a live update may show the note before it has left
    assert Note.objects.get().audience == Note.Audience.HOLDER

    bob.keyboard.press("f")
    expect(bob.locator("#follow")).to_have_attribute("aria-pressed", "true")
    bob.keyboard.press("n")
    expect(bob.locator("#note-text")).to_be_focused()
    bob.keyboard.type("@d")
    expect(bob.locator("#mentionable li").first).to_contain_text("Dora")
    bob.keyboard.press("Tab")
    bob.keyboard.type("please look.")
    bob.keyboard.press("Control+Enter")
    expect(dora.locator(".bell-count")).to_have_text("1")
    expect(dora.locator("#view-mentions .num")).to_have_text("1")
    dora.keyboard.press("g")
    dora.keyboard.press("t")
    expect(dora.locator("#list-name")).to_have_text("Mentions")
    dora.keyboard.press("j")
    dora.keyboard.press("Enter")
    expect(dora.locator("#head h1")).to_have_text("Parcel 17")
    expect(dora.locator("#view-mentions .num")).to_have_count(0)
    expect(dora.locator(".note-card")).to_have_count(1)  # not the whisper
    expect(dora.locator("#follow")).to_have_attribute("aria-pressed", "true")
    expect(dora.locator("#open-whisper")).to_have_count(0)

    bob.keyboard.press("j")  # a row to which keys have led, and no other, is meant
    if not bob.locator(f"#row-{other.pk} .row:focus").count():
        bob.keyboard.press("k")
    bob.keyboard.press("a")
    dialog = bob.locator("#act")
    expect(dialog).to_contain_text("Transfer #")
    expect(dialog).to_contain_text("0 of 9 open")
    assert violations(bob, within="#act") == []
    bob.keyboard.type("dor")
    bob.keyboard.press("ArrowDown")
    bob.keyboard.press("Tab")
    bob.keyboard.type("You know them.")
    bob.keyboard.press("Control+Enter")
    expect(bob.locator("#toasts")).to_contain_text(f"#{other.number} is with Dora now.")
    expect(dialog).to_be_hidden()
    other.refresh_from_db()
    assert (str(other.agent), other.notes.get().text) == ("Dora", "You know them.")
    expect(dora.locator(".bell-count")).to_have_text("1")

    bob.locator("h1", has_text="Parcel 17").click()
    bob.keyboard.press("a")
    bob.keyboard.type("back")  # at once, before the dialog is there
    expect(bob.locator("#act-find")).to_have_value("back")
    bob.keyboard.press("Enter")
    bob.keyboard.press("Control+Enter")
    expect(bob.locator("#head .pill").first).to_have_text("Waiting")


def test_two_windows_of_one_person_lose_nothing(sign_in: SignIn, orders: EmailQueue) -> None:
    row = of_alice(orders)
    one = sign_in("alice", f"/conversations/{row.pk}/")
    two = one.context.new_page()
    two.goto(f"/conversations/{row.pk}/")
    for page in (one, two):
        page.keyboard.press("r")
        expect(page.locator("#reply-text")).to_be_focused()
    one.keyboard.type("From the first window")
    saved(one)
    two.keyboard.type("From the second window")
    panel = two.locator("#reply-form .warning")
    expect(panel).to_contain_text("Another window of yours has saved something else")
    expect(panel).to_contain_text("From the first window")
    assert Draft.objects.get().text == "From the first window"
    answers: list[APIResponse] = []
    held: list[Route] = []

    def come_late(route: Route) -> None:
        answers.append(route.fetch())
        held.append(route)

    intercept(two, "**/draft", come_late)
    panel.get_by_role("button", name="Keep what is here").press("Enter")
    late = come(two, held)
    assert Draft.objects.get().text == "From the second window"  # what was chosen is saved

    one.context.set_offline(True)
    one.locator("#reply-text").press_sequentially(", offline")
    expect(one.locator("[data-saved]")).to_contain_text("Not saved")
    late.fulfill(response=answers.pop())
    saved(two)
    two.unroute("**/draft")
    one.context.set_offline(False)
    panel = one.locator("#reply-form .warning")
    expect(panel).to_contain_text("From the second window")
    one.reload()
    panel = one.locator("#reply-form .warning")
    expect(one.locator("#reply-text")).to_have_value("From the second window")
    expect(panel).to_contain_text("From the first window, offline")
    panel.get_by_role("button", name="Use the one of this browser").press("Enter")
    expect(one.locator("#reply-text")).to_have_value("From the first window, offline")
    eventually(lambda: Draft.objects.get().text == "From the first window, offline", "it is saved")

    two.locator("#reply-text").press("Control+Enter")
    panel = two.locator("#reply-form .warning")
    expect(panel).to_contain_text("From the first window, offline")
    panel.get_by_role("button", name="Keep what is here").press("Enter")
    eventually(lambda: Draft.objects.get().text == "From the second window", "it is saved")
    two.locator("#reply-text").press("Control+Enter")
    expect(two.locator("#items .out")).to_have_count(1)
    expect(one.locator("#items .out")).to_have_count(1)
    one.locator("#reply-text").press("Control+Enter")
    expect(one.locator("[data-conflict]")).to_contain_text("was sent already, from another window")
    expect(one.locator("#reply-text")).to_have_value("From the first window, offline")
    assert Message.objects.filter(direction="out").count() == 1
