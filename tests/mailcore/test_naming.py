"""What files are called, however programs write it."""

import time

import pytest

from mailcore.naming import type_of
from mailcore.parse import parse
from mailcore.words import parameters
from tests.mailcore.mails import make_raw


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename*=UTF-8''%C5%BElu%C5%A5.pdf", "žluť.pdf"),
        ("attachment; filename*1*=%C5%A5.pdf; filename*0*=UTF-8''%C5%BElu", "žluť.pdf"),
        ('attachment; filename="=?UTF-8?B?xb5sdcWlLnBk?=\r\n\t=?UTF-8?B?Zg==?="', "žluť.pdf"),
        ('attachment; filename*0="=?UTF-8?B?xb5sdc"; filename*1="WlLnBkZg==?="', "žluť.pdf"),
        ("attachment; filename==?utf-8?B?xb5sdcWlLnBkZg==?=", "žluť.pdf"),
        ("attachment; filename=\"plain.pdf\"; filename*=utf-8''%C5%BE.pdf", "ž.pdf"),
        ("attachment; filename*=UTF-8''\"quoted%20x.pdf\"", "quoted x.pdf"),
        ("attachment; filename*=iso-8859-2'cs'%BElu%BB.pdf", "žluť.pdf"),
        ('attachment; filename="the "old" price.pdf"; size=3', "the _old_ price.pdf"),
        ('attachment; filename="a.pdf" name="b.pdf"', "a.pdf"),
        ("attachment; filename='single.pdf'", "single.pdf"),
        ("attachment; filename=“x.pdf”", "x.pdf"),
        ("attachment; filename=my file.pdf", "my file.pdf"),
        ('attachment filename="x.pdf"', "x.pdf"),
        ('filename="x.pdf"', "x.pdf"),
        ('attachment; filename="x.pdf', "x.pdf"),
        ('attachment; filename="a;b.pdf"; size=3', "a;b.pdf"),
    ],
)
def test_file_names_as_programs_write_them(disposition: str, name: str) -> None:
    body = f"--b\r\n\r\nText.\r\n--b\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--b--\r\n"
    mail = parse(make_raw(body.encode(), Content_Type="multipart/mixed; boundary=b"))

    assert [each.name for each in mail.attachments] == [name]


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("application/pgp-signature", "signature.asc"),
        ("application/ms-tnef", "winmail.dat"),
        ("image/png", "part-2.png"),
        ("application/x-odd", "part-2.bin"),
        ("message/delivery-status", "delivery report.txt"),
        ("text/rfc822-headers", "headers.txt"),
        ("message/rfc822", "Old offer.eml"),
    ],
)
def test_names_are_made_up_where_there_is_none(type_: str, name: str) -> None:
    body = f"--b\r\n\r\nText.\r\n--b\r\nContent-Type: {type_}\r\n\r\nSubject: Old offer\r\n\r\nx\r\n--b--\r\n"
    mail = parse(make_raw(body.encode(), Content_Type="multipart/mixed; boundary=b"))

    assert [each.name for each in mail.attachments] == [name]


def test_types_by_name() -> None:
    assert type_of("Ceník.PDF") == "application/pdf"
    assert type_of("notes.txt") == "text/plain"
    assert type_of("no ending") == type_of("x.exe") == "application/octet-stream"


def test_hostile_parameters_end_in_time() -> None:
    began = time.process_time()
    for text in ('; a="' + '"' * 200_000, '; a="' + '" ' * 100_000, ";" * 200_000, '; a="' + "\\" * 200_000):
        parameters(text)

    assert time.process_time() - began < 3
