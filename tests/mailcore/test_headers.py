"""Headers as mailers write them."""

import time
from datetime import UTC, datetime

import pytest

from mailcore.addresses import MOST, addresses, clean_email
from mailcore.headers import message_ids, read_date, read_headers, thread_subject
from mailcore.parsed import Address
from mailcore.words import decode_words, parameters


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain", "plain"),
        ("=?utf-8?B?xb5sdcWlb3XEjWvDvQ==?=", "žluťoučký"),
        ("=?UTF-8*cs?Q?k=C5=AF=C5=88?= end", "kůň end"),
        ("=?utf-8?B?xb4=?= =?utf-8?B?bHXFpQ==?=", "žluť"),
        ("=?utf-8?B?xQ==?= =?utf-8?B?vg==?=", "ž"),  # one letter cut in two
        ("=?iso-8859-2?Q?=BE?=\t=?utf-8?Q?=C5=BE?=", "žž"),
        ("=?utf-8?Q?what?_now??=", "what? now?"),
        ("=?utf-8?B?xb4?=", "ž"),  # padding forgotten
        ("=?x-nonsense?Q?abc?=", "abc"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("=?utf-8?Q?open", "=?utf-8?Q?open"),
    ],
)
def test_encoded_words(written: str, read: str) -> None:
    assert decode_words(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('; name="a b.pdf"', {"name": "a b.pdf"}),
        ("; Name = bare.pdf ; charset=utf-8", {"name": "bare.pdf", "charset": "utf-8"}),
        ("; filename*=utf-8''%C5%BE%20x.pdf", {"filename": "ž x.pdf"}),
        ("; filename*0*=utf-8''%C5; filename*1*=%BE; filename*2=.pdf", {"filename": "ž.pdf"}),
        ("; filename*1=b; filename*0=a", {"filename": "ab"}),
        ("; filename=x; filename*=utf-8''y", {"filename": "y"}),
        ('; filename="=?utf-8?Q?=C5=BE.pdf?="', {"filename": "ž.pdf"}),
        (r'; filename="say \"hi\".txt"', {"filename": 'say "hi".txt'}),
        ('; filename="never closed', {"filename": "never closed"}),
    ],
)
def test_parameters(written: str, read: dict[str, str]) -> None:
    assert parameters(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("alice@example.com", [("", "alice@example.com")]),
        ("Alice A. <alice@Example.COM>", [("Alice A.", "alice@example.com")]),
        ('"Doe, John" <john@example.com>', [("Doe, John", "john@example.com")]),
        (
            "Doe, John <john@example.com>, bob@example.com",
            [("Doe, John", "john@example.com"), ("", "bob@example.com")],
        ),
        ("alice@example.com (Alice)", [("Alice", "alice@example.com")]),
        ("friends: a@example.com, b@example.com;", [("", "a@example.com"), ("", "b@example.com")]),
        ("undisclosed-recipients:;", []),
        ("a@example.com; b@example.com", [("", "a@example.com"), ("", "b@example.com")]),
        ("=?utf-8?Q?=C5=BD=2C_Jan?= <jan@example.com>", [("Ž, Jan", "jan@example.com")]),
        (r'"quoted \"nick\"" <a@example.com>', [('quoted "nick"', "a@example.com")]),
        ("<mailto:a@example.com>", [("", "a@example.com")]),
        ("'Alice' <alice@example.com>", [("Alice", "alice@example.com")]),
        ("Jürgen <j@bücher.example>", [("Jürgen", "j@bücher.example")]),
        ("nobody", [("nobody", "")]),
        ("", []),
        (",,;;", []),
    ],
)
def test_address_lists(written: str, read: list[tuple[str, str]]) -> None:
    assert addresses(written) == (tuple(Address(*each) for each in read), False)


def test_too_many_addresses_are_cut() -> None:
    found, shortened = addresses("a@example.com," * (MOST + 5))

    assert (len(found), shortened) == (MOST, True)


def test_quotes_that_never_close_cost_linear_time() -> None:
    before = time.process_time()
    addresses('"\\' * 50_000)

    assert time.process_time() - before < 5  # a minute when every quote is tried to the end


@pytest.mark.parametrize("text", ["", "@", "a@", "@b", "no address", "x" * 400 + "@example.com"])
def test_what_is_no_address(text: str) -> None:
    assert clean_email(text) == ""


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@b.example>", ("a@b.example",)),
        ("<a@b>\t<c@d> <a@b>", ("a@b", "c@d")),
        ('Your mail of "Tuesday" <a@b>', ("a@b",)),
        ("<broken\n over lines@b>", ("brokenoverlines@b",)),
        ("bare@b.example", ("bare@b.example",)),
        ("<>", ()),
        ("", ()),
    ],
)
def test_message_ids(value: str, ids: tuple[str, ...]) -> None:
    assert message_ids(value) == ids


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("Tue, 05 Mar 2024 10:11:12 +0100", datetime(2024, 3, 5, 9, 11, 12, tzinfo=UTC)),
        ("5 Mar 2024 10:11 GMT", datetime(2024, 3, 5, 10, 11, tzinfo=UTC)),
        ("Tue, 5 Mar 24 10:11:12 -0800 (PST)", datetime(2024, 3, 5, 18, 11, 12, tzinfo=UTC)),
        ("Tue, 05 Mar 2024 10:11:12 +9999", None),
        ("Tue, 05 Mar 1971 10:11:12 +0000", None),
        ("Tue, 99 Mar 2024 10:11:12 +0000", None),
        ("", None),
        ("0", None),
    ],
)
def test_dates(value: str, date: datetime | None) -> None:
    got = read_date(value)
    if value.endswith("+9999"):  # an impossible zone: any instant will do, an exception will not
        assert got is None or got.tzinfo is UTC
    else:
        assert got == date


@pytest.mark.parametrize(
    "prefix",
    [
        "Re: ",
        "RE: Fwd: ",
        "AW: ",
        "Antw: ",
        "SV: ",
        "Odp: ",
        "Re[2]: ",
        "RE : ",
        "回复：",
        "Отв: ",
        "WG: Re:",
        "re:re:re:",
    ],
)
def test_subject_of_a_thread(prefix: str) -> None:
    assert thread_subject(f"{prefix}Where is it?") == "Where is it?"


@pytest.mark.parametrize("subject", ["Regards: me", "Return: parcel", "Reply", "A: B", "Invoice 7: overdue"])
def test_words_that_only_look_like_prefixes(subject: str) -> None:
    assert thread_subject(subject) == subject


def test_header_block() -> None:
    raw = b"A: 1\r\nB: two\r\n  lines\r\nA: 3\r\n\r\nbody"
    block = read_headers(raw, 0, len(raw))

    assert block.texts("a") == ["1", "3"]
    assert block.text("b") == "two lines"
    assert raw[block.body_at :] == b"body"
