"""The header block: bytes → names and values, ids, dates, the subject that a thread shares. Never raises.

Nothing here asks the standard library's header classes, which raise on what spammers and scanners write.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from mailcore.addresses import addresses
from mailcore.charsets import decode
from mailcore.clean import clean_line
from mailcore.parsed import Address
from mailcore.words import decode_words

LONGEST_BLOCK = 256 * 1024
LONGEST_HEADER = 16 * 1024
MOST_REFERENCES = 50
SYNTHETIC_DOMAIN = "ucs.invalid"
"""Of the ids that we give to mails without one (RFC 2606: never anybody's)."""
_LONGEST_ID = 1000  # octets, since it must fit into an index

FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\n]*)(?:\n[ \t][^\n]*)*)\n?")
_STRAY_LINE = re.compile(
    rb"[ \t]*[^\s][^\n]{0,998}\n(?:[ \t][^\n]{0,998}\n){0,5}(?=(?:from|to|cc|subject|date|message-id|"
    rb"mime-version|content-type|content-transfer-encoding|received|return-path|reply-to)[ \t]{0,9}:)",
    re.IGNORECASE,
)
_BLANK = re.compile(rb"[ \t\r]*(?:\n|\Z)")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_BROKEN_LINES = re.compile(rb"\r*\n[ \t]*|\r")
_ID = re.compile(r"<([^<>]+)>")
_SPACE = re.compile(r"\s+")
_PREFIXES = (
    "re|fw|fwd|aw|wg|antw|antwort|sv|vs|vb|vl|vá|odp|odpoveď|odpověď|pd|rv|res|enc|ref|rif|r|i|tr|rép|ynt|ilt|"
    "atb|bls|továbbítás|válasz|fs|doorst|fwd?|hl|trs|ha|отв|отг|ответ|пер|нa|на|απ|πρθ|σχετ|"
    "回复|回覆|答复|转发|轉寄|轉發|返信|転送|답장|전달|השב|הועבר|رد|إعادة توجيه"
)
_PREFIX = re.compile(
    rf"\s*(?:{_PREFIXES})(?:\s?\[\d{{1,3}}\]|\s?\(\d{{1,3}}\)|\^\d{{1,3}}|\d{{1,2}})?\s?[:：]", re.I
)


@dataclass(slots=True)
class HeaderBlock:
    """The headers of one part. Names are lower case; values are raw bytes without the outer white space."""

    fields: dict[str, list[bytes]] = field(default_factory=dict)
    body_at: int = 0
    is_shortened: bool = False
    is_ragged: bool = False
    charset: str = ""  # how the body is written: a second opinion on 8-bit headers

    def raw(self, name: str) -> bytes:
        """Return the first value of a header, b"" when there is none."""
        values = self.fields.get(name)
        return values[0] if values else b""

    def text(self, name: str) -> str:
        """Return the first value as text on one line, encoded words not yet decoded."""
        return self._text(self.raw(name))

    def texts(self, name: str) -> list[str]:
        """Return every value as text, encoded words not yet decoded."""
        return [self._text(value) for value in self.fields.get(name, ())]

    def decoded(self, name: str) -> str:
        """Return the first value that says something, decoded and on one line."""
        for value in self.fields.get(name, ()):
            text = clean_line(decode_words(self._text(value), self.charset))
            if text:
                return text
        return ""

    def addresses(self, name: str) -> tuple[tuple[Address, ...], bool]:
        """Return all addresses of a header, even one that stands there twice, and if there were too many."""
        found: dict[Address, None] = {}
        shortened = False
        for text in self.texts(name)[:20]:
            some, more = addresses(text, self.charset)
            found.update(dict.fromkeys(some))
            shortened = shortened or more
        return tuple(found), shortened

    def _text(self, value: bytes) -> str:
        value = _BROKEN_LINES.sub(b" ", value).strip()
        return value.decode("ascii") if value.isascii() else decode(value, "", self.charset)[0]


def read_headers(raw: bytes, start: int, end: int) -> HeaderBlock:
    """Read the header block at ``raw[start:end]``; ``body_at`` says where the body begins.

    A block ends at an empty line, or, lacking that, at the first line that cannot be a header.
    """
    block = HeaderBlock()
    position, kept = start, 0
    while position < end and kept < LONGEST_BLOCK:
        match = FIELD.match(raw, position, end)
        if match is None and position > start and not block.is_ragged:
            # One stray line between headers, forgiven when a well-known header follows it.
            stray = _STRAY_LINE.match(raw, position, end)
            block.is_ragged = stray is not None
            match = FIELD.match(raw, stray.end(), end) if stray else None
        if match is None:
            break
        value = match[2]
        kept += min(match.end() - position, LONGEST_HEADER)
        if len(value) > LONGEST_HEADER:
            value, block.is_shortened = value[:LONGEST_HEADER], True
        block.fields.setdefault(match[1].decode("ascii").lower(), []).append(value.strip())
        position = match.end()
    block.body_at = _body_start(raw, position, end, block)
    return block


def _body_start(raw: bytes, position: int, end: int, block: HeaderBlock) -> int:
    if position >= end:
        return end
    blank = _BLANK.match(raw, position, end)
    if blank:
        return blank.end()
    if FIELD.match(raw, position, end):  # more headers than we read
        block.is_shortened = True
        found = _EMPTY_LINE.search(raw, position, end)
        return found.end() if found else end
    block.is_ragged = True
    return position


def message_ids(value: str) -> tuple[str, ...]:
    """Return the ids of a Message-ID, In-Reply-To or References header without <>, in order, each once.

    Of more than 50 the first and the last 49 are kept.
    """
    ids: Iterable[str] = _ID.findall(value)
    if not ids:
        ids = (word for word in value.split() if "@" in word)
    clean = (_SPACE.sub("", clean_line(each)).strip("<>\"',;") for each in ids)
    unique = [each for each in dict.fromkeys(clean) if each and len(each.encode()) <= _LONGEST_ID]
    if len(unique) > MOST_REFERENCES:
        unique = [unique[0], *unique[1 - MOST_REFERENCES :]]
    return tuple(unique)


def read_date(value: str) -> datetime | None:
    """Return a Date header as aware UTC; None when it cannot be read or lies before 1980 or after 2100."""
    try:
        fields = parsedate_tz(value[:200])
        if fields is None:
            return None
        zone = timezone(timedelta(seconds=fields[9] or 0)) if abs(fields[9] or 0) < 86_400 else UTC
        date = datetime(*fields[:6], tzinfo=zone).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if 1980 <= date.year <= 2100 else None


def thread_subject(subject: str) -> str:
    """Return the subject without "Re:", "Fwd:", "AW:", "SV:", "Odp:" and their relatives, however many."""
    position = 0
    while match := _PREFIX.match(subject, position):
        position = match.end()
    return subject[position:].strip()
