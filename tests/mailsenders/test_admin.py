"""Senders and outgoing mail in the administration, as an administrator meets them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from mailsenders import outbox
from mailsenders.models import EmailSender, OutgoingMail, OutgoingRecipient
from mailsenders.outbox import Outcome
from sso.models import ProviderToken
from sso.secrets import token_url
from tests.mailsenders.conftest import MakeServer, sender_for
from tests.make import make_outgoing, make_provider, make_queue, make_sender

State = OutgoingMail.State
Recipient = OutgoingRecipient.State

LIST = "admin:mailsenders_emailsender_changelist"
ADD = "admin:mailsenders_emailsender_add"
CHANGE = "admin:mailsenders_emailsender_change"

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def filled_in(**overrides: Any) -> dict[str, Any]:
    """The form as the reference page has it filled in, without the token."""
    values = {
        "server_type": "STARTTLS",
        "server_address": "smtp.gmail.com",
        "service_port": "587",
        "username": "mailbox.email@company.com",
        "password": "secret",
        "email_address": "mailbox.email@company.com",
        "is_active": "on",
    }
    return values | overrides


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def refusal(client: Client, **overrides: Any) -> str:
    """The page that refuses the form."""
    response = client.post(reverse(ADD), filled_in(**overrides))
    assert response.status_code == 200
    assert not EmailSender.objects.exists()
    return response.content.decode()


def test_the_labels_of_the_reference_page(admin: Client) -> None:
    html = page(admin, reverse(ADD))
    labels = [
        *("Server type", "Server address", "Service port", "Sender username", "Sender password"),
        "Sender e-mail address",
    ]
    found = [html.index(f">{label}") if f">{label}" in html else html.index(label) for label in labels]
    assert found == sorted(found)
    assert "+ add email sender" in page(admin, reverse(LIST))
    assert "Insert" in html


def test_inserting_by_the_reference_page_word_for_word(admin: Client) -> None:
    provider = make_provider()
    ProviderToken.objects.filter(provider=provider).update(
        account="mailbox.email@company.com", signed_in_at=timezone.now()
    )
    html = page(admin, reverse(ADD))
    assert f"mailbox.email@company.com {token_url(str(provider.pk))}" in html  # offered for one click
    response = admin.post(reverse(ADD), filled_in(password=token_url(str(provider.pk))), follow=True)
    assert "was inserted" in response.content.decode()
    sender = EmailSender.objects.get()
    assert sender.name == "mailbox.email@company.com"
    assert f"token of provider {provider.pk}" in page(admin, reverse(CHANGE, args=[sender.pk]))


def test_the_password_is_written_and_never_shown(admin: Client) -> None:
    sender = make_sender(
        username="box", password="canary-8113", server_address="smtp.gmail.com", service_port=587
    )
    for url in (reverse(LIST), reverse(CHANGE, args=[sender.pk])):
        assert "canary-8113" not in page(admin, url)
    values = filled_in(name=sender.name, username="box", password="")
    admin.post(reverse(CHANGE, args=[sender.pk]), values)
    sender.refresh_from_db()
    assert sender.password == "canary-8113"
    assert sender.server_address == "smtp.gmail.com"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"password": "https://evil.example/token/2"}, "not a token URL of this installation"),
        ({"password": "http://127.0.0.1:8080/api/v1.0/auth/token/99"}, "There is no SSO provider 99"),
        ({"password": ""}, "Give a password or a token URL"),
        ({"username": ""}, "A password without a username"),
        ({"server_address": "https://smtp.gmail.com"}, "without http:// and slashes"),
        ({"server_address": "smtp.gmail.com:587"}, "the port under Service port"),
        ({"server_address": "smtp gmail"}, "is not a server name"),
        ({"service_port": "70000"}, "from 1 to 65535"),
        ({"server_type": "NONE", "server_address": "8.8.8.8"}, "UCS_ALLOW_CLEAR_TEXT_OUTSIDE=true"),
        (
            {"server_type": "NONE", "server_address": "127.0.0.1"},
            "With None, mail and password travel readable",
        ),
        ({"email_address": "support"}, "valid email address"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(
    admin: Client, overrides: dict[str, str], said: str
) -> None:
    html = refusal(admin, **overrides)
    assert said in html


def test_a_field_left_empty_is_named_once(admin: Client) -> None:
    html = refusal(admin, server_address="")
    assert "This field is required." in html
    assert "is not a server name" not in html


def test_clear_text_to_the_own_network_is_allowed_when_confirmed(admin: Client) -> None:
    values = filled_in(
        server_type="NONE", server_address="127.0.0.1", service_port="25", clear_text_confirmed="on"
    )
    admin.post(reverse(ADD), values)
    sender = EmailSender.objects.get()
    assert sender.server_type == "NONE"
    stored = page(admin, reverse("admin:mailsenders_emailsender_change", args=[sender.pk]))
    tick = stored.partition('name="clear_text_confirmed"')[2].partition(">")[0]
    assert "checked" in tick


def test_clear_text_to_elsewhere_needs_a_setting_too(admin: Client, settings: Settings) -> None:
    values = filled_in(server_type="NONE", server_address="8.8.8.8", clear_text_confirmed="on")
    assert "is outside your own network" in refusal(admin, **values)
    settings.ALLOW_CLEAR_TEXT_OUTSIDE = True
    admin.post(reverse(ADD), values)
    assert EmailSender.objects.get().server_address == "8.8.8.8"


def test_the_page_says_since_when_microsoft_takes_no_passwords(admin: Client) -> None:
    sender = make_sender(server_address="smtp.office365.com", server_type="STARTTLS", password="secret")
    told = "From 31 December 2026 on Microsoft switches sign-ins with a password"
    assert told in page(admin, reverse(CHANGE, args=[sender.pk]))
    EmailSender.objects.filter(pk=sender.pk).update(server_address="smtp.gmail.com")
    assert told not in page(admin, reverse(CHANGE, args=[sender.pk]))


def test_testing_the_connection_sends_and_saves_nothing(admin: Client, make_server: MakeServer) -> None:
    server = make_server(tls="starttls", passwords={"box": "right"})
    values = filled_in(server_address=server.host, service_port=server.port, username="box", password="right")
    url = reverse("admin:mailsenders_emailsender_test")
    html = admin.post(url, values).content.decode()
    assert "The connection works." in html
    for step in ("Name", "TCP", "TLS", "Login", "MAIL\u00a0FROM"):
        assert step in html
    times = re.findall(r'<span class="ucs-step-time">([^<]*)</span>', html)
    assert len(times) == html.count('class="ucs-step-name"') > 4
    assert all(re.fullmatch(r"\d+\.\d\d s", each) for each in times)
    assert "signed in as box" in html
    assert not EmailSender.objects.exists()
    assert not server.mails
    commands = [command for command in server.seen.commands if command != "QUIT"]
    asked = "MAIL FROM:<mailbox.email@company.com>"
    to_itself = "RCPT TO:<mailbox.email@company.com>"
    assert commands == ["AUTH PLAIN", asked, "RSET", asked, to_itself, "RSET"]
    html = admin.post(url, values | {"password": "wrong"}).content.decode()
    assert "It stops at “Login”." in html
    server.fault("mail", "553 5.7.1 Sender address rejected: not owned by user")
    html = admin.post(url, values).content.decode()
    assert "does not let “box” send as mailbox.email@company.com" in html


def test_the_stored_password_is_tested_only_where_it_belongs(admin: Client, make_server: MakeServer) -> None:
    server, other = (make_server(tls="starttls", passwords={"box": "right"}) for _ in range(2))
    sender = sender_for(server, username="box", password="right")
    url = reverse("admin:mailsenders_emailsender_test", args=[sender.pk])
    values = filled_in(
        server_address=server.host, service_port=server.port, username="box", password="", name=sender.name
    )
    assert "The connection works." in admin.post(url, values).content.decode()
    html = admin.post(url, values | {"service_port": other.port}).content.decode()
    assert "type it in again, if" in html
    assert other.seen.connections == 0


def test_a_sender_in_use_is_not_deleted(admin: Client) -> None:
    sender = make_sender()
    make_queue(name="Returns", sender=sender)
    make_outgoing(sender)
    url = reverse("admin:mailsenders_emailsender_delete", args=[sender.pk])
    html = page(admin, url)
    assert "Email queue “Returns”" in html
    assert "switch it off" in html
    admin.post(url, {"post": "yes"})
    assert EmailSender.objects.filter(pk=sender.pk).exists()


def test_a_sender_nobody_uses_is_deleted(admin: Client) -> None:
    sender = make_sender()
    admin.post(reverse("admin:mailsenders_emailsender_delete", args=[sender.pk]), {"post": "yes"})
    assert not EmailSender.objects.exists()


def test_the_list_counts_in_a_constant_number_of_queries(
    admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        doubtful(make_sender())
    with django_assert_max_num_queries(12):
        html = page(admin, reverse(LIST))
    assert html.count("1 uncertain") == 2
    for _ in range(8):
        doubtful(make_sender())
    with django_assert_max_num_queries(12):
        assert page(admin, reverse(LIST)).count("1 uncertain") == 10


def doubtful(sender: EmailSender) -> OutgoingMail:
    """A mail that nobody knows to be sent."""
    mail = make_outgoing(sender)
    claim = outbox.claim(sender.pk, timezone.now())
    assert claim
    outbox.start_data(claim)
    outbox.finish_uncertain(claim, Outcome({}, "", "The answer was lost."))
    mail.refresh_from_db()
    return mail


def test_an_uncertain_mail_is_settled_by_a_button(admin: Client) -> None:
    for name, state in (("resend", State.QUEUED), ("mark", State.SENT)):
        mail = doubtful(make_sender())
        html = page(admin, reverse("admin:mailsenders_outgoingmail_change", args=[mail.pk]))
        url = reverse(f"admin:mailsenders_outgoingmail_{name}", args=[mail.pk])
        assert url in html
        assert "The answer was lost." in html
        assert admin.get(url).status_code == 405
        admin.post(url)
        mail.refresh_from_db()
        assert mail.state == state
        assert url not in page(admin, reverse("admin:mailsenders_outgoingmail_change", args=[mail.pk]))


def test_mails_are_settled_from_the_list(admin: Client) -> None:
    mails = [doubtful(make_sender()) for _ in range(2)]
    url = reverse("admin:mailsenders_outgoingmail_changelist")
    values = {"action": "mark_as_sent", "_selected_action": [mail.pk for mail in mails]}
    html = admin.post(url, values, follow=True).content.decode()
    assert "is marked as sent" in html
    assert OutgoingMail.objects.filter(state=State.SENT).count() == 2
    html = admin.post(url, values, follow=True).content.decode()
    assert "left as it is" in html


def test_outgoing_mail_is_looked_at_not_edited(admin: Client) -> None:
    mail = make_outgoing()
    change = reverse("admin:mailsenders_outgoingmail_change", args=[mail.pk])
    assert admin.post(change, {"state": "sent"}).status_code == 403
    assert admin.get(reverse("admin:mailsenders_outgoingmail_add")).status_code == 403
    url = reverse("admin:mailsenders_outgoingmail_raw", args=[mail.pk])
    assert mail.raw.as_bytes() not in admin.get(url).content  # asks why first
    raw = admin.post(url, {"reason": "complaint, case 4711"})
    assert raw.content == mail.raw.as_bytes()
    assert raw["Content-Disposition"].startswith("attachment")


def test_who_may_only_look_settles_nothing() -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="view_outgoingmail"))
    client = Client()
    client.force_login(bob)
    mail = doubtful(make_sender())
    html = page(client, reverse("admin:mailsenders_outgoingmail_change", args=[mail.pk]))
    url = reverse("admin:mailsenders_outgoingmail_resend", args=[mail.pk])
    assert url not in html
    assert client.post(url).status_code == 403
    charlie = Client()
    charlie.force_login(User.objects.create_user("charlie", is_staff=True))
    assert charlie.get(reverse("admin:mailsenders_outgoingmail_raw", args=[mail.pk])).status_code == 403
    mail.refresh_from_db()
    assert mail.state == State.UNCERTAIN
