"""Reports of many mail systems: who has not got which mail, why, and what the server said."""

import json
import time

import pytest

from mailcore.parse import parse
from mailcore.parsed import Automatic, Bounce, Reason
from mailcore.reasons import WORDS, reason_of

OURS = "ucs.7.12.sig@example.com"
COPY = (
    "From: support@example.com\nTo: max@example.org\nSubject: Re: parcel\n"
    f"Message-ID: <{OURS}>\n\nThe answer.\n"
)


def notice(text: str, *, sender: str, subject: str, headers: str = "Return-Path: <>\n") -> bytes:
    """A report written for people."""
    head = f"From: {sender}\nTo: support@example.com\nSubject: {subject}\nMessage-ID: <n1@mx.example.net>\n"
    return f"{headers}{head}Content-Type: text/plain; charset=utf-8\n\n{text}".encode()


def report(fields: str, text: str = "It failed.", *, subject: str = "Undeliverable: parcel") -> bytes:
    """A report by the book (RFC 3464), with our mail in it."""
    parts = [
        f"Content-Type: text/plain; charset=utf-8\n\n{text}\n",
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n{fields}\n",
        f"Content-Type: message/rfc822\n\n{COPY}",
    ]
    body = "".join(f"--b\n{part}" for part in parts)
    return (
        f"Return-Path: <>\nFrom: postmaster@example.net\nTo: support@example.com\nSubject: {subject}\n"
        "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"{body}--b--\n"
    ).encode()


POSTFIX = report(
    "Final-Recipient: rfc822; max@example.org\nOriginal-Recipient: rfc822;max@example.org\nAction: failed\n"
    "Status: 5.1.1\nRemote-MTA: dns; mx.example.org\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <max@example.org>: Recipient address\n    rejected: User unknown",
    subject="Undelivered Mail Returned to Sender",
)
EXCHANGE_GERMAN = report(
    "Final-Recipient: rfc822;max@example.org\nAction: failed\nStatus: 5.1.10\n"
    "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient max@example.org not "
    "found by "
    "SMTP address lookup\nRemote-MTA: dns;am0.prod.example.org",
    "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\nmax@example.org\n"
    "Die eingegebene E-Mail-Adresse konnte nicht gefunden werden.",
    subject="Unzustellbar: Ihre Anfrage",
)
GMAIL = report(
    "Final-Recipient: rfc822; max@example.org\nAction: failed\nStatus: 5.2.2\n"
    "Remote-MTA: dns; gmail-smtp-in.l.google.com. (192.0.2.26, the server for the domain example.org.)\n"
    "Diagnostic-Code: smtp; 552-5.2.2 The recipient's inbox is out of storage space.",
    subject="Delivery Status Notification (Failure)",
)
EXIM = notice(
    "This message was created automatically by mail delivery software.\n\nA message that you sent could "
    "not be "
    "delivered to one or more of its\nrecipients. The following address(es) failed:\n\n  max@example.org\n"
    "    host mx.example.org [192.0.2.25]\n    SMTP error from remote mail server after RCPT "
    "TO:<max@example.org>:\n"
    f"    550 5.1.1 no such user\n\n------ This is a copy of the message, including all the headers. "
    f"------\n\n{COPY}",
    sender="Mail Delivery System <Mailer-Daemon@mx.example.net>",
    subject="Mail delivery failed: returning message to sender",
    headers="X-Failed-Recipients: max@example.org\nAuto-Submitted: auto-replied\n",
)
QMAIL = notice(
    "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your "
    "message to "
    "the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
    "<max@example.org>:\n192.0.2.25 does not like recipient.\nRemote host said: 550 5.1.1 user unknown\n"
    f"Giving up on 192.0.2.25.\n\n--- Below this line is a copy of the message.\n\nReturn-Path: "
    f"<a@b.example>\n{COPY}",
    sender="MAILER-DAEMON@mx.example.net",
    subject="failure notice",
)
SENDMAIL = notice(
    "   ----- The following addresses had permanent fatal errors -----\n<max@example.org>\n    (reason: "
    "550 5.1.1 "
    "User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n"
    ">>> DATA\n<<< 550 5.1.1 User unknown\n550 5.1.1 <max@example.org>... User unknown\n\n"
    f"   ----- Original message follows -----\n\n{COPY}",
    sender="Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>",
    subject="Returned mail: see transcript for details",
)
YAHOO = notice(
    "Sorry, we were unable to deliver your message to the following address.\n\n<max@example.org>:\n"
    "550: 5.1.1 This user doesn't have an example.org account (max@example.org) [-5]\n\n"
    f"--- Below this line is a copy of the message.\n\n{COPY}",
    sender="MAILER-DAEMON@yahoo.example",
    subject="Failure Notice",
    headers="",
)
DOMINO = notice(
    "Your message\n\n  Subject: Re: parcel\n\nwas not delivered to:\n\n  max@example.org\n\nbecause:\n\n"
    "  550 User max (max@example.org) not listed in Domino Directory\n",
    sender="Postmaster@notes.example.org",
    subject="DELIVERY FAILURE: User max (max@example.org) not listed in Domino Directory",
)


@pytest.mark.parametrize(
    "raw",
    [POSTFIX, EXCHANGE_GERMAN, EXIM, QMAIL, SENDMAIL, YAHOO, DOMINO],
    ids=["postfix", "exchange", "exim", "qmail", "sendmail", "yahoo", "domino"],
)
def test_systems_that_say_that_nobody_is_there(raw: bytes) -> None:
    mail = parse(raw)

    assert mail.automatic is Automatic.BOUNCE
    assert mail.bounce
    assert mail.bounce.recipients == ("max@example.org",)
    assert mail.bounce.reason is Reason.NO_SUCH_USER
    assert mail.bounce.failures[0].is_hard
    assert "550" in mail.bounce.answer
    assert mail.bounce.status in ("5.1.1", "5.1.10", "5.0.0")
    assert mail.bounce.message_id == ("" if raw is DOMINO else OURS)


def test_a_full_mailbox_names_its_server() -> None:
    mail = parse(GMAIL)

    assert mail.bounce
    failure = mail.bounce.failures[0]
    assert failure.server == "gmail-smtp-in.l.google.com"
    assert failure.reason is Reason.MAILBOX_FULL
    assert not failure.is_hard
    assert failure.answer == "552-5.2.2 The recipient's inbox is out of storage space."


def test_each_recipient_has_an_own_answer() -> None:
    mail = parse(
        report(
            "Final-Recipient: rfc822; max@example.org\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: smtp; 550 user unknown\n\n"
            "Final-Recipient: rfc822; eva@example.net\nAction: failed\nStatus: 5.2.2\n"
            "Diagnostic-Code: smtp; 552 mailbox full\n\n"
            "Final-Recipient: rfc822; ivo@example.com\nAction: delayed\nStatus: 4.4.1\n"
        )
    )

    assert mail.bounce
    assert [(each.email, each.reason) for each in mail.bounce.failures] == [
        ("max@example.org", Reason.NO_SUCH_USER),
        ("eva@example.net", Reason.MAILBOX_FULL),
    ]


def test_a_forwarded_mail_names_the_address_that_we_wrote_to() -> None:
    mail = parse(
        report(
            "Original-Recipient: rfc822; max@example.org\nFinal-Recipient: rfc822; "
            "m.mustermann@gone.example\n"
            "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 554 5.7.1 Relay access denied"
        )
    )

    assert mail.bounce
    failure = mail.bounce.failures[0]
    assert (failure.email, failure.original) == ("m.mustermann@gone.example", "max@example.org")
    assert (failure.status, failure.reason) == ("5.7.1", Reason.RELAYING)


def test_fields_in_a_text_that_a_gateway_has_flattened() -> None:
    raw = notice(
        "Your mail could not be delivered.\n\nReporting-MTA: dns; mx.example.net\n\n"
        "Final-Recipient: rfc822; max@example.org\nAction: failed\nStatus: 5.4.4\n\n" + COPY,
        sender="postmaster@example.net",
        subject="Undeliverable",
    )
    mail = parse(raw)

    assert mail.bounce
    assert mail.bounce.recipients == ("max@example.org",)
    assert mail.bounce.reason is Reason.NO_SUCH_DOMAIN
    assert mail.bounce.message_id == OURS


def test_a_report_in_a_report() -> None:
    inner = POSTFIX.decode()
    raw = (
        "From: Mail Delivery Subsystem <MAILER-DAEMON@gate.example>\nSubject: Returned mail: User unknown\n"
        "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\nSee the attached "
        "report: it "
        f"failed permanently.\n--o\nContent-Type: message/rfc822\n\n{inner}\n--o--\n"
    ).encode()
    mail = parse(raw)

    assert mail.bounce
    assert mail.bounce.recipients == ("max@example.org",)
    assert mail.bounce.message_id == OURS


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Undeliverable: parcel", "Delivery has failed to these recipients or groups:"),
        ("Unzustellbar: Paket", "Ihre Nachricht konnte nicht zugestellt werden:"),
        ("Non remis : colis", "Votre message n'a pas pu être remis :"),
        ("No se puede entregar: paquete", "No se pudo entregar el mensaje a:"),
        ("Non recapitabile: pacco", "Non è stato possibile recapitare il messaggio a:"),
        ("Niedostarczalne: paczka", "Nie można dostarczyć wiadomości do:"),
        ("Nedoručitelné: balík", "Zprávu nebylo možné doručit na adresu:"),
        ("Nedoručiteľné: balík", "Správu nebolo možné doručiť na adresu:"),
        ("Não entregue: pacote", "Não foi possível entregar a mensagem a:"),
        ("Onbestelbaar: pakket", "Uw bericht kan niet worden bezorgd bij:"),
        ("配信不能: 荷物", "メールを配信できませんでした:"),
    ],
)
@pytest.mark.parametrize("sender", ["postmaster@example.net", "Mail <robot@example.net>"])
def test_languages(subject: str, text: str, sender: str) -> None:
    mail = parse(notice(f"{text}\n\nmax@example.org\n", sender=sender, subject=subject))

    assert mail.automatic is Automatic.BOUNCE
    assert mail.bounce
    assert mail.bounce.recipients == ("max@example.org",)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Delivery Status Notification (Delay)", "Delivery to the following recipient has been delayed:"),
        ("Warning: message 1abc delayed 24 hours", "The message has not yet been delivered to:"),
        ("Zustellung verzögert", "Die Zustellung verzögert sich. Es wird weiterhin versucht:"),
        ("Remise retardée", "Votre message est retardé :"),
        ("Opóźnienie dostarczenia", "Wiadomość jest opóźniona:"),
        ("Zpoždění doručení", "Doručení je zpožděno:"),
    ],
)
def test_delays_are_no_failures(subject: str, text: str) -> None:
    mail = parse(notice(f"{text}\n\nmax@example.org\n", sender="postmaster@example.net", subject=subject))

    assert mail.automatic is Automatic.DELAY
    assert mail.bounce
    assert mail.bounce.is_delay
    assert mail.bounce.recipients == ("max@example.org",)


def test_good_news_is_a_report() -> None:
    raw = report(
        "Final-Recipient: rfc822; max@example.org\nAction: relayed\nStatus: 2.0.0", subject="Relayed"
    )
    mail = parse(raw)

    assert (mail.automatic, mail.bounce) == (Automatic.REPORT, None)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Delivery failed again", "Nobody brought my parcel. Where is it?"),
        ("Undeliverable parcel", "The courier could not find my house, please call me: max@example.org"),
        ("Returned mail", "I have returned the parcel, it was too small. Write to max@example.org."),
        ("Zustellung", "Wann kommt mein Paket? max@example.org"),
        ("Question", "Your mail to max@example.org was returned: user unknown. Please use this address."),
    ],
)
def test_people_write_about_undelivered_things_too(subject: str, text: str) -> None:
    raw = notice(text, sender="Max <max@example.org>", subject=subject, headers="")

    assert parse(raw).automatic is Automatic.NO


def test_amazon_tells_in_json() -> None:
    bounce = {
        "bounceType": "Permanent",
        "bouncedRecipients": [
            {"emailAddress": "max@example.org", "status": "5.1.1", "diagnosticCode": "smtp; 550 user unknown"}
        ],
    }
    told = {
        "notificationType": "Bounce",
        "bounce": bounce,
        "mail": {"commonHeaders": {"messageId": f"<{OURS}>"}},
    }
    raw = notice(
        json.dumps({"Type": "Notification", "Message": json.dumps(told)}),
        sender="no-reply@sns.example",
        subject="AWS Notification Message",
        headers="X-Amz-Sns-Message-Id: 1\n",
    )
    mail = parse(raw)

    assert mail.automatic is Automatic.BOUNCE
    assert mail.bounce
    assert (mail.bounce.recipients, mail.bounce.message_id) == (("max@example.org",), OURS)
    assert parse(raw.replace(b"Bounce", b"Delivery")).automatic is Automatic.REPORT
    assert parse(raw.replace(b"{", b"[")).bounce is None


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ("550 5.7.26 This mail is unauthenticated: SPF did not pass", "5.7.26", Reason.NOT_AUTHENTICATED),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Spamhaus", "", Reason.BLOCKED),
        ("550 5.7.25 The IP address has no PTR record", "", Reason.NO_REVERSE_NAME),
        ("552 5.3.4 Message size exceeds fixed limit", "5.3.4", Reason.TOO_BIG),
        ("550 5.1.6 recipient has moved", "5.1.6", Reason.MOVED),
        ("556 5.1.10 Recipient address has null MX", "5.1.10", Reason.TAKES_NO_MAIL),
        ("554 5.4.14 Hop count exceeded - possible mail loop", "", Reason.NETWORK),
        ("421 4.7.28 Our system has detected an unusual rate of mail", "", Reason.THROTTLED),
        ("Host or domain name not found. Name service error", "", Reason.NO_SUCH_DOMAIN),
        ("", "5.2.2", Reason.MAILBOX_FULL),
        ("", "", Reason.UNKNOWN),
    ],
)
def test_reasons(words: str, status: str, reason: Reason) -> None:
    assert reason_of(words, status) is reason


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Reason)


@pytest.mark.parametrize(
    "line",
    [
        b"exceed exceed too mailbox recipient user \r\n",
        b"user account name mailbox exceed recipient ",
        b"<a@b.example>: 550 5.1.1 no\r\n",
        b"(expanded from: ",
        b"1.1.1.1.",
        b"host a.b.c.d.",
        b"+",
        b"fail error user address: ",
    ],
)
def test_hostile_notices_take_no_time(line: bytes) -> None:
    raw = notice("", sender="mailer-daemon@example.net", subject="failure notice") + line * 20_000
    start = time.process_time()
    mail = parse(raw)

    assert time.process_time() - start < 3
    assert isinstance(mail.bounce, Bounce)
