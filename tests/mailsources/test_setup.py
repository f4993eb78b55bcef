"""“+ add mailbox”: from the address to the round trip, left and resumed on the way."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from mailsenders import check as sender_check
from mailsenders.models import EmailSender
from mailsources import check, guessing, records, setup
from mailsources import tasks as tasks_module
from mailsources.lifecycle import By
from mailsources.models import EmailSource, MailboxSetup, RoundTrip
from mailsources.setup import SetupRefused
from queues.models import EmailQueue
from sso.causes import Cause
from sso.models import ProviderToken, SSOProvider
from sso.steps import Place, Step
from tests.conftest import no_resolver
from tests.make import (
    make_administrator,
    make_provider,
    make_queue,
    make_sender,
    make_source,
    make_supervisor,
)
from tests.servers.dns import NameServer, name_server

pytestmark = pytest.mark.django_db

BEGIN = reverse("admin:mailsources_emailsource_setup_begin")
LIST = reverse("admin:mailsources_emailsource_changelist")
GOOD, BAD = (
    Step("Login", True, "signed in", 0.1),
    Step("Login", False, "It says no.", 0.1, Cause("", "password")),
)
SERVERS = {
    "server_type": "IMAP", "server_address": "imap.example.com", "service_port": "993", "use_ssl": "on",
    "out_type": "STARTTLS", "out_address": "smtp.example.com", "out_port": "587",
}  # fmt: skip


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_administrator())
    return client


@pytest.fixture(scope="module")
def dns() -> Iterator[NameServer]:
    with name_server({}) as server:
        yield server


@pytest.fixture(autouse=True)
def net(monkeypatch: pytest.MonkeyPatch, dns: NameServer) -> dict[str, Any]:
    """Which servers answer, and what connection tests come to; DNS knows nothing yet."""
    told: dict[str, Any] = {"answers": set(), "in": GOOD, "out": GOOD}

    def reach(place: Place) -> list[Step]:
        is_there = str(place) in told["answers"]
        return [Step("Name", is_there, "" if is_there else f"{place.host} is unknown.", 0.1)]

    monkeypatch.setattr(guessing, "reach", reach)
    dns.zone, dns.rcode = {}, ""
    monkeypatch.setattr(records, "resolver", dns.resolver)
    monkeypatch.setattr(check, "test_connection", lambda source: [told["in"]])
    monkeypatch.setattr(sender_check, "test_connection", lambda sender: [told["out"]])
    monkeypatch.setattr(tasks_module, "announce", lambda task, **kwargs: None)
    return told


def test_servers_are_guessed(net: dict[str, Any]) -> None:
    google = guessing.guess("box@gmail.com")
    assert (google.kind, google.imap.host, google.smtp.port) == ("google", "imap.gmail.com", 587)
    net["answers"] = {"mail.shop.example:993", "mail.shop.example:465", "smtp.shop.example:587"}
    own = guessing.guess("box@shop.example")
    assert (own.imap, own.kind, own.note) == (guessing.Server("mail.shop.example", 993, "SSL"), "", "")
    assert own.smtp == guessing.Server("smtp.shop.example", 587, "STARTTLS")
    nobody = guessing.guess("box@nowhere.example")
    assert nobody.imap.host == ""
    assert "imap.nowhere.example is unknown" in nobody.found


@pytest.mark.parametrize(
    ("zone", "kind", "imap", "why"),
    [
        (
            {("company.example", "MX"): ["10 company-example.mail.protection.outlook.com."]},
            "microsoft", "outlook.office365.com", "takes the mail of company.example, so",
        ),
        (
            {("company.example", "MX"): ["10 filter.guard.example.", "5 aspmx.l.google.com."]},
            "google", "imap.gmail.com", "aspmx.l.google.com takes the mail",
        ),
        (
            {
                ("company.example", "MX"): ["10 filter.guard.example."],
                ("autodiscover.company.example", "CNAME"): ["auto.guard.example."],
                ("auto.guard.example", "CNAME"): ["autodiscover.outlook.com."],
            },
            "microsoft", "outlook.office365.com", "autodiscover.company.example leads to",
        ),
        (
            {
                ("company.example", "MX"): ["10 aspmx.l.google.com."],
                ("_imaps._tcp.company.example", "SRV"): ["0 1 993 imap.fastmail.com."],
            },
            "", "imap.fastmail.com", "company.example names imap.fastmail.com in its DNS",
        ),
        (
            {("company.example", "MX"): ["10 mx00.ionos.de."]},
            "", "imap.ionos.de", "mx00.ionos.de takes the mail",
        ),
    ],
)  # fmt: skip
def test_dns_leads_to_a_provider(
    dns: NameServer, zone: dict[tuple[str, str], Sequence[str]], kind: str, imap: str, why: str
) -> None:
    dns.zone = zone
    found = guessing.guess("box@company.example")
    assert (found.kind, found.imap.host) == (kind, imap)
    assert why in found.found


def test_a_domain_names_its_servers(net: dict[str, Any], dns: NameServer) -> None:
    dns.zone = {
        ("_imaps._tcp.shop.example", "SRV"): [
            "20 1 993 late.hoster.example.",
            "10 1 9993 box.hoster.example.",
        ],
        ("_imap._tcp.shop.example", "SRV"): ["0 0 0 ."],
        ("_submissions._tcp.shop.example", "SRV"): ["0 1 465 down.shop.example."],
        ("_submission._tcp.shop.example", "SRV"): ["0 1 587 out.shop.example."],
        ("shop.example", "MX"): ["10 mx.hoster.example."],
    }
    net["answers"] = {
        "box.hoster.example:9993", "late.hoster.example:993", "imap.shop.example:993",
        "mx.hoster.example:993", "out.shop.example:587", "smtp.shop.example:587",
    }  # fmt: skip
    found = guessing.guess("box@Shop.example")
    assert found.imap == guessing.Server("box.hoster.example", 9993, "SSL")
    assert found.smtp == guessing.Server("out.shop.example", 587, "STARTTLS")
    assert "box.hoster.example:9993 answers, which shop.example names in its DNS" in found.found
    assert "Go on only if you know box.hoster.example:" in found.note
    net["answers"] = {"mx.hoster.example:993", "mx.hoster.example:587"}  # a small one has all at one place
    assert guessing.guess("box@shop.example").imap.host == "mx.hoster.example"
    assert "know mx.hoster.example:" in guessing.guess("box@shop.example").note


def test_dns_that_tells_nothing_is_no_obstacle(
    net: dict[str, Any], dns: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dns.zone = {("shop.example", "MX"): ["0 ."]}  # takes no mail (RFC 7505)
    assert (
        guessing.candidates("shop.example", records.look_up("shop.example"))[0][-1].host
        == "mail.shop.example"
    )
    dns.rcode = "SERVFAIL"
    net["answers"] = {"imap.shop.example:993"}
    found = guessing.guess("box@shop.example")
    assert found.imap.host == "imap.shop.example"
    assert found.found.startswith("imap.shop.example:993 answers. No outgoing server was found")
    assert "DNS could not be asked" in found.found
    monkeypatch.setattr(records, "resolver", no_resolver)
    assert "This machine knows no DNS server" in guessing.guess("box@shop.example").found
    assert "No server was found" in guessing.guess(f"box@{'long' * 20}.example").found


def answer(client: Client, step: str, **values: Any) -> str:
    row = MailboxSetup.objects.get()
    url = reverse("admin:mailsources_emailsource_setup", args=[row.pk])
    sent = {"step": step, "version": row.version} | values
    return client.post(url, sent, follow=True).content.decode()


def test_one_page_makes_all_of_it_and_can_be_left(client: Client, net: dict[str, Any]) -> None:
    assert "+ add mailbox" in client.get(LIST).content.decode()
    said = client.post(BEGIN, {"address": "support@example.com"}, follow=True).content.decode()
    assert "No server was found by DNS and the usual names, such as imap.example.com:993" in said
    assert "With None, mail and password travel" in answer(
        client, "servers", **SERVERS | {"out_type": "NONE"}
    )
    answer(client, "servers", **SERVERS)
    left = client.get(LIST).content.decode()
    assert "Half set up: <a" in left
    client.post(BEGIN, {"address": "Support@example.com"})  # the same one is gone on with
    assert setup.step_of(MailboxSetup.objects.get()) == "signin"
    wrong = answer(client, "signin", username="support@example.com", way="password")
    assert "Type the password of the mailbox in." in wrong
    said = answer(client, "signin", username="support@example.com", way="password", password="geheim-1")
    assert "geheim-1" not in said
    answer(client, "queue", name="Support")
    net["out"] = BAD
    tested = answer(client, "test")
    assert "The connection works." in tested
    assert "It stops at “Login”." in tested
    assert 'href="?step=signin">Go back to 3 Sign-in</a>' in tested, "its own page would be written over"
    assert "has no email sender" not in tested, "the queue gets it when both are switched on"
    source, sender = EmailSource.objects.get(), EmailSender.objects.get()
    assert (source.stage, source.public_address, source.password) == (
        "draft",
        "support@example.com",
        "geheim-1",
    )
    assert (sender.is_active, sender.server_address, sender.password) == (
        False,
        "smtp.example.com",
        "geheim-1",
    )
    assert "was not tested with good result" in answer(client, "activate")
    assert not EmailSource.objects.get().is_active
    net["out"] = GOOD
    answer(client, "servers", **(SERVERS | {"out_address": "mail.example.com"}))
    answer(client, "test")
    done = answer(client, "activate")
    assert "first fetch within 60 s" in done
    source, sender, row = EmailSource.objects.get(), EmailSender.objects.get(), MailboxSetup.objects.get()
    assert (source.is_active, sender.is_active, sender.server_address) == (True, True, "mail.example.com")
    assert EmailQueue.objects.get().sender == sender
    assert RoundTrip.objects.get() == row.trip
    assert (row.password, row.finished_at is None) == ("", False)
    assert "being sent" in done
    assert "Half set up" not in client.get(LIST).content.decode()


def test_an_address_that_comes_in_already_is_told_at_once(client: Client) -> None:
    queue = make_queue(name="Sales")
    there = make_source(name="Shop", queue=queue, username="box@shop.example", aliases="info@shop.example")
    page = reverse("admin:mailsources_emailsource_change", args=[there.pk])
    link = f'<a class="ucs-link" href="{page}">Shop'
    for address in ("Box@shop.example", "info@shop.example"):
        said = client.post(BEGIN, {"address": address, "moved": "1"}).content.decode()
        assert f"The mail of {address} comes in already: by the email source {link}</a>, queue Sales" in said
    assert not MailboxSetup.objects.exists()
    EmailSource.objects.update(is_active=False)
    said = client.post(BEGIN, {"address": "box@shop.example"}).content.decode()
    assert "which is paused" in said
    said = client.post(BEGIN, {"address": "box@shop.example", "moved": "1"}, follow=True).content.decode()
    assert link in said, "it stays in sight until the set-up is over"
    assert MailboxSetup.objects.get().address == "box@shop.example"


def test_a_new_client_finds_what_to_enter_in_its_console(client: Client, settings: Settings) -> None:
    settings.BASE_URL = "https://ucs.example"
    client.post(BEGIN, {"address": "box@gmail.com"})
    page = client.get(reverse("admin:mailsources_emailsource_setup", args=[MailboxSetup.objects.get().pk]))
    said = page.content.decode()
    for value in ("https://ucs.example/login/oauth2/google", "https://ucs.example/login/oauth2/microsoft"):
        assert f'data-copy="{value}"' in said
    other = make_provider(type="microsoft", client_id="id-1", client_secret="secret-1", name="Entra")
    said = answer(client, "signin", username="box@gmail.com", way="new", kind="google", shared=other.pk)
    assert "is a client of Microsoft, not of Google" in said
    assert SSOProvider.objects.count() == 1


def test_a_provider_of_its_own_shares_the_client_of_another(client: Client) -> None:
    other = make_provider(type="google", client_id="id-1", client_secret="secret-1", name="first")
    client.post(BEGIN, {"address": "box@gmail.com"})
    said = answer(client, "signin", username="box@gmail.com", way="new", kind="google", shared=other.pk)
    own = SSOProvider.objects.get(name="box@gmail.com")
    assert (own.client_id, own.client_secret, own.mailbox) == ("id-1", "secret-1", "box@gmail.com")
    assert f'action="/sso/{own.pk}' in said or f"/{own.pk}/" in said
    assert "Sign in as box@gmail.com" in said
    assert "secret-1" not in said
    row = MailboxSetup.objects.get()
    assert setup.step_of(row) == "signin"
    ProviderToken.objects.filter(provider=own).update(signed_in_at=row.created_at, account="box@gmail.com")
    row = MailboxSetup.objects.get()
    assert setup.step_of(row) == "queue"
    answer(client, "queue", queue=make_queue(sender=make_sender()).pk)
    answer(client, "test")
    assert EmailSource.objects.get().password.endswith(f"/api/v1.0/auth/token/{own.pk}")


def test_of_two_people_the_second_hears_of_the_first(client: Client) -> None:
    row = setup.begin("box@gmail.com", By())
    setup.answer(row, row.version, {"username": "box"})
    with pytest.raises(SetupRefused, match="Somebody else went on"):
        setup.answer(row, 1, {"username": "other"})
    assert MailboxSetup.objects.get().username == "box"
    url = reverse("admin:mailsources_emailsource_setup", args=[row.pk])
    queues = EmailQueue.objects.count()
    client.post(url, {"step": "queue", "version": 1, "queue": "", "name": "Made twice"})
    assert EmailQueue.objects.count() == queues, "a click that comes late makes no queue that nobody uses"
    late = client.post(url, SERVERS | {"step": "servers", "version": 1}, follow=True).content.decode()
    assert "Somebody else went on" in late
    client.post(url, {"step": "discard"})
    assert not MailboxSetup.objects.exists()


def test_who_may_not_add_sources_sets_nothing_up(client: Client) -> None:
    user = make_supervisor("carol").user
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(BEGIN).status_code == 403
    assert client.post(BEGIN, {"address": "box@gmail.com"}).status_code == 403
    assert not MailboxSetup.objects.exists()
