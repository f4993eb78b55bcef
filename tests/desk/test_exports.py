"""A file that is saved changes nothing on the page, so the page says what happens."""

import pytest
from playwright.sync_api import expect

from tests.desk.conftest import SignIn
from tests.make import make_administrator, make_agent, make_queue, make_supervisor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("at", "button"), [("/board/skills/", "#export"), ("/contacts/", "[download]")])
def test_a_supervisor_is_told_of_an_export(sign_in: SignIn, at: str, button: str) -> None:
    make_queue([make_agent("alice"), make_supervisor("bob")], {"billing": 2})
    page = sign_in("bob", at)
    with page.expect_download() as begun:
        page.locator(button).click()
    assert begun.value.suggested_filename.endswith(".csv")
    expect(page.locator("#toasts")).to_contain_text("saves the table among its downloads")


def test_an_administrator_is_told_of_an_export(sign_in: SignIn) -> None:
    make_administrator()
    page = sign_in("root")
    page.goto("/admin/audit/auditrow/")
    for _ in range(2):
        with page.expect_download():
            page.get_by_role("link", name="Export as CSV").click()
    told = page.get_by_role("status").filter(has_text="among its downloads")
    expect(told).to_have_count(1)
