"""Where the signature begins: closing words, name and address, footers of phones, legal words.

From the end of the new text upwards, one layer after the other ("Regards, Carla" / "Sent from my phone" /
"This e-mail is confidential"). A wrong fold is worse than none: what holds a question, a sentence or a
postscript is no signature, and a mail that would have nothing left keeps it.
"""

import re
from collections.abc import Callable, Sequence

from mailcore import phrases
from mailcore.parsed import Address
from mailcore.quoting import is_quoted

_FURTHEST = 15_000  # characters looked at, from the end
_MOST_LINES = 60
_LONGEST_BLOCK = 12  # filled lines of name, company, street, telephone …
_LONGEST_LINE = 100
_LONGEST_DISCLAIMER = 4_000
_LONGEST_MARKED = 30  # lines below "-- "; RFC 3676 4.3 leaves it open
_MOST_LAYERS = 8
_MOST_WORDS = 12

_MARK = re.compile(r"\s{0,3}(?:--|—|–|__)\s*$")
_WEAK_MARK = re.compile(r"\s{0,3}(?:[-_=*~—–⎯─]{2,200}|[—–])\s*$")
_SIGNS = frozenset("-_=*~—–⎯─")
_RULE = re.compile(r"\s*(?:[-_=*~#+•·—–⎯─]{2,200}|\u1427)\s*$")
_NAME_TAIL = (
    r"(?:[\s,.!;:–-]{0,4}(?:(?:from|aus|vom|de|da|z|ze|zo|and|und|et|y|e|i|a)\s)?"
    r"(?:[^\W\d_][\w.'-]{0,30}[\s,.]{0,3}){0,5})?[^\w?]{0,6}$"
)
_CLOSING = re.compile(rf"\s{{0,20}}(?:{phrases.CLOSINGS})(?!\w)(?P<name>{_NAME_TAIL})", re.I)
_THANKS = re.compile(rf"\s{{0,20}}(?:{phrases.THANKS})[^\w?]{{0,6}}$", re.I)
_FOOTER = re.compile(rf"[\s*_\[(<]{{0,6}}(?:{phrases.FOOTERS})", re.I)
_DISCLAIMER = re.compile(rf"[\s*_\[(>–-]{{0,6}}(?:{phrases.DISCLAIMERS})", re.I)
_POSTSCRIPT = re.compile(r"\s*p\.?\s?s\.?\s?[:.)]?\s|\s*(?:nb|n\.b\.|edit|update|nachtrag)\s?:", re.I)
_GREETING = re.compile(
    r"\s*(?:hi|hello|dear|hallo|guten (?:tag|morgen)|sehr geehrte|liebe|bonjour|hola|buenos|ciao|buongiorno|"
    r"dzień dobry|dobrý den|dobrý deň|ahoj|hej|hei)\b",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!…]\s*$")
_CONTACT = re.compile(
    r"[^\s<>@]{1,64}@[\w-]{1,63}\.|\b(?:https?://|www\.)\S|(?<![\w-])(?:\+|\(?0|\(\d)[\d\s()/.-]{6,25}\d(?!\w)|"
    r"\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|"
    r"^\s*(?:tel|telefon|telefón|phone|mobil|mobile|mob|cell|handy|fax|téléphone|tél|teléfono|cellulare|"
    r"telefono|kom|komórka|e-?mail|web|skype|linkedin|twitter|t|m|f|e|w)\.?\s?[:.]",
    re.I,
)
_NAME = re.compile(r"[\s#*_]{0,8}(?:sig#)?[^\W\d_][^\s\d:;?!@/|<>]*(?:\s+[^\s\d:;?!@/|<>]+){0,4}\s*$")
_LETTERS = re.compile(r"\w+")
# What may stand between a formula and a name, and within a name.
_LINKS = frozenset(["from", "aus", "vom", "and", "und", "et", "y", "e", "i", "a", "z", "ze", "zo"])
_PARTICLES = frozenset(["de", "da", "van", "von", "der", "den", "la", "le", "di", "del", "dos", "z"])

_Layer = Callable[[Sequence[str], int, Address], int]


def signature_at(text: str, end: int, sender: Address = Address()) -> int:  # noqa: B008 - frozen
    """Return the offset where the signature of ``text[:end]`` begins, ``end`` when there is none.

    Args:
        text: the text of a mail.
        end: where its quoted part begins (``quote_at``).
        sender: who wrote it; a block that begins with that name is a signature.
    """
    start = max(0, end - _FURTHEST)
    lines = [line.replace("’", "'").replace("\xa0", " ") for line in text[start:end].split("\n")]
    first = _first_line(lines, sender)
    if first == len(lines):
        return end
    return end - sum(map(len, lines[first:])) - (len(lines) - first - 1)


def _first_line(lines: Sequence[str], sender: Address) -> int:
    """Peel one layer after the other off the end, as long as something is left."""
    first = len(lines)
    for _ in range(_MOST_LAYERS):
        bottom = _filled_end(lines, first)
        peeled = (layer(lines, bottom, sender) for layer in _LAYERS)
        above = min((each for each in peeled if _has_words(lines, each)), default=bottom)
        if above >= bottom:
            break
        first = above
    return first


def _has_words(lines: Sequence[str], end: int) -> bool:
    return any(_LETTERS.search(line) for line in lines[:end])


def _filled_end(lines: Sequence[str], end: int) -> int:
    """Return ``end`` without the empty lines before it."""
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def _disclaimer(lines: Sequence[str], end: int, _: Address) -> int:
    """The last paragraphs, as far as each begins with legal words."""
    length = 0
    found = end
    for number in range(end - 1, max(-1, end - _MOST_LINES), -1):
        line = lines[number]
        length += len(line)
        if length > _LONGEST_DISCLAIMER:
            break
        if line.strip() and (number == 0 or not lines[number - 1].strip() or _RULE.match(lines[number - 1])):
            if not _DISCLAIMER.match(line):
                break
            found = number
    return found


def _footer(lines: Sequence[str], end: int, _: Address) -> int:
    """ "Sent from my phone", perhaps with a link or a second short line below."""
    for number in range(end - 1, max(-1, end - 4), -1):
        if len(lines[number]) > 2 * _LONGEST_LINE or is_quoted(lines[number]):
            break
        if _FOOTER.match(lines[number]) and ", " not in lines[number]:
            below = [line for line in lines[number + 1 : end] if line.strip()]
            starts = number == 0 or not lines[number - 1].strip() or _is_end_of_sentence(lines[number - 1])
            return number if starts and all(map(_is_line_of_block, below)) else end
    return end


def _is_end_of_sentence(line: str) -> bool:
    """Whether the line below it is no continuation of it."""
    return len(line) < _LONGEST_LINE // 2 or bool(_SENTENCE_END.search(line) or _RULE.match(line))


def _marked(lines: Sequence[str], end: int, sender: Address) -> int:
    """What the line "-- " announces (RFC 3676 4.3), or nothing but rules at the end."""
    ruled = end
    while ruled and (_RULE.match(lines[ruled - 1]) or not lines[ruled - 1].strip()):
        ruled -= 1
    if ruled < end:
        return next(number for number in range(ruled, end) if lines[number].strip())
    for number in range(end - 1, max(-1, end - _LONGEST_MARKED), -1):
        sign = lines[number].lstrip()[:1]
        if sign == ">":
            break
        if sign not in _SIGNS or not _WEAK_MARK.match(lines[number]):
            continue
        below = lines[number + 1 : end]
        if (_MARK.match(lines[number]) and not _has_answer(below)) or _is_card(below, sender):
            return number
    return end


def _is_card(lines: Sequence[str], sender: Address) -> bool:
    """Whether the lines are nothing but a person and ways to reach them."""
    filled = [line for line in lines if line.strip()]
    if not filled or len(filled) > _LONGEST_BLOCK or not _NAME.match(filled[0]):
        return False
    told = _is_name_of(sender, filled[0]) or any(map(_CONTACT.search, filled))
    return told and all(_is_line_of_block(each, sender) for each in filled)


def _has_answer(lines: Sequence[str]) -> bool:
    return any(_POSTSCRIPT.match(line) or _GREETING.match(line) or "?" in line[-3:] for line in lines)


def _closing(lines: Sequence[str], end: int, sender: Address) -> int:
    """ "Kind regards" and what is below it, when that is as short as names and addresses are."""
    below = 0
    for number in range(end - 1, max(-1, end - 2 * _LONGEST_BLOCK), -1):
        line = lines[number]
        if not line.strip():
            continue
        if _is_closing(line, below=below) and not _is_in_sentence(lines, number):
            return number
        below += 1
        if below > _LONGEST_BLOCK or not _is_line_of_block(line, sender):
            break
    return end


def _is_closing(line: str, *, below: int) -> bool:
    if len(line) > _LONGEST_LINE:
        return False
    if below > 1 and _THANKS.match(line):
        return True
    found = _CLOSING.match(line)
    if found is None:
        return False
    name = _words_of_name(found["name"])
    return bool(below or name) and all(map(_is_capitalised, name))  # alone it is not worth a fold


def _words_of_name(name: str) -> list[str]:
    words = _LETTERS.findall(name)
    return words[1:] if words and words[0].lower() in _LINKS else words


def _is_capitalised(word: str) -> bool:
    return not word[0].islower() or word in _PARTICLES


def _is_in_sentence(lines: Sequence[str], number: int) -> bool:
    """Whether the line above runs on into this one, as in "give him my best / regards"."""
    if not number or not lines[number - 1].strip():
        return False
    above = lines[number - 1].rstrip()
    return len(above) > _LONGEST_LINE // 2 and above[-1] not in ".!?,;:…)"


def _named(lines: Sequence[str], end: int, sender: Address) -> int:
    """A last paragraph with a name first, and ways to reach that person below."""
    first = end
    while first and lines[first - 1].strip() and end - first <= _LONGEST_BLOCK:
        first -= 1
    block = lines[first:end]
    above = _filled_end(lines, first)
    if not 2 <= len(block) <= _LONGEST_BLOCK or not above or lines[above - 1].rstrip()[-1:] in ":,;：":
        return end
    if not all(_is_line_of_block(line, sender) for line in block) or not _NAME.match(block[0]):
        return end
    contacts = sum(_CONTACT.search(line) is not None for line in block[1:])
    return first if contacts >= 2 or (contacts and _is_name_of(sender, block[0])) else end


def _is_name_of(sender: Address, line: str) -> bool:
    """Whether the line is the sender's name, or holds all of it."""
    name = {word.casefold() for word in _LETTERS.findall(sender.name) if len(word) > 1}
    words = {word.casefold() for word in _LETTERS.findall(line[:_LONGEST_LINE])}
    return len(name) > 1 and name <= words


def _is_line_of_block(line: str, sender: Address = Address()) -> bool:  # noqa: B008 - frozen
    """Whether the line may stand in a block of name, company and address: no sentence, no question."""
    if len(line) > _LONGEST_LINE * 2 or is_quoted(line) or _POSTSCRIPT.match(line) or _GREETING.match(line):
        return False
    if not line.strip() or _CONTACT.search(line) or _FOOTER.match(line) or _is_name_of(sender, line):
        return "?" not in line.rstrip()[-1:]
    words = line.split()
    if len(line) > _LONGEST_LINE or len(words) > _MOST_WORDS or line.rstrip().endswith(("?", ":", "…")):
        return False
    return len(words) < 6 or not _SENTENCE_END.search(line)


_LAYERS: tuple[_Layer, ...] = (_disclaimer, _footer, _marked, _closing, _named)
