"""Every word on the pages of agents is marked for translation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from queues.sayings import SAYINGS
from tests.languages.catalogues import PLACE, ROOT

TEMPLATES = ROOT / "templates"
PAGES = sorted(
    path
    for folder in ("desk", "account", "registration", "base", "reports", "contacts")
    for path in (TEMPLATES / folder).glob("*.html")
) + sorted(TEMPLATES.glob("[45]*.html"))
SAME_EVERYWHERE = frozenset(
    (
        "UCS Email",
        "https://",
        "UTC",
        "CSV",
        "Message-ID",
        "kB",
        "MB",
        "Cc",
        "DKIM",
        "SPF",
        "DMARC",
        "example.com",
    )
)
"""Names, and what is no word."""

TAG = r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}"
TOLD = re.compile(
    r"\{%\s*comment.*?endcomment\s*%\}|\{%\s*block body_attributes\s*%\}.*?\{%\s*endblock\s*%\}|"
    r"\{%\s*blocktrans(?:late)?\b.*?\{%\s*endblocktrans(?:late)?\s*%\}",
    re.S,
)
MARKUP = re.compile(r"<!--.*?-->|<code>.*?</code>|<kbd>\S?</kbd>|<[!/a-zA-Z](?:" + TAG + r"|[^>])*>", re.S)
ATTRIBUTE = re.compile(
    r'\s(?:title|aria-label|placeholder|alt|hx-confirm|data-label|data-subject)="((?:' + TAG + r'|[^"])*)"',
    re.S,
)
WORD = re.compile(r"[^\W\d_]{2,}")


def bare_words(source: str) -> list[str]:
    """What a page would say in English to everybody."""
    rest = TOLD.sub("", source)
    attributes = [
        re.sub(TAG, "|", each, flags=re.S) for tag in MARKUP.findall(rest) for each in ATTRIBUTE.findall(tag)
    ]
    texts = re.sub(TAG, "|", MARKUP.sub("|", rest), flags=re.S)
    pieces = (piece.strip(" \n\t·:,.()#") for text in (*attributes, texts) for piece in text.split("|"))
    pieces = (re.sub(r"&\w+;|&#\d+;", "", piece) for piece in pieces)
    return [piece for piece in pieces if WORD.search(piece) and piece not in SAME_EVERYWHERE]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_word_of_a_page_is_left_out(path: Path) -> None:
    assert bare_words(path.read_text(encoding="utf-8")) == []


def test_bare_words_are_found() -> None:
    assert bare_words('<p title="Why">{% icon "x" %}Reply to {{ name }}</p>') == ["Why", "Reply to"]
    assert bare_words('{% translate "Reply" %} · {{ name }} <kbd>j</kbd> UCS Email') == []


TOLD_WITH_OTHERS = frozenset(
    (
        "{} took it{}{}.",
        "{} took it{} to answer.",
        "{} gave it to {}{}.",
        "It woke, as snoozed; {}{}.",
    )
)
"""Put together from parts: `HISTORY` has each of the ways in which that can come out."""


def test_every_sentence_of_history_and_refusals_can_be_told_again() -> None:
    known = {PLACE.sub("{}", each) for each in SAYINGS.sayings if isinstance(each, str)}
    paths = [*(ROOT / "queues").rglob("*.py"), *(ROOT / "reports" / "views").glob("*.py")]
    said = {sentence for path in paths for sentence in _said(path)}
    assert len(said) > 100
    assert sorted(each for each in said - known - TOLD_WITH_OTHERS if WORD.search(each)) == []


def _said(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("ActionRefused", "note_event"):
            place = 0 if ast.unparse(node.func) == "ActionRefused" else 2
            for each in node.args[place : place + 1]:
                yield from _sentence(each)


def _sentence(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
        yield "".join(str(part) for part in parts).replace("%", "%%")
