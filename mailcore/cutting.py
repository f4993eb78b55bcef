"""Sanitised HTML cut where the signature and the quoted part begin, each piece well-formed by itself.

The place is found in the text that the HTML shows, so it does not matter by which program, with which tags
and classes, the mail was made. The tags that are open at a cut are closed before it and opened again behind.
"""

import re

from mailcore.folding import Kind, Piece
from mailcore.markup import CLEAN_TAG
from mailcore.parsed import Address
from mailcore.quoting import quote_at
from mailcore.signature import signature_at
from mailcore.text import lines_of_sanitised

_VOID = frozenset({"br", "hr", "img", "col", "wbr"})
# Between two pieces: the ends of the one above, and empty lines.
_ENDS = re.compile(r"(?:</[a-z0-9]+>|\s+|<br ?/?>|&nbsp;|\xa0)*")


def cut(html: str, sender: Address | None) -> tuple[Piece, ...]:
    """Return the pieces of HTML that comes from ``sanitise``: new text, signature, quoted part.

    Args:
        html: sanitised; images may have addresses already.
        sender: who wrote the mail (see ``signature_at``); None for a machine, which signs nothing.
    """
    lines, starts = lines_of_sanitised(html)
    text = "\n".join(lines)
    quote = quote_at(text)
    signature = quote if sender is None else signature_at(text, quote, sender)
    edges = [0, _place(html, text, starts, signature), _place(html, text, starts, quote), len(html)]
    kinds = (Kind.NEW, Kind.SIGNATURE, Kind.QUOTE)
    ranges = [each for each in zip(kinds, edges, edges[1:], strict=False) if each[1] < each[2]]
    return _well_formed(html, ranges)


def _place(html: str, text: str, starts: list[int], offset: int) -> int:
    """Return where the line at ``offset`` of the text begins in the HTML, its own tags included."""
    if offset >= len(text):
        return len(html)
    ends = _ENDS.match(html, starts[text.count("\n", 0, offset)])
    return ends.end() if ends else len(html)


def _well_formed(html: str, ranges: list[tuple[Kind, int, int]]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    open_tags: list[tuple[str, str]] = []  # name, the whole tag
    for kind, start, end in ranges:
        opened_again = "".join(tag for _, tag in open_tags)
        for tag in CLEAN_TAG.finditer(html, start, end):
            if not tag[1] and tag[2] not in _VOID:
                open_tags.append((tag[2], tag[0]))
            elif tag[1] and open_tags and open_tags[-1][0] == tag[2]:
                open_tags.pop()
        closed = "".join(f"</{name}>" for name, _ in reversed(open_tags))
        found.append(Piece(kind, f"{opened_again}{html[start:end]}{closed}"))
    return tuple(found)
