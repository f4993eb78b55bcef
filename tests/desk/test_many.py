"""Many conversations at once, saved views and the palette, by keyboard in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from queues.models import BulkAct, Conversation, EmailQueue, SavedView, StartView
from tests.accessible import violations
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, make_sender, make_supervisor, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)
State = Conversation.State


@pytest.fixture
def orders() -> EmailQueue:
    people = [make_agent("alice", capacity=50), make_supervisor("bob", capacity=50)]
    return make_queue(people, name="Orders", sender=make_sender(name="out", email_address="o@example.com"))


def fill(queue: EmailQueue, count: int) -> list[Conversation]:
    return [
        receive(
            queue, make_mail("Where is it?", Subject=f"Parcel {n:03}", From=f"c{n}@customer.example")
        ).conversation
        for n in range(count)
    ]


def states(rows: list[Conversation]) -> list[str]:
    pks = [row.pk for row in rows]
    return list(Conversation.objects.filter(pk__in=pks).order_by("pk").values_list("state", flat=True))


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_selecting_and_doing_by_keyboard_through_live_updates(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = fill(orders, 4)
    page = sign_in("alice")
    page.goto("/?view=unassigned&sort=oldest")
    expect(page.locator("#rows .row")).to_have_count(4)
    press(page, "j", "j", "x", "Shift+J")
    expect(page.locator("[data-bulk-count]")).to_have_text("2 selected")
    expect(page.locator("#bulk [data-verb=close]")).to_be_visible()
    focused = f"row-{rows[2].pk}"
    assert page.evaluate("document.activeElement.closest('li').id") == focused

    fresh = receive(orders, make_mail("New", Subject="Fresh mail")).conversation  # a live update comes
    expect(page.locator("#rows .row")).to_have_count(5)
    expect(page.locator("#rows .picked")).to_have_count(2)
    assert page.evaluate("document.activeElement.closest('li').id") == focused
    Conversation.objects.filter(pk=rows[2].pk).update(subject="Parcel 002, changed")
    receive(orders, make_mail("New", Subject="More mail"))  # and one that replaces the row with the focus
    expect(page.locator(f"#{focused}")).to_contain_text("changed")
    assert page.evaluate("document.activeElement.closest('li').id") == focused
    expect(page.locator(f"#{focused} input")).to_be_checked()
    assert violations(page) == []

    page.keyboard.press("e")
    expect(page.locator("#bulk-state")).to_contain_text("2 closed.")
    expect(page.locator("#rows .row")).to_have_count(4)
    assert states(rows) == ["waiting", "closed", "closed", "waiting"]
    assert page.evaluate("document.activeElement !== document.body")
    page.locator("#bulk-state").get_by_role("button", name="Undo").click()
    expect(page.locator("#bulk-state")).to_contain_text("2 put back.")
    expect(page.locator("#rows .row")).to_have_count(6)
    assert states(rows) == ["waiting"] * 4
    fresh.refresh_from_db()
    assert fresh.state == State.WAITING


def test_all_that_are_found_with_a_double_click(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = fill(orders, 52)
    page = sign_in("bob")
    page.goto("/?view=unassigned&q=subject:parcel")
    expect(page.locator("#rows .row")).to_have_count(50)
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+A")
    expect(page.locator("[data-bulk-count]")).to_have_text("50 selected")
    assert page.locator(".bulk").bounding_box()["height"] < 90, "more than two rows"  # type: ignore[index]
    page.locator("[data-act=bulk-all]").click()
    expect(page.locator("[data-bulk-count]")).to_contain_text("All")
    page.locator("#bulk-tag summary").click()
    page.locator("#bulk-tag input").fill("Lost")
    page.locator("#bulk-tag [data-verb=tag]").dblclick()
    expect(page.locator("#bulk-state")).to_contain_text(re.compile("Tagging|tagged"))
    eventually(lambda: BulkAct.objects.count() == 1, "one act")
    act = BulkAct.objects.get()
    eventually(lambda: act.items.filter(state="done").exists(), "some are tagged")
    assert act.items.filter(conversation__in=[row.pk for row in rows]).count() == act.items.count()


def test_a_view_is_saved_shared_and_opened_first(sign_in: SignIn, orders: EmailQueue) -> None:
    fill(orders, 2)
    page = sign_in("bob")
    page.goto("/?view=unassigned&q=subject:000")
    expect(page.locator("#rows .row")).to_have_count(1)
    page.locator("#list-name").click()
    page.keyboard.press("Shift+A")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    expect(page.locator("[data-act=bulk-all]")).to_be_hidden()  # these are all
    expect(page.locator("#pick-all")).to_be_checked()
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    dialog = page.locator("#act")
    dialog.get_by_label("Name", exact=True).fill("Number nought")
    dialog.get_by_label("Who sees it").select_option(label="All who work in Orders")
    dialog.get_by_label("My desk opens with it").check()
    assert violations(page) == []
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#list-name")).to_have_text("Number nought")
    expect(dialog).to_be_hidden()
    height = page.locator("#rows .row").evaluate("row => row.offsetHeight")
    assert height < 120, "a row is three lines high"
    view = SavedView.objects.get()
    assert (view.team, view.view, view.text) == (orders, "unassigned", "subject:000")
    assert StartView.objects.get().saved == view
    page.goto("/")
    expect(page.locator("#list-name")).to_have_text("Number nought")
    expect(page.locator("#rows .row")).to_have_count(1)
    alice = sign_in("alice")
    alice.locator(f"#view-saved-{view.pk}").click()
    expect(alice.locator("#rows .row")).to_have_count(1)
    alice.keyboard.press("l")
    expect(alice.locator("#act .saved-views")).to_contain_text("Number nought")
    expect(alice.locator("#act .saved-views [value=delete]")).to_have_count(0)


def test_the_palette_leads_everywhere(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = fill(orders, 2)
    page = sign_in("alice", "/?view=unassigned")
    press(page, "Control+k")
    expect(page.locator("#palette-field")).to_be_focused()
    page.keyboard.type("custom turn")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("Customer’s turn")
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("#list-name")).to_have_text("Customer’s turn")
    press(page, "Control+k")
    page.keyboard.type(f"#{rows[1].number}")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("Parcel 001")
    page.keyboard.press("Enter")
    expect(page.locator("#head h1")).to_have_text("Parcel 001")
    press(page, "Control+k")
    page.keyboard.type("merge")
    expect(page.locator("#palette-list li", has_text="erge")).to_have_count(1)  # not its key once more
    page.locator("#palette-field").press("ControlOrMeta+a")
    page.keyboard.type("whisper")
    expect(page.locator("#palette-none")).to_be_visible()  # it is for supervisors
    page.locator("#palette-field").press("ControlOrMeta+a")
    page.keyboard.type("assi me")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text("Take")
    page.keyboard.press("Enter")
    expect(page.locator("#head")).to_contain_text("Alice")
    expect(page).to_have_title(re.compile(r"^\(1\)"))
    expect(page.locator("link[rel=icon]")).to_have_attribute("data-count", "1")
    press(page, "Control+k")
    page.keyboard.type("c1@")
    expect(page.locator("#palette-list")).to_contain_text("c1@customer.example")
    press(page, "Escape", "?")
    commands = page.evaluate(
        "[...document.querySelectorAll('#keys [data-command]')].map((each) => each.dataset.command)"
    )
    known = page.evaluate("import('/static/desk/keys.js').then((keys) => keys.known)")
    assert {each for each in commands if not each.startswith("view-")} == set(known) - {"whisper"}
