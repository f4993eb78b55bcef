"""Mail servers hand mail over to a real `manage.py intake`: what is taken is stored, the rest is theirs."""

import os
import smtplib
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from mailsources.listeners import read_listeners
from mailsources.models import EmailSource, FetchedMail
from tests.mailsources.conftest import contents
from tests.make import make_mail, make_outgoing, make_queue, make_sender, make_source
from tests.product import eventually
from tests.servers import intake as intakes
from tests.servers.authority import Authority
from tests.servers.intake import DOMAIN, Client, IntakeProcess, LmtpClient
from tests.servers.ports import HOST

pytestmark = pytest.mark.django_db(transaction=True)

State = FetchedMail.State


@pytest.fixture(scope="module")
def environment(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, str]:
    """The environment of a process that works on the tests' database."""
    database = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()
    return intakes.environment_of(url)


@pytest.fixture(scope="module")
def intake(environment: dict[str, str], authority: Authority) -> Iterator[IntakeProcess]:
    """One process for all tests that leave it alive."""
    certificate = authority.certificate()
    options = intakes.certificate_options(certificate.chain, certificate.key)
    with intakes.running(environment, options) as process:
        yield process


@pytest.fixture(autouse=True)
def domain(settings: Settings) -> None:
    settings.INBOUND_DOMAIN = DOMAIN


def make_forwarding(**overrides: object) -> EmailSource:
    values = {"server_type": "FORWARDING", "public_address": "support@example.com", "username": ""}
    return make_source(**(values | {"server_address": ""} | overrides))


def test_a_report_comes_to_its_return_path(intake: IntakeProcess) -> None:
    """The address is known by its signature alone; a forged one is nobody's."""
    sender = make_sender(return_path="domain")
    mail = make_outgoing(sender)
    source = make_source(queue=make_queue(sender=sender))
    local, _, domain = mail.mail_from.rpartition("@")
    with Client(intake.smtp) as client:
        *_, answer = client.hand_over(make_mail("Nope."), mail.mail_from.upper(), mail_from="")
        assert answer.startswith("250"), answer
        client.say("RSET")
        (refused,) = client.hand_over(make_mail("No."), f"{local[:-4]}aaaa@{domain}", mail_from="")
    assert refused.startswith("550 5.1.1")
    row = FetchedMail.objects.get()
    assert (row.source, row.envelope_to.lower()) == (source, mail.mail_from)


def test_a_mail_is_stored_before_it_is_taken(intake: IntakeProcess) -> None:
    source = make_forwarding(name="Support Čapek")
    raw = make_mail("A line\r\n.with a dot\r\n..and with two\r\n.\r\n\r\nžluťoučký " + "x" * 20_000)
    with Client(intake.smtp) as client:
        *_, answer = client.hand_over(
            raw, source.address, mail_from="SRS0=Ab=CD=customer.example=c@f.example"
        )
    fetched = FetchedMail.objects.get()
    assert answer == f"250 2.0.0 Stored as fetched mail {fetched.pk}"
    assert contents(source) == [raw]
    assert fetched.source == source
    assert (fetched.state, fetched.settled_at is None) == (State.WAITING, False)
    assert fetched.envelope_from == "SRS0=Ab=CD=customer.example=c@f.example"
    assert fetched.envelope_to == source.address
    assert source.address.startswith("support-capek-")
    source.state.refresh_from_db()
    assert source.state.last_success_at == fetched.received_at
    assert source.state.last_mail_at is not None


def test_only_addresses_of_sources_are_taken(intake: IntakeProcess) -> None:
    source = make_forwarding()
    off = make_forwarding(is_active=False)
    mailbox = make_source()
    local = source.address.partition("@")[0]
    with Client(intake.smtp) as client:
        client.say("MAIL FROM:<>")
        for address in (
            "charlie@elsewhere.example",
            f"{local}@elsewhere.example",
            f"charlie@{DOMAIN}",
            f"{local[:-1]}@{DOMAIN}",
            f"{mailbox.forwarding_token}@{DOMAIN}",
            f"{local}%elsewhere.example@{DOMAIN}",
            f"{source.address}@elsewhere.example",
        ):
            assert client.say(f"RCPT TO:<{address}>").startswith("550 5.1.1 "), address
        assert client.say(f"RCPT TO:<{off.address}>").startswith("450 4.2.1 ")
        assert client.say("DATA").startswith("503")
        assert client.say(f"RCPT TO:<@relay.example:{source.address.upper()}>").startswith("250 ")
        assert client.say(f'RCPT TO:<"{local}"@{DOMAIN}>').startswith("250 ")
    assert not FetchedMail.objects.exists()


def test_who_guesses_addresses_is_sent_away(intake: IntakeProcess) -> None:
    with Client(intake.smtp) as client:
        client.say("MAIL FROM:<>")
        answers = [client.say(f"RCPT TO:<{number}@{DOMAIN}>") for number in range(11)]
        assert [answer[:3] for answer in answers] == ["550"] * 10 + ["421"]
        assert client.answer() == ""


def test_nothing_else_tells_which_addresses_there_are(intake: IntakeProcess) -> None:
    source = make_forwarding()
    with Client(intake.smtp) as client:
        assert client.say(f"VRFY {source.address}") == client.say(f"VRFY nobody@{DOMAIN}")
        assert client.say("EXPN support").startswith("502")
        assert client.say("AUTH PLAIN AGEAYg==").startswith("502")
        for word in ("AUTH", "VRFY", "HELP"):
            assert word not in client.offers
        for word in ("SIZE 1048576", "8BITMIME", "SMTPUTF8", "PIPELINING", "STARTTLS"):
            assert word in client.offers


def test_a_tag_is_kept(intake: IntakeProcess) -> None:
    source = make_forwarding()
    tagged = source.address.replace("@", "+Order-7@")
    with Client(intake.smtp) as client:
        assert client.hand_over(make_mail(), tagged, mail_from="")[-1].startswith("250 ")
    fetched = FetchedMail.objects.get()
    assert (fetched.envelope_from, fetched.envelope_to) == ("<>", tagged)


def test_the_same_mail_again_is_one_copy(intake: IntakeProcess) -> None:
    """The sender had no answer, and tries again: over a new line, and over the same."""
    source = make_forwarding()
    raw = make_mail()
    answers = set()
    for _ in range(2):
        with Client(intake.smtp) as client:
            answers.add(client.hand_over(raw, source.address)[-1])
            answers.add(client.hand_over(raw, source.address)[-1])
    assert contents(source) == [raw]
    assert answers == {f"250 2.0.0 Stored as fetched mail {FetchedMail.objects.get().pk}"}


def test_lmtp_answers_for_each_recipient(intake: IntakeProcess) -> None:
    first, second = make_forwarding(), make_forwarding(public_address="sales@example.com")
    raw = make_mail()
    with LmtpClient(intake.lmtp) as client:
        rcpt, unknown, start, answer = client.hand_over(raw, first.address, f"nobody@{DOMAIN}")
        assert [rcpt[:3], unknown[:9], start[:3], answer[:3]] == ["250", "550 5.1.1", "354", "250"]
        *_, one, two = client.hand_over(make_mail("Another"), second.address, first.address)
        assert client.say("NOOP").startswith("250"), "no answer was left over"
    rows = {row.source_id: row.pk for row in FetchedMail.objects.order_by("pk")}
    assert one == f"250 2.0.0 Stored as fetched mail {rows[second.pk]}"
    assert two == f"250 2.0.0 Stored as fetched mail {rows[first.pk]}"
    assert (len(contents(first)), len(contents(second))) == (2, 1)


def test_lmtp_is_no_smtp(intake: IntakeProcess) -> None:
    with Client(intake.lmtp, "EHLO client.example") as client:
        assert client.offers.startswith("500")
    with Client(intake.smtp, "LHLO client.example") as client:
        assert client.offers.startswith("500")


def test_two_addresses_of_one_source_are_one_mail(intake: IntakeProcess) -> None:
    source = make_forwarding()
    with LmtpClient(intake.lmtp) as client:
        *_, one, two = client.hand_over(make_mail(), source.address, source.address.replace("@", "+b@"))
    assert one == two
    assert one.startswith("250 ")
    assert FetchedMail.objects.count() == 1


SMUGGLED = (
    "Subject: one\r\n\r\nText{}MAIL FROM:<evil@x.example>\r\nRCPT TO:<{}>\r\nDATA\r\nSubject: two\r\n\r\nEvil"
)


@pytest.mark.parametrize("end", ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n\n.\r\r\n"])
def test_no_other_end_of_a_mail_is_believed(intake: IntakeProcess, end: str) -> None:
    source = make_forwarding()
    body = SMUGGLED.format(end, source.address).encode()
    with Client(intake.smtp) as client:
        client.say("MAIL FROM:<charlie@customer.example>")
        client.say(f"RCPT TO:<{source.address}>")
        client.say("DATA")
        client.send(body + b"\r\n.\r\n")
        answer = client.answer()
        assert client.say("NOOP").startswith("250"), "the next answer belongs to the next command"
    if b"\n" in end.encode().replace(b"\r\n", b""):
        assert answer.startswith("550 5.5.2 ")
        assert not FetchedMail.objects.exists()
    else:
        assert answer.startswith("250 ")
        assert contents(source) == [body.replace(b"\r\n.", b"\r\n") + b"\r\n"]


def test_sizes(intake: IntakeProcess) -> None:
    source = make_forwarding()
    limit = 1024 * 1024
    with Client(intake.smtp) as client:
        assert client.say(f"MAIL FROM:<a@b.example> SIZE={limit + 1}").startswith("552 5.3.4 ")
        assert client.say(f"MAIL FROM:<a@b.example> BODY=8BITMIME SIZE={limit}").startswith("250")
        client.say("RSET")
        big = make_mail("x" * limit)
        assert client.hand_over(big, source.address)[-1].startswith("552 5.3.4 ")
        fits = make_mail("")
        fits += (b"x" * 70 + b"\r\n") * ((limit - len(fits)) // 72)
        assert client.hand_over(fits, source.address)[-1].startswith("250 ")
    assert contents(source) == [fits]


def test_all_of_it_in_one_packet(intake: IntakeProcess) -> None:
    source = make_forwarding()
    talk = f"MAIL FROM:<c@x.example>\r\nRCPT TO:<{source.address}>\r\nDATA\r\n"
    mails = [b"Subject: a\r\n\r\nOne\r\n", b"Subject: b\r\n\r\nTwo\r\n", b""]
    with Client(intake.smtp) as client:
        client.send(b"".join(talk.encode() + mail + b".\r\n" for mail in mails) + b"QUIT\r\n")
        answers = [client.answer()[:3] for _ in range(13)]
        assert client.answer() == ""
    assert answers == ["250", "250", "354", "250"] * 3 + ["221"]
    assert contents(source) == sorted(mails)


def test_addresses_beyond_ascii(intake: IntakeProcess) -> None:
    source = make_forwarding()
    with Client(intake.smtp) as client:
        assert client.say("MAIL FROM:<žofie@zákazník.example> SMTPUTF8").startswith("250")
        client.say("RSET")
        client.send(b"MAIL FROM:<\xff\xfe@x.example>\r\n")
        assert client.answer().startswith("553")
        client.hand_over(make_mail(), source.address, mail_from="žofie@zákazník.example")
        assert client.say("MAIL FROM:<a\0b@x.example>").startswith("553")
    assert FetchedMail.objects.get().envelope_from == "žofie@zákazník.example"


def test_a_mail_that_runs_in_circles(intake: IntakeProcess) -> None:
    source = make_forwarding()
    hop = b"Received: from a by b; Mon, 2 Mar 2026 09:30:00 +0000\r\n"
    noted = f"Delivered-To: {source.address}\r\n".encode()
    with Client(intake.smtp) as client:
        for raw, answer in (
            (hop * 51 + make_mail(), "554 5.4.6"),
            (hop * 50 + make_mail(), "250 2.0.0"),
            (hop + noted + make_mail(), "554 5.4.6"),
            (f"X-Loop: <{source.address}>\r\n".encode() + make_mail(), "554 5.4.6"),
            (noted + hop + make_mail(), "250 2.0.0"),  # by the server that hands it over
            (hop + b"Delivered-To: support@example.com\r\n" + make_mail(), "250 2.0.0"),
        ):
            assert client.hand_over(raw, source.address)[-1][:9] == answer
    assert FetchedMail.objects.count() == 3


def test_starttls(intake: IntakeProcess, authority: Authority) -> None:
    source = make_forwarding()
    raw = make_mail()
    context = ssl.create_default_context(cafile=str(authority.bundle))
    with smtplib.SMTP(HOST, intake.smtp) as client:
        client.starttls(context=context)
        assert client.sendmail("charlie@customer.example", [source.address], raw) == {}
    assert contents(source) == [raw]


def test_what_is_on_its_way_when_it_is_stopped(environment: dict[str, str]) -> None:
    source = make_forwarding()
    raw = make_mail()
    with intakes.running(environment) as process, Client(process.smtp) as idle, Client(process.smtp) as busy:
        busy.say("MAIL FROM:<charlie@customer.example>")
        busy.say(f"RCPT TO:<{source.address}>")
        busy.say("DATA")
        process.process.terminate()
        assert idle.answer().startswith("421 4.3.2 ")
        busy.send(raw + b".\r\n")
        assert busy.answer().startswith("250 ")
        assert busy.answer().startswith("421 4.3.2 ")
        assert process.process.wait(20) == 0, process.said
    assert contents(source) == [raw]


def test_killed_between_the_commit_and_the_answer(environment: dict[str, str], intake: IntakeProcess) -> None:
    source = make_forwarding()
    raw = make_mail()
    with intakes.running(environment) as process, Client(process.smtp) as client:
        client.say("MAIL FROM:<charlie@customer.example>")
        client.say(f"RCPT TO:<{source.address}>")
        client.say("DATA")
        client.send(raw + b".\r\n")
        eventually(FetchedMail.objects.exists, "the mail is committed")
        process.kill()
    with Client(intake.smtp) as client:  # the next one that the mail server finds
        assert client.hand_over(raw, source.address)[-1].startswith("250 ")
    assert contents(source) == [raw]
    assert FetchedMail.objects.count() == 1


@pytest.mark.parametrize(
    ("bind", "domain"), [("", DOMAIN), ("smtp://127.0.0.1:2525", ""), ("smtp://192.0.2.1:2525", DOMAIN)]
)
def test_it_needs_a_domain_and_a_place(settings: Settings, bind: str, domain: str) -> None:
    settings.INTAKE_BIND, settings.INBOUND_DOMAIN = read_listeners(bind), domain
    with pytest.raises(CommandError, match="UCS_INTAKE_BIND"):
        call_command("intake")
