"""Answers as mail programs send them, in eight languages: the answer is seen, the rest is folded."""

import pytest

from mailcore.cutting import cut
from mailcore.folding import Kind, pieces
from mailcore.parsed import Address
from mailcore.signature import signature_at
from mailcore.text import html_to_text, quote_at, sanitise
from tests.mailcore.reply_styles import LANGUAGES, Language, html_styles, marked, plain_styles

CARLA = Address("Carla Client", "carla@customer.example")
PLAIN = [(tag, style) for tag, language in LANGUAGES.items() for style in plain_styles(language)]
HTML = [(tag, style) for tag, language in LANGUAGES.items() for style in html_styles(language)]
CARD = "Carla Client\nExample Ltd.\nTel. +420 123 456 789\nwww.customer.example"


def shown(text: str) -> dict[Kind, str]:
    end = quote_at(text)
    found = pieces(text, signature_at(text, end, CARLA), end)
    assert "".join(piece.text for piece in found) == text
    return {kind: "".join(each.text for each in found if each.kind is kind).strip() for kind in Kind}


@pytest.mark.parametrize(("tag", "style"), PLAIN)
def test_plain_answers(tag: str, style: str) -> None:
    language = LANGUAGES[tag]
    quote = plain_styles(language)[style]

    found = shown(f"{language.answer}\n\n{language.closing}\nCarla\n\n{quote}")

    assert found == {
        Kind.NEW: language.answer,
        Kind.SIGNATURE: f"{language.closing}\nCarla",
        Kind.QUOTE: quote.strip(),
    }


@pytest.mark.parametrize(("tag", "style"), HTML)
def test_html_answers(tag: str, style: str) -> None:
    language = LANGUAGES[tag]
    answer = f"<div><p>{language.answer}</p><p>{language.closing}<br>Carla</p></div>"
    html = sanitise(f"<html><body>{answer}{html_styles(language)[style]}</body></html>")

    found = {piece.kind: html_to_text(piece.text) for piece in cut(html, CARLA)}

    assert found[Kind.NEW] == language.answer
    assert found[Kind.SIGNATURE].split() == f"{language.closing} Carla".split()
    assert language.quoted in found[Kind.QUOTE]


def signatures(language: Language) -> list[str]:
    endings = [
        f"{language.closing}\nCarla",
        f"{language.closing}\n\n{CARD}",
        f"{language.closing} Carla Client",
        f"{language.thanks}\n{CARD}",
        f"{language.closing}\n{CARD}\n\n{language.disclaimer}",
        f"-- \n{CARD}",
        CARD,
        language.disclaimer,
    ]
    for phone in language.phones:
        endings += [phone, f"{language.closing}\nCarla\n\n{phone}", f"{language.closing}\n{CARD}\n\n{phone}"]
    return endings


@pytest.mark.parametrize("tag", LANGUAGES)
def test_signatures(tag: str) -> None:
    language = LANGUAGES[tag]
    for signature in signatures(language):
        for quote in ("", f"\n\n{language.thunderbird}\n{marked(language.quoted)}"):
            found = shown(f"{language.answer}\n\n{signature}{quote}")

            assert (found[Kind.NEW], found[Kind.SIGNATURE]) == (language.answer, signature)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_answers_below_the_quote_and_between_the_lines_are_seen(tag: str) -> None:
    language = LANGUAGES[tag]
    quote = f"{language.thunderbird}\n{marked(language.quoted)}"

    below = shown(f"{quote}\n\n{language.answer}\n\n{language.closing}\nCarla")
    between = shown(f"{quote}\n{language.answer}\n{marked(language.quoted)}\n{language.answer}")

    assert below == {
        Kind.NEW: language.answer,
        Kind.QUOTE: quote,
        Kind.SIGNATURE: f"{language.closing}\nCarla",
    }
    assert between[Kind.NEW].count(language.answer) == 2
