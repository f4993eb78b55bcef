"""Where the new text of a mail ends and the quoted earlier correspondence begins.

Line by line, with what the common mail programs put above a quote in some twenty languages. Every pattern
is tried on at most a few hundred characters of a line, and what is below is looked at once, so the time is
linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailcore import phrases

MOST_LINES = 5_000
LONGEST_LINE = 400
_MOST_ATTRIBUTION_LINES = 4
_MOST_GAP = 3
_LONGEST_FOOTER = 20  # lines
_BLANK = " \t\xa0\ufeff"  # the last one opens texts of Outlook for Mac

_ATTRIBUTION = re.compile(rf"(?:^|[\s,>\])])(?:{phrases.WROTE})(?:$|[\s,:：;(\[])", re.I)
_ENDS_ATTRIBUTION = re.compile(r"(?:[:：]|\bwrote)\s*[*_]{0,2}\s*(?:-{2,8}|>)?\s*$", re.I)
_BARE_ATTRIBUTION = re.compile(
    # "2024-05-01 10:00 GMT+02:00 Bob <bob@example.com>:", and the East Asian ones, which have no verb
    # in the middle.
    r"^(?:[>\s]*\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}.{0,200}(?:<[^<>\s]+@[^<>\s]+>|"
    r"@[^\s]+)\s*[:：]?|.{0,300}(?:写道|寫道|のメール|書きました|작성)\s*[:：]?)\s*$"
)
_CHANGE_LOG = re.compile(r"\d{4}-\d\d-\d\d {2}")  # a programmer's list of changes, always with two spaces
_STARTER = re.compile(
    r"[>\s*_-]{0,12}(?:On|Am|Le|El|Il|Dne|Dňa|Den|Dnia|W dniu|Op|Em|Pe|Den|På|Ved|Vào|Στις|Dana|"
    r"Kuupäeval|Kl|El dia|Le|Mon|Tue|Wed|Thu|Fri|Sat|Sun|Mo|Di|Mi|Do|Fr|Sa|So|po|út|st|čt|pá|so|ne|ut|"
    r"št|pi|pon|wt|śr|czw|pt|sob|niedz|V|пн|вт|ср|чт|пт|сб|вс|"
    r"\d{1,2}[./ ]|\d{4}[-/.])[\s.,]?",
    re.I,
)
_TIME = re.compile(r"\b\d{1,2}[:.h]\d{2}\b")
_EMAIL = re.compile(r"[^\s<>@]{1,64}@[\w-]")
_NUMBER = re.compile(r"\d")
_YEAR = re.compile(r"\b(?:19|20)\d{2}\b")
_ANGLE_AT_END = re.compile(r"<[^<>\s]{3,254}>\s?[:：]\s*$")
_YEAR_THEN_VERB = re.compile(
    rf"^\w{{2,20}}, \d{{1,2}}\.? .{{0,200}}\b\d{{4}}\b.{{0,200}}\s(?:{phrases.WROTE})\s?[:：]\s*$", re.I
)

_DASHES = r"[>\s\ufeff]*[-_=*~]{1,40}\s?>?\s?"
_AFTER_DASHES = r".{0,60}?[-_=*~<\s]{0,60}$"
_ORIGINAL = re.compile(rf"{_DASHES}(?:{phrases.ORIGINAL}|{phrases.FORWARDED}){_AFTER_DASHES}", re.I)
_BEGIN_FORWARDED = re.compile(rf"[>\s]*(?:{phrases.BEGIN_FORWARDED})\s*[:：]?\s*$", re.I)
_RULE = re.compile(r"[>\s]*[-_=*]{2,200}\s*$")
_BEFORE_FIELD = r"[>\s|\ufeff]*[*_]{0,2}"
_AFTER_FIELD = r"\s?[*_]{0,2}\s?[:：]"
_FROM_LINE = re.compile(rf"{_BEFORE_FIELD}(?:{phrases.FROM}){_AFTER_FIELD}", re.I)
_FIELD_LINE = re.compile(
    rf"{_BEFORE_FIELD}(?:{phrases.FROM}|{phrases.SUBJECT}|{phrases.OTHER_FIELDS}){_AFTER_FIELD}", re.I
)
_SUBJECT_LINE = re.compile(rf"{_BEFORE_FIELD}(?:{phrases.SUBJECT}){_AFTER_FIELD}", re.I)
_LIST_FOOTER = re.compile(r"mailing list|to unsubscribe|unsubscribe from this", re.IGNORECASE)
_QUOTED = re.compile(r"\s{0,3}>")
# Without one of these in it or in one of the next lines, no line can be the head of a quotation.
_RULES = frozenset("-_=*~")
_HINTS = (":", "@", "wrote")
_FOREIGN_HINTS = ("：", "写道", "寫道", "のメール", "書きました", "작성")
_FOOTER = re.compile(rf"\s*(?:[-_=—–]{{2,}}|{phrases.FOOTERS})", re.I)


@dataclass(frozen=True, slots=True)
class _Page:
    """The lines of a text, and what stands at their end: looked for once, asked for at every line.

    ``tail`` is the first line of the ``>`` block that ends the text, ``last`` the last ``>`` line anywhere;
    -1 when there is none.
    """

    lines: Sequence[str]
    last: int
    tail: int


def quote_at(text: str) -> int:
    """Return the offset where quoted correspondence or a forwarded mail starts, ``len(text)`` if none does.

    A signature is not a quote. What has new text below it is no tail and stays, as in answers between the
    lines; a mail that would have nothing left keeps everything.
    """
    page = _read(text)
    worth_a_look = heads(page.lines)
    offset, has_text = 0, False
    for number, line in enumerate(page.lines):
        if number == page.tail or (number in worth_a_look and _opens_quote(page, number)):
            return offset if has_text else len(text)
        has_text = has_text or bool(line.strip())
        offset += len(line) + 1
    return len(text)


def heads(lines: Sequence[str]) -> set[int]:
    """Return the numbers of the lines that could be the head of a quotation, for a quick first look."""
    found: set[int] = set()
    for number, line in enumerate(lines[:MOST_LINES]):
        if line and _has_hint(line):
            found.update(range(number - _MOST_ATTRIBUTION_LINES + 1, number + 1))
    return found


def _has_hint(line: str) -> bool:
    if any(hint in line for hint in _HINTS) or line.lstrip("> \t\xa0\ufeff")[:1] in _RULES:
        return True
    return not line.isascii() and any(hint in line for hint in _FOREIGN_HINTS)


def is_quoted(line: str) -> bool:
    """Whether the line carries the mark of a quotation."""
    return _QUOTED.match(line) is not None


def _read(text: str) -> _Page:
    lines = text.split("\n")
    last = next((number for number in range(len(lines) - 1, -1, -1) if is_quoted(lines[number])), -1)
    tail = last
    if last < 0 or _has_new_text(lines, last + 1):
        return _Page(lines, last, -1)
    while tail and (is_quoted(lines[tail - 1]) or not lines[tail - 1].strip()):
        tail -= 1
    while not lines[tail].strip():
        tail += 1
    return _Page(lines, last, _with_attribution(lines, tail))


def _with_attribution(lines: Sequence[str], number: int) -> int:
    """Return where the words above a quotation begin, in a language whose verb we do not know.

    Two lines at most, with an address or a year, and a colon: "Vào Th 3, 5 thg 3, 2024 … đã viết:".
    """
    above = next((each for each in (number - 1, number - 2) if each >= 0 and lines[each].strip()), -1)
    if above < 0 or len(lines[above]) > LONGEST_LINE or not lines[above].rstrip().endswith((":", "：")):
        return number
    first = above - 1 if above and _EMAIL.search(lines[above - 1][:LONGEST_LINE]) else above
    words = " ".join(lines[first : above + 1])
    return first if len(words) <= LONGEST_LINE and _is_dated(words) and _TIME.search(words) else number


def _is_dated(words: str) -> bool:
    return bool(_EMAIL.search(words) or _YEAR.search(words))


def _has_new_text(lines: Sequence[str], first: int) -> bool:
    """Whether something follows that is neither empty nor the footer of a list or a phone."""
    for number in range(first, len(lines)):
        line = lines[number]
        if _FOOTER.match(line):
            return False
        if line.strip():
            return True
    return False


def _opens_quote(page: _Page, number: int) -> bool:
    lines, line = page.lines, page.lines[number]
    # Quoted lines count when they end the text: the tail.
    if not line or len(line) > LONGEST_LINE or is_quoted(line):
        return False
    if is_mark(line):
        return True
    if _RULE.match(line):
        return any(
            _is_block(lines, after) or _is_list_footer(lines, after)
            for after in next_filled(lines, number + 1, 1)
        )
    if is_header_block(lines, number):
        return True
    end = attribution_end(lines, number)
    return end >= 0 and _ends_with_quote(page, end)


def _is_list_footer(lines: Sequence[str], number: int) -> bool:
    """Whether the last few lines, from here on, are what a mailing list puts below each mail."""
    return len(lines) - number <= _LONGEST_FOOTER and bool(_LIST_FOOTER.search(lines[number][:LONGEST_LINE]))


def _ends_with_quote(page: _Page, first: int) -> bool:
    """Whether nobody answers below: all that follows ``first`` is the quotation."""
    below = next(next_filled(page.lines, first, 1), -1)
    if below >= 0 and is_quoted(page.lines[below]):
        return 0 <= page.tail <= below
    return page.last < first or page.tail >= 0


def is_mark(line: str) -> bool:
    """Whether the line says that an earlier mail follows: "-----Original Message-----" and its like."""
    line = line[:LONGEST_LINE].replace("’", "'")
    return bool(_ORIGINAL.match(line) or _BEGIN_FORWARDED.match(line))


def next_filled(lines: Sequence[str], first: int, most: int) -> Iterator[int]:
    """Yield the numbers of the next ``most`` lines that are not empty, looking a few lines ahead."""
    for number in range(first, min(first + most + _MOST_GAP * 2, len(lines))):
        if lines[number].strip():
            yield number
            most -= 1
            if not most:
                return


def is_header_block(lines: Sequence[str], number: int) -> bool:
    """Whether "From: … Sent: … To: … Subject: …" begins here, in one of many languages, in some order.

    Another field than From may come first when the others follow line by line.
    """
    if _FROM_LINE.match(lines[number][:LONGEST_LINE]):
        return _is_block(lines, number)
    below = lines[number + 1 : number + 3]
    return len(below) == 2 and all(map(_is_field, below)) and _is_block(lines, number)


def _is_field(line: str) -> bool:
    return _FIELD_LINE.match(line[:LONGEST_LINE]) is not None


def _is_block(lines: Sequence[str], number: int) -> bool:
    """Three fields, From among them, and a subject or an address: "From: Prague, To: …" is a journey."""
    if not _is_field(lines[number]):
        return False
    followers = [lines[each][:LONGEST_LINE] for each in next_filled(lines, number + 1, 5)]
    block = [lines[number][:LONGEST_LINE], *filter(_is_field, followers)]
    told = any("@" in line or _SUBJECT_LINE.match(line) for line in block)
    return told and len(block) >= 3 and any(map(_FROM_LINE.match, block))


def attribution_end(lines: Sequence[str], number: int) -> int:
    """Return the line after an attribution ("On 4 May, Bob wrote:") that begins here, or -1."""
    joined = ""
    for count, line in enumerate(lines[number : number + _MOST_ATTRIBUTION_LINES], start=1):
        joined = f"{joined} {line.strip(_BLANK)}".strip()
        if len(joined) > LONGEST_LINE or not line.strip():
            return -1
        if _is_attribution(joined):
            return number + count
        if count == 1 and not (_STARTER.match(joined) or ("<" in joined and _EMAIL.search(joined))):
            return -1
    return -1


def _is_attribution(text: str) -> bool:
    if _BARE_ATTRIBUTION.match(text):
        return _CHANGE_LOG.match(text) is None
    if not _ENDS_ATTRIBUTION.search(text):
        return False
    if not _ATTRIBUTION.search(text):
        # Without a verb: Wed, 30 Apr 2025 at 15:19, Bob <bob@example.com>
        return bool(_TIME.search(text) and _ANGLE_AT_END.search(text))
    if _TIME.search(text) or ("@" in text and _EMAIL.search(text)):
        return True
    return bool(_STARTER.match(text) and _NUMBER.search(text)) or bool(_YEAR_THEN_VERB.search(text))
