"""The form of an email source in a real browser: the port follows, and the test answers in place."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from mailsenders import connections as sending_connections
from mailsenders import sending
from mailsenders.models import EmailSender
from mailsources import check, fetch, guessing
from mailsources.deliver import deliver_many
from mailsources.models import EmailSource, FetchedMail, ForwardingTest
from privacy.models import Erasure
from sso.steps import Place, Step
from tests.mailsources.test_roundtrip import Relay
from tests.make import make_queue, make_source
from tests.servers.authority import Authority
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.ports import free_ports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    """A page of Chromium at the product; errors on its console fail the test."""
    settings.BASE_URL = live_server.url
    settings.ALLOW_PRIVATE_HOSTS = True
    errors: list[str] = []
    page = chromium.new_page(
        base_url=live_server.url,
        viewport={"width": 1280, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
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
    page.wait_for_url("**/add/")  # with its scripts, which hear nothing of what was chosen before

    ports = []
    for server_type, use_ssl in (("POP3", True), ("POP3", False), ("IMAP", False), ("IMAP", True)):
        page.get_by_label("Server type").select_option(server_type)
        page.get_by_label("Use SSL connection").set_checked(use_ssl)
        ports.append(page.get_by_label("Service port").input_value())
        is_pop3 = server_type == "POP3"
        assert page.locator("#id_folder").is_disabled() == is_pop3
        for value in ("read", "move"):
            assert page.locator(f"#id_after_import option[value={value}]").is_disabled() == is_pop3
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
    page.wait_for_selector("tr:has(.ucs-marked) >> text=active in queue Support")
    page.wait_for_selector("text=first fetch within 60 s")
    page.get_by_role("button", name="Poll now").click()
    page.wait_for_selector("text=is being fetched")
    assert EmailSource.objects.get().queue.name == "Support"


@pytest.fixture
def relay(dovecot: Dovecot, authority: Authority) -> Iterator[Relay]:
    """A server for outgoing mail of the boxes at Dovecot, with their password and STARTTLS."""
    box = dovecot.new_user()
    options: dict[str, Any] = {"certificate": authority.certificate(), "passwords": {box: PASSWORD}}
    with Relay(dovecot, tls="starttls", **options) as server:
        yield server
        sending_connections.close_all()


def test_adding_a_mailbox(
    page: Page, dovecot: Dovecot, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """“+ add mailbox”: from the address to the round trip, over real servers, left and resumed on the way."""
    places = (
        [Place(dovecot.host, port, "IMAP", "tls") for port in (free_ports(1)[0], dovecot.ports.imaps)],
        [Place(relay.host, relay.port, "SMTP", "starttls")],
    )
    monkeypatch.setattr(guessing, "candidates", lambda domain, said: places)  # the usual names lead to them
    (address,) = relay.passwords
    User.objects.create_superuser("admin", password="rehearsal")
    page.goto("/admin/login/?next=/admin/mailsources/emailsource/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="+ add mailbox").click()
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name="Look it up").click()
    page.get_by_text(f"{dovecot.host}:{dovecot.ports.imaps} answers").wait_for()
    assert page.get_by_label("Password", exact=True).first.is_checked()

    page.get_by_role("link", name="Go on later").click()
    page.locator(".ucs-stage", has_text="Half set up").get_by_role("link", name=address).click()
    for password in ("a wrong one", PASSWORD):
        sign_in = page.locator("details", has=page.locator("summary", has_text="3 Sign-in"))
        if sign_in.get_attribute("open") is None:
            sign_in.locator("summary").click()
        page.fill("[name=password]", password)
        page.get_by_role("button", name="Keep this sign-in").click()
        if password != PASSWORD:
            assert page.get_by_label("New queue").input_value() == address.partition("@")[0]
            page.get_by_label("New queue").fill("Support")
            page.get_by_role("button", name="Keep this queue").click()
        page.get_by_role("button", name="Test both directions").click()
        verdicts = page.locator(".ucs-steps-verdict")
        said = "The connection works." if password == PASSWORD else "It stops at “Login”."
        expect(verdicts).to_have_text([said, said])
    source, sender = EmailSource.objects.get(), EmailSender.objects.get()
    assert (source.stage, sender.is_active) == ("draft", False)
    page.get_by_role("button", name="Switch on and send a round trip").click()
    page.wait_for_selector("text=first fetch within 60 s")

    sending.send_due_mail(sender.pk)
    relay.wait_for(1)
    page.wait_for_selector("text=its mailbox is looked at every few seconds")
    fetch.fetch_new(EmailSource.objects.get())
    deliver_many(list(FetchedMail.objects.values_list("pk", flat=True)))
    page.wait_for_selector("text=The mail came back after")
    expect(page.locator(".ucs-stage-done")).to_have_count(4)
    source.refresh_from_db()
    sender.refresh_from_db()
    assert (source.is_active, source.queue.name, source.queue.sender) == (True, "Support", sender)
    assert (sender.is_active, sender.email_address) == (True, address)
    page.get_by_role("link", name="See the mailbox").click()
    page.wait_for_selector("text=active in queue Support")


def test_adding_a_forwarding_source(page: Page, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    works = Step("Intake", ok=True, detail="a process takes forwarded mail", seconds=0.1)
    monkeypatch.setattr(check, "test_connection", lambda source: [works])
    settings.INBOUND_DOMAIN = "inbound.example.test"
    User.objects.create_superuser("admin", password="rehearsal")
    make_queue(name="Support")
    page.goto("/admin/login/?next=/admin/mailsources/emailsource/add/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login/" not in url)
    fields = ("server_address", "username", "password", "folder", "after_import", "poll_interval")
    page.get_by_label("Server type").select_option("FORWARDING")
    for name in fields:
        assert not page.locator(f"#id_{name}").is_visible(), name
    assert not page.get_by_role("button", name="Test connection").is_visible()
    page.get_by_label("Server type").select_option("IMAP")
    for name in fields:
        assert page.locator(f"#id_{name}").is_visible(), name
    assert not page.locator("#id_collected_by").is_visible()
    page.get_by_label("Server type").select_option("FORWARDING")
    page.get_by_label("E-mail address").fill("info@example.com")
    page.get_by_role("button", name="Insert").click()
    page.wait_for_selector("text=waiting for first mail")
    source = EmailSource.objects.get()
    assert page.locator(".ucs-copy-value").first.text_content() == source.address
    page.click(".ucs-copy-button >> nth=0")
    copied = "async address => await navigator.clipboard.readText() === address"
    page.wait_for_function(copied, arg=source.address)
    page.get_by_role("button", name="Test forwarding").click()
    page.wait_for_selector("text=The test mail goes to info@example.com.")
    ForwardingTest.objects.update(arrived_at=timezone.now())
    page.wait_for_selector("text=it works")  # the page looks again by itself


def test_the_list_is_short_on_a_phone_and_switches_are_seen_in_forced_colours(page: Page) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    source = make_source(name="Shop")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/admin/login/?next=/admin/mailsources/emailsource/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    row = page.locator("#result_list .data-row")
    expect(row).to_be_visible()
    expect(row.locator("[data-label=Backlog]")).to_be_hidden()
    box = row.bounding_box()
    assert box is not None
    assert box["height"] < 260, "it was a line for each of its eight cells"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(row.get_by_role("button", name="Poll now: Shop")).to_be_visible()

    Erasure.objects.create(contact_id=5)
    page.goto("/admin/privacy/erasure/")
    first = page.locator("#result_list .data-row td").first
    label = first.evaluate("one => getComputedStyle(one, '::before').content")
    assert (first.inner_text(), label) == ("contact 5", "none"), "there is nothing to select"

    page.emulate_media(forced_colors="active")
    page.goto(f"/admin/mailsources/emailsource/{source.pk}/change/")
    switch = page.locator("#id_use_ssl")
    colours = set()
    for is_on in (True, False):
        switch.set_checked(is_on)
        colours.add(switch.evaluate("one => getComputedStyle(one).backgroundColor"))
    assert len(colours) == 2, "on and off look alike"
