"""Ids that prove themselves, subjects, references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.compose import (
    new_message_id,
    read_message_id,
    reply_references,
    reply_subject,
)

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
