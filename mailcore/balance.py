"""Tames HTML before any browser algorithm sees it: known tags, well nested, bounded depth and work.

The HTML standard's tree building needs quadratic time and memory for deep nesting, in every implementation.
"""

import re

from mailcore.allowed import TAGS

_DEEPEST = 120
_MOST_WORK = 3_000_000  # sum of the depths of all tags

_COMMENT_END = re.compile(r"--!?>")
_RAW_TEXT = (
    "script",
    "style",
    "title",
    "textarea",
    "xmp",
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "template",
)
_VOID = {"br", "hr", "img", "col", "wbr"}
_TOKEN = re.compile(
    r"<(?P<comment>!--)|<[!?][^<>]*>?"
    r"|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/<>]*)"
    # Possessive: what was read as attributes is never read again, or a tag that does not end would
    # cost n squared.
    r"(?P<attributes>(?:[\s/]*[a-zA-Z][\w:.-]*(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?)*+)"
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


def balanced(html: str) -> str:
    """Return ``html`` with known tags only, well nested, at most 120 deep, with bounded work to parse it.

    Everything between two tags goes out with < escaped, so the next parser sees exactly the tags written
    here.
    """
    out: list[str] = []
    stack: list[str] = []
    position = work = 0
    while match := _TOKEN.search(html, position):
        out.append(html[position : match.start()])
        position = match.end()
        name = (match["name"] or "").lower()
        if match["comment"]:
            end = _COMMENT_END.search(html, position - 2)
            position = end.end() if end else len(html)
        elif match["stray"]:
            out.append("&lt;")
        elif name in _RAW_TEXT and not match["end"]:
            end = re.compile(f"</{name}[^<>]*>", re.IGNORECASE).search(html, position)
            position = end.end() if end else len(html)
        elif name in TAGS and work < _MOST_WORK:
            work += len(stack) + 1
            attributes = match["attributes"] if match["whole"] else ""
            out.append(_close(name, stack) if match["end"] else _open(name, attributes, stack))
    out.append(html[position:])
    out.extend(f"</{name}>" for name in reversed(stack))
    return "".join(out)


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
