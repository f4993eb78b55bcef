"""Each planted fault breaks at its own rung, and its text names the remedy that the answer sheet has."""

from collections.abc import Iterator

import pytest
import requests
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from mailsenders import check as senders
from mailsenders.models import EmailSender
from sso import check as providers
from sso.models import SSOProvider
from sso.steps import Step
from tests.make import make_queue
from tests.planted import ANSWERS, Planted
from tests.planting import LoginService, clear, plant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def planted(settings: Settings) -> Iterator[Planted]:
    settings.ALLOW_PRIVATE_HOSTS = True
    make_queue()
    found = Planted()
    plant(found)
    yield found
    clear()
    found.stop()
    assert not EmailSender.objects.filter(name__startswith="planted").exists()


def last_of_sender(number: int) -> Step:
    return senders.test_connection(EmailSender.objects.get(name=f"planted {number}"))[-1]


def test_those_that_need_no_world(planted: Planted) -> None:
    assert len(ANSWERS) == 10
    assert len({row.name for row in planted.rows}) == 10
    expired = providers.test_connection(SSOProvider.objects.get(name="planted 7"))[-1]
    assert (expired.name, expired.cause.name) == ("Token", "AADSTS7000222")
    assert "HTTP Basic" not in expired.detail
    lacking = last_of_sender(8)
    assert (lacking.name, lacking.cause.name) == ("Token", "scope_missing")
    assert "SMTP.Send" in lacking.detail
    off = last_of_sender(9)
    assert (off.name, off.cause.name, off.cause.takes_time) == ("Login", "smtp_auth_off", True)
    LoginService.on_switch()
    assert last_of_sender(9).ok


def test_the_sign_in_of_fault_8_can_be_done_over(planted: Planted, admin_user: User) -> None:
    """As the text says: add the scope, then 🔑; the login service says who it was."""
    provider = SSOProvider.objects.get(name="planted 8")
    provider.scope += " https://outlook.office.com/SMTP.Send"
    provider.save()
    lacking = last_of_sender(8)
    assert (lacking.name, lacking.cause.name) == ("Token", "scope_older")
    assert "click 🔑" in lacking.detail
    older = providers.test_connection(provider)[-1]
    assert (older.name, older.ok, older.cause.name) == ("Rights", False, "scope_older")
    browser = Client(headers={"host": "127.0.0.1:8080"})
    browser.force_login(admin_user)
    page = browser.post(f"/login/oauth2/start/{provider.pk}")["Location"]
    back = requests.get(page, allow_redirects=False, timeout=10).headers["Location"]
    browser.get(back.removeprefix(django_settings.BASE_URL))
    provider.token.refresh_from_db()
    assert provider.token.account == "billing@company.example"
    assert last_of_sender(8).ok
    assert providers.test_connection(provider)[-1].ok
    assert last_of_sender(8).ok, "also after a refresh"
