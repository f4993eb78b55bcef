"""The first mail to a customer in two windows: nothing of either is lost, and nothing is sent twice."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from queues.models import EmailQueue, FirstDraft, Message
from tests.browser import intercept, tear_away
from tests.desk.conftest import SignIn
from tests.make import make_agent, make_queue, make_sender
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def orders() -> EmailQueue:
    return make_queue([make_agent("alice", capacity=5)], name="Orders", sender=make_sender())


def begin(page: Page) -> None:
    page.keyboard.press("c")
    expect(page.locator("#compose-form input:focus")).to_have_count(1)


def write(page: Page, to: str, text: str) -> None:
    page.get_by_label("To", exact=True).fill(f"{to}@customer.example,")
    page.get_by_label("Subject").fill("Your order")
    page.locator("#compose-text").fill(text)


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_contain_text("Saved")


def two_windows(sign_in: SignIn) -> tuple[Page, Page]:
    one = sign_in("alice")
    two = one.context.new_page()
    two.goto("/")
    return one, two


def test_the_second_window_asks_which_of_two_mails_stays(sign_in: SignIn) -> None:
    one, two = two_windows(sign_in)
    for page in (one, two):
        begin(page)
    write(one, "ann", "It is ready.")
    saved(one)
    write(two, "ben", "It is late.")
    panel = two.locator("[data-conflict] .warning")
    expect(panel).to_contain_text("Another window of yours has saved something else")
    expect(panel.locator("[data-other]")).to_have_text("To: ann@customer.example It is ready.")
    assert FirstDraft.objects.get().text == "It is ready."
    panel.get_by_role("button", name="Keep what is here").press("Enter")
    saved(two)
    assert FirstDraft.objects.get().text == "It is late."

    one.locator("#compose-text").press("Control+End")
    one.keyboard.type(" Come!")
    panel = one.locator("[data-conflict] .warning")
    expect(panel.locator("[data-other]")).to_have_text("To: ben@customer.example It is late.")
    panel.get_by_role("button", name="Take what is saved").press("Enter")
    expect(one.locator("#compose-text")).to_have_value("It is late.")
    expect(one.locator(".chip")).to_contain_text("ben@customer.example")
    assert one.evaluate("Object.keys(localStorage).filter((key) => key.endsWith(':compose'))") == []


def test_an_old_text_of_one_browser_does_not_replace_what_another_stored_later(sign_in: SignIn) -> None:
    one, two = sign_in("alice"), sign_in("alice")
    begin(one)
    write(one, "ann", "It is ready.")
    saved(one)
    intercept(one, "**/compose/draft", lambda route: route.abort())
    one.locator("#compose-text").fill("It is nearly ready.")
    expect(one.locator("[data-saved]")).to_contain_text("Not saved")
    tear_away(one)
    one.unroute("**/compose/draft")

    begin(two)
    expect(two.locator("#compose-text")).to_have_value("It is ready.")
    two.locator("#compose-text").fill("It was sent today.")
    saved(two)

    one.goto("/")
    begin(one)
    panel = one.locator("[data-conflict] .warning")
    expect(panel.locator("[data-other]")).to_have_text("It is nearly ready.")
    expect(one.locator("#compose-text")).to_have_value("It was sent today.")
    assert FirstDraft.objects.get().text == "It was sent today."


def test_what_another_window_saved_later_does_not_go_unseen_with_an_older_text(sign_in: SignIn) -> None:
    one, two = two_windows(sign_in)
    begin(one)
    write(one, "ann", "It is ready.")
    saved(one)
    begin(two)
    expect(two.locator("#compose-text")).to_have_value("It is ready.")
    two.locator("#compose-text").fill("It is late.")
    saved(two)
    two.close()
    one.get_by_role("button", name="Send", exact=True).click()
    panel = one.locator("[data-conflict] .warning")
    expect(panel.locator("[data-other]")).to_have_text("It is late.")
    assert FirstDraft.objects.get().text == "It is late."
    assert not Message.objects.filter(direction="out").exists()
    panel.get_by_role("button", name="Keep what is here").press("Enter")
    saved(one)
    one.get_by_role("button", name="Send", exact=True).click()
    expect(one.locator("#items .out")).to_contain_text("It is ready.")


@pytest.fixture
def sent_from_another(sign_in: SignIn) -> Page:
    """The window with the first of two mails, when the second has left with the mark of both."""
    one, two = two_windows(sign_in)
    begin(one)
    write(one, "ann", "It is ready.")
    saved(one)
    begin(two)
    expect(two.locator("#compose-text")).to_have_value("It is ready.")
    two.locator("#compose-text").fill("It is late.")
    two.get_by_role("button", name="Send", exact=True).click()
    expect(two.locator("#items .out")).to_contain_text("It is late.")
    one.get_by_role("button", name="Send", exact=True).click()
    expect(one.locator("[data-conflict] .warning")).to_contain_text("This mail was sent already")
    expect(one.locator("[data-conflict] [data-other]")).to_have_text("It is ready.")
    assert Message.objects.filter(direction="out").count() == 1
    return one


def test_what_was_not_sent_becomes_a_mail_of_its_own(sent_from_another: Page) -> None:
    page = sent_from_another
    page.reload()
    begin(page)
    expect(page.locator("#compose-text")).to_have_value("It is ready.")
    page.get_by_role("button", name="Make a new mail of it").press("Enter")
    saved(page)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#items .out")).to_contain_text("It is ready.")
    assert Message.objects.filter(direction="out").count() == 2
    eventually(lambda: not FirstDraft.objects.exists(), "the draft goes with the mail")


def test_what_was_not_sent_is_thrown_away(sent_from_another: Page) -> None:
    page = sent_from_another
    page.get_by_role("button", name="Throw it away").press("Enter")
    expect(page.locator("#compose-text")).to_have_value("")
    page.reload()
    begin(page)
    expect(page.locator("#compose-text")).to_have_value("")


def test_a_late_save_hears_whether_all_of_it_has_left() -> None:
    client = Client()
    assert client.login(username="alice", password="alice")
    mail = {
        "queue": EmailQueue.objects.get().pk,
        "to": "ann@customer.example",
        "subject": "Your order",
        "text": "It is here.",
        "token": "6b5a4d0e-6f9c-4c1f-9b0e-0c1f2a3b4c5d",
    }
    assert client.post("/compose", mail, headers={"HX-Request": "true"}).status_code == 200
    for change, is_all in (({}, True), ({"text": "It is late."}, False), ({"to": "ben@customer"}, False)):
        answer = client.post("/compose/draft", mail | change)
        assert (answer.status_code, answer.json()["sent"], answer.json()["all"]) == (409, True, is_all)
    assert not FirstDraft.objects.exists()
