"""What leaves is what stands on the screen: its people, its files, and nothing that was not read before."""

import re
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from playwright.sync_api import Page, Route, expect

from mailsenders.models import OutgoingMail
from queues import actions
from queues.models import Conversation, Draft, EmailQueue, Macro, Message, Note, Snippet
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn, written
from tests.desk.test_first_drafts import begin, saved
from tests.desk.test_mishaps import lose_the_answer
from tests.desk.test_writing import chips
from tests.make import make_mail, receive

pytestmark = pytest.mark.django_db(transaction=True)

FILES = re.compile(r"/draft/files$")
REMOVALS = re.compile(r"/draft/files/\d+$")
CARD = "4111 1111 1111 1111"
SENT = "#items .out .delivery"


def cut_off(page: Page) -> None:
    """Nothing of what is typed reaches the server from here on."""
    intercept(page, "**/draft", lambda route: route.abort())


def attach(page: Page, name: str) -> None:
    page.locator("input[data-pick]").set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": name.encode()}
    )


def removing(page: Page, removals: list[Route]) -> Route:
    """The request that takes a file out again."""
    attach(page, "one.txt")
    page.locator("[data-file]").get_by_label("Remove one.txt").click()
    return come(page, removals)


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


def names_sent() -> list[str]:
    return [each.name for each in Message.objects.get(direction="out").attachments.all()]


class TestPeople:
    def test_a_copy_that_was_not_saved_is_shown_again(self, page: Page) -> None:
        written(page, "It left today.")
        cut_off(page)
        page.locator("[data-act=cc]").click()
        page.keyboard.type("boss@customer.example,")
        tab = page.context.new_page()
        tab.goto(page.url)
        expect(tab.locator("[data-cc]", has_text="boss@customer.example")).to_be_visible()
        expect(tab.locator("[data-saved]")).to_contain_text("Saved")

    def test_of_two_versions_the_people_come_along(self, page: Page) -> None:
        written(page, "It left today.")
        cut_off(page)
        page.locator("[data-act=cc]").click()
        page.keyboard.type("boss@customer.example,")
        page.locator("#reply-text").press_sequentially(" Or tomorrow.")
        Draft.objects.update(text="Another one", version=F("version") + 1, window="another")
        page.unroute("**/draft")
        page.reload()
        expect(page.locator("#reply-text")).to_have_value("Another one")
        page.get_by_role("button", name="Use the one of this browser").press("Enter")
        expect(page.locator("[data-cc] .chip")).to_have_text("boss@customer.example×")
        assert chips(page, "cc") == ["boss@customer.example"]
        send(page)
        expect(page.locator(SENT)).to_contain_text("Leaves in")
        mail = OutgoingMail.objects.get()
        assert set(mail.recipients.values_list("email", flat=True)) == {
            "charlie@customer.example",
            "boss@customer.example",
        }

    def test_a_subject_typed_last_comes_back(self, sign_in: SignIn, orders: EmailQueue) -> None:
        page = sign_in("alice")
        begin(page)
        page.locator("#compose-text").fill("See below.")
        saved(page)
        intercept(page, "**/compose/draft", lambda route: route.abort())
        page.get_by_label("Subject").fill("Your parcel")
        tab = page.context.new_page()
        tab.goto("/")
        begin(tab)
        expect(tab.get_by_label("Subject")).to_have_value("Your parcel")


class TestFiles:
    def test_one_that_is_being_removed_stays_here(self, page: Page) -> None:
        """Once while the server takes it out, and once while it has the whole file and has not answered."""
        written(page, "Without them.")
        removals = held_back(page, REMOVALS)
        removal = removing(page, removals)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE queues_draftfile IN EXCLUSIVE MODE")
            attach(page, "two.txt")
            page.wait_for_function("() => document.querySelector('.file progress')?.value === 1")
            page.get_by_label("Remove two.txt").click()
            send(page)
        come(page, removals).continue_()
        assert not OutgoingMail.objects.exists()
        removal.continue_()
        expect(page.locator(SENT)).to_contain_text("Leaves in")
        assert names_sent() == []

    def test_nothing_leaves_with_one_that_could_not_be_removed(self, page: Page) -> None:
        written(page, "Without it.")
        removal = removing(page, held_back(page, REMOVALS))
        send(page)
        removal.abort()
        expect(page.locator("#toasts .error")).to_contain_text("could not be removed")
        page.unroute(REMOVALS)
        page.get_by_label("Remove one.txt").click()
        expect(page.locator("[data-file]")).to_have_count(0)
        assert not OutgoingMail.objects.exists()
        send(page)
        expect(page.locator(SENT)).to_contain_text("Leaves in")
        assert names_sent() == []

    def test_one_that_was_refused_and_removed_is_in_nobodys_way(self, page: Page) -> None:
        written(page, "Without it.")
        intercept(page, FILES, lambda route: route.fulfill(status=409, body="It is too large."))
        attach(page, "one.txt")
        expect(page.locator(".file.failed")).to_contain_text("too large")
        page.get_by_label("Remove one.txt").click()
        send(page)
        expect(page.locator(SENT)).to_contain_text("Leaves in")

    def test_one_that_was_removed_does_not_leave_with_what_was_timed_elsewhere(self, page: Page) -> None:
        written(page, "In the morning.")
        attach(page, "one.txt")
        expect(page.locator("[data-file]")).to_have_count(1)
        tab = page.context.new_page()
        tab.goto(page.url)
        expect(tab.locator("[data-file]")).to_have_count(1)
        page.get_by_label("Send otherwise, or later").click()
        page.get_by_role("button", name="Tomorrow").click()
        expect(page.locator(".timed")).to_contain_text("In the morning.")
        tab.get_by_label("Remove one.txt").click()
        expect(tab.locator("[data-file]")).to_have_count(0)
        send(tab)
        expect(tab.locator("#toasts .error")).to_contain_text("The files of this answer were changed")
        assert not OutgoingMail.objects.exists()

    def test_a_draft_is_discarded_when_its_files_are_out(self, page: Page) -> None:
        """Else one that arrives meanwhile would begin it anew."""
        written(page, "Not at all.")
        removal = removing(page, held_back(page, REMOVALS))
        page.get_by_label("Discard the draft").click()
        page.evaluate("() => fetch('/login/').then((answer) => answer.text())")
        assert Draft.objects.exists()
        removal.continue_()
        expect(page.locator("#open-reply")).to_be_visible()
        assert not Draft.objects.exists()

    def test_an_answer_waits_for_one_that_was_just_chosen(self, page: Page) -> None:
        written(page, "With it.")
        saves = held_back(page, "**/draft")
        attach(page, "one.txt")
        page.locator("#reply-text").press("Control+Enter")
        expect(page.locator("#toasts .error")).to_contain_text("still being uploaded")
        come(page, saves).continue_()
        expect(page.locator("[data-file]")).to_have_count(1)
        page.unroute("**/draft")
        send(page)
        expect(page.locator(SENT)).to_contain_text("Leaves in")
        assert names_sent() == ["one.txt"]

    def test_none_is_left_out_with_a_draft_that_is_gone(
        self, client: Client, orders: EmailQueue, row: Conversation
    ) -> None:
        alice = orders.members.get(user__username="alice").user
        client.force_login(alice)
        token = "0b9f8a52-6f5e-4a55-9d0a-0c4a3e6f6b22"
        fields = {"text": "See the file.", "to": "charlie@customer.example", "token": token}
        shown = fields | {"seen": row.messages.get().pk, "listed": 17}
        url = f"/conversations/{row.pk}/reply"
        assert client.post(url, shown, headers={"HX-Request": "true"}).status_code == 409
        assert not OutgoingMail.objects.exists()
        client.post(url, shown | {"listed": []}, headers={"HX-Request": "true"})
        again = client.post(url, shown, headers={"HX-Request": "true"})  # its receipt was lost
        assert again.status_code == 200
        assert OutgoingMail.objects.count() == 1

    def test_none_begins_an_answer_that_has_left(self, orders: EmailQueue, row: Conversation) -> None:
        alice = orders.members.get(user__username="alice").user
        token = "0b9f8a52-6f5e-4a55-9d0a-0c4a3e6f6b22"
        actions.reply(alice, row, actions.Reply(text="Yes.", token=token))
        file = actions.NewFile(name="late.txt", type="text/plain", data=b"late")
        with pytest.raises(actions.ActionRefused, match="sent already"):
            actions.add_draft_file(alice, row, file, token=token)
        assert not Draft.objects.exists()


class TestNotRead:
    def test_a_note_is_not_waved_through(self, page: Page, orders: EmailQueue, row: Conversation) -> None:
        written(page, "On Friday.")
        actions.note(orders.members.get(user__username="bob").user, row, "Wait for the depot.")
        for _ in range(2):
            with page.expect_response("**/reply"):
                page.locator("#reply-text").press("Control+Enter")
            expect(page.locator("#warning .warning")).to_contain_text("A note was left")
        assert not OutgoingMail.objects.exists()
        page.locator("#reply-text").press_sequentially(" Surely.")
        expect(page.locator("[data-saved]")).to_contain_text("Saved")
        draft = Draft.objects.get()
        assert (draft.seen_message, draft.seen_note) == (row.messages.get(), 0)
        page.get_by_role("button", name="Send all the same").click()
        expect(page.locator(SENT)).to_contain_text("Leaves in")
        assert Note.objects.count() == 1

    def test_what_was_read_first_is_in_nobodys_way(
        self, page: Page, orders: EmailQueue, row: Conversation
    ) -> None:
        written(page, "On Friday.")
        receive(orders, make_mail("And?", References=f"<{row.messages.get().message_id}>"))
        page.locator("#reply-text").press("Control+Enter")
        page.get_by_role("button", name="Read it first").click()
        page.locator("#reply-text").press("Control+Enter")
        expect(page.locator(SENT)).to_contain_text("Leaves in")

    def test_who_thinks_better_of_closing_does_not_close(
        self, page: Page, orders: EmailQueue, row: Conversation
    ) -> None:
        written(page, "On Friday.")
        for _ in range(2):
            receive(orders, make_mail("And?", References=f"<{row.messages.earliest('pk').message_id}>"))
            expect(page.locator("#items")).to_contain_text("And?")
        warning = page.locator("#warning .warning")
        page.locator("#reply-text").press("Control+Alt+Enter")
        expect(warning.locator("[data-close]")).to_be_visible()
        page.locator("#reply-text").press("Control+Enter")
        expect(warning.locator("[data-close]")).to_have_count(0)
        page.get_by_role("button", name="Send all the same").click()
        expect(page.locator(SENT)).to_contain_text("Leaves in")
        row.refresh_from_db()
        assert row.state != Conversation.State.CLOSED


def test_the_same_answer_with_the_number_of_a_card_is_the_same(page: Page) -> None:
    """It leaves masked; what stands here yet is compared with what would leave."""
    EmailQueue.objects.update(pci=EmailQueue.PaymentCards.MASK)
    written(page, f"It is {CARD}.")
    page.context.new_page().goto("/")
    intercept(page, "**/reply", lose_the_answer)
    send(page)
    expect(page.locator("#toasts")).to_contain_text("was sent already")
    expect(page.locator("#open-reply")).to_be_visible()
    expect(page.locator("[data-conflict] .warning")).to_have_count(0)
    assert CARD not in Message.objects.get(direction="out").text


def test_a_snippet_is_put_in_where_it_was_asked_for_alone(page: Page) -> None:
    Snippet.objects.create(name="greeting", html="Hello")
    page.keyboard.press("r")
    field = page.locator("#reply-text")
    expect(field).to_be_focused()
    page.keyboard.type("/")
    expect(page.locator("[role=listbox] [role=option]").first).to_be_visible()
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    field.fill("It left today.")
    send(page)
    expect(page.locator(SENT)).to_contain_text("Leaves in")


@pytest.mark.parametrize(
    "fate", [lambda route: route.abort(), lambda route: route.fulfill(body="{")], ids=["lost", "cut"]
)
def test_a_macro_that_does_not_come_back_is_not_promised(page: Page, fate: Callable[[Route], None]) -> None:
    Macro.objects.create(name="Done", html="It is done.", then=Macro.Then.CLOSE)
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("/Done")
    expect(page.locator("[role=option].macro")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("[data-macro]")).to_be_visible()
    saved(page)
    cut_off(page)
    page.locator("#reply-text").press_sequentially(" Surely.")
    tab = page.context.new_page()
    intercept(tab, "**/prepare", fate)
    tab.goto(page.url)
    expect(tab.locator("#toasts .error")).to_contain_text("macro could not be loaded")
    expect(tab.locator("[data-macro]")).to_be_hidden()
    send(tab)
    expect(tab.locator(SENT)).to_contain_text("Leaves in")


def test_who_goes_on_before_it_is_sent_is_told(page: Page, orders: EmailQueue, row: Conversation) -> None:
    other = receive(orders, make_mail(Subject="Another")).conversation
    page.keyboard.press("r")
    saves = held_back(page, "**/draft")
    page.locator("#reply-text").fill("On Friday.")
    save = come(page, saves)
    page.locator("#reply-text").press("Control+Enter")
    page.evaluate(f"htmx.ajax('GET', '/conversations/{other.pk}/', '#conversation')")
    expect(page.locator("#head h1")).to_have_text("Another")
    save.continue_()
    expect(page.locator("#toasts .error")).to_contain_text("not sent")
    assert not OutgoingMail.objects.exists()
    assert Draft.objects.get().text == "On Friday."
