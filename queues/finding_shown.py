"""What was found, shown: the line of a mail around the words that were asked for, with these marked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from queues.finding import Hit
from queues.finding_words import is_dense, spellings
from queues.models import Message, Note
from queues.search import fold

BEFORE, LENGTH = 14, 180  # characters of a line, before its first mark and in all
MOST_LOOKED = 20_000  # characters of a mail

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Marks:
    """Which words to mark: `exact` ones, `beginnings`, and `parts` of texts without spaces."""

    exact: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()
    parts: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.exact or self.beginnings or self.parts)


@dataclass(frozen=True, slots=True)
class Shown:
    """A hit: who wrote it, and its line."""

    line: SafeString
    is_note: bool


def marks_of(words: Iterable[tuple[str, bool]]) -> Marks:
    """Made of `Asked.marked`."""
    pairs = list(words)
    dense = sorted({word for word, _ in pairs if is_dense(word)}, key=len, reverse=True)
    return Marks(
        frozenset(word for word, begins in pairs if not begins and not is_dense(word)),
        tuple(word for word, begins in pairs if begins and not is_dense(word)),
        re.compile("|".join(map(re.escape, dense))) if dense else None,
    )


def places(text: str, marks: Marks) -> Iterable[tuple[int, int]]:
    """From where to where a text is to be marked."""
    for match in _WORD.finditer(text[:MOST_LOOKED]):
        word = match[0]
        if is_dense(word):
            if marks.parts is not None:
                yield from (
                    (match.start() + each.start(), match.start() + each.end())
                    for each in marks.parts.finditer(word)
                )
        elif _is_asked(word, marks):
            yield match.span()


def _is_asked(word: str, marks: Marks) -> bool:
    ways = [word.lower()] if word.isascii() else [fold(word), *spellings(word)]
    return any(way in marks.exact or way.startswith(marks.beginnings) for way in ways)


def marked(text: str, marks: Marks) -> SafeString:
    """A text as HTML, escaped, with what was asked for in <mark>."""
    parts, end = [], 0
    for begin, stop in places(text, marks):
        parts += [escape(text[end:begin]), "<mark>", escape(text[begin:stop]), "</mark>"]
        end = stop
    parts.append(escape(text[end:]))
    return mark_safe("".join(parts))  # noqa: S308 - each part is escaped


def line(text: str, marks: Marks) -> SafeString:
    """The place of a text where the first of the words stands, in one line; "" when there is none."""
    first = next(iter(places(text, marks)), None)
    if first is None:
        return SafeString("")
    begin = max(0, first[0] - BEFORE)
    if begin:
        space = text.find(" ", begin, first[0])
        begin = space + 1 if space >= 0 else begin
    cut = " ".join(text[begin : begin + 2 * LENGTH].split())[:LENGTH]
    return mark_safe(("… " if begin else "") + marked(cut, marks))  # noqa: S308 - escaped by `marked`


def shown(hits: Iterable[Hit], marks: Marks) -> dict[int, Shown]:
    """The lines of hits, by conversation; two queries."""
    kept = list(hits)
    mails = {hit.place.pk: hit.conversation_id for hit in kept if hit.place.kind == "m"}
    notes = {hit.place.pk: hit.conversation_id for hit in kept if hit.place.kind == "n"}
    texts = Message.objects.filter(pk__in=mails).values_list("pk", "text", "from_name", "from_email")
    found = {
        mails[pk]: Shown(_mail_line(text, f"{name} {email}", marks), False) for pk, text, name, email in texts
    }
    for pk, text in Note.objects.filter(pk__in=notes).values_list("pk", "text"):
        found[notes[pk]] = Shown(line(text, marks) or marked(text[:LENGTH], marks), True)
    return found


def _mail_line(text: str, writer: str, marks: Marks) -> SafeString:
    return line(text, marks) or line(writer, marks)
