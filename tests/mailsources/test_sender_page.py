"""The page of an email sender: how it does, test mail, round trip, Sent folder; and its form."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from mailsenders import connections, sending, tasks, testsend
from mailsenders.budget import FIELDS
from mailsenders.models import EmailSender, OutgoingMail, TestSend
from mailsenders.provider_budgets import provider_budgets
from mailsources import fetch
from mailsources.deliver import deliver_many
from mailsources.models import EmailSource, FetchedMail, RoundTrip, SentFolder
from tests.mailsources.conftest import source_at
from tests.make import make_outgoing, make_queue, make_sender, make_source
from tests.servers.dovecot import Dovecot
from tests.servers.smtp import SmtpServer
from tests.servers.smtp_faults import TakenMail

pytestmark = pytest.mark.django_db

CHANGE = "admin:mailsenders_emailsender_change"
ADD = "admin:mailsenders_emailsender_add"


@pytest.fixture
def admin(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def at(name: str, *args: int) -> str:
    return reverse(f"admin:mailsenders_emailsender_{name}", args=args)


def page_of(client: Client, sender: EmailSender) -> str:
    response = client.get(at("change", sender.pk))
    assert response.status_code == 200
    return response.content.decode()


def test_it_says_how_sending_goes(admin: Client) -> None:
    sender = make_sender()
    make_outgoing(sender)
    OutgoingMail.objects.filter(pk=make_outgoing(sender).pk).update(state="uncertain")
    assert "No mail sent yet." in page_of(admin, sender)
    type(sender.state).objects.update(last_success_at=timezone.now() - timedelta(hours=3))
    sender.state.refresh_from_db()
    sender.state.failed("The server refused the sign-in.", timezone.now() + timedelta(minutes=10))
    text = page_of(admin, sender)
    assert "Last mail sent 3 h ago." in text
    listed = admin.get(at("changelist")).content.decode()
    assert "3 h ago" in listed
    assert "The server refused the sign-in." in listed

    assert re.search(r"Last error [^:<]{1,20}: The server refused the sign-in\.", text)
    assert "Nothing is sent until" in text
    assert "1 waiting" in text
    assert "1 uncertain" in text
    assert f"?sender__id__exact={sender.pk}&amp;state__in=uncertain" in text
    assert "pauses" in admin.get(at("state", sender.pk)).content.decode()


@pytest.mark.parametrize(
    ("server", "has_mailbox", "copies"),
    [("smtp.gmail.com", True, "none"), ("mail.example.com", True, "replies"),
     ("mail.example.com", False, "none")],
)  # fmt: skip
def test_a_new_sender_makes_copies_where_they_are_missing(
    admin: Client, server: str, has_mailbox: bool, copies: str
) -> None:
    if has_mailbox:
        make_source(username="support@example.com")
    admin.post(reverse(ADD), form(server_address=server))

    assert EmailSender.objects.get().sent_copy == copies


def form(**overrides: Any) -> dict[str, Any]:
    values = {
        "server_type": "STARTTLS",
        "server_address": "mail.example.com",
        "service_port": "587",
        "username": "support@example.com",
        "password": "secret",
        "email_address": "support@example.com",
        "connections": "3",
        "is_active": "on",
    }
    return values | overrides


def test_the_mailbox_of_the_copies_can_be_chosen(admin: Client) -> None:
    source = make_source(username="other@example.com")
    admin.post(reverse(ADD), form(sent_copy="all", sent_folder="Gesendet", sent_mailbox=str(source.pk)))

    sender = EmailSender.objects.get()
    assert (sender.sent_copy, sender.sent_folder) == ("all", "Gesendet")
    assert SentFolder.objects.get(sender=sender).source == source
    assert "is reached with the sign-in of the email source" in page_of(admin, sender)


def test_the_return_path_can_be_chosen_and_is_plain_when_nobody_does(admin: Client) -> None:
    admin.post(reverse(ADD), form())
    sender = EmailSender.objects.get()
    assert sender.return_path == "plain"
    admin.post(at("change", sender.pk), form(return_path="plus", name=sender.name))
    sender.refresh_from_db()
    assert sender.return_path == "plus"
    refused = admin.post(at("change", sender.pk), form(return_path="domain", name=sender.name))
    assert "UCS_INBOUND_DOMAIN" in refused.content.decode()


def test_a_sender_is_renamed_and_keeps_queue_mail_and_password(admin: Client) -> None:
    admin.post(reverse(ADD), form())
    sender = EmailSender.objects.get()
    queue, mail = make_queue(sender=sender), make_outgoing(sender)
    admin.post(at("change", sender.pk), form(name="Answers of support", password=""))
    sender.refresh_from_db()
    assert (sender.name, sender.password) == ("Answers of support", "secret")
    for row in (queue, mail):
        row.refresh_from_db()
        assert row.sender == sender


def test_a_folder_that_is_fetched_is_refused(admin: Client) -> None:
    make_source(username="support@example.com", folder="Sent")
    response = admin.post(reverse(ADD), form(sent_copy="all", sent_folder="Sent"))

    assert "fetches this folder, so each copy would come in as a mail" in response.content.decode()
    assert not EmailSender.objects.exists()


def test_a_sender_in_use_is_not_deleted_and_its_queues_are_named(admin: Client) -> None:
    sender = make_sender()
    make_queue(name="Returns", sender=sender)
    make_queue(name="Billing", sender=sender)
    url = at("delete", sender.pk)
    text = admin.get(url).content.decode()
    assert "Email queue “Returns” sends with" in text
    assert "Email queue “Billing” sends with" in text
    admin.post(url, {"post": "yes"})

    assert EmailSender.objects.filter(pk=sender.pk).exists()


def test_who_may_only_look_sends_nothing() -> None:
    sender, source = make_sender(), make_source()
    viewer = User.objects.create_user("charlie", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_emailsender"))
    client = Client()
    client.force_login(viewer)

    assert client.post(at("test_send", sender.pk), {"test_to": "a@example.org"}).status_code == 404
    assert client.post(at("round_trip", sender.pk), {"trip_source": source.pk}).status_code == 404
    assert "Send a test mail" not in page_of(client, sender)
    assert not TestSend.objects.exists()
    assert not RoundTrip.objects.exists()


def test_a_wrong_address_is_said_in_place(admin: Client) -> None:
    sender = make_sender()
    response = admin.post(at("test_send", sender.pk), {"test_to": "nobody"})

    assert 'role="alert"' in response.content.decode()
    assert not TestSend.objects.exists()


class Relay(SmtpServer):
    """Hands what it takes to the mailboxes of a Dovecot."""

    dovecot: Dovecot

    def take(self, mail: TakenMail) -> None:
        for user in mail.recipients:
            self.dovecot.drop(user, mail.raw)
        super().take(mail)


@pytest.fixture
def relay(dovecot: Dovecot) -> Iterator[Relay]:
    with Relay() as server:
        server.dovecot = dovecot
        yield server
        connections.close_all()


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    """A page of Chromium at the product, signed in; errors on its console fail the test."""
    settings.BASE_URL = live_server.url
    errors: list[str] = []
    page = chromium.new_page(base_url=live_server.url, viewport={"width": 1280, "height": 1000})
    page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    User.objects.create_superuser("admin", "alice@example.org", "rehearsal")
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "rehearsal")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#nav-sidebar")
    yield page
    page.close()
    assert errors == []


@pytest.mark.django_db(transaction=True)
def test_the_dialogue_and_the_round_trip_in_a_browser(page: Page, relay: Relay, dovecot: Dovecot) -> None:
    a_new_form_fills_itself(page)
    source = source_at(dovecot)
    sender = make_sender(server_address=relay.host, service_port=relay.port)
    page.goto(at("change", sender.pk))
    assert page.get_by_label("Send a test mail to").input_value() == "alice@example.org"

    page.get_by_role("button", name="Send a test mail").click()
    page.wait_for_selector("text=A worker takes it in a moment")
    tasks.test_send(test_id=TestSend.objects.get().pk)
    lines = page.get_by_role("list", name="What was said for alice@example.org")
    expect(lines).to_contain_text("MAIL FROM:<support@example.com>")
    expect(page.locator("#test-send")).to_contain_text("has taken the mail for alice@example.org")
    expect(page.locator("#test-send[hx-get]")).to_have_count(0)  # it is over: no more asking

    page.get_by_role("button", name="Round trip").click()
    page.wait_for_selector("text=The mail goes to")
    sending.send_due_mail(sender.pk)
    page.wait_for_selector("text=its mailbox is looked at every few seconds")
    back(source)
    page.wait_for_selector("text=The mail came back after")
    expect(page.locator(".ucs-stage-done")).to_have_count(4)
    assert testsend.standing(TestSend.objects.get())[1]


def a_new_form_fills_itself(page: Page) -> None:
    """The port follows the type, the limits follow the provider; what was typed in stays."""
    page.goto(reverse(ADD))
    ports = []
    for server_type in ("SSL", "NONE", "STARTTLS"):
        page.get_by_label("Server type").select_option(server_type)
        ports.append(page.get_by_label("Service port").input_value())
    assert ports == ["465", "25", "587"]
    page.get_by_label("Service port").fill("2525")
    page.get_by_label("Server type").select_option("SSL")
    assert page.get_by_label("Service port").input_value() == "2525"

    def filled_in() -> dict[str, str]:
        names = (*(rule for rule in FIELDS), "recipients_per_message", "connections")
        return {name: found for name in names if (found := page.input_value(f"#id_{name}"))}

    for host, known in (("smtp.office365.com", 2), ("smtp.gmail.com", 0)):
        page.get_by_label("Server address").fill(host)
        page.get_by_label("Server address").blur()
        figures = {"connections": "3"} | {
            name: str(figure) for name, figure in provider_budgets()[known].figures.items()
        }
        assert filled_in() == figures
    page.locator("summary", has_text="Limits").click()
    page.fill("#id_limit_per_day", "17")
    page.locator("#id_limit_per_day").blur()
    page.get_by_label("Server address").fill("smtp.office365.com")
    page.get_by_label("Server address").blur()
    page.get_by_role("button", name="Use the figures of Exchange Online").wait_for()
    assert filled_in()["limit_per_day"] == "17"


def back(source: EmailSource) -> None:
    """Fetch and deliver."""
    fetch.fetch_new(source)
    deliver_many(list(FetchedMail.objects.values_list("pk", flat=True)))
