"""The table of answers: code and phase → what is done, and whether the sentence helps."""

from dataclasses import replace

import pytest

from mailsenders.answers import Answer, Kind, Phase, Place, classify, delay

PLACE = Place("support-out", "smtp.example.com:587", "box@example.com", "support@example.com")
LADDER = [60, 300, 900, 1800, 3600]


@pytest.mark.parametrize(
    ("phase", "code", "text", "kind"),
    [
        (Phase.CONNECT, 554, "5.7.1 no", Kind.PARK),
        (Phase.CONNECT, 421, "4.3.2 closed", Kind.PARK),
        (Phase.EHLO, 501, "what?", Kind.PARK),
        (Phase.STARTTLS, 454, "4.7.0 no TLS now", Kind.PARK),
        (Phase.AUTH, 535, "5.7.8 wrong", Kind.PARK),
        (Phase.AUTH, 535, "5.7.3 wrong", Kind.PARK),
        (Phase.AUTH, 534, "5.7.9 app password", Kind.PARK),
        (Phase.AUTH, 454, "4.7.0 too many", Kind.PARK),
        (Phase.AUTH, 538, "5.7.11 encryption", Kind.PARK),
        (Phase.MAIL, 421, "4.7.0 wait", Kind.PARK),
        (Phase.MAIL, 530, "5.7.0 sign in", Kind.PARK),
        (Phase.MAIL, 553, "5.7.1 not owned", Kind.PARK),
        (Phase.MAIL, 550, "5.1.0 refused", Kind.FAIL),
        (Phase.MAIL, 451, "4.3.0 later", Kind.RETRY),
        (Phase.MAIL, 452, "4.3.1 full", Kind.RETRY),
        (Phase.RCPT, 450, "4.7.1 greylisted", Kind.RETRY),
        (Phase.RCPT, 451, "4.7.1 greylisted", Kind.RETRY),
        (Phase.RCPT, 452, "4.5.3 too many recipients", Kind.RETRY),
        (Phase.RCPT, 550, "5.1.1 unknown", Kind.FAIL),
        (Phase.RCPT, 550, "no such user", Kind.FAIL),
        (Phase.RCPT, 552, "5.2.2 mailbox full", Kind.FAIL),
        (Phase.RCPT, 550, "5.4.5 daily limit", Kind.PARK),
        (Phase.RCPT, 421, "4.7.0 wait", Kind.PARK),
        (Phase.DATA, 554, "5.5.1 no valid recipients", Kind.FAIL),
        (Phase.DATA, 451, "4.3.0 later", Kind.RETRY),
        (Phase.DOT, 432, "4.3.2 thread limit", Kind.PARK),
        (Phase.DOT, 450, "4.7.0 slow", Kind.PARK),
        (Phase.DOT, 451, "4.3.0 later", Kind.RETRY),
        (Phase.DOT, 550, "5.4.5 daily limit", Kind.PARK),
        (Phase.DOT, 554, "5.2.0 quota", Kind.PARK),
        (Phase.DOT, 550, "5.1.8 bad outbound sender", Kind.PARK),
        (Phase.DOT, 550, "5.7.501 blocked", Kind.PARK),
        (Phase.DOT, 554, "5.2.252 SendAsDenied", Kind.PARK),
        (Phase.DOT, 550, "5.7.60 not allowed to send as", Kind.PARK),
        (Phase.DOT, 550, "5.7.30 basic authentication", Kind.PARK),
        (Phase.DOT, 552, "5.3.4 too big", Kind.FAIL),
        (Phase.DOT, 552, "too much mail data", Kind.FAIL),
        (Phase.DOT, 550, "5.7.1 looks like spam", Kind.FAIL),
        (Phase.DOT, 354, "go on", Kind.UNCERTAIN),
        (Phase.DOT, -1, "Malformed", Kind.UNCERTAIN),
        (Phase.MAIL, -1, "Malformed", Kind.RETRY),
    ],
)
def test_what_an_answer_means(phase: Phase, code: int, text: str, kind: Kind) -> None:
    assert classify(Answer(code, text), phase).kind is kind


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("code", [-1, 0, 220, 250, 354, 400, 499, 500, 599, 999])
def test_every_answer_has_a_meaning(phase: Phase, code: int) -> None:
    verdict = classify(Answer(code, "\udcff\0 odd"), phase)
    sentence = PLACE.sentence(verdict, Answer(code, "\udcff\0 {odd}"))
    assert sentence.startswith("smtp.example.com:587 ")
    assert sentence.endswith(".")
    sentence.encode()
    assert "\0" not in sentence


def test_doubt_comes_only_after_the_text() -> None:
    for phase in set(Phase) - {Phase.DOT}:
        for code in range(-1, 1000):
            assert classify(Answer(code, ""), phase).kind is not Kind.UNCERTAIN


def test_microsofts_switch_is_explained() -> None:
    answer = Answer(
        535, "5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    )
    verdict = classify(answer, Phase.AUTH)
    sentence = PLACE.sentence(verdict, answer)
    assert "Manage email apps" in sentence
    assert "box@example.com" in sentence
    assert "since January 2020" in sentence
    assert "31 December 2026" in sentence
    assert verdict.seconds == 3600


def test_several_lines_become_one_that_fits() -> None:
    assert str(Answer(550, "5.1.1 no\n5.1.1 such\tuser")) == "550 5.1.1 no 5.1.1 such user"
    assert len(str(Answer(550, "x" * 2000))) == 500
    assert Answer(550, "5.1.1 no").enhanced == "5.1.1"
    assert Answer(550, "5.1.1x no").enhanced == ""


def test_the_ladder_ends_after_two_days() -> None:
    assert [delay(attempts, LADDER) for attempts in (1, 2, 3, 4, 5, 6)] == [60, 300, 900, 1800, 3600, 3600]
    last = max(attempts for attempts in range(1, 100) if delay(attempts, LADDER) is not None)
    assert 47 * 3600 < 3060 + (last - 4) * 3600 <= 48 * 3600
    assert delay(last + 1, LADDER) is None


def test_who_signs_in_with_a_password_hears_nothing_of_tokens() -> None:
    wrong = Answer(535, "5.7.8 Username and Password not accepted.")
    verdict = classify(wrong, Phase.AUTH)
    by_password, by_token = (
        PLACE.sentence(verdict, wrong),
        replace(PLACE, by_token=True).sentence(verdict, wrong),
    )
    assert "type both again" in by_password
    assert not any(word in by_password for word in ("token", "🔑"))
    assert "sign in again with 🔑 as box@example.com" in by_token
    assert "username and password of" not in by_token
