"""Card numbers: found however they are written, told from other numbers, and masked."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cards import card, grouped, mistakes, recall
from mailcore.card_issuers import is_checked, issuer
from mailcore.cards import find, mask

NUMBER = "4111111111111111"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("my card 4111 1111 1111 1111, exp 05/27", "my card **** **** **** 1111, exp 05/27"),
        (NUMBER, "************1111"),
        ("Visa4111-1111-1111-1111", "Visa****-****-****-1111"),
        ("3782 822463 10005", "**** ****** *0005"),
        ("5555\n5555\n5555\n4444", "****\n****\n****\n4444"),
        ("| 5555 | 5555 | 5555 | 4444 |", "| **** | **** | **** | 4444 |"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "* * * * * * * * * * * * 1 1 1 1"),
        ("٤١١١١١١١١١١١١١١١", "************١١١١"),
        ("4111\u200b1111\u200b1111\u200b1111", "****\u200b****\u200b****\u200b1111"),
        ("> 4111 1111\n> 1111 1111", "> **** ****\n> **** 1111"),
        ("card 30569309025904", "card **********5904"),
        ("4111 1111 1111 1111 0527 123", "**** **** **** 1111 0527 123"),
        ("order 55 was paid with 4111111111111111", "order 55 was paid with ************1111"),
        ("411111111111\u00ad1111", "************\u00ad1111"),
        ("4111111111111111exp0527", "************1111exp0527"),
    ],
)
def test_numbers_are_masked_but_for_the_last_four(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("words", ["CVV: 123", "cvc 123", "security code is 123", "Prüfziffer 123"])
def test_the_code_of_a_card_is_masked_whole(words: str) -> None:
    assert mask(f"{NUMBER}, {words}").endswith(words.replace("123", "***"))
    assert mask(words) == words  # without a card it is nothing


@pytest.mark.parametrize(
    "text",
    [
        f"Order no. {NUMBER}",
        f"Bestellnummer: {NUMBER}",
        f"tracking {NUMBER}",
        f"+{NUMBER}",
        f"1.{NUMBER}",
        f"A{NUMBER}",
        f"{NUMBER}B",
        f"{NUMBER}0",
        "4111111111111112",  # check digit
        "30569309025904",  # 14 digits, without a word
        "DE89 3704 0044 0532 0130 00",
        "0034 0434 4111 1111 1111 1111",  # the end of a longer number
        "4111 1111 1111 1111 9999 9999",  # and the beginning of one
        "2026-11-22 10:11:12.123456",
        "41 111 1111 11 111111",  # grouped as nobody does
        "",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert mask(text) == text


numbers = st.integers(0, 2**32).map(lambda seed: card(random.Random(seed)))


@given(numbers, st.sampled_from([" ", "-", ".", "\u00a0", "\t", "\n", "", "\u2013", " - "]))
def test_every_issuers_number_is_found_as_it_is_grouped(
    number: tuple[str, tuple[int, ...]], mark: str
) -> None:
    digits, groups = number
    written = grouped(digits, groups, mark)
    text = f"My card is {written}, thank you."
    assert [text[each.start : each.end] for each in find(text)] == [written]


@given(st.text("0123456789 -./\n\tax*,:|\u200b", max_size=80))
def test_masking_changes_digits_alone_and_only_once(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert all(was == now or (was.isdecimal() and now == "*") for was, now in zip(text, masked, strict=True))
    assert not find(masked)
    assert mask(masked) == masked


@given(st.text("0123456789", min_size=11, max_size=18))
def test_one_check_digit_fits(body: str) -> None:
    assert sum(is_checked(f"{body}{last}") for last in range(10)) == 1


def test_an_issuer_is_told_by_range_and_length() -> None:
    found = issuer(NUMBER)
    assert found is not None
    assert found.name == "Visa"
    assert issuer("411111111111111") is None  # 15 digits, with a right check digit or not
    assert issuer("0000000000000000") is None


def test_nearly_all_cards_are_found_and_nearly_nothing_else() -> None:
    hits, _, missed = recall(random.Random(2), 2000)
    assert hits >= 1980, missed
    _, wrong = mistakes(random.Random(2), 10_000)
    assert wrong.total() <= 10, wrong


@pytest.mark.parametrize(
    "text", ["4111 " * 4000, "1 " * 10_000, "9" * 100_000, "4111-" * 4000, "order " * 5000]
)
def test_hostile_texts_take_time_by_their_length(text: str) -> None:
    find(text)  # within the time-out of a test, by far
