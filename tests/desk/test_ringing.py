"""A sound and a note on the desktop, chosen by keyboard: for an offer, and for mail in what is one's own."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from queues import actions, live, watching
from queues.models import Conversation, EmailQueue, Message
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_mail, make_queue, receive
from tests.product import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]

SPY = """(() => {
  window.notes = [];
  window.tones = 0;
  window.isAway = false;
  Object.defineProperty(document, "hidden", { get: () => window.isAway });
  document.hasFocus = () => !window.isAway;
  window.Notification = class extends EventTarget {
    static permission = "default";
    static async requestPermission() { return (Notification.permission = window.answer ?? "granted"); }
    constructor(title, options) {
      super();
      window.notes.push(this);
      this.told = options.body;
    }
  };
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    window.tones += 1;
    return make.call(this);
  };
})()"""


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice", capacity=9)], name="Orders")


def own(orders: EmailQueue) -> Conversation:
    return actions.take(orders.members.get().user, receive(orders).conversation)


def writes_again(row: Conversation) -> Message:
    first = row.messages.order_by("pk")[0]
    return receive(row.queue, make_mail(In_Reply_To=f"<{first.message_id}>"))


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def choose(page: Page, what: str) -> None:
    """In the user's menu, by the arrow keys."""
    press(page, "p")
    button = page.locator(f"#user-menu [data-act={what}]")
    expect(page.locator("#presence button").first).to_be_focused()
    for _ in range(20):
        if button.evaluate("each => each === document.activeElement"):
            break
        press(page, "ArrowDown")
    press(page, "Enter")


def look_away(page: Page, *, is_away: bool = True) -> None:
    page.evaluate(
        "is => { window.isAway = is; document.dispatchEvent(new Event('visibilitychange')); }", is_away
    )


def rung(page: Page, notes: int, tones: int) -> None:
    page.wait_for_function(
        "([notes, tones]) => window.notes.length === notes && window.tones === tones", arg=[notes, tones]
    )


def test_sound_and_notes_by_choice(sign_in: SignIn, orders: EmailQueue) -> None:
    alice, first, second = orders.members.get(), own(orders), own(orders)
    offered = receive(orders, make_mail(Subject="A parcel")).conversation
    page = sign_in("alice")
    page.add_init_script(SPY)
    page.reload()
    page.wait_for_load_state()

    page.evaluate("window.answer = 'denied'")
    choose(page, "notify")
    expect(page.locator("#toasts .error")).to_contain_text("allow them beside its address bar")
    expect(page.locator("#user-menu [data-act=notify]")).to_have_attribute("aria-pressed", "false")
    press(page, "Escape")
    page.evaluate("window.answer = 'granted'")
    choose(page, "notify")
    expect(page.locator("#user-menu [data-act=notify]")).to_have_attribute("aria-pressed", "true")
    press(page, "Escape")
    choose(page, "sound")
    expect(page.locator("#user-menu [data-act=sound] small")).to_have_text("on")
    press(page, "Escape")
    rung(page, 0, 2)  # so does it sound

    writes_again(first)  # a list is on the screen
    expect(page.locator("#toasts")).to_contain_text(f"The customer has written in #{first.number}")
    rung(page, 0, 4)
    press(page, "Control+k")
    page.keyboard.type(f"#{first.number}")
    expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(f"#{first.number}")
    press(page, "Enter")
    expect(page.locator("#items .mail")).to_have_count(2)
    expect(page.locator("#bell-summary")).to_have_attribute("data-new", "0")
    eventually(lambda: alice.user_id in watching.present(first), "it is known that she looks at it")
    writes_again(first)  # it is before her
    expect(page.locator("#items .mail")).to_have_count(3)

    look_away(page)
    writes_again(second)
    page.wait_for_function("() => window.notes.length === 1")
    assert page.evaluate("notes[0].told") == f"The customer has written in #{second.number}"
    rung(page, 1, 6)
    soon = timezone.now() + timedelta(minutes=2)
    Conversation.objects.filter(pk=offered.pk).update(state="assigned", agent=alice, accept_by=soon)
    live.changed(offered.pk, orders.pk, alice.pk)
    rung(page, 2, 8)
    assert page.evaluate("notes[1].told") == "A parcel"
    with page.expect_navigation(url=f"**/conversations/{second.pk}/**"):
        page.evaluate("notes[0].dispatchEvent(new Event('click'))")
    assert alice.notices.count() == 2  # what came while she looked at it is no news
