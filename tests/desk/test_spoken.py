"""What a screen reader says by itself: each thing once, however often its place on the page changes."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from queues import actions, live
from queues.models import BulkAct, Conversation, EmailQueue
from tests.desk.conftest import SignIn, written
from tests.make import make_agent, make_mail, make_queue, make_sender, receive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]

# What comes or changes below a live region, and not below a part of it that is silent.
HEAR = """() => {
  const LIVE = "[aria-live], [role=status], [role=alert], [role=timer], [role=log]";
  const silent = (element) => ["off", null].includes(element.getAttribute("aria-live")
    ?? { status: "polite", alert: "assertive", log: "polite" }[element.getAttribute("role")] ?? null);
  window.heard = [];
  new MutationObserver((changes) => {
    for (const { target, type, addedNodes } of changes) {
      const place = (target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement)?.closest(LIVE);
      if (!place || silent(place)) continue;
      const words = type === "characterData" ? [target] : [...addedNodes];
      const told = words.map((each) => each.textContent.replace(/\\s+/g, " ").trim());
      window.heard.push(...told.filter(Boolean));
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture
def orders() -> EmailQueue:
    sender = make_sender(email_address="support@example.com")
    return make_queue([make_agent("alice", capacity=9)], name="Orders", undo_seconds=60, sender=sender)


def timers(page: Page) -> list[str | None]:
    """How each timer in Chromium's accessibility tree would be told; None: not at all."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    found = [each["properties"] for each in nodes if each.get("role", {}).get("value") == "timer"]
    return [next((one["value"]["value"] for one in each if one["name"] == "live"), None) for each in found]


def ticked(page: Page, selector: str) -> None:
    """Wait until another number stood there, and yet another one."""
    for _ in range(2):
        was = page.locator(selector).inner_text()
        expect(page.locator(selector)).not_to_have_text(was)


def test_a_countdown_is_told_once(sign_in: SignIn, orders: EmailQueue) -> None:
    alice = User.objects.get(username="alice")
    offered = receive(orders, make_mail(Subject="A parcel")).conversation
    row = actions.take(alice, receive(orders).conversation)
    page = sign_in("alice", f"/conversations/{row.pk}/")
    page.evaluate(HEAR)
    for text in ("It is", "It is on its way", "It is on its way."):
        written(page, text)
        page.keyboard.press("Escape")
    assert len([each for each in page.evaluate("heard") if each.startswith("Saved")]) == 1
    page.keyboard.press("r")
    expect(page.locator("#reply-text")).to_be_focused()
    page.keyboard.press("Control+Enter")
    ticked(page, "#toasts [data-countdown]")
    (toast,) = [each for each in page.evaluate("heard") if "leaves in" in each]
    assert " s" in toast.partition("leaves in")[2], "the time that is left is told with it"

    Conversation.objects.filter(pk=offered.pk).update(
        state="assigned", agent=alice.agent, accept_by=timezone.now() + timedelta(minutes=2)
    )
    live.changed(offered.pk, orders.pk, alice.agent.pk)
    ticked(page, ".offer [data-countdown]")
    (offer,) = [each for each in page.evaluate("heard") if "Left to open it" in each]
    assert "A parcel" in offer
    assert " s" in offer.partition("Left to open it:")[2]
    assert not [each for each in page.evaluate("heard") if each.rstrip("s ").isdigit()]
    assert timers(page) == [None, None]
    assert page.locator("#toasts").get_attribute("aria-atomic") == "false"  # not the older ones again


def test_what_takes_its_time_is_told_as_it_begins_and_ends(sign_in: SignIn, orders: EmailQueue) -> None:
    rows = [receive(orders).conversation for _ in range(3)]
    act = BulkAct.objects.create(user=User.objects.get(username="alice"), token="t", verb="close")
    act.items.bulk_create([act.items.model(act=act, conversation=row) for row in rows])
    page = sign_in("alice")
    page.goto("/?view=all")
    expect(page.locator("#news")).to_contain_text("0 / 3")
    page.evaluate(HEAR)
    for done in (1, 2):
        act.items.filter(conversation=rows[done]).update(state="done")
        expect(page.locator("#bulk-state")).to_contain_text(f"{done} / 3")
    act.items.update(state="done")
    BulkAct.objects.update(state="done")
    expect(page.locator("#news")).to_have_text("3 closed.")
    assert [each for each in page.evaluate("heard") if "3" in each] == ["3 closed."]
