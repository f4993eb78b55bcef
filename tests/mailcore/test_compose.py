"""Draft → bytes, judged by a parser that is not ours."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailcore.compose import ComposeError, Draft, OutFile, compose
from mailcore.parse import parse, part_bytes
from mailcore.parsed import Address, Automatic
from mailcore.writing import header as write_header

EXCHANGE_ID = "AM0PR01MB1234" + "x" * 60 + "@AM0PR01MB1234.eurprd01.prod.exchangelabs.example"


def make_draft(**overrides: Any) -> Draft:
    values: dict[str, Any] = {
        "from_": Address("Support", "support@example.com"),
        "to": (Address("Carla", "carla@customer.example"),),
        "subject": "Re: Where is my parcel?",
        "date": datetime(2024, 3, 5, 10, 11, 12, tzinfo=UTC),
        "text": "Hello Carla,\n\nit is on its way.",
        "message_id": "ucs.1.2.abc@example.com",
    }
    return Draft(**(values | overrides))


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def header_lines(raw: bytes) -> list[bytes]:
    return re.split(rb"\r\n(?![ \t])", raw.partition(b"\r\n\r\n")[0])


def header(raw: bytes, name: bytes) -> bytes:
    (line,) = [line for line in header_lines(raw) if line.lower().startswith(name.lower() + b":")]
    return line


def test_another_parser_reads_the_same() -> None:
    raw = compose(
        make_draft(
            from_=Address("Zákaznická péče", "support@example.com"),
            to=(Address("Doe, John", "john@example.org"), Address("", "jane@example.org")),
            cc=(Address('The "Boss"', "boss@example.org"),),
            subject="Re: Příliš žluťoučký kůň úpěl ďábelské ódy " * 3,
            text="Dobrý den,\n\n.tečka na začátku\nFrom here\n" + "dlouhý řádek " * 200,
            in_reply_to="parcel-1@customer.example",
            references=("parcel-0@customer.example", "parcel-1@customer.example"),
            reply_to=Address("", "support+t@example.com"),
            attachments=(
                OutFile("účtenka č. 1.pdf", "application/pdf", b"%PDF\r\n\0\xff"),
                OutFile("a.txt", "text/plain", b"line\nline"),
            ),
        )
    )
    message = read(raw)

    assert message["Subject"] == ("Re: Příliš žluťoučký kůň úpěl ďábelské ódy " * 3).strip() + " "
    assert str(message["From"]) == "Zákaznická péče <support@example.com>"
    assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == [
        ("Doe, John", "john@example.org"),
        ("", "jane@example.org"),
    ]
    assert message["Cc"].addresses[0].display_name == 'The "Boss"'
    assert message["Reply-To"] == "support+t@example.com"
    assert message["Message-ID"] == "<ucs.1.2.abc@example.com>"
    assert message["In-Reply-To"] == "<parcel-1@customer.example>"
    assert message["References"] == "<parcel-0@customer.example> <parcel-1@customer.example>"
    assert message["Date"].datetime == datetime(2024, 3, 5, 10, 11, 12, tzinfo=UTC)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().split("\r\n")[:4] == ["Dobrý den,", "", ".tečka na začátku", "From here"]
    assert ".tečka na začátku<br>" in html.get_content()
    pdf, txt = message.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content_type()) == ("účtenka č. 1.pdf", "application/pdf")
    assert pdf.get_payload(decode=True) == b"%PDF\r\n\0\xff"
    assert txt.get_payload(decode=True) == b"line\nline"


def test_our_own_parser_reads_the_same() -> None:
    raw = compose(make_draft(attachments=(OutFile("ž" * 80 + ".bin", "message/rfc822", b"\0\1"),)))
    mail = parse(raw)

    assert mail.text == "Hello Carla,\n\nit is on its way."
    assert mail.attachments[0].name == "ž" * 80 + ".bin"
    assert mail.attachments[0].type == "application/octet-stream"  # a message may not be base64 (RFC 2046)
    assert part_bytes(raw, mail.attachments[0].part) == b"\0\1"
    assert mail.defects == ()
    assert mail.automatic is Automatic.NO


def test_lines_are_crlf_and_short() -> None:
    raw = compose(make_draft(text="ž" * 5000 + "\n" + "x" * 5000, subject="š" * 500))

    assert raw.replace(b"\r\n", b"").count(b"\n") == raw.replace(b"\r\n", b"").count(b"\r") == 0
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()


def test_the_same_draft_gives_the_same_bytes() -> None:
    draft = make_draft(attachments=(OutFile("a", "image/png", b"x"),))

    assert compose(draft) == compose(draft)


def test_bcc_is_never_written() -> None:
    secret = Address("Secret", "secret@example.net")

    assert b"ecret" not in compose(make_draft(bcc=(secret,)))
    alone = compose(make_draft(to=(), bcc=(secret,)))
    assert b"ecret" not in alone
    assert header(alone, b"To") == b"To: undisclosed-recipients:;"


@pytest.mark.parametrize("length", [70, 77, 78, 89, 120, 200])
def test_long_ids_are_never_encoded(length: int) -> None:
    long_id = "x" * (length - 12) + "@example.com"
    raw = compose(make_draft(in_reply_to=long_id, references=(EXCHANGE_ID, long_id), message_id=long_id))

    assert header(raw, b"In-Reply-To") == f"In-Reply-To: <{long_id}>".encode()
    assert header(raw, b"References") == f"References: <{EXCHANGE_ID}>\r\n <{long_id}>".encode()
    assert header(raw, b"Message-ID") == f"Message-ID: <{long_id}>".encode()
    assert b"=?" not in raw.partition(b"\r\n\r\n")[0]


def test_references_are_shortened_in_the_middle() -> None:
    raw = compose(make_draft(references=tuple(f"{n}-{EXCHANGE_ID}" for n in range(40))))
    references = header(raw, b"References")

    assert len(references) < 1500
    assert references.count(b"<") <= 20
    assert b"<0-AM0" in references
    assert b"<39-AM0" in references


def test_automatic_mail_says_so() -> None:
    raw = compose(make_draft(automatic=True))

    assert header(raw, b"Auto-Submitted") == b"Auto-Submitted: auto-replied"
    assert header(raw, b"X-Auto-Response-Suppress").endswith(b"DR, RN, NRN, OOF, AutoReply")
    assert parse(raw).automatic is Automatic.AUTO_REPLY
    assert b"Auto-Submitted" not in compose(make_draft())


def test_international_domain() -> None:
    raw = compose(make_draft(to=(Address("", "info@straße.example"),)))

    assert header(raw, b"To") == b"To: info@xn--strae-oqa.example"


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("müller@example.com", "müller@example.com"),
        ("", "not an e-mail address"),
        ("nobody", "not an e-mail address"),
        ("@example.com", "not an e-mail address"),
        ("a b@example.com", "not a valid"),
        ("a@exa mple.com", "not a valid"),
        ("a@b@example.com", "not a valid"),
        ("a@-.example..com", "not a valid"),
        ("a@\u2603..example", "not a valid"),
        ("a@" + "x" * 300 + ".example", "not a valid"),
        ("a@example.com\r\nBcc: x@example.net", "line break"),
        ("a\0@example.com", "control character"),
    ],
)
def test_addresses_that_are_refused(email: str, words: str) -> None:
    with pytest.raises(ComposeError, match=words):
        compose(make_draft(to=(Address("", email),)))


@pytest.mark.parametrize(
    "email",
    [
        "a@example.com",
        "first.last+tag@sub.example.com",
        '"odd name"@example.com',
        "a@[192.0.2.1]",
        "a@localhost",
    ],
)
def test_addresses_that_are_written(email: str) -> None:
    assert header(compose(make_draft(to=(Address("", email),))), b"To") == f"To: {email}".encode()


@pytest.mark.parametrize(
    "overrides",
    [
        {"subject": "x\r\nBcc: evil@example.net"},
        {"subject": "x\n\nbody"},
        {"subject": "x\0"},
        {"subject": "é\r\nBcc: evil@example.net"},
        {"from_": Address("x\r\nBcc: evil@example.net", "support@example.com")},
        {"to": (Address("x\ny", "a@example.com"),)},
        {"reply_to": Address("", "a@example.com\nX: y")},
        {"message_id": "a@b>\r\nBcc: <evil@example.net"},
        {"attachments": (OutFile('a"\r\nX: y', "image/png", b""),)},
        {"to": ()},
        {"date": datetime(2024, 3, 5, 10, 11)},
    ],
)
def test_drafts_that_are_refused(overrides: dict[str, Any]) -> None:
    with pytest.raises(ComposeError):
        compose(make_draft(**overrides))


@pytest.mark.parametrize("value", ["a\r\nBcc: x", "a\nb", "a\rb", "a\0b", "é", "x" * 1000])
def test_no_header_gets_past_the_last_gate(value: str) -> None:
    with pytest.raises(ComposeError, match="X-Test"):
        write_header("X-Test", value)


def test_strange_references_are_left_out() -> None:
    raw = compose(
        make_draft(in_reply_to="a b\r\nBcc: x@y", references=("ok@example.com", "é@x", "", "<a@b>", "c\nd@e"))
    )

    assert header(raw, b"References") == b"References: <ok@example.com> <a@b>"
    assert not [line for line in header_lines(raw) if line.startswith((b"Bcc", b"In-Reply-To"))]


@given(
    st.fixed_dictionaries(
        {
            "subject": st.text(max_size=40),
            "from_": st.builds(Address, st.text(max_size=20), st.just("support@example.com")),
            "to": st.tuples(
                st.builds(Address, st.text(max_size=20), st.text(max_size=12) | st.just("a@example.com"))
            ),
            "in_reply_to": st.text(max_size=30),
            "references": st.lists(st.text(max_size=30), max_size=4).map(tuple),
            "message_id": st.text(max_size=20) | st.just("a@example.com"),
            "text": st.text(max_size=80),
            "attachments": st.tuples(
                st.builds(OutFile, st.text(max_size=30), st.text(max_size=20), st.binary(max_size=9))
            ),
        }
    )
)
@example({"subject": "a\x0bb\x85c\u2028d", "attachments": (OutFile("\u2028.txt", "x", b""),)})
@settings(max_examples=80, deadline=None)
def test_no_field_can_add_a_header(fields: dict[str, Any]) -> None:
    try:
        raw = compose(make_draft(**fields))
    except ComposeError:
        return
    names = [line.partition(b":")[0] for line in header_lines(raw)]

    assert set(names) <= {
        b"From", b"To", b"Subject", b"Date", b"Message-ID", b"In-Reply-To", b"References", b"MIME-Version",
        b"Content-Type",
    }  # fmt: skip
    assert len(names) == len(set(names))
    assert raw.isascii()
    mail = parse(raw)
    assert (
        mail.subject.split() == fields.get("subject", "Re: Where is my parcel?").split()
        or "subject" in fields
    )
    assert len(mail.attachments) == len(fields.get("attachments", ()))


def test_html_of_the_agent_is_sent_with_a_text() -> None:
    mail = parse(compose(make_draft(text="", html="<p>Hello <b>Carla</b></p>")))

    assert mail.text == "Hello Carla"
    assert "<b>Carla</b>" in mail.html


def test_a_message_id_is_made_when_none_is_given() -> None:
    first, second = (compose(make_draft(message_id="")) for _ in range(2))

    assert header(first, b"Message-ID") != header(second, b"Message-ID")
    assert header(first, b"Message-ID").endswith(b"@example.com>")
