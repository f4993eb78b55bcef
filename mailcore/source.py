"""A mail as mail administrators look at it: every header in order, decoded and as it came, and its text."""

from dataclasses import dataclass

from mailcore.charsets import decode
from mailcore.clean import clean_line, clean_text
from mailcore.headers import LONGEST_BLOCK, LONGEST_HEADER
from mailcore.words import decode_words

MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """`fields` are names with decoded values; `head` and `body` the characters of the mail, cut if long."""

    fields: tuple[tuple[str, str], ...]
    head: str
    body: str
    is_cut: bool


def read_source(raw: bytes, longest: int) -> Source:
    """Read it. Never raises.

    Args:
        longest: octets of the body that are wanted.
    """
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    head, _, body = raw.partition(b"\n\n")
    is_cut = len(body) > longest or len(head) > LONGEST_BLOCK
    head, body = head[:LONGEST_BLOCK], body[:longest]
    return Source(_fields(head), _text(head), _text(body), is_cut)


def _fields(head: bytes) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, list[bytes]]] = []
    for line in head.split(b"\n"):
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and found:
            found[-1][1].append(line.strip())
        elif colon and name.strip() and len(found) < MOST_FIELDS:
            found.append((_text(name.strip())[:100], [value.strip()]))
    return tuple((name, _decoded(b" ".join(lines)[:LONGEST_HEADER])) for name, lines in found)


def _decoded(value: bytes) -> str:
    return clean_line(decode_words(decode(value)[0]))


def _text(data: bytes) -> str:
    return clean_text(decode(data)[0])
