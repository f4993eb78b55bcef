"""Every way a grant or its client can die: said rightly, everywhere, and the provider is left in peace.

Each is played over HTTP against a provider of independent make. A death is told at the next refresh: in the
provider's row, by the source and the sender that use it, as an alarm with a mail to the owner.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone
from pytest_django.fixtures import Settings

from alarms import mailing, watch
from alarms.address import Alerts
from alarms.models import Alarm
from mailsenders import sending
from mailsenders.models import EmailSender, OutgoingMail, SenderState
from mailsources.fetch import fetch_new
from mailsources.models import EmailSource
from rehearsal.oauth import Account, OAuthServer, Refusal
from rehearsal.oauth.microsoft import MAIL_SCOPES
from sso import signin, tasks, tokens
from sso.models import ProviderToken, SSOProvider
from sso.secrets import token_url
from tests.make import make_outgoing, make_provider, make_sender, make_signed_in_provider, make_source
from tests.servers import microsoft
from tests.servers.authority import Authority
from tests.servers.microsoft import Microsoft
from tests.servers.scripted import refusing

pytestmark = pytest.mark.django_db

MAILBOX = "mailbox.email@company.com"
OWNER = "it@company.com"
SIGN_IN, SETTINGS, WAIT = "sign in", "settings", "wait"
CALLS = {SIGN_IN: 0, SETTINGS: 0, WAIT: 9}
"""How often the provider is asked in the half hour after the first refusal, at most."""


@dataclass
class Place:
    """A signed-in provider, how its server is asked to refuse, and how often it was asked."""

    provider: SSOProvider
    refuse: Callable[[str], None]
    calls: Callable[[], int]


@pytest.fixture(autouse=True)
def surroundings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    settings.ALERTS = Alerts()
    monkeypatch.setattr("alarms.troubles.worker_states", lambda queues: [])
    monkeypatch.setattr(tasks.refresh, "delay", tasks.refresh)
    SenderState.objects.filter(sender=make_sender()).update(last_success_at=timezone.now())  # carries alarms


@pytest.fixture(scope="module")
def google_server() -> Iterator[OAuthServer]:
    with OAuthServer(accounts=[Account(MAILBOX)]) as server:
        yield server


@pytest.fixture(scope="module")
def microsoft_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft]:
    with microsoft.running(Authority(Path(tmp_path_factory.mktemp("tls"))), MAILBOX) as running:
        yield running


@pytest.fixture
def google(google_server: OAuthServer) -> Iterator[Place]:
    provider = make_signed_in_provider(google_server, MAILBOX, owner=OWNER)
    yield place_at(google_server, provider)
    google_server.faults.standing = None
    google_server.faults.unused_life = 0


@pytest.fixture
def generic(google_server: OAuthServer) -> Iterator[Place]:
    provider = make_signed_in_provider(google_server, MAILBOX, owner=OWNER, type="generic", name="House mail")
    yield place_at(google_server, provider)
    google_server.faults.standing = None


def place_at(server: OAuthServer, provider: SSOProvider) -> Place:
    def refuse(words: str) -> None:
        error, _, rest = words.partition(": ")
        subtype, _, description = rest.rpartition("|")
        more = {"error_subtype": subtype} if subtype else {}
        status = 401 if error == "invalid_client" else 400
        server.faults.standing = Refusal(error, description, status, more)

    return Place(provider, refuse, lambda: server.token_requests)


@pytest.fixture
def office(microsoft_service: Microsoft, settings: Settings) -> Iterator[Place]:
    yield office_place(microsoft_service, settings)
    microsoft_service.tenant.standing = ""


@pytest.fixture
def app(microsoft_service: Microsoft, settings: Settings) -> Iterator[Place]:
    yield office_place(microsoft_service, settings, app_only=True)
    microsoft_service.tenant.standing = ""


def office_place(service: Microsoft, settings: Settings, **overrides: object) -> Place:
    settings.CA_BUNDLE = str(service.bundle)
    registered = service.add_app()
    values = {
        "type": "microsoft", "client_id": registered.client_id, "client_secret": registered.secret,
        "tenant": service.tenant.id, "authority": service.url, "scope": MAIL_SCOPES[0],
        "mailbox": MAILBOX, "owner": OWNER,
    }  # fmt: skip
    provider = make_provider(**(values | overrides))
    if provider.app_only:
        signin.sign_app_in(provider, None)
    else:
        scope = (*MAIL_SCOPES, "offline_access", "openid")
        signin.take_over(provider, service.issue(registered, MAILBOX, scope), None)

    def refuse(number: str) -> None:
        service.tenant.standing = number

    return Place(provider, refuse, lambda: service.tenant.requests)


GOOGLE = [
    ("invalid_grant: Token has been expired or revoked.", SIGN_IN, "withdrawn", "click 🔑"),
    ("invalid_grant: Bad Request", SIGN_IN, "password changed", "click 🔑"),
    ("invalid_grant: Account restricted", SETTINGS, "suspended", "administrator restore"),
    ("invalid_grant: Account has been deleted", SETTINGS, "deleted", "field Mailbox"),
    (
        "invalid_grant: invalid_rapt|reauth related error (invalid_rapt)",
        SIGN_IN,
        "after some hours",
        "exempt",
    ),
    ("admin_policy_enforced: The administrator does not allow it", SETTINGS, "trust the client ID", "🔑"),
    ("org_internal: Restricted to its organization", SETTINGS, "own organisation", "External"),
    ("disabled_client: The OAuth client was disabled.", SETTINGS, "is disabled", "enable it"),
    ("deleted_client: The OAuth client was deleted.", SETTINGS, "was deleted", "enter the client ID"),
    ("invalid_client: Unauthorized", SETTINGS, "client secret is not right", "copy both again"),
    ("unauthorized_client: Unauthorized", SETTINGS, "may not sign people in", "Web application"),
    ("unsupported_grant_type: Invalid grant_type", SETTINGS, "kind of request", "access token URL"),
    ("invalid_scope: Some scopes are not allowed", SETTINGS, "not allowed for this client", "field Scope"),
    ("temporarily_unavailable: Try later", WAIT, "overloaded", "tried again|try again"),
]

MICROSOFT = [
    ("50173", SIGN_IN, "password was changed", "click 🔑"),
    ("50132", SIGN_IN, "was changed", "click 🔑"),
    ("700082", SIGN_IN, "90 days", "click 🔑"),
    ("70043", SIGN_IN, "frequency policy", "exempt"),
    ("65001", SIGN_IN, "nobody has allowed", "Grant admin consent"),
    ("50076", SIGN_IN, "second factor", "click 🔑"),
    ("50079", SIGN_IN, "second factor", "click 🔑"),
    ("50158", SIGN_IN, "another proof", "click 🔑"),
    ("50055", SIGN_IN, "password has expired", "click 🔑"),
    ("53003", SETTINGS, "Conditional Access", "exempt"),
    ("53000", SETTINGS, "managed device", "exempt"),
    ("530032", SETTINGS, "for a risk", "Risky users"),
    ("50057", SETTINGS, "account is disabled", "enable it"),
    ("50034", SETTINGS, "doesn't exist in this tenant", "check the tenant ID"),
    ("500341", SETTINGS, "deleted from the directory", "restored"),
    ("50105", SETTINGS, "not assigned", "Users and groups"),
    ("50053", WAIT, "locked", "15 minutes"),
    ("7000215", SETTINGS, "client secret is not right", "Value"),
    ("7000222", SETTINGS, "client secret has expired", "make a new one"),
    ("700016", SETTINGS, "not known in this tenant", "client ID"),
    ("7000112", SETTINGS, "app is disabled", "Enterprise applications"),
    ("90002", SETTINGS, "tenant doesn't exist", "Directory (tenant) ID"),
    ("500014", SETTINGS, "Exchange Online", "licences"),
    ("500021", SETTINGS, "lets nobody into this tenant", "tenant restrictions"),
    ("650057", SETTINGS, "no permission for this scope", "API permissions"),
    ("70011", SETTINGS, "scope is not known", "outlook.office.com"),
    ("90033", WAIT, "trouble of its own", "by itself"),
]

GENERIC = [
    ("invalid_grant: no such token", SIGN_IN, "sign-in has ended", "click 🔑"),
    ("invalid_client: who are you", SETTINGS, "client secret is not right", "“HTTP Basic”"),
    ("a_word_of_its_own: as it likes", SETTINGS, "check the provider's settings", "a_word_of_its_own"),
]


@pytest.mark.parametrize(("words", "cure", "cause", "click"), GOOGLE)
def test_at_google(google: Place, words: str, cure: str, cause: str, click: str) -> None:
    google.refuse(words)
    sentence = told_everywhere(google, cure)
    assert cause in sentence
    assert any(each in sentence for each in click.split("|"))


@pytest.mark.parametrize(("number", "cure", "cause", "click"), MICROSOFT)
def test_at_microsoft(office: Place, number: str, cure: str, cause: str, click: str) -> None:
    office.refuse(number)
    sentence = told_everywhere(office, cure)
    assert cause in sentence
    assert click in sentence
    assert f"AADSTS{number}" in sentence


@pytest.mark.parametrize(
    ("number", "cure", "cause"),
    [
        ("7000222", SETTINGS, "has expired"),
        ("700016", SETTINGS, "not known in this tenant"),
        ("7000112", SETTINGS, "is disabled"),
    ],
)
def test_of_an_app_without_a_person(app: Place, number: str, cure: str, cause: str) -> None:
    app.refuse(number)
    assert cause in told_everywhere(app, cure)


@pytest.mark.parametrize(("words", "cure", "cause", "click"), GENERIC)
def test_at_any_other_server(generic: Place, words: str, cure: str, cause: str, click: str) -> None:
    generic.refuse(words)
    sentence = told_everywhere(generic, cure)
    assert cause in sentence
    assert click in sentence


def test_a_grant_that_its_owner_withdrew(google: Place, google_server: OAuthServer) -> None:
    google_server.revoke_all(MAILBOX)
    assert "withdrawn" in told_everywhere(google, SIGN_IN)


def test_seven_days_in_testing_are_recognised(google: Place, google_server: OAuthServer) -> None:
    begun = timezone.now() - timedelta(days=7, hours=1)
    ProviderToken.objects.filter(provider=google.provider).update(signed_in_at=begun)
    google_server.revoke_all(MAILBOX)
    assert "publish the app or set its audience to Internal" in told_everywhere(google, SIGN_IN)


def test_months_without_use_are_recognised(google: Place, google_server: OAuthServer) -> None:
    """The installation stood still for half a year."""
    google_server.faults.unused_life = timedelta(days=180).total_seconds()
    with time_machine.travel(timezone.now() + timedelta(days=200), tick=False):
        SenderState.objects.filter(last_success_at__isnull=False).update(last_success_at=timezone.now())
        assert "had not been used since" in told_everywhere(google, SIGN_IN)


def test_a_secret_that_was_replaced_at_the_provider(google: Place, google_server: OAuthServer) -> None:
    google_server.store.clients[google.provider.client_id].secret = "another one"
    assert "client secret is not right" in told_everywhere(google, SETTINGS)


def test_an_app_that_was_deleted(office: Place, microsoft_service: Microsoft) -> None:
    del microsoft_service.tenant.apps[office.provider.client_id]
    assert "not known in this tenant" in told_everywhere(office, SETTINGS)


def told_everywhere(place: Place, cure: str) -> str:
    """Play the death from the next refresh on; the sentence, which stands wherever somebody may look."""
    provider = place.provider
    secret = token_url(str(provider.pk))
    source = make_source(username=MAILBOX, password=secret)
    sender = make_sender(username=MAILBOX, password=secret)
    sign_in_has_ended(provider)
    before = place.calls()
    tasks.refresh_due()
    if cure != WAIT:
        assert place.calls() - before <= 1  # none for a source that came earlier
    row = ProviderToken.objects.get(provider=provider)
    assert (row.needs_sign_in, row.settings_refused) == (cure == SIGN_IN, cure == SETTINGS)
    assert str(provider) in row.last_error
    assert row.refresh_token or provider.app_only  # it may have been a mistake of the provider
    assert row.last_error in told_by_source(source)
    assert row.last_error in told_by_sender(sender)
    assert row.last_error in told_by_mail(provider)
    after = place.calls()
    assert calls_in_half_an_hour(place) - after <= CALLS[cure]
    return row.last_error


def sign_in_has_ended(provider: SSOProvider) -> None:
    """The access token is over; the next refresh brings it to light."""
    ProviderToken.objects.filter(provider=provider).update(expires_at=timezone.now() - timedelta(seconds=1))


def told_by_source(source: EmailSource) -> str:
    fetch_new(source)
    source.state.refresh_from_db()
    return source.state.last_error


def told_by_sender(sender: EmailSender) -> str:
    mail = make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (OutgoingMail.State.QUEUED, 0)
    sender.state.refresh_from_db()
    return sender.state.last_error


def told_by_mail(provider: SSOProvider) -> str:
    """The alarms, and the text of the one mail to the owner."""
    watch.look()
    alarm = Alarm.objects.get(key=f"provider:{provider.pk}:failing", ended_at=None)
    assert alarm.link.startswith(f"/admin/sso/ssoprovider/{provider.pk}/change/")
    Alarm.objects.update(began_at=timezone.now() - timedelta(minutes=6))
    mailing.mail_due()
    mail = OutgoingMail.objects.get(recipients__email=OWNER)
    body = message_from_bytes(mail.raw.as_bytes(), policy=default).get_body(("plain",))
    assert body
    assert alarm.sentence in body.get_content()
    assert alarm.link in body.get_content()
    assert mailing.mail_due() == 0
    return alarm.sentence


def calls_in_half_an_hour(place: Place) -> int:
    """What the clock and the workers do, while nobody mends anything; how many calls in all."""
    now = timezone.now()
    for minute in range(2, 32, 2):
        with time_machine.travel(now + timedelta(minutes=minute), tick=False):
            tasks.refresh_due()
            with suppress(tokens.SignInError):
                tokens.access_token(place.provider.pk)
    return place.calls()


@pytest.mark.parametrize(
    ("refusal", "cause", "logins"),
    [
        ("NO User is authenticated but not connected.", "IMAP is enabled", 1),  # the licence was taken away
        ("NO AUTHENTICATE failed.", f"sign in again as {MAILBOX}", 2),  # a good token for another mailbox
    ],
)
def test_a_mailbox_that_its_own_token_does_not_open(
    google: Place, refusal: str, cause: str, logins: int
) -> None:
    """The provider is well: only the source can tell."""
    with refusing("IMAP", refusal) as server:
        source = make_source(
            service_port=server.port, use_ssl=False, allow_clear_text=True, username=MAILBOX,
            password=token_url(str(google.provider.pk)),
        )  # fmt: skip
        assert cause in told_by_source(source)
        assert server.logins == logins
    watch.look()
    (alarm,) = Alarm.objects.filter(ended_at=None)
    assert alarm.key == f"source:{source.pk}:failing"
    assert alarm.link.startswith(f"/admin/mailsources/emailsource/{source.pk}/change/#")
    assert source.state.next_attempt_at is not None
    assert source.state.next_attempt_at > timezone.now()
