"""Signing out where there is no desk: words that this browser alone has are asked about there, too."""

import re

import pytest
from playwright.sync_api import expect

from audit.models import AuditRow
from tests.desk.conftest import SignIn
from tests.make import make_administrator

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
