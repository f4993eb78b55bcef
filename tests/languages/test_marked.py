"""Every word on the pages of agents is marked for translation."""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcore.reasons import WORDS
from queues import cards
from queues.sayings import SAYINGS
from queues.sayings_unsent import UNSENT
from tests.languages.catalogues import PLACE, ROOT, SAYS

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

PUT_TOGETHER = frozenset(
    (
        "Nothing that you can handle is waiting{}.",
        "{} says that it is written in {}{}.",
        "May belong to #{}: the subject has its number{}.",
        "{} is away now.",
        "{}: it waits in {} again.",
        "{} {} told.",
        "{} {} {}.",
        "{} {}.",
    )
)
"""The same, of what is no argument itself."""

NOT_OF_THE_DESK = frozenset(
    (
        "Set to {} on the board{}.",
        "The rule “{}” discarded it; its bytes are kept.",
        "It has sent {} acknowledgements in an hour, its limit, and sends none now: look whether a machine "
        "answers them, or raise the limit.",
        "{} held, as one sender wrote too much: let go or close at the desk.",
        "{} are in hand: give them to somebody else, or switch the agent off instead.",
        "A name has no blanks at its ends.",
        "Sign in first.",
    )
)
"""For the audit log, alarms and forms of the administration, and for scripts."""

NOT_ON_THE_MAIL = frozenset(
    (
        "Not delivered to {}: check the address, and tell the person another way.",
        "A person had it sent again.",
        "A person said that it had arrived.",
        "Marked as sent by a person.",
        "It was found in the Sent folder.",
        "{} Nothing with files leaves before; it is tried again.",
        "{}: it is tried again.",
    )
)
"""For the log of its tries or of what was delivered; or the end of what an exception of a server begins."""

PLACE_OF_FORMAT = re.compile(r"\{\w+\}")
FOR_ADMINISTRATORS = re.compile(
    r"admin|/migrations/|/(?:steps|steps_form|promises|macro_models|snippet_models|opened|looked_up)\.py$"
)
SENTENCE = re.compile(r"(?:[A-Z“#]|\{\})[^\n]* [^\n]*[^.\s]\.")
FOR_PROGRAMS = frozenset(("ValueError", "TypeError", "Http404", "ImproperlyConfigured", "RuntimeError"))


def test_every_sentence_of_history_and_refusals_can_be_told_again() -> None:
    paths = [*(ROOT / "queues").rglob("*.py"), *(ROOT / "reports" / "views").glob("*.py")]
    said = {sentence for path in paths for sentence in _said(path)}
    assert len(said) > 100
    assert sorted(each for each in said - _known() - TOLD_WITH_OTHERS if WORD.search(each)) == []


def test_every_whole_sentence_in_the_code_of_queues_is_marked_or_can_be_told_again() -> None:
    """However it reaches the history or a page: by a name, from a table, or as what a function returns."""
    paths = [path for path in (ROOT / "queues").rglob("*.py") if not FOR_ADMINISTRATORS.search(str(path))]
    found = {sentence: path.name for path in paths for sentence in whole_sentences(path.read_text("utf-8"))}
    assert len(found) > 150
    rest = found.keys() - _known() - TOLD_WITH_OTHERS - PUT_TOGETHER - NOT_OF_THE_DESK
    rest -= set(cards.REFUSED.values())  # what customers are told, in their languages
    assert sorted((found[each], each) for each in rest) == []


def test_every_sentence_about_a_mail_that_has_not_left_can_be_told_again() -> None:
    known = {PLACE.sub("{}", each) for each in UNSENT.sayings if isinstance(each, str)}
    paths = [ROOT / "mailsenders" / f"{name}.py" for name in ("outbox", "delivery", "filing")]
    said = {
        PLACE_OF_FORMAT.sub("{}", each) for path in paths for each in whole_sentences(path.read_text("utf-8"))
    }
    assert len(said) > 8
    assert sorted(said - known - NOT_ON_THE_MAIL) == []


def test_whole_sentences_are_found() -> None:
    code = """
    'A docstring is none.'
    TABLE = {1: "It was refused, as it is late.", 2: _("This one is marked.")}
    def told(row):
        logger.warning("This is for the log.")
        raise ValueError("This is for us.")
        more = " Nobody was told." if row else "no sentence"
        return f"{row.who} came back to #{row.number}." + more
    """
    found = {"It was refused, as it is late.", "Nobody was told.", "{} came back to #{}."}
    assert set(whole_sentences(textwrap.dedent(code))) == found


def test_every_reason_why_a_mail_comes_back_can_be_told_again() -> None:
    assert sorted(set(WORDS.values()) - SAYINGS.exact - {""}) == []


def _known() -> set[str]:
    """The sayings, with {} for their values; what stands behind another sentence is written apart from it."""
    known = {PLACE.sub("{}", each) for each in SAYINGS.sayings if isinstance(each, str)}
    return known | {each.removeprefix("{} ") for each in known}


def whole_sentences(code: str) -> Iterator[str]:
    """What stands in code as a sentence, and is neither marked nor for the log or those who write code."""
    yield from _whole(ast.parse(code))


def _whole(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Call(func=ast.Name(id=name)) if name in SAYS:
            return
        case ast.Call(func=func) if ast.unparse(func).startswith("logger."):
            return
        case ast.Raise(exc=ast.Call(func=func)) if ast.unparse(func) in FOR_PROGRAMS:
            return
        case ast.keyword(arg="help_text" | "description" | "verbose_name"):
            return
        case ast.Constant() | ast.JoinedStr():
            yield from (each.strip() for each in _sentence(node) if SENTENCE.fullmatch(each.strip()))
            return
    for child in ast.iter_child_nodes(node):
        yield from _whole(child)


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
