"""Microsoft and other OAuth 2.0 servers: the same button, the same broker, other shapes."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from rehearsal.oauth import MAIL_SCOPE, OAuthServer
from rehearsal.oauth.microsoft import APP_SCOPE, MAIL_SCOPES, App
from sso import refusals, tokens
from sso.models import ProviderToken, SSOProvider
from sso.providers import Endpoints, endpoints, mail_server
from sso.refusals import Cure
from tests.make import make_provider
from tests.servers import microsoft
from tests.servers.authority import Authority
from tests.servers.microsoft import Microsoft
from tests.sso.conftest import MAILBOX

pytestmark = pytest.mark.django_db

BASE = "https://ucs.company.com"
BACK = f"{BASE}/login/oauth2/microsoft"
PERSON = "alice@company.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture(scope="module")
def running(authority: Authority) -> Iterator[Microsoft]:
    with microsoft.running(authority, MAILBOX, PERSON) as service:
        yield service


@pytest.fixture
def service(running: Microsoft, settings: Settings) -> Microsoft:
    settings.BASE_URL = BASE
    settings.ALLOWED_HOSTS = ["ucs.company.com"]
    settings.CA_BUNDLE = str(running.bundle)
    return running


@pytest.fixture
def browser(admin_user: User) -> Client:
    client = Client(headers={"host": "ucs.company.com"})
    client.force_login(admin_user)
    return client


def provider_of(service: Microsoft, app: App, **overrides: object) -> SSOProvider:
    values = {
        "type": "microsoft", "client_id": app.client_id, "client_secret": app.secret,
        "tenant": service.tenant.id, "authority": service.url, "mailbox": MAILBOX,
        "scope": " ".join((MAIL_SCOPES[0], MAIL_SCOPES[2])),
    }  # fmt: skip
    return make_provider(**(values | overrides))


def sign_in(
    browser: Client,
    service: Microsoft,
    provider: SSOProvider,
    account: str = MAILBOX,
    decision: str = "allow",
) -> str:
    """🔑, the consent page, and back; what the administrator is told."""
    started = browser.post(f"/login/oauth2/start/{provider.pk}")
    page = started.headers["Location"]
    answer = requests.post(
        page, data={"account": account, "decision": decision}, allow_redirects=False,
        verify=str(service.bundle), timeout=10,
    )  # fmt: skip
    if answer.status_code != 302:
        return answer.text
    back = browser.get(answer.headers["Location"].removeprefix(BASE))
    return " ".join(str(one) for one in get_messages(back.wsgi_request))


def end(provider: SSOProvider) -> None:
    """Let the stored token be over."""
    ProviderToken.objects.filter(provider=provider).update(expires_at=timezone.now())


def test_a_microsoft_mailbox(browser: Client, service: Microsoft) -> None:
    provider = provider_of(service, service.add_app(BACK))
    assert f"signed in as {MAILBOX}" in sign_in(browser, service, provider)
    token = tokens.access_token(provider.pk)
    assert service.tenant.owner_of(token) == MAILBOX
    before = ProviderToken.objects.get(provider=provider).refresh_token
    end(provider)
    assert service.tenant.owner_of(tokens.access_token(provider.pk)) == MAILBOX
    assert ProviderToken.objects.get(provider=provider).refresh_token != before


def test_a_shared_mailbox_is_signed_in_by_a_person(browser: Client, service: Microsoft) -> None:
    app = service.add_app(BACK)
    provider = provider_of(service, app, mailbox="shared@company.com")
    told = sign_in(browser, service, provider, PERSON)
    assert PERSON in told
    assert "shared@company.com" in told
    assert "Shared mailbox" in told
    assert not ProviderToken.objects.get(provider=provider).refresh_token
    SSOProvider.objects.filter(pk=provider.pk).update(shared_mailbox=True)
    assert f"signed in as {PERSON}" in sign_in(browser, service, provider, PERSON)


def test_an_app_without_a_person(browser: Client, service: Microsoft) -> None:
    provider = provider_of(service, service.add_app(), app_only=True)
    with pytest.raises(tokens.SignInError):
        tokens.access_token(make_provider().pk)  # others still need their person
    told = browser.post(f"/login/oauth2/start/{provider.pk}")
    assert "signed in by itself" in " ".join(str(one) for one in get_messages(told.wsgi_request))
    end(provider)
    assert service.tenant.owner_of(tokens.access_token(provider.pk)) == "*"


def test_an_app_need_not_be_clicked_at_all(service: Microsoft) -> None:
    provider = provider_of(service, service.add_app(), app_only=True)
    assert service.tenant.owner_of(tokens.access_token(provider.pk), APP_SCOPE) == "*"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("7000222", "has expired"), ("50173", "password was changed"), ("700082", "90 days"),
        ("65001", "Grant admin consent"), ("50076", "second factor"), ("53003", "Conditional Access"),
    ],
)  # fmt: skip
def test_a_dead_sign_in_says_why(browser: Client, service: Microsoft, number: str, words: str) -> None:
    provider = provider_of(service, service.add_app(BACK))
    sign_in(browser, service, provider)
    end(provider)
    service.tenant.refuse.append(number)
    with pytest.raises(tokens.SignInError) as refused:
        tokens.access_token(provider.pk)
    assert words in refused.value.sentence
    assert f"AADSTS{number}" in refused.value.sentence


def test_trouble_at_microsoft_waits(browser: Client, service: Microsoft) -> None:
    provider = provider_of(service, service.add_app(BACK))
    sign_in(browser, service, provider)
    end(provider)
    service.tenant.refuse.append("90033")
    with pytest.raises(tokens.ProviderDown):
        tokens.access_token(provider.pk)
    assert not ProviderToken.objects.get(provider=provider).needs_sign_in


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client_secret": "00000000-0000-0000-0000-000000000000"}, "Value, not its Secret ID"),
        ({"tenant": "unknown.example"}, "tenant doesn't exist"),
        ({"client_id": "no-such-app"}, "not known in this tenant"),
    ],
)
def test_wrong_settings_are_named(
    browser: Client, service: Microsoft, change: dict[str, str], words: str
) -> None:
    provider = provider_of(service, service.add_app(), app_only=True, **change)
    told = browser.post(f"/login/oauth2/start/{provider.pk}")
    assert words in " ".join(str(one) for one in get_messages(told.wsgi_request))


def test_declined_and_forbidden_consent(browser: Client, service: Microsoft) -> None:
    app = service.add_app(BACK)
    provider = provider_of(service, app)
    assert "choose Accept" in sign_in(browser, service, provider, decision="deny")
    app.admin_consent = False
    for tries in (1, 2):
        assert "only an administrator" in sign_in(browser, service, provider)
        page = browser.get(f"/admin/sso/ssoprovider/{provider.pk}/change/").content.decode()
        assert "the provider needs time" in page
        assert re.search(r"Click 🔑 again in 1[45] min", page)
        listed = re.search(r'<ul class="ucs-tries">.*?</ul>', page, re.DOTALL)
        assert listed
        assert listed[0].count("only an administrator") == tries
    app.admin_consent = True
    assert f"signed in as {MAILBOX}" in sign_in(browser, service, provider)
    page = browser.get(f"/admin/sso/ssoprovider/{provider.pk}/change/").content.decode()
    assert "Click 🔑 again" not in page


def test_any_other_server(browser: Client, oauth_server: OAuthServer, service: Microsoft) -> None:
    urls = oauth_server.endpoints()
    provider = make_provider(
        type="generic", name="House mail", mailbox=MAILBOX, scope=f"{MAIL_SCOPE} openid email",
        authorization_url=urls["authorization_url"], token_url=urls["token_url"],
    )  # fmt: skip
    started = browser.post(f"/login/oauth2/start/{provider.pk}")
    assert "login%2Foauth2%2Fhouse-mail" in started.headers["Location"]
    answer = requests.post(
        started.headers["Location"], data={"account": MAILBOX, "decision": "allow"}, allow_redirects=False,
        timeout=10,
    )  # fmt: skip
    back = browser.get(answer.headers["Location"].removeprefix(BASE))
    assert f"signed in as {MAILBOX}" in " ".join(str(one) for one in get_messages(back.wsgi_request))
    assert oauth_server.owner_of(tokens.access_token(provider.pk)) == MAILBOX


def test_what_is_built_in() -> None:
    """Nobody types these in; other tests put stand-ins in their place."""
    google = SSOProvider(type="google")
    assert endpoints(google) == Endpoints(
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com/token",
        "https://openidconnect.googleapis.com/v1/userinfo",
    )
    assert mail_server(google, "imap") == ("imap.gmail.com", "993")
    assert mail_server(google, "smtp") == ("smtp.gmail.com", "587")
    tenant = "https://login.microsoftonline.com/company.com/oauth2/v2.0"
    firm = SSOProvider(type="microsoft", tenant="company.com")
    assert endpoints(firm) == Endpoints(f"{tenant}/authorize", f"{tenant}/token", f"{tenant}/token", "")
    assert mail_server(firm, "imap") == ("outlook.office365.com", "993")
    assert mail_server(firm, "smtp") == ("smtp.office365.com", "587")
    firm.smtp_server, firm.smtp_port = "relay.company.com", 465
    assert mail_server(firm, "smtp") == ("relay.company.com", "465")


@pytest.mark.parametrize("kind", ["google", "microsoft"])
def test_the_mail_servers_of_a_type_fill_the_forms(admin_client: Client, kind: str) -> None:
    provider = make_provider(type=kind, tenant="company.com", mailbox=MAILBOX)
    page = admin_client.get(f"/admin/sso/ssoprovider/{provider.pk}/change/").content.decode()
    for protocol, app in (("imap", "mailsources/emailsource"), ("smtp", "mailsenders/emailsender")):
        host, port = mail_server(provider, protocol)
        link = re.search(rf'href="(/admin/{app}/add/\?[^"]*)"', page)
        assert link
        form = admin_client.get(unescape(link[1])).content.decode()
        assert f'value="{host}"' in form
        assert f"service_port={port}&" in unescape(link[1])


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ("", ["select_account"]),
        ("consent", ["consent"]),
        ("select_account", ["select_account"]),
        ("unsent", []),
    ],
)
def test_the_choice_of_the_consent_page_is_sent(
    browser: Client, service: Microsoft, prompt: str, sent: list[str]
) -> None:
    provider = provider_of(service, service.add_app(BACK), prompt=prompt)
    started = browser.post(f"/login/oauth2/start/{provider.pk}").headers["Location"]
    assert parse_qs(urlsplit(started).query).get("prompt", []) == sent


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("tenant", {"type": "microsoft", "tenant": ""}),
        ("tenant", {"type": "microsoft", "tenant": "https://login/x"}),
        ("scope", {"type": "microsoft", "tenant": "t", "scope": f"{MAIL_SCOPES[0]} Mail.Read"}),
        ("mailbox", {"type": "microsoft", "tenant": "t", "app_only": True, "mailbox": ""}),
        ("app_only", {"type": "google", "app_only": True}),
        ("client_secret", {"type": "google", "client_secret": ""}),
        ("token_url", {"type": "generic", "scope": "mail"}),
        ("name", {"type": "generic", "scope": "mail", "name": "Microsoft"}),
        ("name", {"type": "generic", "scope": "mail", "name": "Google!"}),
    ],
)
def test_what_can_not_work_is_refused(field: str, values: dict[str, object]) -> None:
    base = {"name": "p", "client_id": "c", "client_secret": "s"}
    with pytest.raises(ValidationError) as refused:
        SSOProvider(**(base | values)).full_clean()
    assert field in refused.value.message_dict


def test_each_refusal_can_be_shown() -> None:
    for name, one in refusals.refusals().items():
        text = one.remedy.format(redirect_uri="URI", console="the console")
        assert len(text) > 20, name
        assert isinstance(one.cure, Cure)
    assert len(refusals.refusals()) > 60
    assert (
        refusals.refusal("access_denied", "… has not completed the verification process").cure
        is Cure.SETTINGS
    )
