"""What mail servers found out about a sender (RFC 8601), and whose word is believed."""

import time

import pytest

from mailcore.authentication import NAMELESS, believed, is_aligned
from mailcore.parse import parse
from mailcore.parsed import Check, Findings

GOOGLE = (
    "Authentication-Results: mx.google.com;\r\n"
    '       dkim=pass (2048-bit; a;b "c") header.i=@shop.example\r\n'
    ' header.s=s1 header.b="ab;cd";\r\n'
    "       spf=pass (google.com: domain of b@send.shop.example designates\r\n"
    " 192.0.2.1 as permitted sender) smtp.mailfrom=b@send.shop.example;\r\n"
    "       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=shop.example\r\n"
)
MICROSOFT = (
    "Authentication-Results: spf=fail (sender IP is 192.0.2.1)\r\n smtp.mailfrom=shop.example;"
    " dkim=none (message not signed)\r\n header.d=none;dmarc=fail action=quarantine\r\n"
    " header.from=shop.example;compauth=fail reason=000\r\n"
)
FORGED = "Authentication-Results: mx.google.com; dmarc=pass header.from=bank.example\r\n"
REST = "From: Shop <b@shop.example>\r\nSubject: x\r\n\r\nwords\r\n"


def found(head: str) -> tuple[Findings, ...]:
    return parse((head + REST).encode()).authentication


def test_the_words_of_google() -> None:
    assert found(GOOGLE) == (
        Findings(
            "mx.google.com",
            (
                Check("dkim", "pass", "shop.example"),
                Check("spf", "pass", "send.shop.example"),
                Check("dmarc", "pass", "shop.example"),
            ),
        ),
    )


def test_microsoft_gives_no_name() -> None:
    (only,) = found(MICROSOFT)
    assert only.by == NAMELESS
    assert only.checks[0] == Check("spf", "fail", "shop.example")
    assert only.checks[2] == Check("dmarc", "fail", "shop.example")


def test_the_parser_believes_nobody() -> None:
    assert parse((GOOGLE + REST).encode()).findings is None


@pytest.mark.parametrize(
    ("head", "names", "checks"),
    [
        (GOOGLE, ["mx.google.com"], 3),
        (GOOGLE, ["mx.example.com"], None),
        (GOOGLE, [], None),
        (FORGED, [], None),
        ("", ["mx.google.com"], None),
        # Below another server's header stands what came with the mail.
        (MICROSOFT + FORGED, ["mx.google.com"], None),
        # Of a server without a name one header counts.
        (MICROSOFT + MICROSOFT.replace("fail", "pass"), [NAMELESS], 3),
        # A header for each check.
        (
            "Authentication-Results: mx.example.com 1; spf=pass smtp.mailfrom=a@b.example\r\n"
            "Authentication-Results: MX.example.com; dkim=fail header.d=b.example\r\n"
            "Authentication-Results: mx.example.com; dkim=pass header.d=evil.example\r\n",
            ["mx.example.com"],
            2,
        ),
    ],
)
def test_whose_word_counts(head: str, names: list[str], checks: int | None) -> None:
    said = believed(found(head), names)
    assert (len(said.checks) if said else None) == checks
    if said and NAMELESS in names:
        assert {each.result for each in said.checks} == {"fail", "none"}


def test_of_the_same_check_the_uppermost_counts() -> None:
    twice = GOOGLE.replace("dmarc=pass", "dmarc=fail") + FORGED
    said = believed(found(twice), ["mx.google.com"])
    assert said is not None
    assert [each.result for each in said.checks if each.method == "dmarc"] == ["fail"]


@pytest.mark.parametrize(
    ("domain", "sender", "expected"),
    [
        ("shop.example", "shop.example", True),
        ("send.shop.example", "shop.example", True),
        ("shop.example", "news.shop.example", True),
        ("evilshop.example", "shop.example", False),
        ("example", "shop.example", False),
        ("", "shop.example", False),
    ],
)
def test_alignment(domain: str, sender: str, expected: bool) -> None:
    assert is_aligned(domain, sender) is expected


@pytest.mark.parametrize(
    "value",
    [
        "(" * 15_000,
        ")" * 15_000,
        '"' * 15_000,
        "a; " + "dkim=pass " * 1500,
        "a;" + "x.y=" * 4000,
        "a; spf=" + " " * 15_000,
    ],
    ids=["open", "closed", "quotes", "checks", "properties", "blanks"],
)
def test_hostile_headers_take_no_time(value: str) -> None:
    start = time.process_time()
    found(f"Authentication-Results: {value}\r\n" * 8)
    assert time.process_time() - start < 0.5
