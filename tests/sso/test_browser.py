"""The reference page's steps in a real browser: + add SSO provider, Insert, 🔑, consent."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Dialog, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from rehearsal.oauth import OAuthServer
from sso.models import ChecklistTick, ProviderToken
from sso.secrets import token_url
from tests.browser import intercept
from tests.make import make_provider, make_sender, make_source
from tests.servers.ports import free_ports
from tests.sso.conftest import MAILBOX, OTHER

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


def is_there(page: Page) -> None:
    """The page behind the log-in, with its scripts, which hear nothing of what was chosen before."""
    page.wait_for_url(lambda url: "/login/" not in url)


def test_connecting_a_google_mailbox_word_for_word(page: Page, oauth_server: OAuthServer) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    page.click("#nav-sidebar >> text=SSO providers")
    page.click("text=+ add SSO provider >> nth=0")
    page.get_by_label("Client ID").fill("123456789-copiedClientId.apps.googleusercontent.com")
    page.get_by_label("Client secret", exact=True).fill("GABCDEF-copiedClientSecretFromGoogleCloudConsole")
    assert page.get_by_label("Scope").input_value() == "https://mail.google.com/"
    page.click("text=Other endpoints")
    endpoints = oauth_server.endpoints()
    page.get_by_label("Authorization URL").fill(endpoints["authorization_url"])
    page.get_by_label("Access token URL").fill(endpoints["token_url"])
    page.get_by_role("button", name="Insert").click()
    page.wait_for_selector("tr:has(.ucs-marked) >> text=not signed in")

    page.click(".ucs-key")
    page.click(f"text={MAILBOX}")
    page.get_by_role("button", name="Allow").click()

    page.wait_for_selector("tr:has(.ucs-marked) >> text=signed in")
    row = page.inner_text("tr:has(.ucs-marked)")
    assert MAILBOX in row
    assert "in 59 min" in row or "in 60 min" in row
    token = ProviderToken.objects.get()
    assert oauth_server.owner_of(token.access_token) == MAILBOX

    page.click("#result_list tbody th a")
    page.wait_for_url("**/change/")
    assert f"/api/v1.0/auth/token/{token.provider_id}" in page.inner_text(".ucs-card")
    button = page.locator(".ucs-copy-button").first
    said = "() => button.dataset.said ??= button.textContent"  # for a moment only
    button.evaluate(f"button => new MutationObserver({said}).observe(button, {{ childList: true }})")
    button.click()
    expect(button).to_have_attribute("data-said", re.compile("Copied|Press Ctrl"))


def test_what_is_beside_the_form_follows_the_type(page: Page) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    page.goto("/admin/login/?next=/admin/sso/ssoprovider/add/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    is_there(page)
    page.get_by_label("Type").select_option("microsoft")
    page.wait_for_selector("details[open] >> text=For the Microsoft Entra admin center")
    assert page.locator("details.ucs-card-kind[open]").count() == 1
    assert "outlook.office.com" in page.get_by_label("Scope").input_value()
    page.get_by_label("Scope").fill("openid")
    page.get_by_label("Type").select_option("google")
    assert page.get_by_label("Scope").input_value() == "openid", "it was typed in"

    def marked() -> list[str]:
        found = page.eval_on_selector_all("label.ucs-needed", "all => all.map((each) => each.htmlFor)")
        return [str(each) for each in found]

    assert marked() == ["id_client_secret"]
    page.get_by_label("Type").select_option("generic")
    assert marked() == ["id_scope", "id_authorization_url", "id_token_url"]
    assert page.locator("summary.ucs-needed").inner_text().strip().startswith("Other endpoints")
    page.get_by_label("Type").select_option("microsoft")
    redirect = f"{page.url.partition('/admin/')[0]}/login/oauth2/microsoft"
    assert page.locator("details.ucs-card-kind[open] .ucs-copy-value >> nth=0").inner_text() == redirect


def test_a_sign_in_asks_before_it_drops_what_is_typed_in(page: Page) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    source = make_source(password=token_url(str(make_provider().pk)))
    address = f"/admin/mailsources/emailsource/{source.pk}/change/"
    page.goto(f"/admin/login/?next={address}")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    is_there(page)
    intercept(page, "**/login/oauth2/start/**", lambda route: route.fulfill(body="gone to sign in"))
    said: list[str] = []

    def stay(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", stay)
    page.fill("#id_name", "another name")
    page.get_by_role("button", name="Generate Token").click()
    assert page.input_value("#id_name") == "another name"
    assert "not saved" in said[0]
    page.fill("#id_name", source.name)
    page.get_by_role("button", name="Generate Token").click()
    page.wait_for_selector("text=gone to sign in")
    assert len(said) == 1


@pytest.mark.parametrize("kind", ["mailsources/emailsource", "mailsenders/emailsender"])
def test_a_mailbox_that_is_filled_in_says_what_else_it_changes(page: Page, kind: str) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    provider = make_provider()
    ProviderToken.objects.filter(provider=provider).update(account=MAILBOX, signed_in_at=timezone.now())
    row = (make_source if "source" in kind else make_sender)(
        username="billing@company.com", password="secret"
    )
    page.goto(f"/admin/login/?next=/admin/{kind}/{row.pk}/change/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    is_there(page)
    page.click(f".ucs-offers >> text={MAILBOX}")
    said = page.inner_text(".ucs-offers [role=status]")
    assert f"from billing@company.com to {MAILBOX}" in said
    assert page.input_value("#id_password") == token_url(str(provider.pk))
    assert page.input_value("#id_username") == MAILBOX
    page.click(f".ucs-offers button >> text={MAILBOX}")
    assert page.inner_text(".ucs-offers [role=status]") == ""


def test_the_mailbox_of_the_address_alone_is_offered_to_a_sender(page: Page) -> None:
    User.objects.create_superuser("admin", password="rehearsal")
    for account in (MAILBOX, OTHER):
        tokens = ProviderToken.objects.filter(provider=make_provider())
        tokens.update(account=account, signed_in_at=timezone.now())
    page.goto("/admin/login/?next=/admin/mailsenders/emailsender/add/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    offers = page.locator(".ucs-offers button:visible").filter(has_text="@")
    expect(offers).to_have_text([MAILBOX, OTHER])
    page.fill("#id_email_address", OTHER.upper())
    expect(offers).to_have_text([OTHER])
    page.fill("#id_email_address", "nobody@company.com")
    expect(offers).to_have_text([MAILBOX, OTHER])
    page.fill("#id_email_address", OTHER)
    offers.click()
    provider = ProviderToken.objects.get(account=OTHER).provider_id
    assert page.input_value("#id_password") == token_url(str(provider))
    assert page.input_value("#id_username") == OTHER


def test_a_step_is_ticked_by_the_keyboard_and_the_focus_stays(
    page: Page, admin_user: User, live_server: LiveServer, settings: Settings
) -> None:
    provider = make_provider()
    session = Client()
    session.force_login(admin_user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": session.cookies[name].value, "url": live_server.url}])
    page.goto(f"/admin/sso/ssoprovider/{provider.pk}/checklist/")
    page.wait_for_selector("text=4 of 25 steps are done")
    tick = page.get_by_role("checkbox", name="Open APIs & Services")
    tick.focus()
    page.keyboard.press("Space")
    page.wait_for_selector("text=5 of 25 steps are done")
    assert tick.get_attribute("aria-checked") == "true"
    assert page.evaluate("document.activeElement.id") == "google-project-tick"
    assert ChecklistTick.objects.get().ticked_by == admin_user
    page.keyboard.press("Space")
    page.wait_for_selector("text=4 of 25 steps are done")
    assert not ChecklistTick.objects.exists()
    page.emulate_media(media="print")
    assert not page.locator("#nav-sidebar").is_visible()
    assert page.locator("#google-redirect code").is_visible()


@pytest.mark.parametrize("height", [900, 640])
def test_the_button_that_mends_is_not_under_the_bar(page: Page, height: int) -> None:
    """What a test answers grows the page below its end, where the bar with “Save” stands."""
    page.set_viewport_size({"width": 1280, "height": height})
    User.objects.create_superuser("admin", password="rehearsal")
    sender = make_sender(service_port=free_ports(1)[0])
    page.goto(f"/admin/login/?next=/admin/mailsenders/emailsender/{sender.pk}/change/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    is_there(page)
    page.get_by_role("button", name="Test connection").click()
    button = page.locator("#connection-steps .ucs-next .ucs-button-primary")
    button.wait_for()
    place = "() => document.querySelector('#connection-steps .ucs-next').getBoundingClientRect().bottom"
    bar = "document.querySelector('.ucs-submit').getBoundingClientRect().top"
    page.wait_for_function(f"({place})() <= {bar}")
    button.click()
    assert page.evaluate("document.activeElement.id") == "id_service_port"
