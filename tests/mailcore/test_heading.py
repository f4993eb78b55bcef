"""Who and what about: from any bytes, in bounded time, as the whole reading of the mail would say."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.heading import LONGEST_SENDER, LONGEST_SUBJECT, Heading, read_heading
from mailcore.parse import parse

MAILS = sorted((Path(__file__).parent.parent / "mails").rglob("*.eml"))
BODY = b"\r\n\r\nHello.\r\n"


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_it_says_what_the_whole_mail_says(path: Path) -> None:
    raw = path.read_bytes()
    mail, heading = parse(raw), read_heading(raw)
    assert heading.sender == mail.from_.email.lower()
    assert mail.subject.startswith(heading.subject)
    assert heading.subject or not mail.subject
    assert heading.message_id in (mail.message_id, "")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            b"From: Charlie <Charlie@Customer.Example>\r\nSubject: =?utf-8?q?P=C5=99=C3=ADloha?=\r\n"
            b"Message-ID: <a@b.example>",
            Heading("charlie@customer.example", "Charlie", "Příloha", "a@b.example"),
        ),
        (b"Sender: list@lists.example\r\nSubject: One\r\n two", Heading("list@lists.example", "", "One two")),
        (b"From charlie Mon Mar  2 09:30:00 2026\r\nSubject: Mbox", Heading(subject="Mbox")),
        (b"Subject: Old Mac\rFrom: a@b.example\r\rHello", Heading("a@b.example", subject="Old Mac")),
        (b"Subject: nul \0 and \xff", Heading(subject="nul and ÿ")),
        (b"no header at all", Heading()),
        (b"", Heading()),
    ],
)
def test_it_reads_forgivingly(headers: bytes, expected: Heading) -> None:
    raw = headers if b"\r\r" in headers else headers + BODY
    assert read_heading(raw) == expected


HOSTILE = {
    "a header without end": b"Subject: " + b"a" * 5_000_000,
    "folded for ever": b"Subject: a\n" + b" a\n" * 1_000_000,
    "open quotes": b"From: " + b'"a' * 500_000,
    "open brackets": b"From: " + b"<a(" * 500_000,
    "open encoded words": b"Subject: " + b"=?utf-8?q?" * 500_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 500_000,
    "marks": "Subject: a{}".format("\u0301" * 500_000).encode(),
    "ids": b"Message-ID: " + b"<a@b" * 500_000,
    "many of one": b"From: a@b.example\n" * 500_000,
    "stray lines": b"Subject: a\n" + b"stray\n " * 500_000,
    "lines of nothing": b"\r\n" * 2_000_000,
    "mbox lines": b"From " * 1_000_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_mail_holds_the_fetcher_up(raw: bytes) -> None:
    began = time.process_time()
    heading = read_heading(raw)
    assert time.process_time() - began < 0.2
    assert len(heading.subject) <= LONGEST_SUBJECT
    assert len(heading.sender) <= LONGEST_SENDER
    assert len(heading.message_id.encode()) <= 1000


@given(st.binary(max_size=400), st.sampled_from([b"", b"From: ", b"Subject: =?", b"Message-ID: <"]))
def test_any_bytes_give_text_that_can_be_stored(raw: bytes, before: bytes) -> None:
    heading = read_heading(before + raw)
    for text in (heading.sender, heading.subject, heading.message_id):
        assert "\0" not in text
        text.encode()
