"""An agent far from the server: what it writes and what the browser writes are the same time."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from mailsenders.models import OutgoingMail
from queues import actions
from queues.actions import Reply
from queues.models import Conversation, Draft
from tests.make import make_agent, make_queue, receive

pytestmark = pytest.mark.django_db(transaction=True)

NIGHT = datetime.fromisoformat("2026-03-02T16:00:00Z")
TOKYO = ZoneInfo("Asia/Tokyo")
IN_TOKYO = "3 Mar 2026, 01:00"


@pytest.fixture
def page(chromium: Browser, site: str) -> Iterator[Page]:
    context = chromium.new_context(
        base_url=site, viewport={"width": 1440, "height": 900}, timezone_id="Asia/Tokyo", locale="en-GB"
    )
    yield context.new_page()
    context.close()


def month(text: str) -> str:
    """As Django shortens it; browsers do otherwise in one month of the year."""
    return text.replace("Sept", "Sep")


def sign_in(page: Page, at: str) -> None:
    page.goto(f"/login/?next={at}")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("alice")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#desk")).to_be_visible()
    page.wait_for_load_state()


def test_all_times_are_of_one_clock(page: Page) -> None:
    alice = make_agent("alice")
    queue = make_queue([alice])
    early, late = (receive(queue, at=NIGHT.replace(hour=hour)).conversation for hour in (14, 16))
    Conversation.objects.filter(pk=late.pk).update(last_message_at=NIGHT)
    actions.reply(alice.user, late, Reply(text="Today."))
    OutgoingMail.objects.update(state="sent", sent_at=NIGHT, not_before=NIGHT)

    sign_in(page, f"/conversations/{late.pk}/%3Fview=all")  # the first page after it
    expect(page.locator(".delivery")).to_contain_text(f"Sent {IN_TOKYO}")
    page.locator("#tool-snooze summary").click()
    page.locator("#tool-snooze [data-snooze=tomorrow]").click()
    happened = page.locator("#items .event").last
    pill = page.locator("#head .pill time")
    expect(pill).to_contain_text(", 08:00")
    expect(happened).to_contain_text(f"snoozed it until {month(pill.inner_text())}.")
    page.reload()
    expect(happened).to_contain_text(f"snoozed it until {month(pill.inner_text())}.")

    page.keyboard.press("/")
    page.keyboard.type("before:2026-03-03")
    expect(page.locator(f"#row-{early.pk}")).to_be_visible()
    expect(page.locator(f"#row-{late.pk}")).to_have_count(0)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("on:2026-03-03")
    expect(page.locator(f"#row-{late.pk}")).to_be_visible()
    expect(page.locator(f"#row-{early.pk}")).to_have_count(0)

    page.goto(f"/conversations/{early.pk}/?view=all")
    page.keyboard.press("r")
    page.locator("#reply-text").fill("Next spring.")
    page.locator("details.sends summary").click()
    day = timezone.now().astimezone(TOKYO).date() + timedelta(days=30)
    at = datetime.combine(day, time(1), TOKYO)
    page.locator("details.sends [data-local]").fill(f"{at:%Y-%m-%dT%H:%M}")
    page.locator("details.sends [data-act=at]").click()
    leaves = page.locator(".timed time").first
    expect(leaves).to_contain_text(", 01:00")
    expect(happened).to_contain_text(f"leaves on {month(leaves.inner_text())}.")
    assert Draft.objects.get().send_at == at
