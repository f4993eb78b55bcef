"""A mail taken apart for reading: nothing lost, nothing new hidden."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.cutting import cut
from mailcore.folding import Kind, new_text, pieces
from mailcore.parsed import Address
from mailcore.signature import signature_at
from mailcore.text import quote_at, sanitise

ALICE = Address("Alice Client", "alice@customer.example")


def new(text: str) -> str:
    end = quote_at(text)
    return new_text(text, signature_at(text, end, ALICE), end)


def test_short_quotes_between_answers_stay_and_long_ones_are_folded() -> None:
    text = "Hello,\n\n> When?\n\nToday.\n\n" + "> a long story\n" * 20 + "\nI see.\n"

    found = pieces(text, len(text), len(text))

    assert [piece.kind for piece in found] == [Kind.NEW, Kind.QUOTE, Kind.NEW]
    assert found[0].text == "Hello,\n\n> When?\n\nToday.\n\n"
    assert found[2].text.strip() == "I see."


@pytest.mark.parametrize(
    "text",
    [
        "On 5 Mar 2024 10:11, Bob wrote:\n> When?\nToday.\n> Where?\nHere.",
        "> When?\nToday.",
        "Hello.\n\nOn 5 Mar 2024 10:11, Bob wrote:\n> When?\nToday.",
    ],
)
def test_what_is_answered_line_by_line_stays(text: str) -> None:
    assert new(text) == text


def test_the_header_of_a_forwarded_mail_is_folded() -> None:
    head = "---------- Forwarded message ---------\nFrom: Bob <bob@example.com>\nDate: today\nSubject: Hi\n"

    assert new(f"{head}\nThe text itself.") == "The text itself."


@pytest.mark.parametrize(
    "text",
    [
        "> only\n> a quote",
        "Regards\nAlice",
        "Thanks!",
        "---------- Forwarded message ---------\nFrom: Bob\nDate: today\nSubject: nothing below",
        "On 5 Mar 2024 10:11, Bob wrote:\n> nothing but a quote",
        "-- \nAlice",
    ],
)
def test_a_mail_is_never_folded_away(text: str) -> None:
    assert new(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Please send it to my home:\n\nAlice Client\nLong Street 5\nalice@customer.example\n+420 123 456 789",
        "As regards the invoice, I paid.",
        "I paid.\n\nKind regards",
        "Give my best\nregards to Bob, he did a good job with all of it.",
        "My order:\n\n-----\n2 chairs\n1 table",
        "It was sent from my office, not from the shop.",
        "Sent from my office, it should have come by now.",
        "Best regards\nAlice\n\nPS: Please call me before noon.",
        "Kind regards\nAlice\n\nDo you have it in blue?",
        "Thanks for the answer. I have one more question\n\nCould it be sent to Prague",
        "Best regards\nAlice\n\nI forgot to say that the box was open when it came to us yesterday.",
        "The parcel is here.\nThank you",
        "Hello,\nthis e-mail address is confidential? Nobody told me.\n\nWhat shall I do?",
        "Hello,\n\nthis e-mail is confidential, please.\n\nThe shop in Prague sold me a broken chair.",
        "What I ordered:\n--\nHi Bob,\nsee the list?",
        "Hi,\n\nmy new number is below\n\nTel. +420 123 456 789\nMobil +420 777 456 789",
    ],
)
def test_what_is_no_signature(text: str) -> None:
    assert signature_at(text, len(text), ALICE) == len(text)


@pytest.mark.parametrize(
    ("signature", "sender"),
    [
        ("Cheers 🎉\nAlice\n\n—————\nAlice Client\n📧 alice@customer.example", ALICE),
        ("Mit freundlichem Gruß\n\ni.A. Alice Client\n\nExample GmbH | Hauptstraße 1 | 12345 Berlin", ALICE),
        ("Alice Client\nTel. +420 123 456 789", ALICE),
        ("Viele Grüße aus Berlin\nAlice", Address()),
        ("Regards,\nAlice\n[cid:image001.png@01DA]\n\nExample Ltd.", Address()),
        ("Best regards,\nAlice\n\n*Example Ltd.*\nM: +1 555 123 4567", Address()),
        ("S přáním hezkého dne\nAlena Nováková\nzákaznice", Address()),
        ("Je vous prie d'agréer, Madame, Monsieur, mes salutations distinguées.\nAlice", Address()),
    ],
)
def test_what_is_a_signature(signature: str, sender: Address) -> None:
    text = f"The parcel is here.\n\n{signature}"

    assert text[signature_at(text, len(text), sender) :] == signature


def test_html_is_cut_inside_of_tables_and_lists() -> None:
    html = sanitise(
        "<table><tr><td><p>Hello</p><ul><li>one</li></ul><p>From: a@example.com<br>Sent: today<br>"
        "To: b@example.com<br>Subject: c</p></td><td>beside</td></tr></table><p>old</p>"
    )

    new_part, quoted = cut(html, ALICE)

    assert new_part.text == (
        "<table><tbody><tr><td><p>Hello</p><ul><li>one</li></ul></td></tr></tbody></table>"
    )
    assert quoted.text.startswith("<table><tbody><tr><td><p>From: ")
    assert quoted.text.endswith("<td>beside</td></tr></tbody></table><p>old</p>")


TAGS = "<p> </p> <div> </div> <blockquote> </blockquote> <table><tr><td> </table> <ul> <li> <br> <hr> <pre>"
WORDS = (
    "text|&nbsp;|Regards|Alice|-- |&gt; a\n|On 5 Mar 2024 10:11, Bob wrote:|From: a|Sent: b|To: c|Subject: d"
)
HTML = st.lists(st.sampled_from([*TAGS.split(), *WORDS.split("|"), "<img alt='x'>"]), max_size=40).map(
    "".join
)


@given(HTML)
def test_pieces_of_html_are_whole_html(html: str) -> None:
    clean = sanitise(html)

    for piece in cut(clean, ALICE):
        assert sanitise(piece.text) == piece.text


@given(HTML)
def test_html_loses_no_text(html: str) -> None:
    clean = sanitise(html)

    def texts(markup: str) -> str:
        return "".join(part.partition(">")[2] for part in f">{markup}".split("<"))

    assert "".join(texts(piece.text) for piece in cut(clean, ALICE)) == texts(clean)


LINES = st.sampled_from(
    [
        "",
        "> quoted",
        "text",
        "On 1 May 2024 10:10, Bob wrote:",
        "--",
        "Regards",
        "Alice",
        "Tel. +1 555 123 4567",
    ]
)


@given(st.lists(LINES | st.text(max_size=12), max_size=25).map("\n".join))
def test_pieces_are_the_whole_text(text: str) -> None:
    end = quote_at(text)
    signature = signature_at(text, end, ALICE)

    assert 0 <= signature <= end
    assert "".join(piece.text for piece in pieces(text, signature, end)) == text
    assert bool(new(text)) == bool(text.strip())


@pytest.mark.parametrize(
    "line",
    ["> a\n", "\n", "Regards\n", "From: a\n", "On 1 May 2024 10:10, Bob wrote:\n", "a ", "+1 555 ", "(((("],
)
def test_long_texts_take_linear_time(line: str) -> None:
    text = line * (600_000 // len(line)) + "end"
    began = time.process_time()

    new(text)
    cut(sanitise(f"<div>{text}</div>".replace("\n", "<br>")), ALICE)

    assert time.process_time() - began < 3
