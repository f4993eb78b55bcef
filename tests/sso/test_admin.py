import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format
from pytest_django.fixtures import Settings

from mailsenders.models import EmailSender
from rehearsal.oauth import OAuthServer
from sso.badges import breakable
from sso.models import ProviderToken, SSOProvider
from sso.secrets import token_url
from sso.steps import Step
from tests.make import make_provider, make_sender, make_signed_in_provider
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db

LIST = "/admin/sso/ssoprovider/"
ADD = f"{LIST}add/"
FORM = {
    "type": "google",
    "client_id": " 123456789-copiedClientId.apps.googleusercontent.com ",
    "client_secret": "GABCDEF-canary",
    "scope": "https://mail.google.com/",
}


@pytest.fixture(autouse=True)
def base_url(settings: Settings) -> None:
    settings.BASE_URL = "https://ucs.company.com"


def change(provider: SSOProvider) -> str:
    return f"{LIST}{provider.pk}/change/"


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def words(html: str) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_menu_and_the_labels_are_those_of_the_reference(admin_client: Client) -> None:
    said = words(page(admin_client, LIST))
    assert "☰ System" in said
    assert "☰ Messaging" in said
    assert "+ add SSO provider" in said
    form = page(admin_client, ADD)
    for label in ("Type", "Client ID", "Client secret", "Scope", "Google OAuth", "Insert"):
        assert label in words(form)
    assert "Save" not in words(form)
    assert 'value="https://mail.google.com/"' in form
    for path in ("google", "microsoft", "…"):
        assert f">https://ucs.company.com/login/oauth2/{path}<" in form
    assert ">https://ucs.company.com<" in form
    for kind, end in (("microsoft", "microsoft"), ("generic", "house-mail")):
        other = make_provider(type=kind, name="House mail", tenant="company.com")
        assert f'data-copy="https://ucs.company.com/login/oauth2/{end}"' in page(admin_client, change(other))
        other.delete()


def test_insert_with_the_fields_of_the_reference_page_alone(admin_client: Client) -> None:
    response = admin_client.post(ADD, FORM)
    assert response.headers["Location"] == LIST
    provider = SSOProvider.objects.get()
    assert provider.client_id == "123456789-copiedClientId.apps.googleusercontent.com"
    assert provider.client_secret == "GABCDEF-canary"
    assert provider.name == f"google-{provider.pk}"
    (message,) = get_messages(response.wsgi_request)
    assert str(message) == (
        f"Google OAuth provider {provider.pk} was inserted. Now click 🔑 in its row and sign in with the "
        "e-mail mailbox user account."
    )
    listed = page(admin_client, LIST)
    assert listed.count("ucs-marked") == 1
    assert "not signed in" in listed
    assert f'formaction="/login/oauth2/start/{provider.pk}"' in listed
    assert "ucs-marked" not in page(admin_client, LIST)


@pytest.mark.parametrize(
    ("typed", "stored", "warned"),
    [
        ("https://mail.google.com", "https://mail.google.com/", "must end with a slash"),
        ("  https://mail.google.com/  openid ", "https://mail.google.com/ openid", ""),
        ("openid", "openid", "without it mail can't be read"),
        ("", "", ""),
    ],
)
def test_the_scope_is_put_right(admin_client: Client, typed: str, stored: str, warned: str) -> None:
    response = admin_client.post(ADD, FORM | {"scope": typed})
    assert SSOProvider.objects.get().scope == stored
    said = " ".join(str(one) for one in get_messages(response.wsgi_request))
    assert warned in said
    assert bool(warned) == ("scope" in said)


def test_the_id_stands_in_the_title_of_the_edit_page(admin_client: Client) -> None:
    provider = make_provider(mailbox=MAILBOX)
    html = page(admin_client, change(provider))
    title = f"Google OAuth provider {provider.pk}"
    heading = re.search(r"<h1.*?</h1>", html, re.DOTALL)
    window = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
    assert heading
    assert title in words(heading[0])
    assert window
    assert window[1].split("|")[0].strip() == title
    assert token_url(str(provider.pk)) in html
    assert "Save" in words(html)
    assert "Insert" not in words(html)


def test_the_list_shows_account_expiry_and_health(admin_client: Client, oauth_server: OAuthServer) -> None:
    good = make_signed_in_provider(oauth_server, MAILBOX)
    ProviderToken.objects.filter(provider=good).update(expires_at=timezone.now() + timedelta(minutes=52.5))
    dead = make_signed_in_provider(oauth_server, MAILBOX, owner="it@company.com")
    ProviderToken.objects.filter(provider=dead).update(needs_sign_in=True, last_error="It has ended <b>.")
    said = page(admin_client, LIST)
    assert breakable(MAILBOX) in said
    assert "in 52 min" in said
    assert "needs sign-in" in said
    assert "It has ended &lt;b&gt;. Ask it@company.com." in said


def test_the_list_asks_as_many_queries_for_ten_as_for_one(admin_client: Client) -> None:
    make_provider()
    admin_client.get(LIST)  # what a process asks once only
    with CaptureQueriesContext(connection) as one:
        admin_client.get(LIST)
    for _ in range(9):
        make_provider()
    with CaptureQueriesContext(connection) as ten:
        admin_client.get(LIST)
    # The rules for signing in are looked up anew after some seconds.
    counts = [
        sum("staff_signinrules" not in each["sql"] for each in found.captured_queries) for found in (one, ten)
    ]
    assert counts[0] == counts[1]


def test_no_secret_on_any_page(admin_client: Client, oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX, client_secret="canary-secret")
    token = ProviderToken.objects.get()
    sender = make_sender(password="canary-password")
    wrong = admin_client.post(change(provider), FORM | {"client_id": "", "client_secret": "canary-typed"})
    pages = [LIST, change(provider), f"{LIST}{provider.pk}/delete/"]
    pages += ["/admin/", "/admin/audit/auditrow/", f"/admin/mailsenders/emailsender/{sender.pk}/change/"]
    said = " ".join(page(admin_client, one) for one in pages) + wrong.content.decode()
    assert wrong.status_code == 200
    for secret in ("canary", token.access_token, token.refresh_token):
        assert secret not in said
    assert "stored: leave empty to keep it" in said


def test_a_form_with_errors_says_that_the_secret_is_to_be_typed_again(admin_client: Client) -> None:
    refused = admin_client.post(ADD, FORM | {"mailbox": "nonsense"}).content.decode()
    assert "not stored yet: type it in again" in refused
    assert "leave empty to keep it" not in refused
    provider = make_provider(client_secret="first")
    wrong = FORM | {"mailbox": "nonsense"}
    refused = admin_client.post(change(provider), wrong).content.decode()
    assert "type it in again; empty keeps the old one" in refused
    refused = admin_client.post(change(provider), wrong | {"client_secret": ""}).content.decode()
    assert "stored: leave empty to keep it" in refused


def test_an_agent_is_told_why_the_administration_asks_for_a_password(client: Client) -> None:
    client.force_login(User.objects.create_user("alice"))
    html = client.get("/admin/", follow=True).content.decode()
    assert "You are signed in as alice, who may not open the administration." in words(html)
    client.logout()
    assert "You are signed in as" not in client.get("/admin/", follow=True).content.decode()


def test_an_empty_secret_keeps_the_stored_one_and_a_typed_one_replaces_it(admin_client: Client) -> None:
    provider = make_provider(client_secret="first")
    admin_client.post(change(provider), FORM | {"client_secret": "", "name": "renamed"})
    provider.refresh_from_db()
    assert (provider.name, provider.client_secret) == ("renamed", "first")
    admin_client.post(change(provider), FORM | {"client_secret": "second"})
    provider.refresh_from_db()
    assert provider.client_secret == "second"


def test_a_new_provider_needs_a_secret(admin_client: Client) -> None:
    response = admin_client.post(ADD, FORM | {"client_secret": ""})
    assert response.status_code == 200
    assert "Copy the client secret from" in response.content.decode()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://accounts.example.com/token", "The access token URL is not encrypted"),
        ("https://169.254.169.254/token", "never asked"),
        ("https://user:pw@accounts.example.com/", "user name or password"),
    ],
)
def test_other_endpoints_are_checked(admin_client: Client, url: str, why: str) -> None:
    response = admin_client.post(ADD, FORM | {"token_url": url})
    assert response.status_code == 200
    assert why in response.content.decode()
    assert not SSOProvider.objects.exists()


def test_saving_lets_a_failing_provider_try_again_at_once(
    admin_client: Client, oauth_server: OAuthServer
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    ProviderToken.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1), failures=4)
    admin_client.post(change(provider), FORM | {"mailbox": MAILBOX})
    assert ProviderToken.objects.get().next_attempt_at is None


def test_a_provider_in_use_is_not_deleted_and_the_user_is_named(admin_client: Client) -> None:
    provider, free = make_provider(), make_provider()
    make_sender(name="support-out", password=token_url(str(provider.pk)))
    said = words(page(admin_client, f"{LIST}{provider.pk}/delete/"))
    assert f"email sender support-out: its password is the token URL of {provider}" in said
    for one in (provider, free):
        admin_client.post(f"{LIST}{one.pk}/delete/", {"post": "yes"})
    both = {"action": "delete_selected", "_selected_action": [provider.pk], "post": "yes"}
    admin_client.post(LIST, both)
    assert list(SSOProvider.objects.all()) == [provider]
    assert "Used by support-out" in words(page(admin_client, change(provider)))


def test_a_lost_key_is_a_sentence_not_a_crash(admin_client: Client, settings: Settings) -> None:
    provider = make_provider()
    settings.ENCRYPTION_KEYS = ["b2cfIrcRWr7l1Uv3Eao0vFFK4V0PzW0i9lCV5gJMPAA="]
    assert "not signed in" in page(admin_client, LIST)
    response = admin_client.get(change(provider))
    assert response.headers["Location"] == LIST
    assert "cannot be decrypted: add key" in str(next(iter(get_messages(response.wsgi_request))))


def test_a_token_url_is_told_by_whose_it_is(admin_client: Client, oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    address = "/admin/sso/ssoprovider/describe/"
    response = admin_client.post(address, {"secret": token_url(str(provider.pk))})
    assert response.content.decode() == f"token of provider {provider.pk} (Google OAuth, {MAILBOX})"
    assert admin_client.post(address, {"secret": "a password"}).content == b""
    stranger = Client()
    stranger.force_login(User.objects.create_user("charlie"))
    assert stranger.post(address, {"secret": "x"}).status_code == 302


def test_the_policy_lets_the_key_lead_to_the_provider(
    admin_client: Client, oauth_server: OAuthServer
) -> None:
    make_signed_in_provider(oauth_server, MAILBOX)
    policy = admin_client.get(LIST)["Content-Security-Policy"]
    (form_action,) = [one for one in policy.split(";") if "form-action" in one]
    assert oauth_server.base_url in form_action
    assert "'unsafe-eval'" in policy
    elsewhere = admin_client.get("/admin/auth/user/")["Content-Security-Policy"]
    assert oauth_server.base_url not in elsewhere


@pytest.mark.parametrize(
    "path", ["auth/user/", "auth/user/add/", "auth/group/", "auth/group/add/", "audit/auditrow/"]
)
def test_the_other_pages_of_system(admin_client: Client, path: str) -> None:
    page(admin_client, f"/admin/{path}")


def test_agents_without_rights_see_nothing_of_it(client: Client) -> None:
    provider = make_provider()
    client.force_login(User.objects.create_user("alice", is_staff=True))
    for address in (LIST, ADD, change(provider)):
        assert client.get(address).status_code == 403
    assert "SSO providers" not in page(client, "/admin/")


def test_the_day_of_the_last_secret_is_shown(admin_client: Client) -> None:
    provider = make_provider()
    day = timezone.now() - timedelta(days=40)
    SSOProvider.objects.update(secret_changed_at=day)
    assert f"Set, changed on {date_format(day)}." in words(page(admin_client, change(provider)))
    admin_client.post(change(provider), FORM | {"client_secret": ""})
    assert SSOProvider.objects.get().secret_changed_at == day
    admin_client.post(change(provider), FORM)
    assert SSOProvider.objects.get().secret_changed_at > day  # type: ignore[operator]


def test_a_copy_has_the_same_client_and_its_own_sign_in(
    admin_client: Client, oauth_server: OAuthServer
) -> None:
    scope = "https://mail.google.com/ openid profile"
    first = make_signed_in_provider(oauth_server, MAILBOX, client_secret="canary-secret", scope=scope)
    address = f"{ADD}?copy={first.pk}"
    assert f'href="{address}">Copy provider</a>' in page(admin_client, change(first))
    form = page(admin_client, address)
    assert first.client_id in form
    assert f'value="{scope}"' in form
    assert f"Copy of {first.title}" in form
    assert "canary" not in form
    kept = {
        name: getattr(first, name) for name in ("client_id", "authorization_url", "token_url", "refresh_url")
    }
    admin_client.post(address, FORM | kept | {"client_secret": ""})
    second = SSOProvider.objects.exclude(pk=first.pk).get()
    assert (second.client_secret, second.mailbox) == ("canary-secret", "")
    assert second.token.signed_in_at is None


def test_the_id_of_a_secret_stays_marked(admin_client: Client) -> None:
    guid = "11111111-2222-3333-4444-555555555555"
    wrong = make_provider(type="microsoft", tenant="company.com", client_secret=guid)
    right = make_provider(type="microsoft", tenant="company.com", client_secret="abc8Q~value")
    assert "looks like the secret" in page(admin_client, change(wrong))
    assert "looks like the secret" not in page(admin_client, change(right))


@pytest.mark.parametrize("name", ["token_url", "refresh_url"])
@pytest.mark.parametrize("is_copy", [True, False])
def test_a_stored_secret_is_not_sent_to_another_server(
    admin_client: Client, settings: Settings, name: str, is_copy: bool
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    first = make_provider(client_secret="canary-secret")
    values = FORM | {"client_secret": "", name: "https://127.0.0.1:9/token"}
    address = f"{ADD}?copy={first.pk}" if is_copy else change(first)
    for blank in ("", " "):
        refused = admin_client.post(address, values | {"client_secret": blank}).content.decode()
        assert "type it in again" in refused
    assert SSOProvider.objects.get().token_url == ""
    assert admin_client.post(address, values | {"client_secret": "typed"}).status_code == 302
    assert SSOProvider.objects.latest("pk").client_secret == "typed"


def test_boxes_of_another_type_are_not_ticked(admin_client: Client) -> None:
    """The form hides them there, so that nobody could take the tick away."""
    provider = make_provider(type="microsoft", tenant="company.com", app_only=True, mailbox=MAILBOX)
    admin_client.post(change(provider), FORM | {"app_only": "on", "mailbox": MAILBOX})
    provider.refresh_from_db()
    assert (provider.type, provider.app_only) == ("google", False)


@pytest.mark.parametrize("pk", ["", "x", "9999", "٣"])
def test_a_copy_of_nothing_is_an_empty_form(admin_client: Client, pk: str) -> None:
    response = admin_client.post(f"{ADD}?copy={pk}", FORM | {"client_secret": ""})
    assert "Copy the client secret from" in response.content.decode()


def sender_form(sender: EmailSender, **changed: object) -> dict[str, object]:
    names = ("name", "server_type", "server_address", "service_port", "username", "email_address")
    return {name: getattr(sender, name) for name in names} | {"password": ""} | changed


@pytest.mark.parametrize(
    "changed",
    [{"server_address": "evil.example"}, {"service_port": 26}, {"server_type": "NONE"}],
)
def test_a_stored_password_is_tested_only_where_it_belongs(
    admin_client: Client, changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[str, str]] = []

    def spy(sender: EmailSender) -> list[Step]:
        used.append((sender.server_address, sender.password))
        return [Step("Name", True, "fine", 0.1)]

    monkeypatch.setattr("mailsenders.check.test_connection", spy)
    sender = make_sender(username="box", password="canary-password", server_type="STARTTLS")
    address = f"/admin/mailsenders/emailsender/{sender.pk}/test/"

    refused = admin_client.post(address, sender_form(sender, **changed))
    assert "type it in again, if" in refused.content.decode()
    assert used == []

    for form in (sender_form(sender), sender_form(sender, password="typed", **changed)):
        assert "The connection works." in admin_client.post(address, form).content.decode()
    assert used[0] == ("127.0.0.1", "canary-password")
    assert used[1][1] == "typed"
    sender.refresh_from_db()
    assert sender.password == "canary-password"


def test_a_connection_is_tested_only_by_who_may_change_it(client: Client) -> None:
    sender = make_sender()
    client.force_login(User.objects.create_user("alice", is_staff=True))
    for address in (
        f"/admin/mailsenders/emailsender/{sender.pk}/test/",
        "/admin/mailsenders/emailsender/test/",
    ):
        assert client.post(address, sender_form(sender)).status_code == 403
        assert client.get(address).status_code == 405


def test_an_incomplete_form_is_told_what_is_missing(admin_client: Client) -> None:
    response = admin_client.post("/admin/mailsenders/emailsender/test/", {"server_type": "SSL"})
    said = words(response.content.decode())
    assert "Complete the form first." in said
    assert "Server address: This field is required." in said


def test_an_address_breaks_where_it_is_read_apart_and_is_escaped() -> None:
    assert breakable("alice@mail.example.com:993") == "alice@<wbr>mail.example.com<wbr>:993"
    assert breakable("<b>@example.com") == "&lt;b&gt;@<wbr>example.com"
