"""The history below an answer, in both shapes, so that mail programs fold it away.

    On 02 Mar 2026 at 09:30 +0100, Charlie wrote:   <div class="gmail_quote"><div>On … wrote:</div>
    > Where is my parcel?                           <blockquote class="gmail_quote" type="cite">…
    >
    > On 01 Mar 2026 at 08:00 +0100, Support wrote:     the mail before, one level deeper
    > > It left today.

Gmail folds by that class, Apple Mail and Thunderbird by ``type="cite"``, Outlook by the attribution line.
Deep and long history is cut, and says so: every mail of a long thread carries all mails before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from mailcore.clean import clean_text
from mailcore.parsed import Address
from mailcore.text import quote_text, text_to_html

MOST_CHARACTERS = 30_000
MOST_DEPTH = 5
CUT = "[…]"
STYLE = "margin:0 0 0 8px;border-left:2px solid #b0b0b0;padding-left:10px"
# Verbs and order as the mail programs of each language have them: readers of mail know them by these.
ATTRIBUTIONS = {
    "cs": ("Dne {date} napsal(a) {who}:", "%d.%m.%Y v %H:%M"),
    "da": ("Den {date} skrev {who}:", "%d.%m.%Y kl. %H:%M"),
    "de": ("Am {date} schrieb {who}:", "%d.%m.%Y um %H:%M"),
    "en": ("On {date}, {who} wrote:", "%d %b %Y at %H:%M"),
    "es": ("El {date}, {who} escribió:", "%d/%m/%Y a las %H:%M"),
    "fr": ("Le {date}, {who} a écrit :", "%d/%m/%Y à %H:%M"),
    "it": ("Il {date}, {who} ha scritto:", "%d/%m/%Y %H:%M"),
    "nl": ("Op {date} schreef {who}:", "%d-%m-%Y om %H:%M"),
    "pl": ("W dniu {date} {who} napisał(a):", "%d.%m.%Y o %H:%M"),
    "pt": ("Em {date}, {who} escreveu:", "%d/%m/%Y %H:%M"),
    "sk": ("Dňa {date} {who} napísal(a):", "%d.%m.%Y o %H:%M"),
    "sv": ("Den {date} skrev {who}:", "%Y-%m-%d kl. %H:%M"),
}
_MARKS = re.compile(r"[> ]*")


@dataclass(frozen=True, slots=True)
class Said:
    """A mail to quote; ``at`` in the zone that is to be shown, with its offset: readers are anywhere."""

    who: Address
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Quotation:
    """The same in plain text and in HTML; both empty for none."""

    text: str = ""
    html: str = ""


def attribution(said: Said, language: str) -> str:
    """Return the line above a quotation, in the language if it is known, else in English."""
    pattern, date = ATTRIBUTIONS.get(language, ATTRIBUTIONS["en"])
    return pattern.format(date=f"{said.at.strftime(date)} {said.at:%z}", who=str(said.who) or "?")


def quotation(mails: Sequence[Said], language: str, most: int = MOST_CHARACTERS) -> Quotation:
    """Quote these mails, the newest first, each inside of the one after it.

    Args:
        most: characters of all of them together; what is over is left out, oldest first.
    """
    kept: list[Said] = []
    for said in mails[:MOST_DEPTH]:
        text = shallow(clean_text(said.text).strip())
        if text and most > 0:
            kept.append(Said(said.who, said.at, shortened(text, most)))
            most -= len(text)
    found = Quotation()
    for said in reversed(kept):
        found = _around(said, language, found)
    return found


def _around(said: Said, language: str, inner: Quotation) -> Quotation:
    line = attribution(said, language)
    text = f"{said.text}\n\n{inner.text}" if inner.text else said.text
    html = (
        f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{escape(line)}</div>'
        f'<blockquote class="gmail_quote" type="cite" style="{STYLE}">'
        f"{text_to_html(said.text)}{f'<br>{inner.html}' if inner.html else ''}</blockquote></div>"
    )
    return Quotation(quote_text(text, line), html)


def shortened(text: str, most: int) -> str:
    """Return the text up to the last whole line that fits, and a mark when there was more."""
    if len(text) <= most:
        return text
    end = text.rfind("\n", 0, most)
    return f"{text[: end if end > 0 else most].rstrip()}\n{CUT}"


def shallow(text: str, depth: int = MOST_DEPTH - 1) -> str:
    """Return the text without what it quotes deeper than ``depth``, with one mark in its place."""
    lines: list[str] = []
    is_cut = False
    for line in text.split("\n"):
        is_deep = _depth(line) > depth
        if not is_deep:
            lines.append(line)
        elif not is_cut:
            lines.append(f"{'>' * depth} {CUT}")
        is_cut = is_deep
    return "\n".join(lines)


def _depth(line: str) -> int:
    marks = _MARKS.match(line) if line.startswith(">") else None
    return marks[0].count(">") if marks else 0
