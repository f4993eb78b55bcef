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
