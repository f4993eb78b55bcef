"""Transfer encodings as they come: misspelt, with a footer below, or named and not used."""

import base64
import time

import pytest

from mailcore.parse import parse, part_bytes
from tests.mailcore.mails import make_raw

WORDS = "Dobrý den, kde je můj balík?\nKarel"
ENCODED = base64.encodebytes(WORDS.encode())
FOOTER = b"_______________________________________________\nlist mailing list\nlist@lists.example\n"


def text_of(body: bytes, encoding: str) -> str:
    head = {"Content_Type": "text/plain; charset=utf-8", "Content_Transfer_Encoding": encoding}
    return parse(make_raw(body, **head)).text


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("base64 (as in RFC 2045)", ENCODED, WORDS),
        ('"BASE64";', ENCODED, WORDS),
        ("Quoted_Printable; x=1", b"K=C5=AF=\r\n=C5=88", "Kůň"),
        ("8 bit", "Kůň".encode(), "Kůň"),
        ("base64", ENCODED + FOOTER, WORDS + FOOTER.decode().rstrip()),
        ("base64", WORDS.encode(), WORDS),
        ("base64", ENCODED[:20] + b"!" + ENCODED[20:], WORDS),
        ("base64", ENCODED.replace(b"\n", b" "), WORDS),
    ],
)
def test_transfer_encodings(encoding: str, body: bytes, text: str) -> None:
    assert text_of(body, encoding) == text


def test_a_footer_below_is_no_part_of_a_file() -> None:
    data = bytes(range(256))
    body = b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    body += base64.encodebytes(data) + FOOTER + b"--b--\r\n"

    assert part_bytes(make_raw(body, Content_Type="multipart/mixed; boundary=b"), "1") == data


def test_several_plain_texts_in_an_alternative_are_joined() -> None:
    body = b"--b\r\n\r\nText.\r\n--b\r\n\r\nScanned for viruses.\r\n--b\r\n\r\nText.\r\n--b--\r\n"

    assert parse(make_raw(body, Content_Type="multipart/alternative; boundary=b")).text == (
        "Text.\nScanned for viruses."
    )


def test_words_of_another_type_are_shown_when_there_are_no_others() -> None:
    mail = parse(make_raw(b"# Hello\r\n\r\n* you", Content_Type="text/markdown; charset=utf-8"))

    assert mail.text == "# Hello\n\n* you"
    assert [each.type for each in mail.attachments] == ["text/markdown"]


def test_rich_text_is_shown_when_there_is_no_other() -> None:
    mail = parse(make_raw(rb"{\rtf1\ansi Hello \b you\b0 .}", Content_Type="text/rtf"))

    assert mail.text == "Hello you."


def test_both_halves_of_a_macintosh_file_are_kept() -> None:
    body = b"--b\r\nContent-Type: application/applefile; name=a.pdf\r\n\r\nfork\r\n"
    body += b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nPDF\r\n--b--\r\n"
    mail = parse(make_raw(body, Content_Type="multipart/appledouble; boundary=b"))

    assert [(each.type, each.size) for each in mail.attachments] == [
        ("application/applefile", 4),
        ("application/pdf", 3),
    ]


def test_hostile_base64_ends_in_time() -> None:
    began = time.process_time()
    for body in (
        b"a " * 500_000 + b"!",
        b"!" + b"\n " * 500_000,
        b"_" * 1_000_000,
        b"!\n" + b"a\n" * 500_000,
    ):
        text_of(body, "base64")

    assert time.process_time() - began < 8


ATTACHED = (
    b"Subject: Old offer\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nDear Bob,\r\n"
    b"--i\r\nContent-Type: application/pdf; name=offer.pdf\r\n\r\nPDF\r\n"
    b"--i\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <l@1>\r\n\r\nPNG\r\n--i--\r\n"
)


def test_files_of_an_attached_mail_are_listed_beside_it() -> None:
    body = b"--b\r\n\r\nSee attached.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + ATTACHED
    body += b"--b\r\nContent-Type: text/csv; name=a.csv\r\n\r\n1\r\n--b--\r\n"
    raw = make_raw(body, Content_Type="multipart/mixed; boundary=b")

    mail = parse(raw)

    assert mail.text == "See attached."
    assert [(each.part, each.name) for each in mail.attachments] == [
        ("2", "Old offer.eml"),
        ("2#2", "offer.pdf"),
        ("3", "a.csv"),
    ]
    assert part_bytes(raw, "2#2") == b"PDF"


def test_files_of_a_mail_sent_back_are_not() -> None:
    body = b"--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + ATTACHED + b"--b--\r\n"
    raw = make_raw(body, Content_Type="multipart/report; report-type=delivery-status; boundary=b")

    assert [each.name for each in parse(raw).attachments] == ["Old offer.eml"]
