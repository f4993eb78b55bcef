"""Machines are known by what they write into their mail; people are never taken for one."""

import pytest

from mailcore.parse import parse
from mailcore.parsed import Automatic, Bounce, Failure, Reason
from tests.mailcore.mails import mail_file, make_raw


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Auto-Submitted: auto-replied", Automatic.AUTO_REPLY),
        ("Auto-Submitted: auto-generated (rejected)", Automatic.AUTO_REPLY),
        ("Auto-Submitted: auto-notified; owner-email=a@b", Automatic.REPORT),
        ("Precedence: auto_reply", Automatic.AUTO_REPLY),
        ("X-Autoreply: yes", Automatic.AUTO_REPLY),
        ("Return-Path: <>", Automatic.AUTO_REPLY),
        ("Precedence: bulk", Automatic.AUTO_REPLY),  # as vacation programs write; lists write more
        ("Precedence: junk", Automatic.AUTO_REPLY),
        ("List-Id: Weekly news <news.example.com>", Automatic.LIST),
        ("List-Unsubscribe: <https://example.com/u>", Automatic.LIST),
        (
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
            Automatic.REPORT,
        ),
        ("Content-Type: multipart/report; report-type=feedback-report; boundary=b", Automatic.REPORT),
        ("Auto-Submitted: no", Automatic.NO),
        ("Precedence: normal", Automatic.NO),
        ("X-Priority: 1", Automatic.NO),
        ("Return-Path: <carla@customer.example>", Automatic.NO),
        # Exchange writes this into the mail of people too.
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", Automatic.NO),
    ],
)
def test_headers_of_machines(header: str, kind: Automatic) -> None:
    name, _, value = header.partition(": ")

    assert parse(make_raw(b"Text.\r\n", **{name.replace("-", "_"): value})).automatic is kind


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("Automatic reply: Your order", Automatic.AUTO_REPLY),
        ("Automatische Antwort: Bestellung", Automatic.AUTO_REPLY),
        ("Automatická odpověď: Objednávka", Automatic.AUTO_REPLY),
        ("Réponse automatique : Commande", Automatic.AUTO_REPLY),
        ("Out of Office Re: order", Automatic.AUTO_REPLY),
        ("Abwesenheitsnotiz", Automatic.AUTO_REPLY),
        ("Report domain: example.com Submitter: mx.example.net Report-ID: 7", Automatic.REPORT),
        ("Read: Your order", Automatic.REPORT),
        ("Re: Automatic reply: Your order", Automatic.NO),
        ("Automatic doors do not open", Automatic.NO),
        ("My automatic washing machine is broken", Automatic.NO),
        ("Office chair", Automatic.NO),
        ("Delivery failed again, where is my parcel?", Automatic.NO),
        ("Mailbox full of spam since yesterday", Automatic.NO),
    ],
)
def test_subjects(subject: str, kind: Automatic) -> None:
    raw = make_raw().replace(b"Subject: Question", f"Subject: {subject}".encode())

    assert parse(raw).automatic is kind


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Order",
        "Automatische Antwort: Bestellung",
        "Réponse automatique : Commande",
        "Respuesta automática: Pedido",
        "Risposta automatica: Ordine",
        "Odpowiedź automatyczna: Zamówienie",
        "Automatická odpověď: Objednávka",
        "Automatická odpoveď: Objednávka",
        "Resposta automática: Pedido",
        "Automatisch antwoord: Bestelling",
        "[Auto-Reply] Order",
        "Autosvar: Ordre",
        "自動返信: 注文",
    ],
)
def test_subjects_that_programs_write(subject: str) -> None:
    raw = make_raw().replace(b"Subject: Question", f"Subject: {subject}".encode())

    assert parse(raw).automatic is Automatic.AUTO_REPLY


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("On vacation", "I am out of the office until Monday."),
        ("Urlaub", "Ich bin im Urlaub. Ihre E-Mail wird nicht weitergeleitet."),
        ("En congé", "Je suis absent du bureau, de retour le 4 mai."),
        ("Estoy de vacaciones", "Estaré fuera hasta el lunes."),
        ("In ferie", "Sono fuori ufficio fino a lunedì."),
        ("Urlop", "Jestem nieobecny do poniedziałku."),
        ("Dovolená", "Do pondělí jsem na dovolené."),
        ("Dovolenka", "Do pondelka som na dovolenke."),
        ("Férias", "Estou fora até segunda-feira."),
        ("Vakantie", "Tot maandag ben ik afwezig."),
    ],
)
def test_weak_subjects_need_a_second_sign(subject: str, text: str) -> None:
    head = make_raw(b"").replace(b"Subject: Question", f"Subject: {subject}".encode())
    head = head.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n")

    assert parse(head + text.encode()).automatic is Automatic.AUTO_REPLY
    assert parse(head + b"4711. Danke, merci.").automatic is Automatic.NO


def test_exchange_hushes_other_machines_and_is_one_when_it_says_so() -> None:
    hushed = {"X_Auto_Response_Suppress": "All"}

    assert parse(make_raw(b"Where is my order?\r\n", **hushed)).automatic is Automatic.NO
    machine = make_raw(b"This is an automated message, please do not reply.\r\n", **hushed)
    assert parse(machine).automatic is Automatic.AUTO_REPLY


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        (
            {"Subject": "complaint about message from 192.0.2.7", "From": "staff@isp.example"},
            Automatic.REPORT,
        ),
        ({"TLS_Report_Domain": "example.com"}, Automatic.REPORT),
        (
            {
                "Content_Type": "application/gzip",
                "Content_Disposition": "attachment; filename=isp.example!a.example!1700000000!1700086399.zip",
            },
            Automatic.REPORT,
        ),
        (
            {"Content_Type": "application/zip", "Content_Disposition": "attachment; filename=a.zip"},
            Automatic.NO,
        ),
    ],
)
def test_reports_of_mail_systems(headers: dict[str, str], kind: Automatic) -> None:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    assert parse(lines.encode() + make_raw()).automatic is kind


def test_a_complaint_is_known_by_its_part() -> None:
    raw = make_raw(
        b"--b\r\n\r\nA complaint.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        b"Feedback-Type: abuse\r\n--b--\r\n",
        Content_Type="multipart/mixed; boundary=b",
    )

    assert parse(raw).automatic is Automatic.REPORT


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Return_Path": "<>"}, {"Precedence": "bulk"}],
)
def test_challenges(headers: dict[str, str]) -> None:
    text = b"Your message is being held. Click to prove that you are human: https://filter.example/c\r\n"

    assert parse(make_raw(text, **headers)).automatic is Automatic.CHALLENGE
    assert parse(make_raw(text)).automatic is Automatic.NO  # people may write about it


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("MAILER-DAEMON@example.net", Automatic.AUTO_REPLY),
        ("no-reply@shop.example", Automatic.LIST),
        ("noreply+17@shop.example", Automatic.LIST),
        ("norbert.reply@shop.example", Automatic.NO),
        ("bouncer@club.example", Automatic.NO),
        ("postmasters@club.example", Automatic.NO),
    ],
)
def test_senders(sender: str, kind: Automatic) -> None:
    raw = make_raw().replace(b"Carla <carla@customer.example>", sender.encode())

    assert parse(raw).automatic is kind


def test_a_customer_who_complains_about_a_bounce_is_a_person() -> None:
    raw = make_raw(
        b"Your shop's mail to bob@customer.example was returned: user unknown. Please correct my address.\r\n"
    ).replace(b"Subject: Question", b"Subject: Wrong address")

    assert parse(raw).automatic is Automatic.NO


def test_standard_bounce() -> None:
    mail = parse(mail_file("bounce_standard.eml"))

    assert mail.automatic is Automatic.BOUNCE
    failure = Failure(
        "gone@customer.example",
        status="5.1.1",
        reason=Reason.NO_SUCH_USER,
        answer="550 5.1.1 no such user here",
    )
    assert mail.bounce == Bounce((failure,), message_id="ucs.1.2.xyz@example.com")
    assert failure.is_hard


def test_free_text_bounce() -> None:
    mail = parse(mail_file("bounce_free_text.eml"))

    assert mail.automatic is Automatic.BOUNCE
    assert mail.bounce
    assert mail.bounce.recipients == ("gone@customer.example",)
    assert mail.bounce.status == "5.2.1"
    assert mail.bounce.message_id == "ucs.3.4.xyz@example.com"


def test_exim_names_the_failed_recipients_in_a_header() -> None:
    mail = parse(make_raw(b"It failed.\r\n", X_Failed_Recipients="gone@customer.example"))

    assert mail.bounce
    assert mail.bounce.recipients == ("gone@customer.example",)


def test_a_delay_is_no_failure() -> None:
    mail = parse(mail_file("bounce_delay.eml"))

    assert mail.automatic is Automatic.DELAY
    assert mail.bounce
    assert mail.bounce.is_delay


def test_a_full_mailbox_may_work_again_tomorrow() -> None:
    raw = mail_file("bounce_standard.eml").replace(b"5.1.1", b"4.2.2").replace(b"no such", b"over quota,")
    mail = parse(raw)

    assert mail.bounce
    assert mail.bounce.reason is Reason.MAILBOX_FULL
    assert not mail.bounce.failures[0].is_hard
