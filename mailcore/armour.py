"""PGP inside the text of a letter (RFC 4880 6 and 7): the armour is taken out, signed words stay.

Nothing is checked or deciphered. The block as it came is a file of the mail, for a program that can.
"""

import re
from dataclasses import dataclass

MOST = 20
MARK = b"-----BEGIN PGP "
_BEGIN = re.compile(rb"^-----BEGIN PGP (SIGNED MESSAGE|MESSAGE)-----[ \t]*\r?\n", re.MULTILINE)
_SIGNATURE = re.compile(rb"^-----BEGIN PGP SIGNATURE-----[ \t]*\r?$", re.MULTILINE)
_END = {
    b"SIGNED MESSAGE": re.compile(rb"^-----END PGP SIGNATURE-----[ \t]*\r?(?:\n|\Z)", re.MULTILINE),
    b"MESSAGE": re.compile(rb"^-----END PGP MESSAGE-----[ \t]*\r?(?:\n|\Z)", re.MULTILINE),
}
_ARMOUR_HEADERS = re.compile(rb"(?:[A-Za-z][\w-]{0,30}: [^\r\n]*\r?\n)*[ \t]*\r?\n")
_DASHED = re.compile(rb"^- ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A block at ``text[start:end]``; ``signed`` are the words to show in its place."""

    start: int
    end: int
    is_encrypted: bool
    signed: bytes


def blocks(text: bytes) -> list[Block]:
    """Return the blocks of a text in order; one without its end is left as it is."""
    found: list[Block] = []
    position = 0
    while len(found) < MOST and (begin := _BEGIN.search(text, position)):
        end = _END[begin[1]].search(text, begin.end())
        if end is None:
            break
        is_encrypted = begin[1] == b"MESSAGE"
        signed = b"" if is_encrypted else _signed(text, begin.end(), end.start())
        found.append(Block(begin.start(), end.end(), is_encrypted, signed))
        position = end.end()
    return found


def _signed(text: bytes, start: int, end: int) -> bytes:
    headers = _ARMOUR_HEADERS.match(text, start, end)
    start = headers.end() if headers else start
    signature = _SIGNATURE.search(text, start, end)
    return _DASHED.sub(b"", text[start : signature.start() if signature else end])
