"""By keys alone what is seldom done: with held answers and mails, drafts of others, two texts, contacts."""

import pytest
from playwright.sync_api import Page, expect

from crm import importing
from crm.models import Contact, ContactImport
from queues import actions
from queues.models import Conversation, Draft, EmailQueue, Message
from tests.desk.conftest import SignIn
from tests.desk.test_by_keyboard import has_a_place, press, tab_to
from tests.desk.test_first_drafts import saved
from tests.desk.test_keys_in_lists import parcels
from tests.make import make_administrator, make_agent, make_mail, make_queue, make_supervisor, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    people = [make_agent("alice", capacity=9), make_agent("dora", capacity=9), make_supervisor("bob")]
    return make_queue(people, name="Orders")


def write(page: Page, text: str) -> None:
    press(page, "r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type(text)


def test_a_held_answer_is_read_for_and_sent(page: Page, row: Conversation) -> None:
    write(page, "On Friday.")
    saved(page)
    receive(row.queue, make_mail("Never mind.", In_Reply_To=f"<{row.messages.get().message_id}>"))
    press(page, "Control+Enter")
    expect(page.locator("#warning .warning")).to_contain_text("New mail came")
    has_a_place(page)
    tab_to(page, page.get_by_role("button", name="Read it first"))
    press(page, "Enter")
    expect(page.locator("#items details.mail").last).to_have_attribute("open", "")
    has_a_place(page)
    receive(row.queue, make_mail("Or do mind.", In_Reply_To=f"<{row.messages.earliest('pk').message_id}>"))
    expect(page.locator("#items details.mail")).to_have_count(3)
    write(page, " Surely.")
    press(page, "Control+Enter")
    expect(page.locator("#warning .warning")).to_contain_text("Or do mind.")
    tab_to(page, page.get_by_role("button", name="Send all the same"))
    press(page, "Enter")
    expect(page.locator("#items .out")).to_contain_text("On Friday. Surely.")
    has_a_place(page)
    assert Message.objects.filter(direction="out").count() == 1


def test_of_two_texts_one_is_chosen(sign_in: SignIn, page: Page) -> None:
    write(page, "Of the first window.")
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    tab_to(other, other.locator("#reply-text"))
    other.keyboard.type(" And of the second.")
    saved(other)
    page.keyboard.type(" Not read there.")
    buttons = page.locator("#reply-form [data-conflict] button")
    expect(buttons.first).to_be_visible()
    tab_to(page, buttons.first)
    press(page, "Enter")
    expect(buttons).to_have_count(0)
    has_a_place(page)
    eventually(lambda: Draft.objects.count() == 1, "there is one draft")


def test_a_draft_of_somebody_else_is_gone_on_with(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    dora = orders.members.get(user__username="dora").user
    actions.take(dora, row)
    there = sign_in("dora", f"/conversations/{row.pk}/")
    write(there, "It left on Monday")
    saved(there)
    there.close()
    actions.release(dora, Conversation.objects.get(pk=row.pk))
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    press(page, "t")
    tab_to(page, page.get_by_role("button", name="Go on with it"))
    press(page, "Enter")
    expect(page.locator("#reply-text")).to_have_value("It left on Monday")
    has_a_place(page)


def test_what_is_held_is_closed_unread(sign_in: SignIn, orders: EmailQueue) -> None:
    spam = parcels(orders, 1)[0]
    actions.mark_spam(orders.members.get(user__username="bob").user, spam)
    held = receive(orders, make_mail(Subject="More of it", From="c0@customer.example")).conversation
    assert held.state == "held"
    page = sign_in("bob", "/?view=held")
    page.once("dialog", lambda dialog: dialog.accept())
    tab_to(page, page.get_by_role("button", name="Close all"))
    press(page, "Enter")
    expect(page.locator("#rows .row")).to_have_count(0)
    has_a_place(page)
    assert Conversation.objects.get(pk=held.pk).state == "closed"


class TestContacts:
    def test_addresses(self, sign_in: SignIn, orders: EmailQueue) -> None:
        contact = receive(orders).conversation.contact
        page = sign_in("bob", f"/contacts/{contact.pk}/")
        press(page, "a")
        expect(page.locator("#add-address")).to_be_focused()
        page.keyboard.type("charlie@home.example")
        press(page, "Enter")
        expect(page.locator(".addresses")).to_contain_text("charlie@home.example")
        has_a_place(page)
        tab_to(page, page.get_by_role("button", name="Let charlie@home.example stand first"))
        press(page, "Enter")
        expect(page.locator("#contact-addresses li").first).to_contain_text("charlie@home.example")
        has_a_place(page)
        page.once("dialog", lambda dialog: dialog.accept())
        tab_to(page, page.get_by_role("button", name="Remove charlie@customer.example"))
        press(page, "Enter")
        expect(page.locator("#contact-addresses li")).to_have_count(1)
        has_a_place(page)

    def test_two_of_one_name_are_not_the_same(self, sign_in: SignIn, orders: EmailQueue) -> None:
        contact = receive(orders).conversation.contact
        receive(orders, make_mail(From="Charlie Stone <charlie.stone@customer.example>"))
        page = sign_in("bob", f"/contacts/{contact.pk}/")
        tab_to(page, page.get_by_role("button", name="Not the same"))
        press(page, "Enter")
        expect(page.locator("#contact-twins")).to_have_count(0)
        has_a_place(page)

    def test_a_list_is_brought_in(self, sign_in: SignIn) -> None:
        make_administrator()
        page = sign_in("root", "/contacts/imports/")
        expect(page.get_by_label("File")).to_be_focused()
        with page.expect_file_chooser() as asked:
            page.evaluate("() => 0")  # Chromium has been told of it by then
            press(page, "Space")
        table = b"name,email\nZoe Ames,zoe@elsewhere.example\n"
        asked.value.set_files({"name": "people.csv", "mimeType": "text/csv", "buffer": table})
        for name in ("Upload", "Check it", "Import it"):
            tab_to(page, page.get_by_role("button", name=name))
            press(page, "Enter")
            if name != "Upload":
                expect(page.get_by_role("progressbar")).to_be_visible()
                importing.work(ContactImport.objects.get().pk)
        expect(page.locator(".import-state")).to_have_attribute("data-state", "done")
        assert Contact.objects.filter(name="Zoe Ames").exists()
