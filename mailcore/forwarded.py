"""Whose mail a person has forwarded by hand: read from the header lines that mail programs put into the text.

A quoted mail looks the same in an answer. It was forwarded when the text or the subject says so, or when it
does not go back to the one who is quoted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailcore import phrases
from mailcore.addresses import clean_email
from mailcore.clean import clean_line
from mailcore.headers import read_headers
from mailcore.parsed import Address, Forwarded
from mailcore.quoting import LONGEST_LINE, attribution_end, heads, is_header_block, is_mark, next_filled

_MOST_LINES = 2_000
_MOST_FIELDS = 16
_LONGEST_ONE_LINE = 2_000  # Yahoo puts all fields on one line
_LONGEST_NAME = 300
_LONGEST_HEADERS = 65_536
_LONGEST_SUBJECT = 1_000

_MARKED = re.compile(
    rf"[>\s\ufeff]*(?:[-_=*~]{{1,40}}\s?>?\s?(?:{phrases.FORWARDED})|(?:{phrases.BEGIN_FORWARDED})\s*[:：]?\s*$)",
    re.I,
)
_RULE = re.compile(r"[>\s]*[-_=*]{5,200}\s*$")
_MARKS_OF_SUBJECTS = re.compile(rf"\s*(?:\[[^\]]{{1,40}}\]\s*)?(?:{phrases.FORWARD_MARKS})\s?[:：]", re.I)
_FIELD = re.compile(
    rf"[>\s|\ufeff]*[*_]{{0,2}}(?:(?P<sender>{phrases.FROM})|(?P<subject>{phrases.SUBJECT})|"
    rf"(?:{phrases.OTHER_FIELDS}))\s?[*_]{{0,2}}\s?[:：][*_]{{0,2}}(?P<value>.*)$",
    re.I,
)
_SENDER_IN_LINE = re.compile(rf"(?:{phrases.FROM})\s?[:：](?P<value>.*?<[^<>\s]{{3,254}}>)", re.I)
_SUBJECT_IN_LINE = re.compile(rf"(?:{phrases.SUBJECT})\s?[:：](?P<value>.*)$", re.I)
_EMAIL = re.compile(r"[^\s<>()\[\],;:\"'@]{1,64}@[^\s<>()\[\],;:\"'@]{1,254}")
_INDENTED = re.compile(r"(?: {4}|\t|\s{0,3}>)")
_QUOTE_MARKS = re.compile(r"\A[\s>]*>\s?")
_ANY_FIELD = re.compile(r"[^\W\d_][\w -]{1,24}\s?[:：]\s")
NOBODY = Address()
_NAME_EDGES = " \t\"'<>()[]*_,;:"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of the mail that has the text: its subject, who wrote it and to whom."""

    subject: str = ""
    sender: Address = NOBODY
    recipients: tuple[Address, ...] = ()

    @property
    def is_forward(self) -> bool:
        """Whether the subject says so, as in "Fwd: …", "WG: …", "TR: …"."""
        return _MARKS_OF_SUBJECTS.match(self.subject[:100]) is not None


def read_forwarded(text: str, envelope: Envelope) -> Forwarded | None:
    """Return the original sender and subject of the mail forwarded in ``text``, None when none is."""
    whole = text.replace("’", "'").split("\n", _MOST_LINES)[:_MOST_LINES]
    lines = [_QUOTE_MARKS.sub("", line[:_LONGEST_ONE_LINE], count=1) for line in whole]
    worth_a_look = heads(lines)
    has_comment = False
    for number, line in enumerate(lines):
        if number not in worth_a_look:
            has_comment = has_comment or bool(line.strip())
            continue
        if _MARKED.match(line[:LONGEST_LINE]):
            found = _block_below(lines, number + 1) or _in_one_line(line)
            if found:
                return found
        found, is_set_off = _unmarked(lines, whole, number)
        if found:
            return found if _is_forwarded(found.from_, envelope, has_comment, is_set_off) else None
        has_comment = has_comment or bool(line.strip(" \t\ufeff"))
    return None


def read_attached(data: bytes) -> Forwarded | None:
    """Return the sender and subject of a mail that was forwarded as an attachment."""
    headers = read_headers(data, 0, min(len(data), _LONGEST_HEADERS))
    sender = next(iter(headers.addresses("from")[0]), None)
    return Forwarded(sender, headers.decoded("subject")) if sender else None


def _unmarked(lines: Sequence[str], whole: Sequence[str], number: int) -> tuple[Forwarded | None, bool]:
    """Return the mail quoted from here on, and whether a line sets it off from what is above."""
    line = lines[number]
    if not line.strip() or len(line) > LONGEST_LINE:
        return None, False
    if is_mark(line) or _RULE.match(line):
        return _block_below(lines, number + 1), True
    if is_header_block(lines, number):
        return _block(lines, number), False
    end = attribution_end(lines, number)
    if end < 0 or not all(_INDENTED.match(each) or not each.strip() for each in whole[end:]):
        return None, False
    sender = _address(" ".join(lines[number:end]), with_name=False)
    return (Forwarded(sender), False) if sender.email else (None, False)


def _is_forwarded(original: Address, envelope: Envelope, has_comment: bool, is_set_off: bool) -> bool:
    """Whether a quoted mail without a word about it was forwarded: not when it is answered.

    An answer goes to the one who is quoted, or to a colleague at the same company.
    """
    if envelope.is_forward:
        return True
    partners = {each.email.rpartition("@")[2] for each in envelope.recipients}
    if original.email and (not partners or original.email.rpartition("@")[2] in partners):
        return False
    if original.email.lower() == envelope.sender.email.lower():
        return False
    return not has_comment or (is_set_off and bool(original.email))


def _block_below(lines: Sequence[str], first: int) -> Forwarded | None:
    below = next(next_filled(lines, first, 1), -1)
    return _block(lines, below) if below >= 0 and _FIELD.match(lines[below][:LONGEST_LINE]) else None


def _block(lines: Sequence[str], number: int) -> Forwarded | None:
    """Read header fields up to the first empty line behind them; a folded value goes on until the next."""
    values: dict[str, str] = {}
    current, folded = "", ""
    for each in next_filled(lines, number, _MOST_FIELDS):
        field = _FIELD.match(lines[each][:LONGEST_LINE])
        if field is None and each and not lines[each - 1].strip():
            break
        if field is None and not _ANY_FIELD.match(lines[each]):
            folded += f" {lines[each].strip()}"
            continue
        if current and folded:
            values[current] += folded
        current, folded = _kind(field), ""
        if field is not None and current:
            values.setdefault(current, field["value"].strip(" \t*_"))
    sender = _address(values.get("sender", ""))
    if not sender.email and not sender.name:
        return None
    return Forwarded(sender, clean_line(values.get("subject", ""))[:_LONGEST_SUBJECT])


def _kind(field: re.Match[str] | None) -> str:
    if field is None:
        return ""
    return "sender" if field["sender"] else "subject" if field["subject"] else ""


def _in_one_line(line: str) -> Forwarded | None:
    sender = _SENDER_IN_LINE.search(line)
    if sender is None:
        return None
    subject = _SUBJECT_IN_LINE.search(line, sender.end())
    return Forwarded(_address(sender["value"]), clean_line(subject["value"]) if subject else "")


def _address(value: str, *, with_name: bool = True) -> Address:
    """Read "Bob <bob@example.com>", "Bob [mailto:bob@example.com]", "bob@example.com (Bob)", "Bob"."""
    value = value.replace("mailto:", "")
    email = _EMAIL.search(value)
    if email is None:
        return Address(clean_line(value.strip(_NAME_EDGES))[:_LONGEST_NAME] if with_name else "")
    name = value[: email.start()].strip(_NAME_EDGES) if with_name else ""
    return Address(clean_line(name)[:_LONGEST_NAME], clean_email(email[0].rstrip(".")))
