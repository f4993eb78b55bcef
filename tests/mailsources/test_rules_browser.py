"""Mail rules as an administrator works with them: a rule by rows, the order by keys, a draft, the lab."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from mailsources import rule_lab
from mailsources.deliver import deliver_many
from mailsources.fetch import ingest
from mailsources.models import FetchedMail
from mailsources.rule_models import MailRule, RuleTrial
from tests.make import make_mail, make_queue, make_rule, make_source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    """A page of Chromium at the product; errors on its console fail the test."""
    settings.BASE_URL = live_server.url
    errors: list[str] = []
    page = chromium.new_page(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    yield page
    page.close()
    connections.close_all()  # beside Playwright's loop this thread has a connection of its own
    assert errors == []


def test_rules_are_written_tried_and_published(page: Page) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    source = make_source(name="support-in")
    make_queue(name="Billing")
    make_rule(
        {"what": "subject", "how": "contains", "value": "prize"}, {"hold": ""}, source=source, name="Prizes"
    )
    deliver_many([ingest(source, make_mail(Subject=each)).pk for each in ("My bill", "A prize", "Hello")])
    page.goto("/admin/mailsources/rulelist/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="source support-in").click()
    page.get_by_role("button", name="Change a draft and try it").click()
    expect(page.get_by_text("This is a draft")).to_be_visible()

    page.get_by_role("link", name="+ add mail rule", exact=True).click()
    page.wait_for_url("**/add/**")  # with its scripts
    page.fill("#id_name", "Bills")
    page.get_by_role("button", name="+ add a condition").click()
    page.get_by_label("What is looked at").select_option("header")
    expect(page.get_by_label("Name of the header or own field")).to_be_visible()
    page.get_by_label("What is looked at").select_option("subject")
    expect(page.get_by_label("Name of the header or own field")).to_be_hidden()
    page.get_by_label("With what", exact=True).fill("bill | invoice")
    page.get_by_role("button", name="+ add an action").click()
    page.get_by_label("What is done").select_option("queue")
    page.get_by_label("With which value").fill("Nowhere")
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is no email queue “Nowhere”.").first).to_be_visible()
    page.get_by_label("With which value").fill("Billing")
    page.keyboard.press("Enter")

    row = page.get_by_role("row").filter(has_text="Bills")
    expect(row).to_contain_text("subject contains “bill | invoice”")
    expect(row).to_contain_text("put into the queue Billing")
    page.get_by_role("button", name="Move Bills up").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".rule-table tbody tr").first).to_contain_text("Bills")

    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator("[data-running]")).to_be_visible()
    rule_lab.run(RuleTrial.objects.get().pk)
    expect(page.get_by_text("All 3 mails of 7 days were looked at.")).to_be_visible()
    changed = page.locator("tr.is-changed")
    expect(changed).to_have_count(1)
    expect(changed).to_contain_text("Billing")
    changed.get_by_role("link").click()
    finding = page.get_by_role("row").filter(has_text="subject contains “bill | invoice”")
    expect(finding).to_contain_text("✓ yes")
    expect(finding).to_contain_text("My bill")
    page.go_back()

    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("the draft holds now, for the next mail")).to_be_visible()
    assert list(MailRule.objects.values_list("name", flat=True)) == ["Bills", "Prizes"]
    page.goto(f"/admin/mailsources/fetchedmail/{FetchedMail.objects.earliest('pk').pk}/change/")
    page.get_by_role("link", name="Try the mail rules with it").click()
    expect(page.get_by_text("With the rules as they hold now.")).to_be_visible()
    expect(page.locator("strong", has_text="Billing")).to_be_visible()
