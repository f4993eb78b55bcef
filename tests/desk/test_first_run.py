"""A desk where no mail has come yet: what each is to do first, by keyboard, ticked off as it is done."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from queues import actions
from tests.accessible import violations
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.desk.test_by_keyboard import tab_to
from tests.make import (
    make_administrator,
    make_agent,
    make_queue,
    make_sender,
    make_source,
    make_supervisor,
    receive,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_redis")]


def steps(page: Page) -> list[str]:
    """As they are read; what is done says so."""
    return [re.sub(r"\s+", " ", each) for each in page.locator("#beginning li").all_text_contents()]


def done(page: Page) -> list[bool]:
    return ["(done)" in each for each in steps(page)]


def step(page: Page, name: str) -> Locator:
    return page.locator("#beginning").get_by_role("link", name=name)


def test_an_administrator_comes_to_each_page_and_sees_what_is_done(sign_in: SignIn) -> None:
    make_administrator("root")
    page = sign_in("root")
    expect(page.locator("#beginning h2")).to_have_text("Before the first mail comes")
    assert violations(page) == []
    pages = {
        "Connect an email sender": "/admin/mailsenders/emailsender/add/",
        "Add an email queue": "/admin/queues/emailqueue/add/",
        "Connect a mailbox": "/admin/mailsources/emailsource/add/",
        "Add agents": "/admin/agents/agent/add/",
        "Make them members of a queue": "/admin/queues/emailqueue/",
    }
    for name, address in pages.items():
        tab_to(page, step(page, name))
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{address}")
        page.go_back()
        page.wait_for_load_state()
    assert done(page) == [False] * 5
    make_sender()
    queue = make_queue([], name="Orders")
    make_source(queue=queue)
    agent = make_agent("alice")
    page.reload()
    assert done(page) == [True] * 4 + [False]
    queue.members.add(agent)
    page.reload()
    assert done(page) == [True] * 5


def test_what_is_off_is_to_be_switched_on(sign_in: SignIn) -> None:
    make_administrator("root")
    sender, queue = make_sender(is_active=False), make_queue([], name="Orders", sender=None)
    sources = [make_source(queue=queue, is_active=False) for _ in range(2)]  # a paused one and a draft
    EmailSource.objects.filter(pk=sources[0].pk).update(stage=EmailSource.Stage.DRAFT)
    page = sign_in("root")
    assert done(page) == [False, True, False, False, False]
    pages = {
        "Connect an email sender": "/admin/mailsenders/emailsender/",
        "Connect a mailbox": "/admin/mailsources/emailsource/",
    }
    for name, address in pages.items():
        line = page.locator("#beginning li", has=page.get_by_role("link", name=name))
        expect(line).to_contain_text("it is off: switch it on")
        expect(step(page, name)).to_have_attribute("href", address)
    EmailSender.objects.filter(pk=sender.pk).update(is_active=True)
    EmailSource.objects.filter(pk=sources[1].pk).update(is_active=True)
    page.reload()
    assert done(page) == [True, True, True, False, False]


def test_a_supervisor_is_led_to_skills_and_the_board(sign_in: SignIn) -> None:
    queue = make_queue([make_supervisor("bob", presence="offline")], name="Orders", hours="")
    page = sign_in("bob")
    expect(page.locator("#beginning h2")).to_have_text("No mail has come yet")
    assert "Colleagues in your queues" in steps(page)[0]
    assert done(page) == [False] * 4
    for name, heading in (("Skills and languages", "Skills"), ("The board", "Board")):
        tab_to(page, step(page, name))
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text(heading)
        page.keyboard.press("g")
        page.keyboard.press("d")
        expect(page.locator("#beginning")).to_be_visible()
    queue.members.add(make_agent("alice", languages={"en": 4}))
    queue.hours = "Mo-Fr 08:00-17:00"
    queue.save()
    page.reload()
    assert done(page) == [True, True, True, False]


def test_an_agent_says_so_and_the_first_mail_takes_its_place(sign_in: SignIn) -> None:
    alice = make_agent("alice", presence="offline")
    queue = make_queue([alice], name="Orders")
    page = sign_in("alice")
    expect(page.locator("#beginning li").first).to_contain_text("You work in Orders")
    assert done(page) == [True, False, False, False]
    assert violations(page) == []
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(page.locator("#presence button").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#beginning .done")).to_have_count(2)  # by itself
    row = receive(queue).conversation
    expect(page.locator(f"#row-{row.pk}, #view-unassigned .num").first).to_be_visible()
    expect(page.locator("#beginning")).to_have_count(0)
    expect(page.get_by_role("heading", name="No conversation is open")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("n")
    expect(page.locator(f"article[data-conversation='{row.pk}']")).to_be_visible()
    assert actions.draft_of(alice.user, row) is None


def test_the_first_mail_that_comes_beside_another_change_is_not_missed(sign_in: SignIn) -> None:
    queue = make_queue([make_agent("alice", presence="offline")], name="Orders")
    page = sign_in("alice")
    expect(page.locator("#beginning")).to_be_visible()
    expect(page.get_by_role("heading", name="No conversation is open")).to_be_hidden()
    held = held_back(page, re.compile(r"\d/$"))
    page.keyboard.press("p")
    page.keyboard.press("Enter")
    late = come(page, held)
    before = late.fetch()  # as it was without the mail
    receive(queue)
    expect(page.locator("#view-unassigned .num, #rows .row").first).to_be_visible()
    late.fulfill(response=before)
    come(page, held).continue_()
    expect(page.locator("#beginning")).to_have_count(0)
    expect(page.get_by_role("heading", name="No conversation is open")).to_be_visible()
