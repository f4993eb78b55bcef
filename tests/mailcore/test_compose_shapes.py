"""Pictures, languages, scripts and threads in what we write, judged by a parser that is not ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.compose import ComposeError, OutFile, compose
from mailcore.headers import thread_subject
from mailcore.parse import parse
from mailcore.parsed import Address
from mailcore.pictures import picture_type
from mailcore.replying import new_message_id, reply_references, reply_subject
from mailcore.writing import mailbox, wire_email
from tests.mailcore.test_compose import EXCHANGE_ID, header, header_lines, make_draft, read

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PICTURE = OutFile("seam.png", "image/png", PNG, "seam-1@picture")
ODD = Address("Jiří", "jiří@příklad.example")


def test_a_picture_stands_in_the_html_and_a_file_beside_it() -> None:
    html = '<p>Look:</p><img src="cid:seam-1@picture">'
    files = (PICTURE, OutFile("a.pdf", "application/pdf", b"%PDF"))
    raw = compose(make_draft(html=html, text="Look: [image: seam.png]", attachments=files))
    mail = read(raw)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    picture = next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert picture["Content-ID"] == "<seam-1@picture>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content() == PNG
    parsed = parse(raw)
    assert [(each.name, each.inline) for each in parsed.attachments] == [("seam.png", True), ("a.pdf", False)]


def test_a_picture_that_the_html_does_not_show_is_a_file() -> None:
    mail = read(compose(make_draft(attachments=(PICTURE,))))
    assert [part.get_content_disposition() for part in mail.iter_attachments()] == ["attachment"]


def test_text_and_html_are_always_there_and_the_independent_parser_reads_both() -> None:
    raw = compose(make_draft(text="Dobrý den 🙂,\n\npřijde zítra.", language="cs"))
    mail = read(raw)
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        assert "přijde zítra." in body.get_content()
    assert mail["Content-Language"] == "cs"


@pytest.mark.parametrize("language", ["", "c", "cs\r\nX: y", "čeština", "x" * 50])
def test_what_is_no_language_is_not_written(language: str) -> None:
    assert b"Content-Language" not in compose(make_draft(language=language))


def test_addresses_in_any_script_are_written_as_they_are_for_who_takes_them() -> None:
    raw = compose(make_draft(to=(ODD,), utf8=True))
    assert "jiří@xn--pklad-zsa96e.example" in header(raw, b"To").decode()
    with pytest.raises(ComposeError, match="outside a-z"):
        compose(make_draft(to=(ODD,)))


@pytest.mark.parametrize(
    "email", ["a b@example.com", "jiří\u00a0@example.com", "jiří\u2028@example.com", "í<@x.example"]
)
def test_no_script_has_spaces_or_brackets(email: str) -> None:
    with pytest.raises(ComposeError):
        wire_email(email, utf8=True)


@given(st.text(), st.text(min_size=1))
def test_no_address_adds_a_header(name: str, local: str) -> None:
    """Whatever stands in it: one line that folds, or a refusal."""
    try:
        line = mailbox(Address(name, f"{local}@example.com"), utf8=True)
        raw = compose(make_draft(to=(Address(name, f"{local}@example.com"),), utf8=True))
    except ComposeError:
        return
    assert all(each.startswith(" ") for each in line.split("\r\n")[1:])
    names = [each.partition(b":")[0] for each in header_lines(raw)]
    assert sorted(names) == sorted(
        [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type"]
    )


class TestThreads:
    """Gmail joins by References or In-Reply-To and the same subject; Outlook by the last reference."""

    def test_a_conversation_of_forty_mails(self) -> None:
        references: tuple[str, ...] = ()
        last, subject = EXCHANGE_ID, "Objednávka 4711"
        for number in range(40):
            references = reply_references(references, last)
            draft = make_draft(
                subject=reply_subject(subject),
                in_reply_to=last,
                references=references,
                message_id=new_message_id(7, number + 1, b"key", "example.com"),
            )
            raw = compose(draft)
            mail = read(raw)
            ids = mail["References"].split()
            assert ids[0] == f"<{EXCHANGE_ID}>"
            assert ids[-1] == mail["In-Reply-To"] == f"<{last}>"
            assert len(ids) <= 20
            assert len(header(raw, b"References")) < 1600
            assert thread_subject(mail["Subject"]) == "Objednávka 4711"
            assert b"=?" not in header(raw, b"References") + header(raw, b"In-Reply-To")
            own = mail["Message-ID"].strip("<>")
            references, last = parse(raw).references, own
            subject = mail["Subject"]

    @pytest.mark.parametrize(
        "subject", ["AW: Parcel", "RE: Parcel", "Re: Re: Parcel", "SV: AW: Parcel", "Parcel"]
    )
    def test_one_prefix_that_every_program_knows(self, subject: str) -> None:
        assert thread_subject(reply_subject(subject)) == "Parcel"
        assert reply_subject(reply_subject(subject)) == reply_subject(subject)
        assert reply_subject(subject).lower().startswith("re: ")

    def test_mailing_list_headers_are_never_written(self) -> None:
        assert not [line for line in header_lines(compose(make_draft())) if line.lower().startswith(b"list-")]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_pictures_are_known_by_their_bytes(data: bytes, kind: str) -> None:
    assert picture_type(data) == kind
