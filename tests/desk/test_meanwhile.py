"""A page grows old while one looks at it: what is done is what is meant at that moment."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from agents.models import Agent, AwayReason
from queues import actions
from queues.models import BulkAct, Conversation, EmailQueue
from tests.browser import come, held_back, intercept
from tests.desk.conftest import SignIn
from tests.desk.test_by_keyboard import press
from tests.desk.test_find import MARKED
from tests.desk.test_keys_in_lists import fields, parcels
from tests.make import make_mail, make_snippet, receive

pytestmark = pytest.mark.django_db(transaction=True)

ALIVE = "() => document.dispatchEvent(new Event('visibilitychange'))"  # the page gives a sign of life
ANSWERED = "() => fetch('/login/').then((answer) => answer.text())"  # and so is what was asked before


def hidden(page: Page, *, is_hidden: bool) -> None:
    define = "is => Object.defineProperty(document, 'hidden', { get: () => is, configurable: true })"
    page.evaluate(define, is_hidden)


class TestMany:
    def test_all_are_those_that_are_there_by_then(self, sign_in: SignIn, orders: EmailQueue) -> None:
        parcels(orders, 51)
        page = sign_in("alice", "/?view=unassigned")
        press(page, "x")
        expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")  # the number is known
        press(page, "Escape")
        parcels(orders, 2, "Late")
        expect(page.locator("#nav-views, #nav").get_by_text("53").first).to_be_visible()
        expect(page.locator("#rows .row")).to_have_count(50)
        press(page, "A")
        expect(page.locator("[data-bulk-count]")).to_have_text("50 selected")
        press(page, "A")
        expect(page.locator("[data-bulk-count]")).to_have_text("All 53 are selected")

    def test_nobody_acts_on_more_than_was_told(self, sign_in: SignIn, orders: EmailQueue) -> None:
        parcels(orders, 51)
        page = sign_in("alice", "/?view=unassigned")
        press(page, "x")
        expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
        with page.expect_response("**/bulk?*") as number:
            press(page, "A", "A")
        number.value.finished()
        expect(page.locator("[data-bulk-count]")).to_have_text("All 51 are selected")
        parcels(orders, 1, "Late")
        press(page, "e")
        expect(page.locator("#toasts .error")).to_contain_text("There are 52 now, and 51 were told")
        assert not BulkAct.objects.exists()
        expect(page.locator("[data-bulk-count]")).to_have_text("All 52 are selected")
        press(page, "e")
        expect(page.locator("#bulk-state")).to_contain_text(re.compile("clos", re.I))
        assert BulkAct.objects.get().items.count() == 52

    def test_the_same_once_more_is_one_act_whatever_came_between(
        self, sign_in: SignIn, orders: EmailQueue
    ) -> None:
        """The answer is lost, a live update comes, and it is pressed again."""
        rows = parcels(orders, 2)
        page = sign_in("alice", "/?view=all")
        press(page, "x", "J")
        expect(page.locator("[data-bulk-count]")).to_have_text("2 selected")

        def lose(route: Route) -> None:
            route.fetch()
            route.abort()

        intercept(page, "**/bulk?*", lose, times=1)
        press(page, "u")
        expect(page.locator("#toasts .error")).to_contain_text("Nothing is lost")
        parcels(orders, 1, "Late")
        expect(page.locator("#rows .row")).to_have_count(3)
        press(page, "u")
        expect(page.locator("#bulk-state")).to_contain_text("2")
        assert BulkAct.objects.count() == 1
        assert fields(rows, "state") == ["pending"] * 2


def test_an_hour_begins_when_it_is_chosen(page: Page) -> None:
    hour = page.locator("#tool-snooze [data-snooze=hour]")
    hour.evaluate("each => (each.value = new Date(Date.now() + 1_200_000).toISOString())")  # loaded long ago
    press(page, "b")
    expect(hour).to_be_focused()
    page.wait_for_function(
        "() => Math.abs(Date.parse(document.activeElement.value) - Date.now() - 3_600_000) < 60_000"
    )


class TestLongLists:
    def test_more_of_it_by_key(self, sign_in: SignIn, orders: EmailQueue) -> None:
        parcels(orders, 60)
        page = sign_in("alice", "/?view=all")
        expect(page.locator("#rows .row")).to_have_count(50)
        page.locator("#more .more").focus()
        press(page, "Enter")
        expect(page.locator("#rows .row")).to_have_count(60)
        expect(page.locator("#rows .row").nth(50)).to_be_focused()
        press(page, "j")
        expect(page.locator("#rows .row").nth(51)).to_be_focused()

    def test_a_live_update_leaves_what_was_unfolded(self, sign_in: SignIn, orders: EmailQueue) -> None:
        parcels(orders, 251)
        page = sign_in("alice", "/?view=all")
        for count in (100, 150, 200, 250):
            page.locator("#more .more").click()
            expect(page.locator("#rows .row")).to_have_count(count)
        row = page.locator("#rows .row").nth(240)
        subject = row.locator(".topic").text_content()
        row.focus()
        receive(orders, make_mail(Subject="The newest"))
        expect(page.locator("#rows .topic").first).to_have_text("The newest")
        assert page.locator("#rows .row").count() >= 250
        assert page.evaluate("() => document.activeElement.querySelector('.topic').textContent") == subject


def test_an_open_menu_keeps_its_place_when_the_customer_writes(page: Page, row: Conversation) -> None:
    press(page, "u")
    expect(page.locator("#head .pill.pending")).to_be_visible()
    press(page, "b")
    expect(page.locator("#tool-snooze [data-snooze=hour]")).to_be_focused()
    press(page, "ArrowDown")
    name = page.evaluate("() => document.activeElement.dataset.snooze")
    receive(row.queue, make_mail(In_Reply_To=f"<{row.messages.get().message_id}>"))
    expect(page.locator("#items .mail")).to_have_count(2)
    expect(page.locator("#head .pill.pending")).to_have_count(0)
    assert page.evaluate("() => document.activeElement.dataset.snooze") == name


def test_a_word_that_is_dismissed_leaves_the_focus_somewhere(page: Page) -> None:
    press(page, "z")  # there is nothing to undo
    page.get_by_role("button", name="Dismiss").focus()
    press(page, "Enter")
    assert page.evaluate("() => document.activeElement.id") == "conversation"
    expect(page.locator(".toast")).to_have_count(0)


class TestTheLatest:
    def test_the_list_is_that_of_what_is_asked_now(self, sign_in: SignIn, orders: EmailQueue) -> None:
        receive(orders, make_mail(Subject="Socks"))
        receive(orders, make_mail(Subject="Gloves"))
        page = sign_in("alice", "/?view=all")
        held = held_back(page, re.compile(r"/rows\?(?!.*\brows=).*sort=oldest"))
        page.locator("#sort").select_option("oldest")
        late = come(page, held)
        page.locator("#q").fill("socks")
        come(page, held).continue_()
        expect(page.locator("#rows .topic")).to_have_text(["Socks"])
        late.continue_()
        page.evaluate(ANSWERED)
        expect(page.locator("#rows .topic")).to_have_text(["Socks"])

    def test_what_is_opened_later_stays(self, sign_in: SignIn, orders: EmailQueue) -> None:
        """One is asked for by the palette on a slow line; another one is clicked meanwhile."""
        page = sign_in("alice", "/?view=all")
        slow = receive(orders, make_mail(Subject="The slow one")).conversation
        quick = receive(orders, make_mail(Subject="The quick one")).conversation
        held = held_back(page, re.compile(rf"/conversations/{slow.pk}/(\?.*)?$"))
        press(page, "Control+k")
        page.keyboard.type(f"#{slow.number}")
        expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("The slow one")
        press(page, "Enter")
        late = come(page, held)
        page.locator(f"#row-{quick.pk} .row").click()
        expect(page.locator("#head h1")).to_have_text("The quick one")
        late.continue_()
        page.evaluate("url => void (window.later = fetch(url))", f"/conversations/{slow.pk}/")
        come(page, held).continue_()
        page.evaluate("() => window.later.then((answer) => answer.text())")
        expect(page.locator("#head h1")).to_have_text("The quick one")
        assert page.url.split("?")[0].endswith(f"/conversations/{quick.pk}/")

    def test_words_are_marked_in_what_is_open_already(self, sign_in: SignIn, orders: EmailQueue) -> None:
        row = receive(orders, make_mail("Where is the voucher for the socks?")).conversation
        page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
        for word in ("voucher", "socks"):
            press(page, "Escape", "/", "Control+a")
            page.keyboard.type(word)
            expect(page.locator("#rows .preview mark")).to_have_text([word])
            press(page, "ArrowDown", "Enter")
            page.wait_for_function(f"word => new Set(({MARKED})(document.body)).has(word)", arg=word)
        receive(row.queue, make_mail("More.", In_Reply_To=f"<{row.messages.get().message_id}>"))
        expect(page.locator("#items .mail")).to_have_count(2)
        assert set(page.evaluate(f"() => ({MARKED})(document.body)")) == {"socks"}

    def test_escape_leaves_the_search_as_it_is(self, sign_in: SignIn, orders: EmailQueue) -> None:
        parcels(orders, 2)
        receive(orders, make_mail(Subject="Socks"))
        page = sign_in("alice", "/?view=all")
        press(page, "/")
        page.keyboard.type("socks")
        expect(page.locator("#rows .row")).to_have_count(1)
        press(page, "Escape", "A")
        expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
        expect(page.locator("#q")).to_have_value("socks")

    def test_nothing_older_is_undone_when_the_time_of_the_last_is_over(
        self, sign_in: SignIn, orders: EmailQueue
    ) -> None:
        row, other = parcels(orders, 2)
        page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
        press(page, "!")
        expect(page.locator("#toasts .toast:has([data-undo])")).to_have_count(1)
        page.locator(f"#row-{other.pk} .row").click()
        press(page, "!")
        expect(page.locator("#toasts .toast:has([data-undo])")).to_have_count(2)
        page.locator("#toasts .toast").last.evaluate(  # its time is over
            "each => { each.dispatchEvent(new Event('desk:over', { bubbles: true })); each.remove(); }"
        )
        press(page, "z")
        expect(page.locator("#toasts")).to_contain_text("nothing to undo any more")
        assert Conversation.objects.get(pk=row.pk).spam_at is not None


class TestThePalette:
    def test_a_snippet_comes_where_one_writes(self, page: Page) -> None:
        make_snippet(name="Terms/2026 of delivery", html="<p>Within two days.</p>")
        press(page, "r")
        expect(page.locator("#reply-text")).to_be_focused()
        page.keyboard.type("Dear you,")
        press(page, "Escape", "Control+k")
        page.keyboard.type("terms")
        expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("Terms/2026")
        press(page, "Enter")
        expect(page.locator("ul.snippets [role=option]")).to_contain_text(["Terms/2026"])
        press(page, "Enter")
        expect(page.locator("#reply-text")).to_have_value(re.compile("^Dear you, *Within two days."))


class TestPresence:
    def test_a_tab_tells_nothing_of_what_was_chosen_in_another(self, page: Page) -> None:
        AwayReason.objects.get_or_create(name="Lunch")
        other = page.context.new_page()
        other.goto(page.url)
        other.locator("#presence button", has_text="Lunch").first.dispatch_event("click")
        expect(other.locator("#presence-label")).to_contain_text("Lunch")
        expect(page.locator("#presence-label")).to_contain_text("Lunch")
        page.evaluate(
            "() => document.dispatchEvent(new Event('visibilitychange'))"
        )  # it gives a sign of life
        page.evaluate(ANSWERED)
        expect(page.locator(".toast")).to_have_count(0)

    def test_who_was_set_offline_is_told(self, page: Page) -> None:
        Agent.objects.update(presence=Agent.Presence.OFFLINE)
        page.wait_for_function(
            f"() => ({ALIVE})() && document.querySelector('.toast.error')"
        )  # not while one is heard
        expect(page.locator(".toast.error")).to_contain_text("You were set to “Offline”")

    def test_what_one_chooses_is_not_told_as_if_another_had(self, page: Page) -> None:
        AwayReason.objects.get_or_create(name="Lunch")
        page.reload()
        page.wait_for_load_state("networkidle")  # its first sign of life is answered
        choices = held_back(page, "**/presence")
        page.locator("#presence button", has_text="Lunch").first.dispatch_event("click")
        choice = come(page, choices)
        answer = choice.fetch()  # it is chosen, and not yet told
        with page.expect_response("**/presence/seen"):
            page.evaluate(ALIVE)
        page.evaluate(ANSWERED)
        assert page.locator(".toast.error").count() == 0
        choice.fulfill(response=answer)
        expect(page.locator("#presence-label")).to_contain_text("Lunch")

    def test_signs_of_life_are_not_piled_up(self, page: Page) -> None:
        page.wait_for_load_state("networkidle")  # its first one is answered
        held = held_back(page, "**/presence/seen")
        for _ in range(3):
            page.evaluate(ALIVE)
        come(page, held).continue_()
        page.evaluate(ANSWERED)
        assert held == []


def test_the_title_counts_while_nobody_looks(page: Page, row: Conversation) -> None:
    receive(row.queue, make_mail(Subject="It lives"))
    expect(page.locator("#queues .num").first).to_have_text("2")
    hidden(page, is_hidden=True)
    actions.take(row.queue.members.get(user__username="alice").user, row)
    expect(page).to_have_title(re.compile(r"^\(1\) "), timeout=30_000)  # it counts every fifteen seconds


def test_a_wrong_clock_takes_no_time_to_undo(sign_in: SignIn, row: Conversation) -> None:
    """It is an hour ahead; a mail can be taken back all the same."""
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.clock.install(time=timezone.now() + timedelta(hours=1))
    page.reload()
    press(page, "r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.type("It left.")
    press(page, "Control+Enter")
    expect(page.locator("#items .out .delivery")).to_contain_text("Leaves in")
    page.clock.run_for(2000)
    expect(page.locator("#items .out .delivery button")).to_be_visible()
    press(page, "z")
    expect(page.locator("#reply-text")).to_have_value(re.compile("It left."))


def test_what_was_read_before_an_act_does_not_take_it_back(sign_in: SignIn, orders: EmailQueue) -> None:
    (row,) = parcels(orders, 1)
    page = sign_in("alice", f"/conversations/{row.pk}/?view=all")
    held = held_back(page, f"**/conversations/{row.pk}/parts?*")
    page.evaluate("() => htmx.trigger('#refresh-conversation', 'desk:conversation')")
    route = come(page, held)
    before = route.fetch()
    press(page, "e")
    expect(page.locator("#head .pill.closed")).to_be_visible()
    route.fulfill(response=before)
    asked_again = come(page, held)
    expect(page.locator("#head .pill")).to_have_text("Closed")
    asked_again.continue_()
    press(page, "e")
    expect(page.locator("#head .pill.closed")).to_have_count(0)
    assert fields([row], "state") == ["waiting"]
