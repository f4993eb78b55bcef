"""Ids that prove themselves, subjects, references, and who gets the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.compose import (
    new_message_id,
    read_message_id,
    recipients_for_reply,
    reply_references,
    reply_subject,
)
from mailcore.parsed import Address

KEY = b"a key of the installation"
ids = st.integers(0, 2**63 - 1)


@given(ids, ids)
def test_our_ids_are_read_back(conversation: int, message: int) -> None:
    message_id = new_message_id(conversation, message, KEY, "example.com")

    assert read_message_id(message_id, KEY) == (conversation, message)
    assert read_message_id(f" <{message_id.upper()}> ", KEY) == (conversation, message)
    assert read_message_id(message_id.replace("example.com", "relay.example.net"), KEY) == (
        conversation,
        message,
    )


def test_a_mac_of_at_least_80_bits() -> None:
    mac = new_message_id(1, 2, KEY, "example.com").partition("@")[0].rpartition(".")[2]

    assert len(mac) * 5 >= 80
    assert mac == mac.lower()


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.replace("ucs.7.", "ucs.8."),
        lambda value: value.replace(".9.", ".10."),
        lambda value: value.replace("ucs.7.9.", "ucs.79."),
        lambda value: value[:10] + ("a" if value[10] != "a" else "b") + value[11:],
        lambda value: value.partition("@")[0],
        lambda value: "x" + value,
        lambda value: value + "\n<other@example.com>",
        lambda value: "",
        lambda value: "ucs.7.9.@example.com",
        lambda value: "ucs." + "9" * 400 + ".9." + "a" * 26 + "@example.com",
    ],
)
def test_changed_ids_are_not_ours(change: object) -> None:
    assert callable(change)
    value = change(new_message_id(7, 9, KEY, "example.com"))

    assert read_message_id(value, KEY) is None


def test_another_key_is_not_ours() -> None:
    assert read_message_id(new_message_id(7, 9, b"other", "example.com"), KEY) is None


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("Parcel", "Re: Parcel"),
        ("Re: Parcel", "Re: Parcel"),
        ("RE: Parcel", "RE: Parcel"),
        ("AW: WG: Parcel", "Re: Parcel"),
        ("Parcel\r\n Bcc: x", "Re: Parcel Bcc: x"),
        ("", "Re:"),
    ],
)
def test_reply_subject(subject: str, reply: str) -> None:
    assert reply_subject(subject) == reply


def test_reply_references() -> None:
    assert reply_references(("a@x", "b@x"), "c@x") == ("a@x", "b@x", "c@x")
    assert reply_references((), "c@x") == ("c@x",)
    assert reply_references(("a@x", "c@x", "b@x"), "c@x") == ("a@x", "b@x", "c@x")
    assert reply_references(("a@x",), "") == ("a@x",)
    assert reply_references([f"{n}@x" for n in range(99)], "last@x")[0] == "0@x"
    assert len(reply_references([f"{n}@x" for n in range(99)], "last@x")) == 20


OWN = frozenset({"support@example.com", "info@example.com"})

# from, reply-to, to, cc, to all? → to, cc      (letters stand for people, S and I are ours)
RECIPIENTS = [
    ("a", "", "S", "", False, "a", ""),
    ("a", "", "S", "", True, "a", ""),
    ("a", "", "S b", "c", False, "a", ""),
    ("a", "", "S b", "c", True, "a", "b c"),
    ("a", "", "b S", "I c", True, "a", "b c"),
    ("a", "r", "S", "", False, "r", ""),
    ("a", "r", "S b", "c", True, "r", "b c"),
    ("a", "r q", "S", "", False, "r q", ""),
    ("a", "S", "S", "", False, "a", ""),
    ("a", "S r", "S", "", False, "r", ""),
    ("a", "", "S a", "a", True, "a", ""),
    ("a", "", "S b", "b b", True, "a", "b"),
    ("a", "a", "S", "c", True, "a", "c"),
    ("a", "r", "S r", "a", True, "r", "a"),
    ("S", "", "a", "", False, "a", ""),
    ("S", "", "a b", "c", False, "a b", ""),
    ("S", "", "a", "c I", True, "a", "c"),
    ("I", "r", "a S", "", False, "a", ""),
    ("S", "", "S", "a", True, "a", ""),
    ("S", "", "S", "", True, "", ""),
    ("T", "", "a", "", False, "a", ""),
    ("a", "T", "S", "", False, "a", ""),
    ("a", "", "T", "U c", True, "a", "c"),
    ("", "", "S", "", True, "", ""),
    ("", "", "S b", "", True, "b", ""),
]
PEOPLE = {
    "S": Address("Support", "support@example.com"),
    "I": Address("", "Info@example.com"),
    "T": Address("", "support+k3j4@example.com"),
    "U": Address("", "SUPPORT+x@example.com"),
    **{letter: Address(letter.upper(), f"{letter}@customer.example") for letter in "abcqr"},
}


def people(letters: str) -> tuple[Address, ...]:
    return tuple(PEOPLE[letter] for letter in letters.split())


@pytest.mark.parametrize("row", RECIPIENTS)
def test_recipients(row: tuple[str, str, str, str, bool, str, str]) -> None:
    sender, reply_to, to, cc, everyone, answer_to, copies = row
    mail_from = PEOPLE[sender] if sender else Address("Nobody", "")
    got = recipients_for_reply(mail_from, people(reply_to), people(to), people(cc), OWN, everyone)

    assert got == (people(answer_to), people(copies))


def test_the_case_of_an_address_does_not_make_another_person() -> None:
    got = recipients_for_reply(
        Address("", "a@customer.example"), (), (), (Address("", "A@Customer.Example"),), OWN, True
    )

    assert got == ((Address("", "a@customer.example"),), ())
