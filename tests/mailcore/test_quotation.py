"""The history below an answer: found again by readers of mail, never without end."""

from datetime import UTC, datetime

import pytest

from mailcore.parsed import Address
from mailcore.quotation import ATTRIBUTIONS, CUT, MOST_CHARACTERS, Said, quotation, shallow
from mailcore.text import html_to_text, quote_at, sanitise

WHO = Address("Charlie Stone", "charlie@customer.example")
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("language", [*ATTRIBUTIONS, "xx", ""])
def test_our_own_folding_finds_it(language: str) -> None:
    """Text and HTML; who folds the mail finds the same place as we do."""
    found = quotation([Said(WHO, AT, "Where is my parcel?")], language)
    text = f"It is on its way.\n\n{found.text}"
    assert text[: quote_at(text)].strip() == "It is on its way."
    shown = html_to_text(f"<div>It is on its way.</div>{found.html}")
    assert shown[: quote_at(shown)].strip() == "It is on its way."


def test_mails_stand_one_inside_of_the_other() -> None:
    mails = [Said(WHO, AT, "Second."), Said(Address("", "support@example.com"), AT, "First.")]
    found = quotation(mails, "en")
    assert found.text.split("\n") == [
        "On 02 Mar 2026 at 09:30 +0000, Charlie Stone <charlie@customer.example> wrote:",
        "> Second.",
        ">",
        "> On 02 Mar 2026 at 09:30 +0000, support@example.com wrote:",
        ">> First.",
    ]
    assert found.html.count("<blockquote") == found.html.count("</blockquote>") == 2
    assert found.html.count('type="cite"') == found.html.count('<div class="gmail_quote">') == 2


def test_html_in_a_mail_stays_text() -> None:
    found = quotation([Said(Address("<b>", "x@y.example"), AT, "<script>alert(1)</script>")], "en")
    assert "<script" not in found.html
    assert "<b>" not in found.html
    assert "alert(1)" in sanitise(found.html)


def test_long_and_deep_history_is_cut_and_says_so() -> None:
    deep = "\n".join(f"{'>' * depth} level {depth}" for depth in range(1, 12))
    assert shallow(deep).split("\n")[-1] == f">>>> {CUT}"
    long = "\n".join(["a line of the mail"] * 10_000)
    found = quotation([Said(WHO, AT, long), Said(WHO, AT, "Left out.")], "en")
    assert len(found.text) < MOST_CHARACTERS * 1.2
    assert CUT in found.text
    assert "Left out." not in found.text
    many = quotation([Said(WHO, AT, f"Mail {number}.") for number in range(50)], "en")
    assert ">>>>>> Mail" not in many.text


def test_an_empty_mail_is_not_quoted() -> None:
    assert quotation([Said(WHO, AT, " \n")], "en").text == ""
