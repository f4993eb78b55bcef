"""WCAG 2.2 A and AA, as far as axe sees it, on the desk and where people and times are kept."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents.models import Absence, Agent, AwayReason, Calendar, Language
from queues import live, routing, tagging
from queues.models import Conversation, EmailQueue
from tests.accessible import violations
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_conversation, make_queue, make_supervisor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    """Alice works in it and has shifts, Bob directs it and administers all."""
    alice = make_agent(
        "alice", skills={"billing": 4}, languages={"en": 4}, capacity=3, shifts="Mo-Fr 08:00-17:00"
    )
    bob = make_supervisor("bob", presence="away")
    User.objects.filter(pk=bob.user.pk).update(is_staff=True, is_superuser=True)
    soon = date.today() + timedelta(days=3)
    Absence.objects.create(agent=alice, first_date=soon, last_date=soon)
    AwayReason.objects.get_or_create(name="Lunch")
    office = Calendar.objects.create(name="Office", time_zone="Europe/Prague", hours="Mo-Fr 08:00-17:00")
    office.days.create(date=soon, hours="08:00-12:00")
    queue = make_queue([alice, bob], skills={"billing": 2}, name="Orders", calendar=office, mode="push")
    queue.languages.set(Language.objects.all())
    return queue


def test_the_pages_of_supervisors_and_administrators(sign_in: SignIn, orders: EmailQueue) -> None:
    """The board, skills and what if are looked at where they are used."""
    page = sign_in("bob", "/board/shifts/")
    expect(page.get_by_label("Alice, Mo")).to_have_value("08:00-17:00")
    assert violations(page) == []
    page.get_by_role("button", name="Absences of Alice").click()
    expect(page.get_by_label("Works instead")).to_be_visible()
    assert violations(page, within="#act") == []

    page.goto("/board/forecast/")
    assert violations(page) == []

    page.goto(f"/admin/agents/calendar/{Calendar.objects.get().pk}/change/")
    expect(page.locator("#calendar-preview")).to_contain_text("Next 14 days")
    assert violations(page) == []
    page.goto(f"/admin/queues/emailqueue/{orders.pk}/change/")
    expect(page.locator("[role=combobox][data-named]").first).to_be_visible()
    assert violations(page, without=".select2-selection__rendered") == []  # its cross stands among list items
    named = page.locator("[aria-describedby$=_helptext]").evaluate_all(
        "all => all.map(each => each.getAttribute('aria-describedby').split(' ').at(-1))"
    )
    assert named
    assert [each for each in named if not page.locator(f"[id='{each}']").count()] == []


def test_the_desk(sign_in: SignIn, orders: EmailQueue) -> None:
    alice = Agent.objects.get(user__username="alice")
    row = make_conversation(orders, subject="Parcel 17")
    routing.dispatch(orders.pk)
    row.refresh_from_db()
    assert row.agent == alice
    tagging.tag(orders.members.get(user__username="bob").user, row, add=["urgent"])
    page = sign_in("alice", f"/conversations/{row.pk}/?view=mine")
    expect(page.locator("#side .tag")).to_have_text("urgent")
    page.locator("#why summary").click()
    expect(page.locator("#why")).to_contain_text("Counts as")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#why")).not_to_have_attribute("open", "")

    _offer(page, orders, alice)
    page.keyboard.press("p")
    expect(page.locator("#today-told")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("f")
    expect(page.locator("[role=option]").first).to_be_visible()
    assert violations(page) == []


def _offer(page: Page, queue: EmailQueue, alice: Agent) -> None:
    for subject in ("Parcel 18", "Parcel 19"):
        row = make_conversation(queue, subject=subject)
        Conversation.objects.filter(pk=row.pk).update(
            state="assigned", agent=alice, accept_by=timezone.now() + timedelta(seconds=90)
        )
        live.changed(row.pk, queue.pk, alice.pk)
    expect(page.locator("#offer-cards li")).to_have_count(2)
