"""The form of an email source in a real browser: the port follows, and the test answers in place."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from mailsources.models import EmailSource, ForwardingTest
from tests.make import make_queue
from tests.servers.dovecot import PASSWORD, Dovecot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    """A page of Chromium at the product; errors on its console fail the test."""
    settings.BASE_URL = live_server.url
    settings.ALLOW_PRIVATE_HOSTS = True
    errors: list[str] = []
    page = chromium.new_page(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    yield page
    page.close()
    connections.close_all()  # beside Playwright's loop this thread has a connection of its own
    assert errors == []


def test_adding_a_source(page: Page, dovecot: Dovecot) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    make_queue(name="Support")
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    page.click("#nav-sidebar >> text=Email sources")
    page.click("text=+ add email source >> nth=0")

    ports = []
    for server_type, use_ssl in (("POP3", True), ("POP3", False), ("IMAP", False), ("IMAP", True)):
        page.get_by_label("Server type").select_option(server_type)
        page.get_by_label("Use SSL connection").set_checked(use_ssl)
        ports.append(page.get_by_label("Service port").input_value())
    assert ports == ["995", "110", "143", "993"]

    page.get_by_label("Service port").fill(str(dovecot.ports.imaps))
    page.get_by_label("Use SSL connection").set_checked(False)
    page.get_by_label("Use SSL connection").set_checked(True)
    assert page.get_by_label("Service port").input_value() == str(dovecot.ports.imaps), "it was typed in"
    page.get_by_label("Server address").fill(dovecot.host)
    page.get_by_label("Username").fill(dovecot.new_user())
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Test connection").click()
    page.wait_for_selector("text=The connection works.")
    page.get_by_role("button", name="Insert").click()
    page.wait_for_selector("tr:has(.ucs-marked) >> text=not tried yet")
    page.get_by_role("button", name="Poll now").click()
    page.wait_for_selector("text=is being fetched")
    assert EmailSource.objects.get().queue.name == "Support"


def test_adding_a_forwarding_source(page: Page, settings: Settings) -> None:
    settings.INBOUND_DOMAIN = "inbound.example.test"
    User.objects.create_superuser("admin", password="rehearsal")
    make_queue(name="Support")
    page.goto("/admin/login/?next=/admin/mailsources/emailsource/add/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    fields = ("server_address", "username", "password", "folder", "after_import", "poll_interval")
    page.get_by_label("Server type").select_option("FORWARDING")
    for name in fields:
        assert not page.locator(f"#id_{name}").is_visible(), name
    assert not page.get_by_role("button", name="Test connection").is_visible()
    page.get_by_label("Server type").select_option("IMAP")
    for name in fields:
        assert page.locator(f"#id_{name}").is_visible(), name
    assert not page.get_by_label("Public address").is_visible()
    page.get_by_label("Server type").select_option("FORWARDING")
    page.get_by_label("Public address").fill("info@example.com")
    page.get_by_role("button", name="Insert").click()
    page.wait_for_selector("text=waiting for first mail")
    source = EmailSource.objects.get()
    assert page.locator(".ucs-copy-value").first.text_content() == source.address
    page.get_by_role("button", name="Test forwarding").click()
    page.wait_for_selector("text=The test mail goes to info@example.com.")
    ForwardingTest.objects.update(arrived_at=timezone.now())
    page.wait_for_selector("text=it works")  # the page looks again by itself
