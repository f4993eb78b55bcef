"""Lists by keys alone: each of them, what is said in them, saved views, and many conversations at once."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from queues import actions
from queues.models import BulkAct, Conversation, EmailQueue, SavedView, StartView, Tag
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.desk.test_by_keyboard import has_a_place, press, tab_to
from tests.make import make_agent, make_mail, make_queue, make_supervisor, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)
State = Conversation.State


@pytest.fixture
def orders() -> EmailQueue:
    people = [
        make_agent("alice", languages={"en": 4}, capacity=50),
        make_supervisor("bob", languages={"en": 4}, capacity=50),
    ]
    make_queue(people, name="Returns")
    return make_queue(people, name="Orders")


def parcels(queue: EmailQueue, count: int, word: str = "Parcel") -> list[Conversation]:
    return [
        receive(queue, make_mail(Subject=f"{word} {n}", From=f"c{n}@customer.example")).conversation
        for n in range(count)
    ]


def named(page: Page, name: str) -> None:
    expect(page.locator("#list-name")).to_have_text(name)


def by_palette(page: Page, words: str, chosen: str) -> None:
    press(page, "Control+k")
    page.keyboard.type(words)
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(chosen)
    press(page, "Enter")


def select(page: Page, *keys: str, count: int) -> None:
    if "A" in keys:
        expect(page.locator("#rows .row")).to_have_count(count)
    press(page, *keys)
    expect(page.locator("[data-bulk-count]")).to_have_text(f"{count} selected")


def done(page: Page, words: str) -> None:
    """It is told, nothing is selected any more, and the keys are still somewhere."""
    expect(page.locator("#bulk-state")).to_contain_text(words)
    expect(page.locator("#bulk")).to_be_hidden()
    has_a_place(page)


def undone(page: Page, count: int) -> None:
    press(page, "z")
    expect(page.locator("#bulk-state")).to_contain_text(f"{count} put back.")


def fields(rows: list[Conversation], name: str) -> list[object]:
    return list(
        Conversation.objects.filter(pk__in=[row.pk for row in rows])
        .order_by("pk")
        .values_list(name, flat=True)
    )


def test_every_list_by_its_keys(sign_in: SignIn, orders: EmailQueue) -> None:
    alice = orders.members.get(user__username="alice").user
    rows = parcels(orders, 6)
    actions.close(alice, rows[0])
    actions.snooze(alice, rows[1], timezone.now() + timedelta(days=1))
    actions.mark_spam(alice, rows[2])
    actions.await_customer(alice, rows[3])
    receive(orders, make_mail(Subject="More of it", From="c2@customer.example"))
    actions.take(alice, rows[4])
    make_agent("dora", languages={"de": 4}, queues=[orders], presence="offline")
    Conversation.objects.filter(pk=rows[5].pk).update(language="de", kind=None)
    page = sign_in("alice")
    for key, name, subject in (
        ("c", "Closed", "Parcel 0"),
        ("s", "Snoozed", "Parcel 1"),
        ("j", "Spam", "Parcel 2"),
        ("p", "Customer’s turn", "Parcel 3"),
        ("h", "Held", "More of it"),
    ):
        press(page, "g", key)
        named(page, name)
        expect(page.locator("#rows .topic")).to_have_text([subject])
    press(page, "g", "a")
    named(page, "All")
    expect(page.locator("#rows .row")).to_have_count(7)
    press(page, "g", "u")
    named(page, "Unassigned")
    expect(page.locator("#rows .reason")).to_have_text("Needs de ≥ 3; no agent on duty has it.")
    press(page, "j", "Enter")
    expect(page.locator("#head .meta")).to_contain_text("Needs de ≥ 3; no agent on duty has it.")

    fresh = parcels(orders, 1, "Fresh")[0]
    press(page, "g", "w")
    named(page, "Waiting for me")
    expect(page.locator(f"#row-{fresh.pk} .reason")).to_have_text("You fit it best.")
    press(page, "g", "q")  # a queue by its name
    expect(page.locator("#palette-list li")).to_have_count(2)
    page.keyboard.type("ret")
    expect(page.locator("#palette-list li")).to_contain_text(["Returns"])
    press(page, "Enter")
    named(page, "Returns")
    by_palette(page, "orders", "Orders")
    named(page, "Orders")
    has_a_place(page)


def test_saved_views(sign_in: SignIn, orders: EmailQueue) -> None:
    parcels(orders, 2)
    page = sign_in("bob", "/?view=unassigned&q=subject:parcel")
    dialog = page.locator("#act")
    press(page, "Escape", "l")
    expect(page.locator("#new-view-name")).to_be_focused()
    page.keyboard.type("All parcels")
    press(page, "Tab", "ArrowRight")  # another icon
    expect(dialog.locator("[name=icon]").nth(1)).to_be_checked()
    press(page, "Tab")
    expect(page.locator("#new-view-team")).to_be_focused()
    press(page, "ArrowDown")
    expect(page.locator("#new-view-team option:checked")).to_have_text("All who work in Orders")
    press(page, "Tab", "Space", "Tab")  # my desk opens with it
    press(page, "Enter")
    named(page, "All parcels")
    view = SavedView.objects.get()
    assert (view.team, view.view, view.text, view.icon) == (orders, "unassigned", "subject:parcel", "star")
    assert StartView.objects.get().saved == view
    has_a_place(page)

    alice = sign_in("alice")
    press(alice, "g", "q")
    expect(alice.locator("#palette-list li")).to_have_count(3)
    alice.keyboard.type("parcels")
    press(alice, "Enter")
    named(alice, "All parcels")
    expect(alice.locator("#rows .row")).to_have_count(2)

    press(page, "l")
    tab_to(page, page.locator(f"#saved-name-{view.pk}"))
    press(page, "Control+a")
    page.keyboard.type("Parcels")
    press(page, "Enter")
    expect(page.locator(f"#view-saved-{view.pk}")).to_contain_text("Parcels")
    expect(page.locator(f"#saved-name-{view.pk}")).to_be_focused()
    tab_to(page, page.locator(f"#saved-start-{view.pk}"), 9)
    press(page, "Enter")
    expect(page.locator(f"#saved-start-{view.pk}")).to_have_attribute("aria-pressed", "false")
    expect(page.locator(f"#saved-start-{view.pk}")).to_be_focused()
    tab_to(page, page.locator("#start-view"), 9)
    held = held_back(page, re.compile("/views/start"))
    press(page, "ArrowDown", "ArrowDown", "ArrowDown")  # one after the other, for one that is chosen
    chosen = come(page, held)
    while chosen.request.post_data != "view=mentions":  # it paused for a moment between two of them
        chosen = come(page, held)
    assert held == []
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    with page.expect_response("**/views/start?*"):
        chosen.continue_()
    eventually(lambda: StartView.objects.filter(view="mentions").exists(), "the desk opens with it")
    page.once("dialog", lambda dialog: dialog.accept())  # as Enter does
    expect(dialog).to_be_hidden()  # what it has asked for does not open it again
    press(page, "g", "a")
    named(page, "All")
    press(page, "l")
    tab_to(page, page.locator(f"#saved-delete-{view.pk}"))
    press(page, "Enter")
    expect(page.locator(f"#saved-{view.pk}")).to_have_count(0)
    page.wait_for_function("() => document.activeElement.closest('#act')")
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    has_a_place(page)
    page.goto("/")
    named(page, "Mentions")


def test_everything_with_many(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = parcels(orders, 3)
    page = sign_in("bob", f"/?queue={orders.pk}&sort=oldest")
    bar = page.locator("#bulk")
    select(page, "j", "x", "J", count=2)
    press(page, "t")
    done(page, "2 taken.")
    assert fields(rows, "state") == ["assigned", "assigned", "waiting"]
    undone(page, 2)
    select(page, "A", count=3)
    press(page, "!")
    done(page, "3 marked as spam.")
    undone(page, 3)
    select(page, "A", count=3)
    press(page, "u")
    done(page, "3 wait for the customer.")
    undone(page, 3)
    select(page, "A", count=3)
    press(page, "b")
    expect(bar.locator("#bulk-snooze .menu-item").first).to_be_focused()
    press(page, "ArrowDown", "ArrowUp", "Enter")
    done(page, "3 snoozed.")
    undone(page, 3)
    select(page, "A", count=3)
    press(page, "T")
    expect(bar.locator("[name=tag]")).to_be_focused()
    page.keyboard.type("Lost")
    press(page, "Enter")
    done(page, "3 tagged.")
    expect(page.locator("#rows .tag", has_text="Lost")).to_have_count(3)
    select(page, "A", count=3)
    press(page, "T")
    expect(bar.locator("[name=tag]")).to_be_focused()
    page.keyboard.type("Lost")
    tab_to(page, bar.get_by_role("button", name="Take off"), 3)
    press(page, "Enter")
    done(page, "The tag was taken off 3.")
    assert Tag.objects.get().name == "Lost"

    select(page, "A", count=3)
    press(page, "a")
    expect(bar.locator("[name=queue]")).to_be_focused()
    page.keyboard.type("Ret")
    press(page, "Tab")
    page.keyboard.type("For you")
    press(page, "Control+Enter")
    done(page, "3 moved.")
    assert fields(rows, "queue__name") == ["Returns"] * 3
    expect(page.locator("#rows .row")).to_have_count(0)
    undone(page, 3)
    expect(page.locator("#rows .row")).to_have_count(3)
    select(page, "A", count=3)
    by_palette(page, "assign selected", "Assign")  # the palette has the rest
    expect(bar.locator("[name=agent]")).to_be_focused()
    page.keyboard.type("Ali")
    press(page, "Control+Enter")
    done(page, "3 assigned.")
    select(page, "A", count=3)
    by_palette(page, "release", "Release")
    done(page, "3 given back.")
    select(page, "A", count=3)
    by_palette(page, "select nothing", "Select nothing")
    expect(bar).to_be_hidden()
    has_a_place(page)
    select(page, "A", count=3)
    press(page, "e")
    done(page, "3 closed.")
    assert BulkAct.objects.filter(verb="undo").count() == 5

    press(page, "g", "c")
    named(page, "Closed")
    select(page, "A", count=3)
    press(page, "e")
    done(page, "3 reopened.")
    assert fields(rows, "state") == ["waiting"] * 3


def test_all_that_are_found(sign_in: SignIn, orders: EmailQueue) -> None:
    parcels(orders, 52)
    page = sign_in("bob", "/?view=unassigned")
    select(page, "A", count=50)
    press(page, "A")
    expect(page.locator("[data-bulk-count]")).to_have_text("All 52 are selected")
    press(page, "Escape", "/")
    page.keyboard.type("subject:parcel subject:0")
    press(page, "Escape", "A")  # at once: it is of what will be found
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    expect(page.locator("[data-act=bulk-all]")).to_be_hidden()  # these are all, and no longer 52
    press(page, "/", "Control+a", "Delete")
    expect(page.locator("#rows .row")).to_have_count(50)
    press(page, "Escape", "Escape", "A")
    expect(page.locator("[data-act=bulk-all]")).to_have_text("Select all 52")
    by_palette(page, "select all 52", "Select all 52")
    expect(page.locator("[data-bulk-count]")).to_have_text("All 52 are selected")
    press(page, "e")
    expect(page.locator("#bulk-state")).to_contain_text(re.compile("clos", re.I))  # or it is closing
    eventually(lambda: BulkAct.objects.get().items.count() == 52, "all are meant")


def test_a_selected_row_and_the_one_that_is_open(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = parcels(orders, 4)
    page = sign_in("bob", f"/?queue={orders.pk}&sort=oldest")
    press(page, "j", "Enter")
    expect(page.locator("#head h1")).to_have_text("Parcel 0")
    select(page, "j", "x", count=1)
    press(page, "e")  # what is selected, not what is open
    done(page, "1 closed.")
    assert fields(rows, "state") == ["waiting", "closed", "waiting", "waiting"]
    press(page, "j", "e")  # nothing is selected: it is the open one, wherever the focus is
    expect(page.locator("#head .pill.closed")).to_be_visible()
    expect(page.locator(f"#row-{rows[0].pk}")).to_have_count(0)
    has_a_place(page)
    press(page, "z")  # that can't be undone, and what was done before it is not the last thing
    expect(page.locator("#toasts")).to_contain_text("There is nothing to undo any more.")
    press(page, "e")
    expect(page.locator("#head .pill.closed")).to_be_hidden()
    assert fields(rows, "state") == ["waiting", "closed", "waiting", "waiting"]
    press(page, "g", "n")
    expect(page.locator("#head .pill.assigned")).to_be_visible()
    taken = Conversation.objects.get(state="assigned")
    press(page, "e")
    expect(page.locator("#head .pill.closed")).to_be_visible()
    taken.refresh_from_db()
    assert taken.state == "closed"
