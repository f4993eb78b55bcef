"""Signing out where there is no desk: words that this browser alone has are asked about there, too."""

import re

import pytest
from playwright.sync_api import expect

from audit.models import AuditRow
from tests.browser import come, held_back
from tests.desk.conftest import SignIn
from tests.make import make_administrator, make_agent

pytestmark = pytest.mark.django_db(transaction=True)

KEPT = "() => Object.keys(localStorage).filter((name) => name.startsWith('ucs:draft:')).length"
WRITTEN = """number => localStorage.setItem(
  `ucs:draft:${document.body.dataset.user}:1:note`, JSON.stringify({ text: "Call him back.", number }))"""


def test_the_administration_asks_before_it_signs_out(sign_in: SignIn) -> None:
    make_administrator()
    page = sign_in("root")
    page.evaluate(WRITTEN, 17)
    page.goto("/admin/")
    page.get_by_text("unfold_more").click()
    sign_out = page.get_by_role("button", name="Sign out")
    sign_out.click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("what you wrote in #17 is in this browser alone")
    sign_out.click()
    expect(page).to_have_url(re.compile("/login/"))
    assert page.evaluate(KEPT) == 0
    assert AuditRow.objects.filter(act="signed_out", actor_name="root").count() == 1


def test_the_desk_asks_though_its_scripts_have_not_run_yet(sign_in: SignIn) -> None:
    make_agent("alice")
    page = sign_in("alice")
    page.evaluate(WRITTEN, 17)
    held = held_back(page, re.compile("/desk/main"))
    page.goto("/", wait_until="commit")
    page.locator("details:has(#logout) > summary").click()
    page.locator("#logout button").click()
    come(page, held).continue_()
    expect(page.get_by_text("what you wrote in #17 is in this browser alone")).to_be_visible()
    assert page.evaluate(KEPT) == 1
