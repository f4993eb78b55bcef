"""All of an answer by keyboard alone: to whom, how it is sent, what it brings along, and taking it back."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Request, expect

from agents.models import Agent
from mailsenders.models import OutgoingMail
from queues.models import Conversation, Draft, EmailQueue, Macro, Message, Note, Snippet, Tag
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.desk.test_by_keyboard import press, tab_to
from tests.make import make_agent, make_mail, make_queue, make_sender, receive
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", capacity=9)


@pytest.fixture
def orders(alice: Agent) -> EmailQueue:
    sender = make_sender(name="out", email_address="support@example.com")
    return make_queue([alice], name="Orders", sender=sender, undo_seconds=60)


def posts(page: Page, ending: str) -> list[Request]:
    """What the page sends there from now on."""
    found: list[Request] = []
    page.on(
        "request",
        lambda each: found.append(each) if each.method == "POST" and each.url.endswith(ending) else None,
    )
    return found


def by_palette(page: Page, name: str) -> None:
    """Choose something by its name."""
    press(page, "Control+k")
    expect(page.locator("#palette-field")).to_be_focused()
    page.keyboard.type(name)
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(name)
    press(page, "Enter")


def outgoing() -> list[str]:
    return list(
        OutgoingMail.objects.exclude(state="cancelled").order_by("pk").values_list("state", flat=True)
    )


def test_to_all_to_one_to_another_and_back(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders, make_mail(To="support@example.com, dora@customer.example")).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    text, pressed = page.locator("#reply-text"), page.locator("[data-act=people][aria-pressed=true]")
    press(page, "R")
    expect(text).to_be_focused()
    expect(pressed).to_have_text("Reply to all")
    page.keyboard.type("One")
    press(page, "Escape", "R")
    expect(pressed).to_have_text("Reply")
    expect(page.locator(".chip")).to_have_count(1)
    page.keyboard.type(", two")
    press(page, "Escape")
    by_palette(page, "Reply to all")
    expect(pressed).to_have_text("Reply to all")
    press(page, "Escape", "R", "Escape", "R")
    expect(pressed).to_have_text("Reply to all")
    expect(text).to_be_focused()
    page.keyboard.type(", z")
    expect(text).to_have_value("One, two, z")
    press(page, "Control+Enter")
    undo = page.locator("#toasts").get_by_role("button", name="Undo")
    expect(undo.locator("kbd")).to_have_text("z")
    expect(page.locator("#open-reply")).to_be_visible()

    asked = held_back(page, "**/undo*")
    press(page, "z", "z")  # twice is once
    page.keyboard.type(" PS")  # into what comes back
    come(page, asked).continue_()
    expect(text).to_have_value("One, two, z PS")
    expect(text).to_be_focused()
    expect(undo).to_have_count(0)
    assert not asked
    assert outgoing() == []
    page.unroute("**/undo*")

    press(page, "Control+Enter")
    expect(undo).to_be_visible()
    expect(page.locator("#open-reply")).to_be_visible()
    OutgoingMail.objects.filter(state="held").update(not_before=timezone.now() - timedelta(seconds=1))
    press(page, "z")  # a moment too late
    expect(page.locator("#toasts .error")).to_contain_text("too late")
    expect(undo).to_have_count(0)
    press(page, "z")
    expect(page.locator("#toasts")).to_contain_text("nothing to undo")

    press(page, "F")
    expect(page.get_by_label("To", exact=True)).to_be_focused()
    page.keyboard.type("depot@carrier.example,")
    tab_to(page, text)
    page.keyboard.type("Where is it?")
    press(page, "Escape", "R")  # the answer in between: what is asked outside is kept
    expect(text).to_have_value("")
    press(page, "Escape", "F")
    expect(text).to_have_value("Where is it?")
    expect(text).to_be_focused()
    press(page, "Control+Enter")
    expect(page.locator("#items .out.outside")).to_contain_text("Where is it?")
    assert Message.objects.get(is_outside=True).to[0]["email"] == "depot@carrier.example"
    expect(undo).to_be_visible()
    by_palette(page, "undo what was done last")
    expect(text).to_have_value("Where is it?")
    assert len(outgoing()) == 1


def test_ways_to_send(sign_in: SignIn, orders: EmailQueue) -> None:
    first, second, third = (receive(orders).conversation for _ in range(3))
    page = sign_in("alice", f"/conversations/{first.pk}/")
    text, ways = page.locator("#reply-text"), page.locator(".sends > summary")
    press(page, "r")
    expect(text).to_be_focused()
    page.keyboard.type("It left today.")
    tab_to(page, ways)
    press(page, "Enter", "ArrowDown")
    expect(page.get_by_role("button", name="Send and close")).to_be_focused()
    press(page, "Escape")
    expect(ways).to_be_focused()
    press(page, "Enter", "ArrowDown", "ArrowDown")
    expect(page.get_by_role("button", name="Send and take next")).to_be_focused()
    sent = posts(page, "/reply")
    press(page, "Enter")
    expect(page.locator(f"article[data-conversation='{second.pk}']")).to_be_visible()
    first.refresh_from_db()
    assert first.state == Conversation.State.PENDING

    press(page, "z")  # it was of another conversation, which comes back
    expect(page.locator(f"article[data-conversation='{first.pk}']")).to_be_visible()
    expect(text).to_be_focused()
    expect(text).to_have_value("It left today.")
    press(page, "Control+Alt+Enter")
    expect(page.locator("#head .pill").first).to_have_text("Closed")
    expect(page.locator("#open-reply")).to_be_visible()
    assert len(sent) == 2

    press(page, "g", "n")
    expect(page.locator(f"article[data-conversation='{third.pk}']")).to_be_visible()
    press(page, "r")
    expect(text).to_be_focused()
    page.keyboard.type("{{ ?day }}")
    press(page, "Control+Shift+Enter")
    expect(page.locator("#toasts .error")).to_contain_text("Fill in")
    page.keyboard.type("Friday")
    press(page, "Control+Enter", "Control+Enter")  # once, and no other one is taken for the key before
    expect(page.locator("#items .out")).to_contain_text("Friday")
    expect(page.locator("#open-reply")).to_be_visible()
    assert len(sent) == 3
    expect(page.locator(f"article[data-conversation='{third.pk}']")).to_be_visible()

    press(page, "r")
    expect(text).to_be_focused()
    page.keyboard.type("Tomorrow then.")
    press(page, "Escape")
    by_palette(page, "Tomorrow")
    expect(page.locator(".timed")).to_contain_text("Tomorrow then.")
    assert len(outgoing()) == 2


def test_twice_is_once(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    sent = posts(page, "/reply")
    send = page.locator(".editor-foot [type=submit]").first

    def by_enter() -> None:
        tab_to(page, send)
        press(page, "Enter", "Enter")

    for times, act in enumerate(
        (lambda: press(page, "Control+Enter", "Control+Enter"), by_enter, send.dblclick)
    ):
        press(page, "r")
        expect(page.locator("#reply-text")).to_be_focused()
        page.keyboard.type(f"Answer {times}.")
        act()
        expect(page.locator("#items .out")).to_have_count(times + 1)
        expect(page.locator("#open-reply")).to_be_visible()
    assert len(sent) == 3
    # Its second half falls upon what has come there, when the answer is quick.
    with page.expect_response("**/login/"):
        page.locator("#open-reply").dispatch_event("click", {"detail": 2})
        page.evaluate("fetch('/login/')")
    expect(page.locator("#open-reply")).to_be_visible()
    texts = Message.objects.filter(direction="out").order_by("pk").values_list("text", flat=True)
    assert [each.split("\n")[0] for each in texts] == ["Answer 0.", "Answer 1.", "Answer 2."]

    press(page, "g", "p")
    expect(page.locator("#list-name")).to_have_text("Customer’s turn")
    press(page, "x", "e")
    expect(page.locator("#bulk-undo kbd")).to_have_text("z")
    eventually(lambda: Conversation.objects.get().state == "closed", "it is closed")
    press(page, "z")  # the newest first, wherever it stands
    eventually(lambda: Conversation.objects.get().state == "pending", "it is as before")
    expect(page.locator("#bulk-undo")).to_have_count(0)
    press(page, "z")
    expect(page.locator("#reply-text")).to_have_value("Answer 2.")


def test_a_macro_with_all_it_does_is_run_and_taken_back(
    sign_in: SignIn, alice: Agent, orders: EmailQueue
) -> None:
    billing = make_queue([alice], name="Billing")
    bob = make_agent("bob", queues=[orders, billing])
    orders.members.add(bob)
    needs: dict[str, dict[str, Any]] = {
        "transfer": {"to_queue": billing},
        "assign": {"to_agent": bob},
        "snooze": {"snooze_hours": 24},
    }
    for then, need in needs.items():
        macro = Macro.objects.create(name=f"Do {then}", html="<p>Soon.</p>", note="Paid.", then=then, **need)
        macro.tags.add(Tag.objects.get_or_create(name="invoice")[0])
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    text, line = page.locator("#reply-text"), page.locator("[data-macro]")
    options = page.get_by_role("listbox", name="Snippets").get_by_role("option")
    done = {
        "transfer": ("waiting", billing, None),
        "assign": ("assigned", orders, bob),
        "snooze": ("snoozed", orders, alice),
    }
    for then, after in done.items():
        press(page, "s")
        expect(options.first).to_be_visible()
        page.keyboard.type(then)
        expect(options).to_have_count(1)
        press(page, "Enter")
        expect(line).to_contain_text("tag “invoice”")
        press(page, "Control+Enter")
        expect(page.locator("#items .note-card")).to_contain_text("Paid.")
        expect(page.locator("#open-reply")).to_be_visible()
        row.refresh_from_db()
        assert (row.state, row.queue, row.agent) == after
        assert row.tags.count() == 1
        press(page, "z")
        expect(line).to_contain_text("tag “invoice”")
        expect(text).to_be_focused()
        row.refresh_from_db()
        assert (row.state, row.queue, row.agent) == ("assigned", orders, alice)
        assert (row.tags.count(), Note.objects.count()) == (0, 0)
        press(page, "Escape")
        by_palette(page, "Discard the draft")
        expect(page.locator("#open-reply")).to_be_visible()
    assert outgoing() == []


def test_formatting_and_keeping_a_text(sign_in: SignIn, alice: Agent, orders: EmailQueue) -> None:
    alice.writes = Agent.Writes.RICH
    alice.save()
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    rich = page.locator("#reply-text[contenteditable]")
    press(page, "r")
    expect(rich).to_be_focused()
    page.keyboard.type("We are open from 8 to 16")
    press(page, "Control+a")
    tab_to(page, page.get_by_role("button", name="Bold"))
    press(page, "Enter")
    expect(rich.locator("strong")).to_have_text("We are open from 8 to 16")
    tab_to(page, page.get_by_role("button", name="Bold"))
    press(page, "ArrowRight", "ArrowRight", "ArrowRight", "Space")
    expect(rich.locator("ul strong")).to_have_count(1)
    press(page, "Escape")
    by_palette(page, "Save as a snippet")
    expect(page.get_by_role("dialog", name="Save as a snippet").get_by_label("Name")).to_be_focused()
    page.keyboard.type("Hours")
    press(page, "Enter")
    expect(page.locator("#toasts")).to_contain_text("Hours")
    assert Snippet.objects.get().html == "<ul><li><strong>We are open from 8 to 16</strong></li></ul>"

    press(page, "r")  # back to where one wrote
    expect(rich).to_be_focused()
    press(page, "Escape")
    by_palette(page, "Formatting")
    plain = page.locator("textarea#reply-text")
    expect(plain).to_be_focused()
    expect(plain).to_have_value("- We are open from 8 to 16")
    press(page, "Control+a")
    page.keyboard.type("Plain. ")
    by_palette(page, "Formatting")  # in plain text Ctrl + K is no link
    expect(rich).to_be_focused()
    page.keyboard.type("/hou")
    expect(page.get_by_role("listbox", name="Snippets").get_by_role("option")).to_have_count(1)
    press(page, "Enter")
    expect(rich.locator("li")).to_have_text("We are open from 8 to 16")


def test_it_is_on_the_server_within_five_seconds(sign_in: SignIn, orders: EmailQueue) -> None:
    row = receive(orders).conversation
    page = sign_in("alice", f"/conversations/{row.pk}/")
    press(page, "r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 60)
    for _ in range(20):  # without a pause that would be one
        page.keyboard.type("a")
        page.clock.run_for(500)
        page.evaluate("() => fetch('/login/').then((answer) => answer.text())")  # a save takes no longer
    eventually(lambda: Draft.objects.filter(text__startswith="a" * 10).exists(), "it is saved")
    page.keyboard.type("b")
    page.clock.run_for(1200)  # after a pause, at once
    eventually(lambda: Draft.objects.filter(text="a" * 20 + "b").exists(), "it is saved")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
