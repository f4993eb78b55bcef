"""Who works by keyboard, by voice or with a screen reader: keys, the focus, names, and what is said."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from crm import addresses, importing, organisations
from crm.models import ContactImport
from queues import actions, pictures
from queues.models import BulkAct, Conversation, EmailQueue, SavedView
from tests.accessible import violations
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.make import (
    make_administrator,
    make_agent,
    make_contact,
    make_mail,
    make_queue,
    make_supervisor,
    receive,
)

pytestmark = pytest.mark.django_db(transaction=True)

HTML = {"Content_Type": "text/html; charset=utf-8", "Subject": "Fotky"}
CZECH = "Dobrý den, kde je můj balík? Čekám na něj už dva týdny a nikdo mi neodpovídá. Děkuji, Žofie."


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice", capacity=9), make_supervisor("bob")], name="Orders")


def fill(queue: EmailQueue, count: int) -> list[Conversation]:
    return [receive(queue, make_mail(Subject=f"Parcel {number}")).conversation for number in range(count)]


def asked_again(page: Page, address: str) -> None:
    """Wait until what asks for itself every second has come twice."""
    for _ in range(2):
        with page.expect_response(re.compile(address)):
            pass
    page.evaluate("() => new Promise(requestAnimationFrame)")


def test_single_keys_are_switched_off_in_the_list_of_keys(sign_in: SignIn, orders: EmailQueue) -> None:
    row = fill(orders, 1)[0]
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    page.keyboard.press("?")
    box = page.get_by_label("Single keys act in this browser")
    expect(page.locator("#keys-title")).to_be_focused()  # where the list begins
    assert violations(page, within="#keys") == []
    box.uncheck()
    page.keyboard.press("Escape")
    for key in "tnr/?":
        page.keyboard.press(key)
    page.keyboard.press("Control+k")
    page.locator("#palette-field").fill("internal note")
    page.keyboard.press("Enter")
    page.locator("#note-text").fill("by Ctrl alone")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#items")).to_contain_text("by Ctrl alone")
    row.refresh_from_db()
    assert row.agent is None
    expect(page.locator("#reply-form, dialog[open]")).to_have_count(0)
    page.goto("/contacts/")
    for key in ("/", "?", "j"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.localName") == "body"
    page.locator("#user-menu > summary").click()
    page.locator("#user-menu [data-act=keys]").click()
    box.check()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(page.locator("[data-line]:focus")).to_have_count(1)


def test_what_asks_for_itself_every_second_keeps_the_focus(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail("<p>A</p><img src='https://pictures.example/a.png'>", **HTML))
    pictures.want(row)
    act = BulkAct.objects.create(user=User.objects.get(username="alice"), token="t", verb="close")
    act.items.create(conversation=row.conversation)
    page = sign_in("alice", f"/conversations/{row.conversation_id}/?view=all")
    stop = page.locator("#bulk-state").get_by_role("button", name="Stop")
    stop.focus()
    asked_again(page, r"/bulk/\d+")
    expect(stop).to_be_focused()
    always = page.get_by_role("button", name="Always for this sender")
    always.focus()
    asked_again(page, r"/pictures$")
    expect(always).to_be_focused()


def test_an_import_that_goes_on_keeps_the_focus(sign_in: SignIn) -> None:
    row = importing.upload(make_administrator(), "a.csv", b"email\na@x.example\n")
    ContactImport.objects.filter(pk=row.pk).update(state="running")
    page = sign_in("root", f"/contacts/imports/{row.pk}/")
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    asked_again(page, rf"/contacts/imports/{row.pk}/$")
    expect(stop).to_be_focused()


def test_buttons_of_contacts_and_organisations_keep_the_focus(sign_in: SignIn, orders: EmailQueue) -> None:
    contact = make_contact("a@x.example")
    for email in ("b@x.example", "c@x.example"):
        addresses.add(None, contact.pk, email)
    firm = organisations.make(None, "Stone & Sons")
    for domain in ("one.example", "two.example"):
        organisations.add_domain(None, firm.pk, domain)
    page = sign_in("bob", f"/contacts/{contact.pk}/")
    page.get_by_role("button", name="Let c@x.example stand first").press("Enter")
    expect(page.locator(".addresses li").first).to_contain_text("c@x.example")
    expect(page.locator("#contact-addresses button:focus")).to_have_count(1)
    page.locator("#add-note").fill("A friend of the house")
    page.get_by_role("button", name="Add the note").press("Enter")
    expect(page.locator(".contact-notes")).to_contain_text("A friend")
    expect(page.get_by_role("button", name="Add the note")).to_be_focused()
    page.locator("#add-note").fill("Still one")
    page.goto(f"/organisations/{firm.pk}/")
    page.get_by_role("button", name="Remove two.example").press("Enter")
    expect(page.locator("#organisation-domains .addresses li")).to_have_count(1)
    expect(page.get_by_role("button", name="Remove one.example")).to_be_focused()
    page.locator("#add-domain").fill("three.example")
    page.keyboard.press("Enter")
    expect(page.locator("#organisation-domains")).to_contain_text("three.example")
    expect(page.locator("#add-domain")).to_be_focused()


def test_a_button_that_takes_itself_away_hands_the_focus_on(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = fill(orders, 2)
    page = sign_in("alice", f"/conversations/{rows[0].pk}/?view=all")
    page.keyboard.press("r")
    text = page.locator("#reply-text")
    file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"}
    page.locator("[data-pick]").set_input_files(file)  # type: ignore[arg-type]
    expect(page.locator("[data-list] [data-file]")).to_have_count(1)
    page.get_by_label("Remove a.txt").press("Enter")
    expect(page.locator("[data-list] li")).to_have_count(0)
    expect(text).to_be_focused()

    held = held_back(page, re.compile(r"/conversations/\d+/draft/files"))
    page.locator("[data-pick]").set_input_files(file)  # type: ignore[arg-type]
    come(page, held)
    page.get_by_label("Remove a.txt").press("Enter")  # while it is on its way
    expect(page.locator("[data-list] li")).to_have_count(0)
    expect(text).to_be_focused()

    page.evaluate("document.querySelector('[data-macro]').hidden = false")
    page.get_by_label("Send without the macro").press("Enter")
    expect(page.locator("[data-macro]")).to_be_hidden()
    expect(text).to_be_focused()

    page.keyboard.press("Escape")
    page.keyboard.press("Shift+A")
    page.get_by_role("button", name="Select nothing").press("Enter")
    expect(page.locator("#bulk")).to_be_hidden()
    current = page.locator(f"#row-{rows[0].pk} .row")
    expect(current).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("e")
    expect(page.locator("#bulk-state")).to_contain_text("1 closed.")
    page.get_by_role("button", name="Dismiss").press("Enter")
    expect(page.locator(".bulk-state")).to_have_count(0)
    expect(current).to_be_focused()

    page.keyboard.press("c")
    page.locator("#compose-form #files").set_input_files(file)  # type: ignore[arg-type]
    expect(page.locator("#compose-form [data-file]")).to_have_count(1)
    page.get_by_label("Remove a.txt").press("Enter")
    expect(page.locator("#compose-text")).to_be_focused()


def test_saved_views_are_put_in_order_one_key_after_another(sign_in: SignIn, orders: EmailQueue) -> None:
    user = User.objects.get(username="alice")
    for at in range(3):
        SavedView.objects.create(owner=user, name=f"View {at}", view="all", position=at)
    page = sign_in("alice", "/?view=all")
    page.keyboard.press("l")
    expect(page.locator("#act").get_by_label("Name", exact=True)).to_be_focused()
    up = page.get_by_role("button", name="Move View 2 up")
    up.focus()
    names = page.locator("#act .saved-views input[name=name]")
    for first, second in (("View 0", "View 2"), ("View 2", "View 0")):
        with page.expect_response(re.compile(r"/views/\d+")):
            page.keyboard.press("Enter")
        expect(names.first).to_have_value(first)
        expect(names.nth(1)).to_have_value(second)
        expect(up).to_be_focused()
    begin = page.locator("#act [name=view]")
    begin.focus()
    with page.expect_response(re.compile(r"/views/start")):
        begin.select_option("all")
    expect(begin).to_have_value("all")
    expect(begin).to_be_focused()


def test_a_dialog_gives_the_focus_back_to_its_button(sign_in: SignIn, orders: EmailQueue) -> None:
    row = fill(orders, 2)[0]
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    for name in ("Merge", "Transfer"):
        button = page.locator("#head").get_by_role("button", name=name)
        button.press("Enter")
        expect(page.locator("#act-find")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#act")).to_be_hidden()
        expect(button).to_be_focused()
    receive(orders)  # a live update comes by itself
    expect(page.locator("#rows .row")).to_have_count(3)
    expect(button).to_be_focused()


def test_the_title_is_that_of_what_is_open(sign_in: SignIn, orders: EmailQueue) -> None:
    row, mine = fill(orders, 2)
    actions.take(User.objects.get(username="alice"), mine)
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    expect(page).to_have_title("(1) Parcel 0 · UCS Email")
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page).to_have_title("(1) Unassigned · UCS Email")
    page.keyboard.press("c")
    expect(page).to_have_title("(1) New conversation · UCS Email")
    page.keyboard.press("Escape")
    page.locator(f"#row-{row.pk} .row").click()
    expect(page).to_have_title("(1) Parcel 0 · UCS Email")


def test_what_a_customer_wrote_says_its_language(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail(CZECH, Subject="Kde je balík?")).conversation
    framed = receive(orders, make_mail(f"<p>{CZECH}</p>", **HTML)).conversation
    unknown = receive(orders, make_mail("<p>17</p>", **HTML)).conversation
    Conversation.objects.exclude(pk=unknown.pk).update(language="cs")
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    expect(page.locator(".mail-text").first).to_have_attribute("lang", "cs")
    expect(page.locator("#head h1")).to_have_attribute("lang", "cs")
    for each, language in ((framed, "cs"), (unknown, "")):
        page.goto(f"/conversations/{each.pk}/?view=all")
        html = page.frame_locator("iframe.frame").locator("html")
        expect(html).to_contain_text("balík" if language else "17")
        assert (html.get_attribute("lang") or "") == language
    expect(page.locator("#head h1")).not_to_have_attribute("lang", re.compile(""))


def test_a_search_says_what_it_has_found(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = fill(orders, 51)
    page = sign_in("bob", "/?view=all")
    news = page.locator("#news")
    page.locator("#q").fill("parcel")
    expect(news).to_have_text("More than 50 found")
    page.locator("#q").fill("subject:50")
    expect(news).to_have_text("1 found")
    page.locator("#q").fill("subject:nowhere")
    expect(page.locator("#rows .empty")).to_be_visible()
    expect(news).to_have_text(page.locator("#rows .empty").inner_text().replace("\n", " ").strip())

    page.goto(f"/conversations/{rows[0].pk}/?view=all")
    page.keyboard.press("m")
    page.locator("#act-find").fill("nowhere")
    expect(page.locator("#act-news")).to_contain_text("Nothing found.")  # beside it nothing is read
    page.locator("#act-find").fill("Parcel 17")
    expect(page.locator("#act-news")).to_have_text("1 found")

    make_contact("dora@x.example", "Dora Stone")
    page.goto("/contacts/")
    page.locator("#find").fill("dora")
    expect(news).to_have_text("1 found")
    page.locator("#find").fill("nobody")
    expect(news).to_contain_text("Nobody found for “nobody”")
    page.goto(f"/contacts/{rows[0].contact_id}/")
    page.locator("#trail-text").fill("Parcel 17")
    expect(news).to_have_text("1 found")


def test_names_are_words(sign_in: SignIn, orders: EmailQueue) -> None:
    row = fill(orders, 1)[0]
    actions.take(User.objects.get(username="alice"), row)
    page = sign_in("bob", "/?view=all&q=charlie")
    expect(page.locator("#rows mark")).not_to_have_count(0)
    box = page.locator("#rows .pick input")
    expect(box).to_have_accessible_name("Select Charlie Stone: Parcel 0")
    expect(page.locator("#rows .row")).to_have_accessible_name(re.compile(r"\bAlice\b"))
    page.locator("#rows .row").click()
    page.keyboard.press("a")
    page.locator("#act textarea").press_sequentially("@")
    expect(page.locator("#mentionable")).to_have_accessible_name("Colleagues")


def test_who_has_no_queue_reads_whom_to_ask_across_the_page(sign_in: SignIn, orders: EmailQueue) -> None:
    make_agent("nora")
    page = sign_in("nora", width=900, height=800)
    expect(page.locator("#beginning")).to_be_visible()
    assert page.locator("#conversation").bounding_box()["width"] == 900  # type: ignore[index]
    page.get_by_role("button", name="Views and queues").click()
    expect(page.locator("#user-menu")).to_be_visible()
