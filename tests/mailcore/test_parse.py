"""Ordinary mail: every field, both bodies, the files."""

from datetime import UTC, datetime

import pytest

from mailcore.parse import PartNotFound, parse, part_bytes
from mailcore.parsed import Address, Automatic, Forwarded
from tests.mailcore.mails import mail_file, make_raw


def test_plain_mail() -> None:
    mail = parse(mail_file("plain.eml"))

    assert mail.message_id == "parcel-1@customer.example"
    assert mail.subject == "Where is my parcel?"
    assert mail.from_ == Address("Carla Customer", "carla@customer.example")
    assert mail.to == (Address("Support", "support@example.com"),)
    assert mail.date == datetime(2024, 3, 5, 9, 11, 12, tzinfo=UTC)
    assert mail.text == "Good morning,\n\nmy parcel has not come. Where is it?\n\nCarla"
    assert mail.html == ""
    assert mail.quote_at == len(mail.text)
    assert mail.automatic is Automatic.NO
    assert mail.attachments == ()
    assert mail.defects == ()


def test_reply_with_pictures_files_and_accents() -> None:
    raw = mail_file("reply_czech.eml")
    mail = parse(raw)

    assert mail.subject == "Re: Vrácení zboží"
    assert mail.from_ == Address("Klára Nováková", "klara@zakaznik.example")
    assert mail.reply_to == (Address("", "rodina@zakaznik.example"),)
    assert mail.to == (Address("Podpora, e-shop", "support@example.com"), Address("", "info@example.com"))
    assert mail.cc == (Address("Žižka", "zizka@example.org"),)
    assert mail.in_reply_to == "ucs.7.9.abc@example.com"
    assert mail.references == ("vraceni-1@zakaznik.example", "ucs.7.9.abc@example.com")
    assert mail.delivered_to == ("support@example.com",)
    assert mail.new_text == "Dobrý den, posílám účtenku."
    assert mail.text[mail.quote_at :].startswith("Dne 5. 3. 2024 v 10:00 Podpora napsal(a):")
    assert "<b>účtenku</b>" in mail.html
    assert 'src="cid:logo@zakaznik"' in mail.html
    logo, receipt = mail.attachments
    assert (logo.name, logo.type, logo.inline, logo.content_id) == (
        "logo.png",
        "image/png",
        True,
        "logo@zakaznik",
    )
    assert (receipt.name, receipt.size, receipt.inline) == ("účtenka.pdf", 10, False)
    assert part_bytes(raw, logo.part) == b"\x89PNG\r\n\x1a\n"
    assert part_bytes(raw, receipt.part) == b"%PDF-1.4\n%"
    assert mail.defects == ()


def test_parts_are_numbered_as_imap_does() -> None:
    mail = parse(mail_file("reply_czech.eml"))

    assert [each.part for each in mail.attachments] == ["1.2.2", "2"]


def test_part_that_is_not_there() -> None:
    with pytest.raises(PartNotFound, match=r"no part 7\.7"):
        part_bytes(mail_file("reply_czech.eml"), "7.7")


def test_html_only_mail_has_a_text_too() -> None:
    mail = parse(mail_file("html_only.eml"))

    assert mail.text == "Hello,\n\nthe price is 3\xa0< 4.\n\n- one\n- two\n\na\tb\n\nLogo"
    assert ' src="' not in mail.html
    assert 'data-remote-src="https://tracker.example/pixel.gif"' in mail.html


def test_forwarded_mail_stays_a_file() -> None:
    raw = mail_file("forwarded_as_attachment.eml")
    mail = parse(raw)

    (inner,) = mail.attachments
    assert mail.text == "See the mail below."
    assert (inner.name, inner.type) == ("The complaint.eml", "message/rfc822")
    assert parse(part_bytes(raw, inner.part)).text == "Inner text."


def test_a_mail_in_a_bare_envelope_shows_the_inner_text() -> None:
    raw = make_raw(b"Subject: x\r\n\r\nInner words.\r\n", Content_Type="message/rfc822")

    assert parse(raw).text == "Inner words."


def test_text_picture_text_is_shown_as_one() -> None:
    raw = make_raw(
        b"--b\r\n\r\nabove\r\n"
        b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n"
        b"--b\r\n\r\nbelow\r\n--b--",
        Content_Type="multipart/mixed; boundary=b",
    )
    mail = parse(raw)

    assert mail.text == "above\nbelow"
    assert [each.name for each in mail.attachments] == ["a.png"]


def test_attached_text_file_is_no_body() -> None:
    raw = make_raw(
        b"--b\r\n\r\nhello\r\n--b\r\nContent-Disposition: attachment; filename=log.txt\r\n\r\nlog\r\n--b--",
        Content_Type="multipart/mixed; boundary=b",
    )
    mail = parse(raw)

    assert mail.text == "hello"
    assert part_bytes(raw, mail.attachments[0].part) == b"log"


def test_same_bytes_give_the_same_synthetic_id() -> None:
    raw = mail_file("broken/no_message_id.eml")

    assert parse(raw).message_id == parse(raw).message_id
    assert parse(raw).message_id != parse(raw + b"x").message_id


def test_several_froms_the_first_with_an_address_counts() -> None:
    raw = b"From: Nobody, Bob <bob@example.com>, alice@example.com\r\n\r\n"

    assert parse(raw).from_.email == "bob@example.com"


def test_control_headers_from_outside_mean_nothing() -> None:
    plain, forged = parse(make_raw()), parse(make_raw(X_UCS_Conversation="7", X_UCS_Queue="Billing"))

    assert (plain.subject, plain.text, plain.references) == (forged.subject, forged.text, forged.references)


def test_enriched_text_loses_its_marks() -> None:
    raw = make_raw(b"<bold>Now</bold> is 3 < 4\r\n", Content_Type="text/enriched")

    assert parse(raw).text == "Now is 3 < 4"


def test_a_signature_ends_before_the_quote() -> None:
    mail = parse(make_raw(b"Ja.\r\n\r\nMfG\r\nCarla\r\n\r\nAm 5.3.24 um 10:11 schrieb Alice:\r\n> Da?"))

    assert mail.new_text == "Ja."
    assert mail.text[mail.signature_at : mail.quote_at].strip() == "MfG\nCarla"


def test_machines_have_no_signature() -> None:
    mail = parse(make_raw(b"I am away.\r\n\r\nRegards\r\nCarla", Auto_Submitted="auto-replied"))

    assert mail.signature_at == mail.quote_at == len(mail.text)


def test_who_wrote_a_forwarded_mail() -> None:
    head = b"---------- Forwarded message ---------\r\nFrom: Dan <dan@example.net>\r\nSubject: Chairs\r\n"

    mail = parse(make_raw(b"See below.\r\n\r\n" + head + b"\r\nHow much?"))

    assert mail.forwarded == Forwarded(Address("Dan", "dan@example.net"), "Chairs")


def test_who_wrote_an_attached_mail() -> None:
    inner = b"From: Dan <dan@example.net>\r\nSubject: =?utf-8?q?Kr=C3=A9dit?=\r\n\r\nHow much?\r\n"
    body = b"--b\r\n\r\nSee there.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"--b--\r\n"

    mail = parse(make_raw(body, Content_Type="multipart/mixed; boundary=b"))

    assert mail.forwarded == Forwarded(Address("Dan", "dan@example.net"), "Kr\u00e9dit")
