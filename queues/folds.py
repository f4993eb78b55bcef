"""What of a mail is seen at once and what waits behind a word: quotations, signatures; text and HTML."""

import re
from dataclasses import dataclass
from itertools import chain, zip_longest

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from mailcore.cutting import cut
from mailcore.folding import Kind, pieces
from mailcore.parsed import Address
from mailcore.text import text_to_html
from queues.models import Message

QUOTED = "•••"
LABELS = {Kind.NEW: "", Kind.QUOTE: QUOTED, Kind.SIGNATURE: gettext_lazy("Signature")}
LONG_QUOTE = 500  # characters; shorter ones between answers say what is answered

_QUOTE_TAG = re.compile(r"<(/?)blockquote\b[^>]*>")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines of a mail; `label` is what they are folded behind, "" for what is always seen.

    What was forwarded to us is quoted too, but is `is_open` from the start: it is what the mail is about.
    """

    label: str
    text: SafeString
    is_open: bool = False


def parts(message: Message) -> tuple[Part, ...]:
    """The text of a mail in order, nothing left out; none when there is no text."""
    shown = pieces(message.text, signature_at(message), message.quote_at)
    forwarded = bool(message.forwarded)
    return tuple(
        Part(str(LABELS[piece.kind]), linked(piece.text), is_open=forwarded and piece.kind is Kind.QUOTE)
        for piece in shown
        if piece.text.strip()
    )


def signature_at(message: Message) -> int:
    """Where the signature begins; where the quoted part does, when there is none."""
    return message.quote_at if message.signature_at is None else message.signature_at


def linked(text: str) -> SafeString:
    """Plain text as HTML with links; the line breaks stay line breaks, as the style sheet keeps them."""
    html = text_to_html(text.strip("\n")).removeprefix("<div>").removesuffix("</div>")
    return mark_safe(html.replace("<br>\n", "\n"))  # noqa: S308 - text_to_html escapes


def original(message: Message) -> str:
    """Who wrote a mail that was forwarded to us by hand, and under which subject; "" for any other."""
    told = message.forwarded
    writer = str(Address(told.get("name", ""), told.get("email", "")))
    subject = told.get("subject", "")
    return f"{writer}, “{subject}”" if writer and subject else writer


def fold(html: str, sender: Address | None, *, forwarded: bool = False) -> str:
    """Put quotations and the signature of sanitised (so well-formed) HTML behind a word each.

    :param sender: who wrote the mail, None for a machine.
    :param forwarded: whether what is quoted was forwarded to us: that is open from the start.
    """
    return "".join(
        _behind(str(LABELS[piece.kind]), piece.text, is_open=forwarded and piece.kind is Kind.QUOTE)
        if LABELS[piece.kind]
        else _fold_quotes(piece.text)
        for piece in cut(html, sender)
    )


def _behind(label: str, html: str, *, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary>{label}</summary>{html}</details>"


def _fold_quotes(html: str) -> str:
    """Fold each outermost quotation that is long; a mail that is nothing but one stays as it is."""
    runs: list[str] = []  # between quotations, a quotation, between quotations, …
    end = depth = 0
    for match in _QUOTE_TAG.finditer(html):
        closing = bool(match[1])
        depth += -1 if closing else 1
        if depth == (0 if closing else 1):
            here = match.end() if closing else match.start()
            runs.append(html[end:here])
            end = here
    runs.append(html[end:])
    if not any(_text_of(run) for run in runs[::2]):
        return html
    quotes = (_behind(QUOTED, run) if len(_text_of(run)) > LONG_QUOTE else run for run in runs[1::2])
    return "".join(chain.from_iterable(zip_longest(runs[::2], quotes, fillvalue="")))


def _text_of(html: str) -> str:
    return _TAG.sub("", html).replace("&nbsp;", "").strip()
