"""Alarms begin, are told once a day to the right people, and end by themselves."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from alarms import mailing, watch
from alarms.address import Alerts, AlertsError, read
from alarms.endings import endings
from alarms.models import Alarm
from alarms.troubles import troubles
from mailsenders.due import due
from mailsenders.models import OutgoingMail, SenderState
from mailsources.models import SourceState
from sso.models import ProviderToken, SSOProvider
from tests.make import make_outgoing, make_provider, make_sender, make_source
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db

OPS = "ops@example.com"
LATER = timedelta(minutes=6)


@pytest.fixture(autouse=True)
def told(settings: Settings) -> None:
    settings.ALERTS = Alerts((OPS,))


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs beside these tests, and that is not what they are about."""
    monkeypatch.setattr("alarms.troubles.worker_states", lambda queues: [])


def working_sender() -> None:
    sender = make_sender()
    SenderState.objects.filter(sender=sender).update(last_success_at=timezone.now())


def dead_provider(**overrides: object) -> SSOProvider:
    provider = make_provider(**overrides)
    ProviderToken.objects.filter(provider=provider).update(
        needs_sign_in=True, failures=1, last_error="Google OAuth provider: the sign-in has ended: click 🔑."
    )
    return provider


def letters() -> list[tuple[str, str]]:
    """Recipient and text of what is in the outbox, oldest first."""
    found = []
    for mail in OutgoingMail.objects.order_by("pk"):
        parsed = message_from_bytes(mail.raw.as_bytes(), policy=default)
        body = parsed.get_body(("plain",))
        assert body is not None
        found.append((str(parsed["To"]), body.get_content()))
    return found


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(
        datetime(2026, 6, 1, 8, tzinfo=timezone.get_current_timezone()), tick=False
    ) as now:
        yield now


def test_a_trouble_is_one_alarm_until_it_is_gone(clock: time_machine.Traveller) -> None:
    source = make_source()
    SourceState.objects.filter(source=source).update(failures=1, last_error="The password is wrong.")
    watch.look()
    clock.shift(60)
    SourceState.objects.filter(source=source).update(failures=2, last_error="The server is gone.")
    watch.look()
    alarm = Alarm.objects.get()
    assert (alarm.sentence, alarm.ended_at) == ("The server is gone.", None)
    assert timezone.now() - alarm.began_at == timedelta(seconds=60)
    SourceState.objects.filter(source=source).update(failures=0)
    watch.look()
    assert Alarm.objects.get().ended_at == timezone.now()
    clock.shift(60)
    SourceState.objects.filter(source=source).update(failures=1)
    watch.look()
    alarm = Alarm.objects.get()
    assert (alarm.began_at, alarm.ended_at, alarm.mailed_at) == (timezone.now(), None, None)


def test_one_mail_a_day_to_owner_and_administrators(clock: time_machine.Traveller) -> None:
    working_sender()
    dead_provider(name="first", owner="it@example.com")
    watch.look()
    assert mailing.mail_due() == 0  # what mends itself is no news
    clock.shift(LATER)
    assert mailing.mail_due() == 2
    assert mailing.mail_due() == 0
    assert sorted(to for to, _ in letters()) == ["it@example.com", OPS]
    assert all("click 🔑" in text and "/admin/sso/ssoprovider/" in text for _, text in letters())
    clock.shift(timedelta(hours=23))
    assert mailing.mail_due() == 0
    clock.shift(timedelta(hours=2))
    assert mailing.mail_due() == 2


def test_a_hundred_dead_sign_ins_are_no_storm(clock: time_machine.Traveller) -> None:
    working_sender()
    for number in range(100):
        dead_provider(name=f"p{number}", owner="it@example.com")
    watch.look()
    clock.shift(LATER)
    assert mailing.mail_due() == 2
    assert letters()[0][1].count("click 🔑") == 100


def test_a_new_trouble_is_told_at_once_and_only_to_whom_it_concerns(clock: time_machine.Traveller) -> None:
    working_sender()
    dead_provider(name="first", owner="one@example.com")
    watch.look()
    clock.shift(LATER)
    mailing.mail_due()
    dead_provider(name="second", owner="two@example.com")
    watch.look()
    clock.shift(LATER)
    assert mailing.mail_due() == 2
    assert sorted(to for to, _ in letters()[2:]) == [OPS, "two@example.com"]


def test_the_failing_sender_does_not_carry_its_own_alarm(clock: time_machine.Traveller) -> None:
    working_sender()
    SenderState.objects.update(failures=3, last_error="535 refused")
    watch.look()
    clock.shift(LATER)
    assert mailing.mail_due() == 0
    assert not OutgoingMail.objects.exists()
    clock.shift(timedelta(hours=1))
    SenderState.objects.update(failures=0)
    dead_provider()
    watch.look()
    clock.shift(LATER)
    assert mailing.mail_due() == 1


def test_a_server_of_their_own_carries_alarms_without_any_sender(settings: Settings) -> None:
    with SmtpServer(tls="none") as server:
        settings.ALERTS = read(f"smtp://127.0.0.1:{server.port}/?to={OPS}&from=ucs@example.com")
        dead_provider()
        watch.look()
        Alarm.objects.update(began_at=timezone.now() - LATER)
        assert mailing.mail_due() == 1
        assert [mail.recipients for mail in server.mails] == [(OPS,)]
    Alarm.objects.update(mailed_at=None, next_mail_at=None)
    assert mailing.mail_due() == 0  # the server is gone
    alarm = Alarm.objects.get()
    assert alarm.mailed_at is None  # the page must not say that somebody was told
    assert alarm.next_mail_at is not None
    assert alarm.next_mail_at - timezone.now() < timedelta(hours=1)


def test_an_address_that_is_refused_keeps_nothing_from_the_others(settings: Settings) -> None:
    with SmtpServer(tls="none") as server:
        settings.ALERTS = read(f"smtp://127.0.0.1:{server.port}/?to={OPS}&from=ucs@example.com")
        dead_provider(name="first", owner="a-typo@example.com")
        dead_provider(name="second", owner="z@example.com")
        server.fault("rcpt", "550 5.1.1 nobody", recipient="a-typo@example.com")
        watch.look()
        Alarm.objects.update(began_at=timezone.now() - LATER)
        assert mailing.mail_due() == 2
        assert sorted(mail.recipients for mail in server.mails) == [(OPS,), ("z@example.com",)]
        assert mailing.mail_due() == 0  # all of them are known to somebody


def test_an_address_that_can_not_be_written_keeps_nothing_from_the_others(settings: Settings) -> None:
    settings.ALERTS = Alerts(("öps@example.com", OPS))
    working_sender()
    dead_provider()
    watch.look()
    Alarm.objects.update(began_at=timezone.now() - LATER)
    assert mailing.mail_due() >= 1
    assert OPS in [to for to, _ in letters()]


def test_an_alarm_does_not_wait_behind_a_broken_sender(clock: time_machine.Traveller) -> None:
    working_sender()
    dead_provider(name="first")
    watch.look()
    clock.shift(LATER)
    mailing.mail_due()
    SenderState.objects.update(failures=1, next_attempt_at=timezone.now() + timedelta(hours=5))
    working_sender()
    watch.look()
    clock.shift(LATER)
    assert mailing.mail_due() == 1
    late = OutgoingMail.objects.latest("pk")
    assert late in due(timezone.now())


def test_what_comes_and_goes_is_told_once_a_day(clock: time_machine.Traveller) -> None:
    working_sender()
    source = make_source()
    for _ in range(100):
        SourceState.objects.filter(source=source).update(failures=1, last_error="The line is noisy.")
        watch.look()
        clock.shift(LATER)
        mailing.mail_due()
        SourceState.objects.filter(source=source).update(failures=0)
        watch.look()
        clock.shift(60)
    assert len(letters()) == 1


def test_trouble_after_trouble_is_no_storm(clock: time_machine.Traveller) -> None:
    """A hundred mailboxes that fail one after the other, a new one every five minutes."""
    working_sender()
    for number in range(100):
        dead_provider(name=f"p{number}")
        watch.look()
        clock.shift(timedelta(minutes=5))
        mailing.mail_due()
    assert 6 <= len(letters()) <= 6 + 100 * 5 / 60
    clock.shift(timedelta(hours=1))
    mailing.mail_due()
    assert letters()[-1][1].count("click 🔑") == 100


def test_lasting_alarms_of_different_hours_come_in_one_mail(clock: time_machine.Traveller) -> None:
    working_sender()
    for number in range(4):
        dead_provider(name=f"p{number}")
        watch.look()
        clock.shift(timedelta(hours=1))
        mailing.mail_due()
    before = len(letters())
    for _ in range(3 * 24):
        clock.shift(timedelta(hours=1))
        mailing.mail_due()
    assert len(letters()) - before == 3


def test_two_troubles_of_a_source_are_kept_apart(clock: time_machine.Traveller) -> None:
    source = make_source(silence_hours=1)
    proof = {"server": 2, "ours": 1, "missing": 1, "examples": ["17"], "unnamed": False}
    SourceState.objects.filter(source=source).update(proof=proof)
    watch.look()
    clock.shift(timedelta(hours=2))
    watch.look()
    silent_since = timezone.now()
    SourceState.objects.filter(source=source).update(proof={})
    clock.shift(timedelta(hours=3))
    watch.look()
    (left,) = Alarm.objects.filter(ended_at=None)
    assert (left.sentence[:21], left.began_at) == ("No mail has come yet,", silent_since)


def test_nobody_to_tell_is_not_told(settings: Settings, clock: time_machine.Traveller) -> None:
    settings.ALERTS = Alerts()
    working_sender()
    dead_provider()
    watch.look()
    clock.shift(LATER)
    assert mailing.mail_due() == 0
    assert Alarm.objects.get().mailed_at is None
    settings.ALERTS = Alerts((OPS,))
    assert mailing.mail_due() == 1


def test_an_ending_is_told_once_a_step(clock: time_machine.Traveller) -> None:
    working_sender()
    make_provider(secret_ends_on=date(2026, 7, 15))
    for _ in range(60):
        clock.shift(timedelta(days=1))
        watch.look()
        clock.shift(LATER)
        mailing.mail_due()
    assert len(letters()) == 5


def test_the_calendar_names_those_without_a_date(admin_client: Client) -> None:
    known, unknown = make_provider(secret_ends_on=date(2026, 7, 15)), make_provider()
    page = admin_client.get("/admin/alarms/alarm/").content.decode()
    assert f'href="/admin/sso/ssoprovider/{unknown.pk}/change/#id_secret_ends_on">{unknown}</a>' in page
    assert f"{known.pk}/change/#id_secret_ends_on" not in page
    assert ">What ends, and when</a>" in admin_client.get("/admin/sso/ssoprovider/").content.decode()


def test_an_unreadable_password_does_not_silence_the_alarms() -> None:
    make_sender(server_address="smtp.office365.com", password="secret")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mailsenders_emailsender SET password = 'fernet:lost'")
    dead_provider()
    watch.look()
    assert Alarm.objects.count() == 1


def test_only_google_has_apps_in_testing() -> None:
    provider = make_provider(in_testing=True, type="microsoft", tenant="company.com")
    ProviderToken.objects.filter(provider=provider).update(signed_in_at=timezone.now() - timedelta(days=6))
    assert endings() == []


def test_the_calendar_warns_in_steps(clock: time_machine.Traveller) -> None:
    make_provider(secret_ends_on=date(2026, 7, 15))
    assert [each.step for each in endings()] == [None]
    steps = []
    for _ in range(46):
        clock.shift(timedelta(days=1))
        steps += [each.key.rpartition(":")[2] for each in troubles()]
    assert list(dict.fromkeys(steps)) == ["30", "14", "7", "1", "0"]


def test_an_app_in_testing_is_told_two_days_before(clock: time_machine.Traveller) -> None:
    provider = make_provider(in_testing=True)
    ProviderToken.objects.filter(provider=provider).update(signed_in_at=timezone.now())
    assert troubles() == []
    (ending,) = endings()
    assert (ending.at - timezone.now(), ending.left) == (timedelta(days=7), "in 7 days")
    clock.shift(timedelta(days=5, hours=1))
    assert "publish the app" in troubles()[0].sentence


def test_the_calendar_and_the_provider_count_down(
    clock: time_machine.Traveller, admin_client: Client
) -> None:
    provider = make_provider(in_testing=True, mailbox="box@example.com")
    ProviderToken.objects.filter(provider=provider).update(
        signed_in_at=timezone.now(), account="box@example.com"
    )
    clock.shift(timedelta(days=3, hours=20))
    day = f"{timezone.localtime(timezone.now() + timedelta(days=3, hours=4)):%d %b %Y %H:%M}"
    told = f"App in testing: the sign-in ends in 3 days, 4 h ({day})."
    listed = reverse("admin:sso_ssoprovider_changelist")
    for page in (listed, reverse("admin:sso_ssoprovider_change", args=[provider.pk])):
        assert told in admin_client.get(page).content.decode()
    calendar = admin_client.get(reverse("admin:alarms_alarm_changelist")).content.decode()
    assert "in 3 days, 4 h" in calendar
    clock.shift(timedelta(days=3, hours=4, minutes=5))
    assert "was to end 5 min ago" in admin_client.get(listed).content.decode()


def test_passwords_at_microsoft_are_announced(clock: time_machine.Traveller) -> None:
    make_sender(server_address="smtp.office365.com", password="secret")
    make_sender(server_address="smtp.office365.com", password="http://127.0.0.1:8080/api/v1.0/auth/token/1")
    assert [each.at.date() for each in endings()] == [date(2026, 12, 31)]


def test_the_number_of_queries_does_not_grow() -> None:
    def add(numbers: range) -> int:
        for number in numbers:
            dead_provider(name=f"p{number}")
            make_source()
            make_sender()
        with CaptureQueriesContext(connection) as asked:
            troubles()
        return len(asked)

    assert add(range(3)) == add(range(3, 20)) <= 20


def test_the_page_and_the_banner(admin_client: Client, client: Client) -> None:
    empty = admin_client.get("/admin/alarms/alarm/").content.decode()
    assert "Nothing needs you" in empty
    provider = dead_provider(secret_ends_on=timezone.now().date() + timedelta(days=3))
    watch.look()
    assert "ucs-banner" not in admin_client.get("/admin/").content.decode()
    Alarm.objects.update(began_at=timezone.now() - LATER)
    first = admin_client.get("/admin/").content.decode()
    assert "click 🔑" in first
    assert f"/admin/sso/ssoprovider/{provider.pk}/change/" in first
    page = admin_client.get("/admin/alarms/alarm/").content.decode()
    assert "the client secret" in page
    assert "needs you" in page
    staff = User.objects.create_user("bob", password="x", is_staff=True)
    client.force_login(staff)
    assert "click 🔑" not in client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Alerts()),
        ("a@example.com, b@example.com", Alerts(("a@example.com", "b@example.com"))),
        (
            "smtps://u%40x:p@mail.example.com/?to=a@example.com",
            Alerts(("a@example.com",), "mail.example.com", 465, "u@x", "p", ssl=True, sender="a@example.com"),
        ),
    ],
)
def test_where_alarms_go(text: str, wanted: Alerts) -> None:
    assert read(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "smtp://u:pa/ss@mail.example.com/?to=a@b.example",
        "smtp://u:p@mail.example.com/?to=a@b.example",
        "nobody",
        "a@b@c",
        "http://x/?to=a@b.example",
        "smtp://x/",
        "smtp://x:port/?to=a@b.example",
    ],
)
def test_where_alarms_can_not_go(text: str) -> None:
    with pytest.raises(AlertsError, match=r"smtp\+starttls://") as refused:
        read(text)
    assert "'pa'" not in str(refused.value)


def test_doubt_is_an_alarm_but_a_refused_address_is_the_agents(clock: time_machine.Traveller) -> None:
    sender = make_sender()
    mail = OutgoingMail.objects.filter(pk=make_outgoing(sender).pk)
    mail.update(state=OutgoingMail.State.FAILED)
    assert troubles() == []
    mail.update(state=OutgoingMail.State.UNCERTAIN, data_started_at=timezone.now())
    clock.shift(timedelta(minutes=14))
    assert troubles() == []  # the Sent folder may show it meanwhile
    clock.shift(timedelta(minutes=2))
    (trouble,) = troubles()
    assert trouble.sentence.startswith(f"Outgoing mail {mail.get().pk} may have left or not")
    assert trouble.link.endswith(f"/outgoingmail/{mail.get().pk}/change/")


def test_the_page_says_when_alarms_reach_nobody(admin_client: Client, settings: Settings) -> None:
    dead_provider(owner="")
    watch.look()
    assert "EMAIL_ALERTS_TO is empty" not in admin_client.get("/admin/alarms/alarm/").content.decode()
    settings.ALERTS = Alerts()
    assert "nobody: EMAIL_ALERTS_TO is empty" in admin_client.get("/admin/alarms/alarm/").content.decode()


@pytest.mark.parametrize(
    ("cause", "place"),
    [
        ("password", "#id_password"),
        ("port_refused", "#id_service_port"),
        ("tls_plain_port", "#id_use_ssl"),
        ("scope_missing", "#key"),
        ("token", "#key"),
        ("connections", ""),
        ("", ""),
    ],
)
def test_an_alarm_leads_to_the_field_that_mends_it(cause: str, place: str) -> None:
    source = make_source()
    source.state.failed("It fails.", cause=cause)
    (found,) = [each.link for each in troubles() if each.title == f"source {source.name}"]
    assert found == f"/admin/mailsources/emailsource/{source.pk}/change/{place}"


def test_an_alarm_of_a_provider_leads_to_its_field_and_of_an_ending_to_its_own() -> None:
    provider = make_provider(secret_ends_on=timezone.now().date())
    page = f"/admin/sso/ssoprovider/{provider.pk}/change/"
    for cause, place in (("AADSTS7000215", "#id_client_secret"), ("invalid_grant", "#key"), ("", "#key")):
        provider.token.failed("It fails.", cause=cause)
        links = [each.link for each in troubles() if each.title == f"provider {provider.name}"]
        assert sorted(links) == sorted([page + place, f"{page}#id_client_secret"])
    sender = make_sender()
    sender.state.failed("It fails.", cause="login_refused")
    (link,) = [each.link for each in troubles() if each.title == f"sender {sender.name}"]
    assert link == f"/admin/mailsenders/emailsender/{sender.pk}/change/#id_password"
