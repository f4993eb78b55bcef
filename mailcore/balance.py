"""Tames HTML before any browser algorithm sees it: known tags, well nested, bounded depth and work.

The HTML standard's tree building needs quadratic time and memory for deep nesting, in every implementation;
nh3 needs quadratic time for character references too (3 MB of & took 90 s).
"""

import re
from html import escape, unescape

from mailcore.allowed import DROPPED_WITH_CONTENT, TAGS

_DEEPEST = 100
_MOST_WORK = 1_500_000  # sum over all tags of their depth and this much each:
_WORK_PER_TAG = 10
_MOST_REFERENCES = 300_000

_COMMENT_END = re.compile(r"--!?>")
_RAW_TEXT = DROPPED_WITH_CONTENT | {"xmp", "iframe", "noembed", "noframes"}
_ANY_TAG = re.compile(r"<[^<>]*>")
_REFERENCE = re.compile(r"&(#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6});|[A-Za-z][A-Za-z0-9]{1,31};)?")
# Private use characters for what must be written as a reference again behind the parser.
_STAND_INS = {"&": "\ue000", "<": "\ue001", ">": "\ue002", '"': "\ue003", "'": "\ue004"}
_STAND_IN = re.compile("[\ue000-\ue004]")
_VOID = {"br", "hr", "img", "col", "wbr"}
_TOKEN = re.compile(
    r"<(?P<comment>!--)|<[!?][^<>]*>?"
    r"|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/<>]*)"
    # What follows always matches, so what was read as attributes is never read again: a tag that does
    # not end would cost n squared.
    r"(?P<attributes>(?:[\s/]*[a-zA-Z][\w:.-]*(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?)*)"
    r"(?:[\s/]*(?P<whole>>)|[^<>]*>?)"
    r"|(?P<stray><)"
)
# An opening tag ends these by itself when they are the innermost.
_ENDS = {
    "p": {"p"},
    "li": {"li", "p"},
    "dt": {"dt", "dd", "p"},
    "dd": {"dt", "dd", "p"},
    "td": {"td", "th", "p"},
    "th": {"td", "th", "p"},
    "tr": {"td", "th", "tr", "p"},
}


def plain_references(html: str) -> str:
    """Return ``html`` with every character reference resolved; those of markup wait as stand-ins.

    Beyond 300,000 of them none is resolved.
    """
    if html.count("&") > _MOST_REFERENCES:
        return html.replace("&", _STAND_INS["&"])
    return _REFERENCE.sub(_plain_reference, html)


def _plain_reference(match: re.Match[str]) -> str:
    characters = unescape(match[0]) if match[1] else match[0]
    return "".join(_STAND_INS.get(each, each) for each in characters)


def without_stand_ins(html: str) -> str:
    """Return ``html`` without characters that could be taken for our stand-ins."""
    return _STAND_IN.sub("\ufffd", html)


def references_back(html: str) -> str:
    """Return parsed and cleaned ``html`` with the stand-ins written as character references."""
    for character, stand_in in _STAND_INS.items():
        html = html.replace(stand_in, escape(character))
    return html


def balanced(html: str) -> str:
    """Return ``html`` with known tags only, well nested, at most 100 deep, with bounded work to parse it.

    Between two tags no < goes out, so the next parser sees exactly the tags written here.
    """
    out: list[str] = []
    stack: list[str] = []
    position = work = 0
    while work < _MOST_WORK and (match := _TOKEN.search(html, position)):
        out.append(html[position : match.start()])
        position = match.end()
        work += len(stack) + _WORK_PER_TAG
        name = (match["name"] or "").lower()
        if match["comment"]:
            position = _after(_COMMENT_END, html, position - 2)
        elif match["stray"]:
            out.append(_STAND_INS["<"])
        elif name in _RAW_TEXT and not match["end"]:
            position = _after(re.compile(f"</{name}[^<>]*>", re.IGNORECASE), html, position)
        elif name in TAGS:
            attributes = match["attributes"] if match["whole"] else ""
            out.append(_close(name, stack) if match["end"] else _open(name, attributes, stack))
    out.append(_ANY_TAG.sub(" ", html[position:]).replace("<", _STAND_INS["<"]))
    out.extend(f"</{name}>" for name in reversed(stack))
    return "".join(out)


def _after(end: re.Pattern[str], html: str, position: int) -> int:
    found = end.search(html, position)
    return found.end() if found else len(html)


def _open(name: str, attributes: str, stack: list[str]) -> str:
    if name in _VOID:
        return f"<{name}{attributes}>"
    closed = ""
    while stack and stack[-1] in _ENDS.get(name, ()):
        closed += f"</{stack.pop()}>"
    if len(stack) >= _DEEPEST:
        return closed + " "
    stack.append(name)
    return f"{closed}<{name}{attributes}>"


def _close(name: str, stack: list[str]) -> str:
    if name not in stack:
        return ""
    closed: list[str] = []
    while not closed or closed[-1] != name:
        closed.append(stack.pop())
    return "".join(f"</{each}>" for each in closed)
