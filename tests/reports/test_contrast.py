"""High contrast, by choice and by the system, and the forecast read without a mouse."""

from datetime import UTC

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents.models import Agent
from queues.models import EmailQueue
from tests.accessible import violations
from tests.desk.conftest import SignIn
from tests.make import make_conversation
from tests.reports import test_forecast
from tests.reports.test_forecast import orders

__all__ = ["orders"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("today", "clean_redis")]
SEVEN = {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast-enhanced"]}}


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The past of the forecast ends now, as the web process has no other clock."""
    monkeypatch.setattr(test_forecast, "NOW", timezone.now().astimezone(UTC))


def too_pale(page: Page) -> list[str]:
    """What has less than 7:1, or 4.5:1 where it is large, in light and in dark (WCAG 2.2, 1.4.6)."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        response = Axe().run(page, options=SEVEN).response
        found += [
            f"{scheme}: {node['html'][:160]}" for each in response["violations"] for node in each["nodes"]
        ]
    return found


def test_high_contrast_is_chosen_by_keys_and_holds_everywhere(sign_in: SignIn, orders: EmailQueue) -> None:
    row = make_conversation(orders, subject="My parcel")
    page = sign_in("bob", f"/conversations/{row.pk}/")
    page.keyboard.press("p")
    choice = page.get_by_role("button", name="High contrast")
    choice.focus()
    page.keyboard.press("Enter")
    expect(choice).to_have_attribute("aria-pressed", "true")
    assert too_pale(page) == []
    page.keyboard.press("Escape")
    for address in ("/board/", "/board/skills/", "/board/shifts/", "/account/"):
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("data-contrast", "more")
        assert too_pale(page) == [], address
    page.get_by_role("button", name="As the system").press("Enter")
    expect(page.locator("html[data-contrast]")).to_have_count(0)
    page.emulate_media(contrast="more")
    expect(page.locator("html")).to_have_attribute("data-contrast", "more")


def test_the_forecast_by_keys_and_in_the_systems_own_colours(sign_in: SignIn, orders: EmailQueue) -> None:
    Agent.objects.filter(user__username="alice").update(shifts="Mo-Su 00:00-00:30")
    EmailQueue.objects.update(hours="Mo-Su 00:00-24:00")
    page = sign_in("bob", "/board/")
    page.emulate_media(forced_colors="active", color_scheme="dark")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="What nobody planned can answer")).to_be_visible()
    line = page.get_by_label("Queue and language")
    line.focus()
    while line.locator("option:checked").inner_text() != "Orders, Czech":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Orders, Czech: the next seven days")).to_be_visible()
    hours = page.locator(".days summary").first
    hours.focus()
    # Shadows are gone in these colours: an edge says where the focus is.
    assert hours.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    assert hours.evaluate("each => parseFloat(getComputedStyle(each).outlineWidth)") >= 2
    page.keyboard.press("Enter")
    expect(page.locator(".days table").first).to_be_visible()
    page.emulate_media(forced_colors="none")
    assert violations(page) == []
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")  # paper is white
    expect(page.locator("#nav")).to_be_hidden()
    assert page.locator("#main").evaluate("each => each.scrollHeight - each.clientHeight") < 1  # whole
    assert page.evaluate("document.documentElement.scrollHeight") > page.viewport_size["height"]  # type: ignore[index]
