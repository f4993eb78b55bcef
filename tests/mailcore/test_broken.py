"""One fault, one file: the mail is read all the same, and the fault has a sentence where it matters."""

import pytest

from mailcore.parse import parse
from mailcore.parsed import Address
from tests.mailcore.mails import FOLDER, mail_file

CARLA = Address("Carla Customer", "carla@customer.example")


def test_every_broken_mail_is_tested_here() -> None:
    tested = {name for name, *_ in TEXTS} | {
        "no_from.eml", "no_message_id.eml", "no_date.eml", "bad_date.eml", "no_body.eml", "empty.eml",
        "unterminated_multipart.eml", "folded_subject_with_line_breaks.eml", "addresses_unquoted_comma.eml",
        "addresses_unclosed_quote.eml", "from_in_one_encoded_word.eml", "message_id_without_brackets.eml",
        "file_name_with_path.eml", "eight_bit_headers.eml", "html_unclosed.eml",
    }  # fmt: skip

    assert {path.name for path in (FOLDER / "broken").iterdir()} == tested


TEXTS = [
    # file, text, part of a defect ("" = none is wanted)
    ("no_blank_line.eml", "This line is no header.\n\nText.", "no empty line"),
    ("stray_line_in_headers.eml", "Text.", "no empty line"),
    ("unknown_charset.eml", "Plain words.", "charset"),
    ("lying_charset.eml", "Grüße aus Köln", ""),
    ("utf7.eml", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "charset"),
    ("cut_utf8.eml", "Žluťoučký kůň úpěl ďábelské ód�", "charset"),
    ("broken_base64.eml", "Hello world", "base64"),
    ("broken_quoted_printable.eml", "100=% sure=ZZ", ""),
    ("multipart_without_boundary.eml", "Text.", "boundary"),
    ("multipart_boundary_not_named.eml", "Text.", ""),
    ("multipart_without_parts.eml", "Text.", "boundary"),
    ("same_boundary_inside.eml", "Text.", "boundary"),
    ("nul_bytes.eml", "Text.", ""),
    ("bad_content_type.eml", "Text.", ""),
    ("only_carriage_returns.eml", "Text.", ""),
    ("mbox_line.eml", "Text.", ""),
]


@pytest.mark.parametrize(("name", "text", "defect"), TEXTS, ids=[name for name, *_ in TEXTS])
def test_text_survives(name: str, text: str, defect: str) -> None:
    mail = parse(mail_file(f"broken/{name}"))

    assert mail.text == text
    assert mail.from_ == CARLA
    assert mail.message_id == "parcel-1@customer.example"
    if defect:
        assert any(defect in each for each in mail.defects), mail.defects
    else:
        assert mail.defects == ()


@pytest.mark.parametrize(
    ("name", "field", "empty", "defect"),
    [
        ("no_from.eml", "from_", Address(), "The mail has no From; the sender is unknown."),
        ("no_date.eml", "date", None, "The mail has no Date header."),
        ("bad_date.eml", "date", None, "The Date header could not be read."),
        ("no_body.eml", "text", "", None),
    ],
)
def test_what_is_missing_is_said(name: str, field: str, empty: object, defect: str | None) -> None:
    mail = parse(mail_file(f"broken/{name}"))

    assert getattr(mail, field) == empty
    assert mail.subject == "Where is my parcel?"
    assert mail.defects == ((defect,) if defect else ())


def test_a_message_id_is_made_when_there_is_none() -> None:
    mail = parse(mail_file("broken/no_message_id.eml"))

    assert mail.message_id.endswith("@ucs.invalid")
    assert len(mail.message_id.partition("@")[0]) == 32
    assert mail.defects == ("The mail has no Message-ID; one was made from its content.",)


def test_nothing_at_all() -> None:
    mail = parse(b"")

    assert (mail.text, mail.html, mail.subject, mail.from_) == ("", "", "", Address())
    assert "The mail is empty." in mail.defects


def test_a_cut_off_multipart_keeps_its_parts() -> None:
    mail = parse(mail_file("broken/unterminated_multipart.eml"))

    assert mail.text == "Text."
    assert [(each.name, each.size) for each in mail.attachments] == [("a.png", 6)]
    assert any("cut off" in each for each in mail.defects)


def test_line_breaks_hidden_in_a_subject_become_spaces() -> None:
    mail = parse(mail_file("broken/folded_subject_with_line_breaks.eml"))

    assert mail.subject == "Where Bcc: x@example.net"


def test_eight_bit_subject() -> None:
    assert parse(mail_file("broken/eight_bit_headers.eml")).subject == "Préparation"


@pytest.mark.parametrize(
    ("name", "sender"),
    [
        ("addresses_unquoted_comma.eml", Address("Customer, Carla", "carla@customer.example")),
        ("addresses_unclosed_quote.eml", CARLA),
        ("from_in_one_encoded_word.eml", Address("Carla", "carla@customer.example")),
    ],
)
def test_senders_that_are_written_wrongly(name: str, sender: Address) -> None:
    assert parse(mail_file(f"broken/{name}")).from_ == sender


def test_group_without_members() -> None:
    assert parse(mail_file("broken/addresses_unquoted_comma.eml")).to == ()


def test_message_id_without_brackets() -> None:
    assert parse(mail_file("broken/message_id_without_brackets.eml")).message_id == "parcel-1"


def test_file_names_lose_folders_and_direction_tricks() -> None:
    (file,) = parse(mail_file("broken/file_name_with_path.eml")).attachments

    assert not set(file.name) & set('/\\\u202e:*?"<>|')
    assert not file.name.startswith(".")
    assert file.name.endswith("gpj.exe")


def test_unclosed_html() -> None:
    mail = parse(mail_file("broken/html_unclosed.eml"))

    assert mail.text.split() == ["Text.bold", "cell"]
    assert mail.html.count("<table>") == mail.html.count("</table>") == 1
