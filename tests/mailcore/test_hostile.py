"""Any bytes: no exception, clean text, bounded time."""

import base64
import time
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailcore.parse import parse, part_bytes
from mailcore.parsed import ParsedMail
from tests.mailcore.mails import FOLDER, HEADERS, make_raw

_WORDS = rb"""
From: |To: |Subject: |Date: |Message-ID: <|References: |Content-Type: |multipart/mixed; boundary=b|text/html
multipart/report; report-type=delivery-status; boundary=b|message/delivery-status|message/rfc822|; charset=
utf-7|utf-8|idna|utf-16|=?utf-8?B?|=?utf-8?Q?|?=|=E2=80|<p>|<a href='|<!--|&#0;|&#xD800;|> |@|<|>|"|(|\
; name*0*=|utf-8''%00|Content-Transfer-Encoding: base64|Content-Transfer-Encoding: x-uuencode|begin 644 a|====
Final-Recipient: rfc822;|Status: 5.1.1|--b--|A"""
_BYTES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"--b\r\n",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b" ",
    b"\t",
]
PIECES = st.sampled_from([*_WORDS.strip().replace(b"\n", b"|").split(b"|"), *_BYTES])


def texts_of(mail: ParsedMail) -> list[str]:
    people = [mail.from_, *mail.to, *mail.cc, *mail.reply_to]
    found = [mail.message_id, mail.in_reply_to, *mail.references, mail.subject, mail.text, mail.html]
    found += [part for person in people for part in (person.name, person.email)]
    found += [part for file in mail.attachments for part in (file.name, file.type, file.content_id)]
    if mail.bounce:
        found.append(mail.bounce.message_id)
        for each in mail.bounce.failures:
            found += [each.email, each.original, each.status, each.server, each.answer]
    return [*found, *mail.delivered_to, *mail.defects]


def check(raw: bytes) -> None:
    mail = parse(raw)

    for text in texts_of(mail):
        assert "\0" not in text
        text.encode("utf-8")  # a lone surrogate raises
    for line in (mail.subject, mail.message_id, mail.from_.name, *(file.name for file in mail.attachments)):
        assert "\n" not in line
        assert "\r" not in line
    assert mail.message_id
    assert 0 <= mail.quote_at <= len(mail.text)
    assert mail.date is None or mail.date.utcoffset() is not None
    for file in mail.attachments:
        assert len(part_bytes(raw, file.part)) == file.size
        assert "/" not in file.name


@given(st.binary(max_size=400))
@example(b"From: ,\r\nTo: :;\r\nMessage-ID: <>\r\n\r\n")
@example(b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n--\r\n")
@settings(max_examples=100, deadline=None)
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@given(st.lists(PIECES | st.binary(max_size=6), max_size=60).map(b"".join))
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_what_mails_are_made_of(raw: bytes) -> None:
    check(raw)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_damage_to_a_real_mail(data: st.DataObject) -> None:
    whole = (FOLDER / data.draw(st.sampled_from(["reply_czech.eml", "bounce_standard.eml"]))).read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    check(whole[:start] + data.draw(PIECES | st.binary(max_size=8)) + whole[end:])


@given(st.text(max_size=200), st.sampled_from(["plain", "html"]))
@settings(max_examples=50, deadline=None)
def test_any_text_as_the_standard_library_writes_it(text: str, subtype: str) -> None:
    message = EmailMessage(policy=policy.SMTP)
    message.set_content(text.encode("utf-8", "replace").decode(), subtype=subtype)
    check(message.as_bytes())


def nested(levels: int) -> bytes:
    down = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels)
    )
    up = b"".join(b"\r\n--b%d--" % n for n in reversed(range(levels)))
    return HEADERS + down + b"Content-Type: text/plain\r\n\r\ninnermost" + up


MIXED = "multipart/mixed; boundary=b"
HTML = "text/html; charset=utf-8"
BOMBS: dict[str, bytes] = {
    "100 nested parts": nested(100),
    "20,000 nested parts": nested(20_000),
    "100,000 parts": make_raw(b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--", Content_Type=MIXED),
    "5,000,000 near delimiters": make_raw(b"--b\r\n\r\n" + b"--bx\n" * 5_000_000, Content_Type=MIXED),
    "468 KB of encoded words": HEADERS.replace(b"Question", b"=?utf-8?q?x?= " * 36_000) + b"\r\n",
    "100,000 addresses": make_raw(Cc="a@example.com, " * 100_000),
    "open brackets": make_raw(Cc="(" * 8_000 + "<" * 8_000),
    "escaped quotes": make_raw(Cc='"\\' * 8_000),
    "100,000 references": make_raw(References="<a@example.com> " * 100_000),
    "100,000 headers": HEADERS + b"X: y\r\n" * 100_000 + b"\r\nText.",
    "a header of 5 MB": make_raw(X_Long="x" * 5_000_000),
    "10 MB of empty lines": b"\r\n" * 5_000_000,
    "3 MB of NUL": make_raw(b"\0" * 3_000_000),
    "30 MB of text": make_raw(b"words and more words\r\n" * 1_400_000),
    "ten texts of 3 MB": make_raw((b"--b\r\n\r\n" + b"words " * 500_000 + b"\r\n") * 10, Content_Type=MIXED),
    "30 MB on one line": make_raw(b"x" * 30_000_000),
    "deep HTML": make_raw(b"<div>" * 300_000, Content_Type=HTML),
    "deep formatting": make_raw(b"<font size=1><b><p>" * 100_000, Content_Type=HTML),
    "open tags": make_raw(b"<a b='\"" * 100_000, Content_Type=HTML),
    "tags never closed": make_raw(b"<" * 1_000_000, Content_Type=HTML),
    "ampersands": make_raw(b"&" * 1_000_000, Content_Type=HTML),
    "entities": make_raw(b"&nbsp;&zwnj;" * 60_000, Content_Type=HTML),
    "comments": make_raw(b"<!--" * 700_000, Content_Type=HTML),
    "8 MB of HTML with 5,000 links": make_raw(
        (b"<p>" + b"word " * 300 + b"<a href='https://example.com/'>x</a></p>") * 5_000, Content_Type=HTML
    ),
    "combining marks": make_raw(
        ("e" + "\u0316\u0301" * 700_000).encode(), Content_Type="text/plain; charset=utf-8"
    ),
    "quoted lines": make_raw(b"> > > x\r\n" * 300_000),
    "lines like attributions": make_raw(b"On 1 May 10:00 a@b wrote\r\n" * 100_000),
    "rules": make_raw((b"_" * 399 + b"\r\n") * 3_000),
    "bounce without end": make_raw(
        b"<a@b> " * 30_000 + b"warning: not " * 3_000, From="mailer-daemon@x.example"
    ),
}


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_cost_little_time(raw: bytes) -> None:
    before = time.process_time()
    mail = parse(raw)
    spent = time.process_time() - before

    assert spent < 2, f"{spent:.1f} s"  # they take half a second at most on an idle machine
    assert len(mail.text) <= 4_100_000
    assert len(mail.html) <= 25_000_000


def test_what_is_beyond_the_limits_is_said() -> None:
    for name in (
        "100 nested parts",
        "100,000 parts",
        "100,000 addresses",
        "100,000 references",
        "100,000 headers",
        "a header of 5 MB",
        "468 KB of encoded words",
        "30 MB of text",
    ):
        assert any("shortened" in each for each in parse(BOMBS[name]).defects), name


def test_a_long_header_costs_only_itself() -> None:
    mail = parse(BOMBS["a header of 5 MB"])

    assert mail.text == "Text."
    assert mail.message_id == "question@customer.example"


def test_a_long_subject_is_cut() -> None:
    mail = parse(HEADERS.replace(b"Question", b"long " * 100_000) + b"\r\nText.")

    assert len(mail.subject) <= 16 * 1024
    assert any("shortened" in each for each in mail.defects)


def test_thirty_megabytes_of_attachment() -> None:
    data = base64.encodebytes(b"0123456789" * 2_200_000)
    raw = make_raw(
        b"--b\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/zip; name=big.zip\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + data + b"--b--",
        Content_Type=MIXED,
    )
    before = time.process_time()
    mail = parse(raw)

    assert time.process_time() - before < 5
    assert mail.text == "See the file."
    assert [(each.name, each.size) for each in mail.attachments] == [("big.zip", 22_000_000)]
    assert mail.defects == ()


def test_references_keep_the_first_and_the_last() -> None:
    mail = parse(make_raw(References=" ".join(f"<{n}@example.com>" for n in range(300))))

    assert len(mail.references) == 50
    assert mail.references[0] == "0@example.com"
    assert mail.references[-1] == "299@example.com"
