"""The pages for supervisors in a real browser, by keyboard alone; axe finds nothing on them."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents.models import Agent, AwayReason, Language, Skill
from queues import actions, kinds, live
from queues.models import Conversation, EmailQueue
from tests.accessible import violations
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_conversation, make_queue, make_supervisor
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def orders() -> EmailQueue:
    """Alice and Dora work in it, Bob directs them."""
    people = [
        make_agent("alice", skills={"billing": 2}, languages={"en": 4}, capacity=3),
        make_agent("dora", skills={"billing": 5}, presence="away", capacity=3),
        make_supervisor("bob", presence="away"),
    ]
    queue = make_queue(people, skills={"billing": 2, "legal": 3}, name="Orders")
    queue.languages.set(Language.objects.all())
    for name in ("Lunch", "Meeting"):
        AwayReason.objects.get_or_create(name=name)
    return queue


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_supervisor_directs_from_the_board_by_keyboard(sign_in: SignIn, orders: EmailQueue) -> None:
    row = make_conversation(orders, subject="Parcel 17")
    actions.take(Agent.objects.get(user__username="alice").user, row)
    Conversation.objects.filter(pk=row.pk).update(due_at=timezone.now() - timedelta(minutes=5))
    make_conversation(orders, subject="Parcel 18")
    kinds.refresh()
    page = sign_in("bob", "/board/")
    expect(page.locator("#queue-rows")).to_contain_text("No member has billing ≥ 2, legal ≥ 3")
    assert violations(page) == []

    press(page, "2", "j")
    expect(page.locator(f"[data-work='{row.pk}']")).to_be_focused()
    press(page, "r")
    expect(page.locator("#act-find")).to_be_focused()
    assert violations(page) == []
    page.keyboard.type("dora")
    press(page, "Enter", "Enter")
    expect(page.locator("#toasts")).to_contain_text("is with Dora now")
    expect(page.locator("#act")).not_to_be_visible()
    expect(page.locator("#decisions")).to_contain_text("Bob gave it to Dora")
    row.refresh_from_db()
    assert str(row.agent) == "Dora"

    expect(page.locator(f"#agent-{row.agent_id} [data-work]")).to_have_count(1)
    press(page, "2", "j")
    expect(page.locator(f"[data-work='{row.pk}']")).to_be_focused()
    press(page, "b")
    expect(page.locator("#toasts")).to_contain_text("waits in Orders again")
    eventually(lambda: Conversation.objects.filter(pk=row.pk, agent=None).exists(), "it waits again")

    expect(page.locator("[data-work]")).to_have_count(0)
    press(page, "2", "a")
    expect(page.locator("#act-reason")).to_be_focused()
    page.keyboard.type("Meeting")
    press(page, "Tab", "Tab", "Enter")
    expect(page.locator("#people")).to_contain_text("Away: Meeting")
    assert Agent.objects.get(user__username="alice").away_reason == "Meeting"


def test_the_board_follows_without_losing_the_place(sign_in: SignIn, orders: EmailQueue) -> None:
    alice = Agent.objects.get(user__username="alice")
    first = make_conversation(orders, subject="Parcel 17")
    actions.take(alice.user, first)
    page = sign_in("bob", "/board/")
    press(page, "2", "j")
    expect(page.locator(f"[data-work='{first.pk}']")).to_be_focused()
    actions.take(alice.user, make_conversation(orders, subject="Parcel 18"))
    expect(page.locator("#people")).to_contain_text("Parcel 18")
    expect(page.locator(f"[data-work='{first.pk}']")).to_be_focused()
    for name in ("dora", "alice"):  # it goes along, upwards and downwards
        agent = Agent.objects.get(user__username=name)
        actions.assign(User.objects.get(username="bob"), first, agent)
        expect(page.locator(f"#agent-{agent.pk} [data-work='{first.pk}']")).to_be_focused()


def test_levels_are_set_and_undone_by_keyboard(sign_in: SignIn, orders: EmailQueue) -> None:
    alice = Agent.objects.get(user__username="alice")

    def levels() -> dict[str, int]:
        return dict(alice.skill_levels.values_list("skill__name", "level"))

    Skill.objects.create(name="vip", kind=Skill.Kind.YES_NO)
    page = sign_in("bob", "/board/skills/")
    expect(page.locator("#demand-rows")).to_contain_text("nobody")
    assert violations(page) == []
    page.locator("[role=gridcell][tabindex='0']").focus()
    press(page, "4")
    eventually(lambda: levels() == {"billing": 4}, "the level is saved")
    press(page, "ArrowRight", "3")
    eventually(lambda: levels() == {"billing": 4, "legal": 3}, "the other one, too")
    expect(page.locator("#demand-rows .one")).to_have_count(2)
    expect(page.locator(f"#person-{alice.pk} td").nth(1)).to_be_focused()
    with page.expect_response(re.compile(r"/board/skills/\?")):  # the table comes anew
        press(page, "u")
    eventually(lambda: levels() == {"billing": 4}, "it is undone")

    alice.skill_levels.update(level=1)  # by somebody else, unseen
    press(page, "ArrowLeft", "5")
    expect(page.locator("#toasts")).to_contain_text("set to 1 by somebody else")
    expect(page.locator(f"#person-{alice.pk} td").nth(0)).to_have_text("1")

    press(page, "x", "ArrowDown", "x")
    expect(page.locator("#bulk-count")).to_have_text("2 agents")
    page.locator("#bulk-level").focus()
    press(page, "2", "Tab", "Enter")
    eventually(lambda: levels() == {"billing": 2}, "both are set")
    expect(page.locator("#toasts")).to_contain_text("Saved: 2 levels")

    vip = page.locator(f"#person-{alice.pk} td").nth(2)
    vip.focus()
    press(page, "3")  # any digit says yes
    eventually(lambda: levels() == {"billing": 2, "vip": 6}, "who has it is known")
    expect(vip).to_have_text("✓")
    press(page, "-")
    eventually(lambda: levels() == {"billing": 2}, "who has it no more, too")
    expect(vip).to_have_text("–")


def test_what_is_offered_is_opened_by_a_key(sign_in: SignIn, orders: EmailQueue) -> None:
    alice = Agent.objects.get(user__username="alice")
    page = sign_in("alice")
    row = make_conversation(orders, subject="Parcel 17")
    Conversation.objects.filter(pk=row.pk).update(
        state="assigned", agent=alice, accept_by=timezone.now() + timedelta(seconds=90)
    )
    live.changed(row.pk, orders.pk, alice.pk)
    expect(page.locator("#offer-cards")).to_contain_text("Parcel 17")
    expect(page.locator("#offer-cards [data-countdown]")).to_contain_text(" s")
    expect(page).to_have_title("(1) Mine · UCS Email")
    assert violations(page) == []
    press(page, "y")
    expect(page.locator("#head")).to_contain_text("Parcel 17")
    expect(page.locator("#offer-cards li")).to_have_count(0)

    beats = held_back(page, "**/presence/seen")
    while not beats:  # one that is under way already is the one for both
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(20)
    press(page, "p")
    expect(page.locator("#today-told")).to_contain_text("nothing answered yet")
    press(page, "ArrowDown", "ArrowDown", "Enter")
    expect(page.locator("#presence-label")).to_have_text("Away: Lunch")
    alice.refresh_from_db()
    assert (alice.presence, alice.away_reason) == ("away", "Lunch")
    come(page, beats).fulfill(body="available|Available")  # asked before it was chosen, and late
    page.evaluate("fetch('/login/').then((answer) => answer.text())")
    expect(page.locator("#presence-label")).to_have_text("Away: Lunch")
    press(page, "Escape")
    expect(page.locator("#user-menu")).not_to_have_attribute("open", "")


def test_where_the_second_key_leads_is_told(sign_in: SignIn, orders: EmailQueue) -> None:
    page = sign_in("bob", "/board/")
    press(page, "g")
    expect(page.locator("#pending-key")).to_contain_text("Desk")
    assert violations(page) == []
    press(page, "g", "d")  # the first one waits for a moment only
    expect(page.locator("#list-name")).to_have_text("Mine")
