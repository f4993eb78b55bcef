"""How sure it is who wrote a mail: the words for what the mail server found out, and for tricks."""

from typing import Any

import pytest

from mailcore.parsed import Check, Findings
from queues.genuine import Standing, is_alike, keep, standing
from queues.models import Message

HOUSES = frozenset({"company.example"})
PASSED = (Check("spf", "pass", "shop.example"), Check("dkim", "pass", "shop.example"))


def judged(*checks: Check, told: bool = True, **values: Any) -> Standing:
    usual = {"direction": "in", "from_name": "Charlie", "from_email": "charlie@shop.example"}
    found = keep(Findings("mx.company.example", checks)) if told else {}
    verdict = standing(Message(**(usual | values), authentication=found), HOUSES)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("checks", "level", "words"),
    [
        (PASSED, "good", "DKIM by shop.example"),
        ((Check("dkim", "pass", "mail.shop.example"),), "good", "DKIM by mail.shop.example"),
        ((Check("spf", "pass", "shop.example"),), "good", "server of shop.example (SPF)"),
        ((Check("dmarc", "pass", "shop.example"),), "good", "DMARC of shop.example"),
        ((Check("dkim", "pass", "evil.example"),), "warn", "Nobody confirms this sender"),
        ((Check("dkim", "fail", "shop.example"), Check("spf", "none", "")), "warn", "failed"),
        ((Check("spf", "softfail", "shop.example"),), "warn", "failed"),
        ((Check("dmarc", "fail", "shop.example"), *PASSED), "bad", "claims to be from charlie@shop.example"),
        ((), "warn", "Nobody confirms this sender"),
    ],
)
def test_the_verdict(checks: tuple[Check, ...], level: str, words: str) -> None:
    verdict = judged(*checks)
    assert verdict.level == level
    assert words in verdict.sentence
    assert bool(verdict.label) == (level != "good")


def test_a_server_that_tells_nothing_is_no_reason_to_warn() -> None:
    verdict = judged(told=False)
    assert (verdict.level, verdict.label) == ("", "")
    assert "told nothing" in verdict.sentence


def test_mails_of_ours_have_no_standing() -> None:
    assert standing(Message(direction="out", from_email="support@company.example")) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"from_name": "service@bank.example"}, "The name says service@bank.example"),
        ({"from_name": "info@shop.example"}, None),
        ({"from_email": "boss@company.example"}, "our own house"),
        ({"from_email": "boss@cornpany.example"}, "only looks like company.example"),
        ({"from_email": "boss@companny.example"}, "only looks like company.example"),
        ({"from_email": "boss@mail.company.example"}, None),
        ({"from_email": "boss@shоp.example"}, "several alphabets"),
        ({"from_email": f"boss@{'shоp.example'.encode('idna').decode()}"}, "several alphabets"),
        ({"from_email": "boss@müller.example"}, None),
    ],
)
def test_tricks_are_told(values: dict[str, Any], words: str | None) -> None:
    verdict = judged(Check("spf", "none", ""), **values)
    assert any(words in each for each in verdict.cautions) if words else verdict.cautions == ()


def test_our_own_domain_confirmed_is_no_trick() -> None:
    confirmed = Check("dkim", "pass", "company.example")
    assert judged(confirmed, from_email="boss@company.example").cautions == ()


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("examp1e.com", True),
        ("exmaple.com", True),
        ("example.co", True),
        ("ex-ample.com", True),
        ("еxample.com", True),
        ("example.org", False),
        ("sample.com", False),
    ],
)
def test_alike(domain: str, expected: bool) -> None:
    assert is_alike(domain, "example.com") is expected
