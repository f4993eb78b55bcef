"""The pages of contacts when something goes wrong: a slow line, a lost answer, an early key, a page left."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Dialog, Page, expect

from crm.models import ContactMerge
from queues import live
from queues.models import Conversation, EmailQueue
from tests.accessible import violations
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn
from tests.desk.test_mishaps import lose_the_answer
from tests.make import make_contact, make_conversation, make_mail, make_supervisor, receive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at(sign_in: SignIn, row: Conversation) -> Page:
    """The page of the contact who wrote, before Alice."""
    return sign_in("alice", f"/contacts/{row.contact_id}/")


@pytest.mark.usefixtures("clean_redis")
def test_what_is_offered_comes_to_the_page_of_a_contact(at: Page, row: Conversation) -> None:
    expect(at.locator("#desk")).to_have_attribute("data-told", "0")  # what is asked at first has come
    alice = row.queue.members.get(user__username="alice")
    until = timezone.now() + timedelta(seconds=90)
    Conversation.objects.filter(pk=row.pk).update(state="assigned", agent=alice, accept_by=until)
    live.changed(row.pk, row.queue_id, alice.pk)
    card = at.locator("#offer-cards [data-offer]")
    expect(card.locator("[data-countdown]")).to_contain_text(" s")
    at.keyboard.press("y")
    expect(at.locator("#head")).to_be_visible()
    assert at.url.split("?")[0].endswith(f"/conversations/{row.pk}/")


@pytest.mark.usefixtures("clean_redis")
def test_what_waits_is_taken_from_there_as_the_toast_says(at: Page, row: Conversation) -> None:
    alice = row.queue.members.get(user__username="alice")
    expect(at.locator("#desk")).to_have_attribute("data-told", "0")
    at.locator("#presence-dot.available").wait_for(state="attached")
    for _ in range(600):  # until the stream is open
        live.waits_for(row.pk, row.queue_id, [alice.pk])
        if at.locator("#toasts .toast").count():
            break
        at.wait_for_timeout(50)
    expect(at.locator("#toasts")).to_contain_text("press g n to take it")
    go(at, "g", "n")
    expect(at.locator("#head")).to_be_visible()
    expect(at).to_have_url(re.compile(f"/conversations/{row.pk}/"))
    row.refresh_from_db()
    assert row.agent == alice
    at.goto(f"/contacts/{row.contact_id}/")
    go(at, "g", "n")
    expect(at.locator("#toasts")).to_contain_text("Nothing that you can handle is waiting")
    expect(at).to_have_url(re.compile(f"/contacts/{row.contact_id}/"))


def test_enter_before_anybody_is_found_merges_with_nobody(
    sign_in: SignIn, row: Conversation, orders: EmailQueue
) -> None:
    orders.members.add(make_supervisor("susan"))
    twin = make_contact("charlie@elsewhere.example", "Charlie Stone")
    zoe = make_contact("zoe@elsewhere.example", "Zoe Ames")
    page = sign_in("susan", f"/contacts/{row.contact_id}/merge?into={twin.pk}")
    expect(page.locator(f".choice input[value='{twin.pk}']")).to_be_checked()
    held = held_back(page, "**/merge?*find=*")
    page.keyboard.insert_text("zoe")  # all at once, so that it is asked for once
    page.keyboard.press("Enter")
    search = come(page, held)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#merge-find")).to_be_focused()
    search.continue_()
    expect(page.locator(f".choice input[value='{zoe.pk}']")).to_be_focused()
    expect(page.locator("#merge-foreseen")).to_contain_text("Zoe Ames then has")
    assert not ContactMerge.objects.exists()

    page.locator("#merge-find").fill("charlie@else")
    page.keyboard.press("Enter")
    come(page, held).abort()  # the line broke
    expect(page.locator("#toasts")).to_contain_text("try again in a moment")
    page.keyboard.press("Enter")
    come(page, held).continue_()
    expect(page.locator(f".choice input[value='{twin.pk}']")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/contacts/{twin.pk}/")
    assert ContactMerge.objects.get().stays == twin


def test_what_is_chosen_in_a_dialog_is_what_was_typed(page: Page, orders: EmailQueue) -> None:
    twin = make_conversation(orders)
    zoe = receive(orders, make_mail("Zoe's", Subject="Violin", From="Zoe Ames <zoe@x.example>")).conversation
    page.keyboard.press("m")
    page.locator(f".choice input[value='{twin.pk}']").check()
    expect(page.locator("#act-foreseen")).to_contain_text(f"#{twin.number} then has")
    held = held_back(page, "**/merge?*find=*")
    page.locator("#act-find").fill("violin")
    page.keyboard.press("Control+Enter")
    search = come(page, held)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#act")).to_be_visible()
    search.continue_()
    expect(page.locator(f".choice input[value='{zoe.pk}']")).to_be_focused()
    expect(page.locator("#act-foreseen")).to_contain_text(f"#{zoe.number} then has")
    assert not Conversation.objects.exclude(merged_into=None).exists()

    page.locator("#act-find").fill("nothing like it")
    page.keyboard.press("Enter")
    page.keyboard.type("s")  # goes on: Enter was meant for words that stand there no longer
    search = come(page, held)
    while not re.search(r"its(&|$)", search.request.url):  # it paused for a moment before that
        search = come(page, held)
    search.continue_()
    expect(page.locator("#act-choices")).to_contain_text("Nothing found.")
    expect(page.locator("#act-find")).to_be_focused()


def test_what_is_typed_while_an_answer_is_on_its_way_stays(at: Page, row: Conversation) -> None:
    note, address = at.locator("#add-note"), at.locator("#add-address")
    at.locator("#trail-text").fill("parcel")
    expect(at.locator("#trail-rows .trail-row")).to_have_count(1)
    held = held_back(at, "**/notes", "**/address")
    note.press_sequentially("Likes tea")
    at.locator("#add-note-now").dblclick()
    note.press("End")
    at.keyboard.type(", and milk")
    address.fill("charlie@half.exam")
    note.focus()
    come(at, held).continue_()
    expect(at.locator(".contact-notes")).to_contain_text("Likes tea")
    expect(note).to_have_value(", and milk")
    expect(note).to_be_focused()
    expect(address).to_have_value("charlie@half.exam")

    address.fill("charlie@second.example")
    address.press("Enter")
    answer = come(at, held)
    address.fill("charlie@third")
    answer.continue_()
    expect(at.locator("#contact-addresses")).to_contain_text("charlie@second.example")
    expect(address).to_have_value("charlie@third")
    address.fill("charlie@third.example")
    address.press("Enter")
    come(at, held).continue_()
    expect(at.locator("#contact-addresses")).to_contain_text("charlie@third.example")
    expect(address).to_have_value("")
    expect(note).to_have_value(", and milk")
    expect(at.locator("#trail-text")).to_have_value("parcel")
    assert [each.text for each in row.contact.notes.all()] == ["Likes tea"]


def test_a_note_whose_answer_was_lost_is_one_note(at: Page, row: Conversation) -> None:
    note, add = at.locator("#add-note"), at.locator("#add-note-now")
    intercept(at, "**/notes", lose_the_answer, times=1)
    note.fill("Likes tea\nand milk")
    add.click()
    expect(at.locator("#toasts")).to_contain_text("try again in a moment")
    add.click()
    expect(at.locator(".contact-notes .note-card")).to_have_count(1)
    expect(note).to_have_value("")
    note.fill("Likes tea\nand milk")  # the same words in a note of their own
    add.dblclick()
    expect(at.locator(".contact-notes .note-card")).to_have_count(2)
    at.locator("#toasts").evaluate("each => each.replaceChildren()")
    intercept(at, "**/notes", lose_the_answer, times=1)
    note.fill("Is away")
    add.click()
    expect(at.locator("#toasts")).to_contain_text("try again in a moment")
    note.fill("Is away till May")  # other words are another note: nothing of it is lost
    add.click()
    expect(at.locator(".contact-notes .note-card")).to_have_count(4)
    expect(note).to_have_value("")
    texts = ["Is away till May", "Is away", "Likes tea\nand milk", "Likes tea\nand milk"]
    assert list(row.contact.notes.values_list("text", flat=True)) == texts


def questions(page: Page) -> list[str]:
    """What the browser has asked; each time somebody stays on the page."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    return asked


def go(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_half_a_note_is_not_left_without_a_question(at: Page, row: Conversation) -> None:
    asked, url = questions(at), at.url
    at.locator("#trail-text").fill("parcel")  # what is searched for is no loss
    at.locator("#add-note").fill("Likes")
    at.locator("#add-note").blur()
    with at.expect_event("dialog"):
        go(at, "g", "d")
    with at.expect_event("dialog"):
        at.locator("#page-desk").click()
    expect(at).to_have_url(url)
    expect(at.locator("#add-note")).to_have_value("Likes")
    at.locator("#add-note").fill("Likes tea")
    at.locator("#add-note-now").click()
    expect(at.locator(".contact-notes")).to_contain_text("Likes tea")
    at.locator("#add-note-now").blur()
    go(at, "g", "d")
    expect(at.locator("#rows")).to_be_visible()
    assert asked == ["beforeunload"] * 2


def test_half_an_edit_is_not_left_without_a_question(at: Page, row: Conversation) -> None:
    asked = questions(at)
    go(at, "e")
    expect(at.get_by_label("Name", exact=True)).to_be_focused()
    at.locator("#page-contacts").click()  # nothing was changed
    expect(at.locator("#people")).to_be_visible()
    at.goto(f"/contacts/{row.contact_id}/edit")
    at.get_by_label("Standing").select_option("blocked")
    with at.expect_event("dialog"):
        at.locator("#page-contacts").click()
    at.get_by_role("link", name="Cancel").click()
    expect(at.locator("#contact")).to_be_visible()

    go(at, "e")
    at.get_by_label("Remark").fill("Likes tea")
    at.get_by_label("Time zone").fill("Europe/Nowhere")
    at.get_by_role("button", name="Save").click()
    expect(at.get_by_role("alert")).to_contain_text("no time zone")
    with at.expect_event("dialog"):  # what was refused is not saved
        at.locator("#page-contacts").click()
    at.get_by_label("Time zone").fill("")
    at.get_by_role("button", name="Save").click()
    expect(at.locator("#contact-who")).to_contain_text("Likes tea")
    assert asked == ["beforeunload"] * 2


def test_the_help_names_the_keys_of_the_lists(sign_in: SignIn, orders: EmailQueue) -> None:
    orders.members.add(make_supervisor("susan"))
    page = sign_in("susan", "/contacts/")
    help_ = page.locator("#keys")
    go(page, "?")
    for key, told in (("c", "New contact"), ("/", "search"), ("j", "next, previous line")):
        expect(help_.locator(f"dt:has(kbd:text-is('{key}'):first-child) + dd")).to_have_text(told)
    assert violations(page) == []
    go(page, "Escape", "c")
    expect(page.get_by_label("E-mail address")).to_be_visible()
    page.goto("/organisations/")
    go(page, "?")
    expect(help_.locator("dt:has(kbd:text-is('n'):first-child) + dd")).to_have_text("New organisation")
    go(page, "Escape", "n")
    expect(page.locator("#new-firm")).to_be_focused()
    agent = sign_in("alice", "/contacts/")  # who may make none
    go(agent, "?")
    expect(agent.locator("#keys")).to_be_visible()
    expect(agent.locator("#keys")).not_to_contain_text("New contact")
