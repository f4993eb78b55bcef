"""“Generate Token” on the pages of sources and senders: the 🔑 of the provider that they use."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from alarms import watch
from rehearsal.oauth import OAuthServer
from sso.models import SSOProvider
from sso.secrets import token_url
from tests.make import make_provider, make_sender, make_signed_in_provider, make_source
from tests.sso.conftest import MAILBOX
from tests.sso.test_signin import click_key, decide, provider_at

pytestmark = pytest.mark.django_db

BASE = "https://ucs.company.com"
ELSEWHERE = ["https://evil.example/admin/", "//evil.example/admin/", "/login/", "", "x"]


@pytest.fixture(autouse=True)
def base_url(settings: Settings) -> None:
    settings.BASE_URL = BASE
    settings.ALLOWED_HOSTS = ["ucs.company.com", "testserver"]


def page_of(kind: str, row: Any) -> str:
    app = {"emailsource": "mailsources", "emailsender": "mailsenders"}[kind]
    return f"/admin/{app}/{kind}/{row.pk}/change/"


@pytest.mark.parametrize(("kind", "make"), [("emailsource", make_source), ("emailsender", make_sender)])
def test_the_button_is_where_a_token_is_used(
    admin_client: Client, oauth_server: OAuthServer, kind: str, make: Any
) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    used, plain = make(password=token_url(str(provider.pk))), make(password="a password")
    response = admin_client.get(page_of(kind, used))
    html = response.content.decode()
    assert "🔑 Generate Token" in html
    assert f'action="/login/oauth2/start/{provider.pk}"' in html
    assert MAILBOX in html
    assert oauth_server.base_url in response.headers["Content-Security-Policy"]
    assert "Generate Token" not in admin_client.get(page_of(kind, plain)).content.decode()
    assert (
        "Generate Token"
        not in admin_client.get(page_of(kind, used).rsplit("/", 3)[0] + "/add/").content.decode()
    )


def test_it_comes_back_to_the_page_it_was_clicked_on(admin_user: User, oauth_server: OAuthServer) -> None:
    browser = Client(headers={"host": "ucs.company.com"})
    browser.force_login(admin_user)
    provider = provider_at(oauth_server, mailbox=MAILBOX)
    source = make_source(password=token_url(str(provider.pk)), poll_interval=45)
    idle = make_source(password=token_url(str(provider.pk)), is_active=False)
    started = browser.post(f"/login/oauth2/start/{provider.pk}", {"back": page_of("emailsource", source)})
    back = decide(started.headers["Location"], MAILBOX).removeprefix(BASE)
    assert browser.get(back).headers["Location"] == page_of("emailsource", source)
    said = browser.get(page_of("emailsource", source)).content.decode()
    assert f'href="{page_of("emailsource", source)}">{source}</a> (first fetch within 45 s, expected' in said
    assert f'href="{page_of("emailsource", idle)}">{idle}</a> use it: test them with' in said
    own = f"/admin/sso/ssoprovider/{provider.pk}/change/"
    card = browser.get(own).content.decode()
    assert card.count(f'name="back" value="{own}"') == 2  # of 🔑, and of what is pasted
    again = decide(click_key(browser, provider), MAILBOX).removeprefix(BASE)
    assert browser.get(again).headers["Location"] == "/admin/sso/ssoprovider/"


@pytest.mark.parametrize(
    "address", ["https://evil.example/admin/", "//evil.example/admin/", "/login/", "", "x"]
)
def test_it_comes_back_to_our_pages_only(admin_user: User, oauth_server: OAuthServer, address: str) -> None:
    browser = Client(headers={"host": "ucs.company.com"})
    browser.force_login(admin_user)
    provider = provider_at(oauth_server, mailbox=MAILBOX)
    started = browser.post(f"/login/oauth2/start/{provider.pk}", {"back": address})
    back = decide(started.headers["Location"], MAILBOX).removeprefix(BASE)
    assert browser.get(back).headers["Location"] == "/admin/sso/ssoprovider/"


def test_a_password_that_can_not_be_read_or_of_nobody_has_no_button(admin_client: Client) -> None:
    nobody = make_source(password=token_url("999"))
    assert "Generate Token" not in admin_client.get(page_of("emailsource", nobody)).content.decode()
    lost = make_source(password=token_url(str(make_provider().pk)))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailsources_emailsource SET password = 'fernet:x' WHERE id = %s", [lost.pk])
    assert admin_client.get(page_of("emailsource", lost)).status_code in (200, 302)


def test_an_alarm_leads_to_the_step_that_mends_it(admin_client: Client, oauth_server: OAuthServer) -> None:
    provider = make_signed_in_provider(oauth_server, MAILBOX)
    provider.token.failed("The scope. (It said “invalid_scope: x”.)")
    SSOProvider.objects.filter(pk=provider.pk).update(owner="it@company.com")
    watch.look()
    html = admin_client.get("/admin/alarms/alarm/").content.decode()
    found = re.search(rf'href="(/admin/sso/ssoprovider/{provider.pk}/checklist/)"', html)
    assert found
    where = admin_client.get(found[1]).headers["Location"]
    assert where == f"{found[1]}google-internal/#google-scope"
