"""Signing in as people do it: in a real browser, with the page's own policy in force."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from queues.models import Draft
from rehearsal.oauth import OAuthServer
from sso.models import SSOProvider
from staff import rules
from staff.models import SecondFactor, SignInRules
from tests.make import make_administrator, make_agent, make_people_provider, make_queue, receive
from tests.product import eventually
from tests.staff.conftest import ALICE
from tests.staff.test_second_factor import code_of, demand, protected

pytestmark = pytest.mark.django_db(transaction=True)

# The server of the tests has no stream of live updates; the session that is over answers 401.
EXPECTED = re.compile(r"/sse|\b401\b|^htmx:|event-stream")


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    """A page of Chromium at the product; errors on its console fail the test."""
    settings.BASE_URL = live_server.url
    errors: list[str] = []
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.on(
        "console", lambda one: errors.append(f"{one.text} {one.location}") if one.type == "error" else None
    )
    context.on("weberror", lambda one: errors.append(str(one.error)))
    yield context.new_page()
    context.close()
    connections.close_all()  # beside Playwright's loop this thread has a connection of its own
    assert [error for error in errors if not EXPECTED.search(error)] == []


@pytest.fixture
def alice() -> User:
    user = make_agent("alice").user
    User.objects.filter(pk=user.pk).update(email=ALICE)
    return user


@pytest.fixture
def provider(page: Page, oauth_server: OAuthServer) -> SSOProvider:
    return make_people_provider(oauth_server)


def type_password(page: Page | Locator, name: str = "alice") -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(name)
    page.get_by_role("button", name="Sign in", exact=True).click()


def choose_at_provider(page: Page, account: str = ALICE) -> None:
    page.click(f"text={account}")
    page.get_by_role("button", name="Allow").click()


def test_with_google_and_then_with_a_code(page: Page, alice: User, provider: SSOProvider) -> None:
    page.goto("/login/")
    page.get_by_role("link", name="Sign in with Google – example.com").click()
    choose_at_provider(page)
    expect(page.locator("#desk")).to_be_visible()
    page.click("#user-menu summary")
    page.get_by_role("link", name="Account").click()
    expect(page.locator(".accounts")).to_contain_text(ALICE)

    page.get_by_role("link", name="Set up").click()
    picture = page.locator(".qr-frame svg")
    box = picture.bounding_box()
    assert box
    assert box["width"] == pytest.approx(box["height"], abs=1)
    assert picture.get_attribute("viewBox"), "it scales, and is not cut"
    key = re.sub(r"\s", "", page.inner_text("#key"))
    assert key == SecondFactor.objects.get().key
    page.get_by_label("Six digits from your app").fill(code_of(alice))
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    codes = page.locator(".codes li").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    kept = download.value.path().read_text()
    assert len(codes) == 10
    assert all(code in kept for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()

    page.context.clear_cookies()
    page.goto("/login/?next=/account/")
    type_password(page)
    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("9 recovery codes left")).to_be_visible()


def test_who_must_have_it_is_led_to_it_and_goes_on(page: Page) -> None:
    root = make_administrator()
    SignInRules(two_factor=SignInRules.TwoFactor.ADMINISTRATORS).save()
    rules.forget()
    page.goto("/admin/auth/user/")
    type_password(page, "root")
    expect(page.get_by_role("heading", name="Set up two-factor sign-in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Set up two-factor sign-in")).to_be_visible()
    page.goto("/admin/auth/user/")
    page.get_by_label("Six digits from your app").fill(code_of(root))
    page.get_by_role("button", name="Switch on").click()
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(re.compile("/admin/auth/user/$"))


@pytest.fixture
def writing(page: Page, alice: User) -> Iterator[Page]:
    """Alice is in the middle of an answer when her session ends."""
    conversation = receive(make_queue([alice.agent])).conversation
    page.goto(f"/login/?next=/conversations/{conversation.pk}/")
    type_password(page)
    expect(page.locator("article.conversation")).to_be_visible()
    page.wait_for_load_state()  # its modules have run
    page.keyboard.press("r")
    page.keyboard.type("First half")
    eventually(lambda: Draft.objects.filter(text="First half").exists(), "the first half is saved")
    protected(alice)
    page.keyboard.insert_text(", second half.")  # before the dialog is there, which takes the keys
    page.context.clear_cookies(name="ucs_session")
    yield page
    expect(page.locator("dialog#sign-in")).to_be_hidden()
    expect(page.locator("#reply-text")).to_have_value("First half, second half.")
    eventually(lambda: Draft.objects.get().text == "First half, second half.", "the draft is saved")


def test_the_dialog_knows_the_second_step(writing: Page, alice: User) -> None:
    dialog = writing.get_by_role("dialog", name="You were signed out")
    type_password(dialog)
    dialog.get_by_label("Six digits").fill("000000")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_contain_text("That code is not right")
    SecondFactor.objects.update(throttling_failure_count=0)
    dialog.get_by_role("link", name="Use a recovery code").click()
    expect(dialog.get_by_label("Recovery code")).to_be_visible()
    dialog.get_by_role("link", name="Use the app").click()
    dialog.get_by_label("Six digits").fill(code_of(alice))
    dialog.get_by_role("button", name="Go on").click()


def test_the_dialog_waits_for_a_provider_in_another_tab(
    provider: SSOProvider, writing: Page, alice: User
) -> None:
    SecondFactor.objects.all().delete()
    dialog = writing.get_by_role("dialog", name="You were signed out")
    with writing.expect_popup() as opened:
        dialog.get_by_role("link", name="Sign in with Google").click()
    choose_at_provider(opened.value)
    expect(dialog).to_be_hidden()


def test_who_must_set_up_a_second_factor_is_asked_before_signing_out(page: Page, alice: User) -> None:
    demand("everybody")
    page.goto("/login/")
    type_password(page)
    expect(page.get_by_role("heading", name="Set up two-factor sign-in")).to_be_visible()
    page.wait_for_load_state()  # its modules have run
    kept = f"ucs:draft:{alice.pk}:1:note"
    page.evaluate("key => localStorage.setItem(key, JSON.stringify({ text: 'Call him.', number: 17 }))", kept)
    sign_out = page.get_by_role("button", name="Sign out")
    sign_out.click()
    expect(page.get_by_role("alert")).to_contain_text("what you wrote in #17 is in this browser alone")
    sign_out.click()
    expect(page).to_have_url(re.compile("/login/"))
    assert page.evaluate("key => localStorage.getItem(key)", kept) is None
