"""A mail that holds a card number is written anew without it, wherever the number stood."""

import base64
import binascii
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore import card_files
from mailcore.card_markup import find_in_markup, mask_markup
from mailcore.cards import find
from mailcore.masking import TAKEN_OUT, holds_cards, parse_guarded
from mailcore.parse import parse, part_bytes
from mailcore.parsed import ParsedMail
from mailcore.text import sanitise
from tests.mailcore.winmail import BODY, attribute, winmail

NUMBER = "4111111111111111"
SPACED = "4111 1111 1111 1111"


def mail(text: str = "Hello.", html: str = "", **headers: str) -> EmailMessage:
    """A customer's mail."""
    made = EmailMessage(policy=SMTP)
    given = {
        "From": "Charlie <charlie@customer.example>",
        "To": "support@example.com",
        "Subject": "A question",
    }
    for name, value in (given | {"Message-ID": "<one@customer.example>"} | headers).items():
        made[name] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def pdf(words: str) -> bytes:
    """A PDF of one page."""
    stream = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + end


def without_cards(raw: bytes) -> ParsedMail:
    """What is left of a mail that must hold a card, which nobody must find any more."""
    found = parse_guarded(raw)
    assert found.masked
    clean = base64.b64decode(found.masked)
    left = parse(clean)
    assert not holds_cards(clean, left)
    assert NUMBER not in everything(clean, left)
    assert (left.message_id, left.from_.email, left.to) == (found.message_id, found.from_.email, found.to)
    return left


def everything(raw: bytes, left: ParsedMail) -> str:
    """All that can be read of a mail, without anything between the digits."""
    files = b"".join(part_bytes(raw, each.part) for each in left.attachments).decode("utf-8", "replace")
    told = raw.decode("utf-8", "replace") + left.subject + left.text + left.html + files + str(left.from_)
    return "".join(letter for letter in told if letter not in " -\n\r")


def test_an_ordinary_mail_is_read_as_it_is() -> None:
    raw = mail("Order no. 4111111111111111 has not come.").as_bytes()
    assert parse_guarded(raw) == parse(raw)


def test_text_and_html_are_masked_and_the_rest_stays() -> None:
    made = mail(
        f"Take {SPACED}, please.\n\nGrüße", "<p>Take <b>4111 1111</b> <i>1111 1111</i>, please. Grüße</p>"
    )
    left = without_cards(made.as_bytes())
    assert left.text == "Take **** **** **** 1111, please.\n\nGrüße"
    assert "**** ****" in left.html
    assert "<b>" in left.html
    assert left.subject == "A question"


@pytest.mark.parametrize("charset", ["utf-8", "windows-1250", "iso-8859-2"])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_any_charset_and_encoding_is_looked_through(charset: str, encoding: str) -> None:
    made = mail()
    made.set_content(f"Číslo karty je {SPACED}.", charset=charset, cte=encoding)
    assert without_cards(made.as_bytes()).text == "Číslo karty je **** **** **** 1111."


def test_headers_are_masked() -> None:
    made = mail("See above.", Subject=f"Meine Karte {SPACED} für Sie", **{"X-Note": f"card {NUMBER}"})
    del made["From"]
    made["From"] = f'"Visa {NUMBER}" <charlie@customer.example>'
    left = without_cards(made.as_bytes())
    assert left.subject == "Meine Karte **** **** **** 1111 für Sie"
    assert left.from_.name == "Visa ************1111"


def test_a_table_of_words_is_masked_and_other_files_are_not_touched() -> None:
    made = mail("Here.")
    made.add_attachment(f"name,card\nCharlie,{NUMBER}\n", subtype="csv", filename="cards.csv")
    made.add_attachment(
        b"\x89PNG\r\n\x1a\n" + bytes(50), maintype="image", subtype="png", filename="shot.png"
    )
    raw = made.as_bytes()
    left = without_cards(raw)
    assert [each.name for each in left.attachments] == ["cards.csv.txt", "shot.png"]
    clean = base64.b64decode(parse_guarded(raw).masked)
    assert part_bytes(clean, left.attachments[0].part) == b"name,card\r\nCharlie,************1111\r\n"
    assert part_bytes(clean, left.attachments[1].part) == b"\x89PNG\r\n\x1a\n" + bytes(50)


def test_a_pdf_with_a_card_is_taken_out_and_one_without_stays() -> None:
    made = mail("Here.")
    made.add_attachment(pdf(f"Card {SPACED}"), maintype="application", subtype="pdf", filename="form.pdf")
    made.add_attachment(pdf("Nothing here"), maintype="application", subtype="pdf", filename="note.pdf")
    raw = made.as_bytes()
    left = without_cards(raw)
    assert [each.name for each in left.attachments] == ["form.pdf.txt", "note.pdf"]
    clean = base64.b64decode(parse_guarded(raw).masked)
    assert part_bytes(clean, left.attachments[0].part).decode() == TAKEN_OUT


def test_an_attached_mail_is_masked_within() -> None:
    inner, made = mail(f"My card is {NUMBER}.", Subject="Inner"), mail("See the mail.")
    made.add_attachment(inner)
    without_cards(made.as_bytes())


def test_an_outlook_container_with_a_card_is_taken_out() -> None:
    made = mail("")
    made.add_attachment(
        winmail(attribute(BODY, f"My card is {NUMBER}.\0".encode())),
        maintype="application",
        subtype="ms-tnef",
        filename="winmail.dat",
    )
    assert "************1111" in without_cards(made.as_bytes()).text


def test_a_broken_pdf_is_no_obstacle() -> None:
    assert card_files.read("x.pdf", "application/pdf", b"%PDF-1.7\n" + bytes(500)) is None
    card_files.read("x.pdf", "application/pdf", pdf(NUMBER)[:200])  # and raises nothing


tags = st.sampled_from(
    ["", "<b>", "</b>", "<i>x</i>", "&nbsp;", " ", "<br>", '<a href="https://x.example/a">', "</a>"]
)


@given(st.lists(tags, min_size=15, max_size=15))
def test_markup_is_masked_in_place(between: list[str]) -> None:
    html = sanitise("<p>card " + "".join(a + b for a, b in zip(NUMBER, [*between, ""], strict=True)) + "</p>")
    masked = mask_markup(html)
    assert len(masked) == len(html)
    assert not find_in_markup(masked)
    assert sanitise(masked) == masked


def test_a_card_in_an_attribute_is_masked() -> None:
    html = sanitise(f'<p><a href="https://pay.example/?pan={NUMBER}">pay</a></p>')
    assert NUMBER not in mask_markup(html)


@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange(raw: bytes) -> None:
    found = parse_guarded(raw + b"\n\n" + NUMBER.encode())
    if find(found.text):
        assert found.masked


def within(text: str) -> bytes:
    """A mail whose text nobody can read without decoding it."""
    made = EmailMessage(policy=SMTP)
    made["Subject"] = "Fwd"
    made.set_content(text, cte="base64")
    return made.as_bytes()


@pytest.mark.parametrize("type_", ["application/octet-stream", "text/plain"])
def test_a_mail_saved_as_a_file_is_masked_within_whatever_its_type(type_: str) -> None:
    made = mail("See below.")
    maintype, _, subtype = type_.partition("/")
    inner = within(f"My card is {SPACED}.")
    made.add_attachment(inner, maintype=maintype, subtype=subtype, filename="saved.eml")
    left = without_cards(made.as_bytes())
    assert left.text == "See below."
    clean = base64.b64decode(parse_guarded(made.as_bytes()).masked)
    assert "**** **** **** 1111" in parse(part_bytes(clean, left.attachments[0].part)).text


@pytest.mark.parametrize(
    ("name", "type_", "data"),
    [
        ("scan.svg", "image/svg+xml", f"<svg><text>card {SPACED}</text></svg>".encode()),
        ("order", "application/json", f'{{"card": "{NUMBER}"}}'.encode()),
        ("letter", "application/rtf", rf"{{\rtf1 card {SPACED}}}".encode()),
        ("notes", "application/octet-stream", f"card {SPACED}\n".encode()),
    ],
)
def test_words_are_read_by_their_type_or_by_how_they_look(name: str, type_: str, data: bytes) -> None:
    made = mail("Here.")
    maintype, _, subtype = type_.partition("/")
    made.add_attachment(data, maintype=maintype, subtype=subtype, filename=name)
    assert without_cards(made.as_bytes()).attachments[0].type == "text/plain"


def test_a_file_written_into_the_text_is_taken_out() -> None:
    line = binascii.b2a_uu(f"card {SPACED}\n".encode()).decode()
    left = without_cards(mail(f"Hello.\n\nbegin 644 card.txt\n{line}`\nend\n\nBye.\n").as_bytes())
    assert left.text == f"Hello.\n\n{TAKEN_OUT}\n\nBye."


@pytest.mark.parametrize(
    "html", [f"<p>Hi</p><!-- card {SPACED} -->", f"<title>card {SPACED}</title><p>Hi</p>"]
)
def test_what_nobody_sees_of_html_is_not_kept_either(html: str) -> None:
    assert "Hi" in without_cards(mail("Hi", html).as_bytes()).html


def test_a_further_shape_of_the_text_is_not_kept() -> None:
    made = mail("Hello.", "<p>Hello.</p>")
    made.add_alternative(f"<p>card {SPACED}</p>", subtype="x-amp-html")
    assert without_cards(made.as_bytes()).text == "Hello."


def test_the_end_of_a_text_that_is_too_long_is_looked_through() -> None:
    made = mail("Some words here.\n" * 130_000 + f"card {SPACED}\n")
    assert without_cards(made.as_bytes()).text.startswith("Some words here.")


def test_words_of_outlook_that_another_text_hides_are_looked_through() -> None:
    made = mail("See the attachment.")
    made.add_attachment(
        winmail(attribute(BODY, f"My card is {NUMBER}.\0".encode())),
        maintype="application",
        subtype="octet-stream",
        filename="winmail.dat",
    )
    left = without_cards(made.as_bytes())
    assert (left.text, left.attachments[0].name) == ("See the attachment.", "winmail.dat.txt")
