"""Whose mail it was that somebody forwarded by hand, and when a quoted mail was not forwarded at all."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.forwarded import Envelope, read_forwarded
from mailcore.parsed import Address, Forwarded
from tests.mailcore.reply_styles import LANGUAGES, fields, marked, plain_styles

CARLA = Address("Carla Client", "carla@customer.example")
SHOP = Address("", "shop@example.org")
ANSWER = Envelope("Re: Parcel 17", CARLA, (SHOP,))
FORWARD = Envelope("Fwd: Parcel 17", CARLA, (SHOP,))
ALICE = Address("Alice Agent", "alice@example.com")
WHOLE = Forwarded(ALICE, "Re: Parcel 17")


@pytest.mark.parametrize("comment", ["", "Please see below.\n\n"])
@pytest.mark.parametrize("tag", LANGUAGES)
def test_mails_that_say_they_are_forwarded(tag: str, comment: str) -> None:
    language = LANGUAGES[tag]
    block = fields(language)
    order = "\n".join(reversed(block.split("\n")))  # Thunderbird begins with the subject
    styles = [
        f"---------- {language.forwarded} ---------\n{block}\n\n{language.quoted}",
        f"-------- {language.forwarded} --------\n{order}\n\n\n{language.quoted}",
        marked(f"{language.apple_forwarded}\n\n{block}\n\n{language.quoted}"),
        f"   ----- {language.forwarded} ----- {block.replace(chr(10), '')}\n{language.quoted}",
    ]

    for style in styles:
        assert read_forwarded(f"{comment}{style}", ANSWER) == WHOLE


@pytest.mark.parametrize("mark", ["Fwd", "FW", "WG", "TR", "RV", "I", "PD", "VS", "Doorst", "[Shop] Fwd"])
def test_the_subject_says_so(mark: str) -> None:
    text = f"See below.\n\n{fields(LANGUAGES['en'])}\n\nWhere?"

    assert read_forwarded(text, Envelope(f"{mark}: Parcel 17", CARLA, (SHOP,))) == WHOLE


@pytest.mark.parametrize("tag", LANGUAGES)
def test_nothing_but_a_strangers_mail_was_forwarded(tag: str) -> None:
    language = LANGUAGES[tag]

    assert read_forwarded(f"{fields(language)}\n\n{language.quoted}", ANSWER) == WHOLE


@pytest.mark.parametrize("tag", LANGUAGES)
def test_an_answer_is_not_forwarded(tag: str) -> None:
    language = LANGUAGES[tag]
    colleague = Envelope("Re: Parcel 17", CARLA, (Address("", "support@example.com"),))
    for style in plain_styles(language).values():
        for comment in ("", f"{language.answer}\n\n"):
            assert read_forwarded(f"{comment}{style}", colleague) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nothing of the kind.",
        "From: Prague\nI travel by train.",
        "On 5 Mar 2024 10:11, Alice <alice@example.com> wrote:\n> Really?\n\nYes, really.",
        "See below.\n\nFrom: Alice <alice@example.com>\nSent: today\nTo: Carla\nSubject: Parcel\n\nWhere?",
        "-----\nForwarded message",
        "---------- Forwarded message ---------\nwithout any header",
    ],
)
def test_what_is_not_forwarded(text: str) -> None:
    assert read_forwarded(text, ANSWER) is None


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("Alice Agent <alice@Example.com>", ALICE),
        ('"Agent, Alice" <alice@example.com>', Address("Agent, Alice", "alice@example.com")),
        ("Alice Agent [mailto:alice@example.com]", ALICE),
        ("Alice Agent <mailto:alice@example.com>", ALICE),
        ("alice@example.com", Address("", "alice@example.com")),
        ("*Alice Agent* alice@example.com", ALICE),
        ("Alice Agent", Address("Alice Agent", "")),
    ],
)
def test_how_senders_are_written(line: str, address: Address) -> None:
    text = f"-------- Forwarded Message --------\nSubject: A long\n one\n*From:* {line}\nTo: b\n\nx: y"

    assert read_forwarded(text, FORWARD) == Forwarded(address, "A long one")


PIECES = st.sampled_from(
    [
        "---------- Forwarded message ---------",
        "From: a@example.com",
        "Subject: b",
        "To: c",
        "",
        "> ",
        "Fwd:",
        "Od:",
    ]
)


@given(st.lists(PIECES | st.text(max_size=10), max_size=20).map("\n".join))
def test_any_text(text: str) -> None:
    found = read_forwarded(text, FORWARD)

    assert found is None or found.from_.email or found.from_.name


@pytest.mark.parametrize(
    "line", ["From: a\n", "-- \n", ">" * 500 + "\n", "From:", "On 5 Mar 2024 10:11,\n", "<"]
)
def test_long_texts_take_linear_time(line: str) -> None:
    text = line * (2_000_000 // len(line))
    began = time.process_time()

    read_forwarded(text, FORWARD)

    assert time.process_time() - began < 2
