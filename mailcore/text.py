"""The text of a mail in its two shapes, plain and HTML, and the way from one to the other."""

import re
from html import escape

from mailcore.clean import clean_text
from mailcore.markup import CLEAN_TAG, sanitise, show_remote, with_cid_urls
from mailcore.quoting import quote_at

__all__ = [
    "html_to_text",
    "quote_at",
    "quote_text",
    "sanitise",
    "show_remote",
    "text_of_sanitised",
    "text_to_html",
    "with_cid_urls",
]

_LONGEST_TEXT = 4_000_000
BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_APART = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table"})
_REFERENCES = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#x27;", "'"),
    ("&nbsp;", "\xa0"),
    ("&amp;", "&"),  # last, or "&amp;lt;" would become "<"
)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_ALT = re.compile(r' alt="([^"]+)"')
_MANY_EMPTY = re.compile(r"\n{3,}")
_SPACE_AT_END = re.compile(r"[ \t\xa0]+\n")
_LINK = re.compile(
    r"\b(?:https?://|www\.)[^\s<>\"'\x00-\x1f]{2,2000}|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)
_AFTER_LINK = ".,;:!?)]}»”’"


def html_to_text(html: str) -> str:
    """Return what a reader sees of any HTML: paragraphs, lists, cells side by side, quotes as ``> ``."""
    return text_of_sanitised(sanitise(html))


def text_of_sanitised(html: str) -> str:
    """Return the text of HTML that comes from ``sanitise``: well-formed, so one pass is enough."""
    return _written(html).result()


def lines_of_sanitised(html: str) -> tuple[list[str], list[int]]:
    """Return the lines of text in HTML that comes from ``sanitise``, and where in ``html`` each begins.

    A line begins where the text before it ends, so the tags around it belong to it.
    """
    writer = _written(html)
    writer.finish()
    return writer.lines, writer.starts


def _written(html: str) -> "_Writer":
    writer = _Writer()
    position = 0
    for tag in CLEAN_TAG.finditer(html):
        writer.text(html[position : tag.start()], position)
        writer.tag(tag[2], closing=bool(tag[1]), attributes=tag[3], at=tag.end())
        position = tag.end()
    writer.text(html[position:], position)
    return writer


class _Writer:
    """Collects lines; knows how deep in quotes and preformatted text it is.

    ``starts`` says for each line where the text before it ended in the HTML, ``end`` is that place now.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.starts: list[int] = []
        self.line: list[str] = []
        self.begun = self.end = 0
        self.quotes = 0
        self.preformatted = 0

    def text(self, text: str, at: int) -> None:
        """Add text that stands at ``at`` in the HTML, with the references it has there."""
        if not text:
            return
        if self.preformatted:
            *whole, last = text.split("\n")
            for each in whole:
                at += len(each) + 1
                self.add(_unescape(each), at)
                self.end_line()
            self.add(_unescape(last), at + len(last))
            return
        end = at + len(text)
        text = _SPACE.sub(" ", _unescape(text))
        if not self.line or self.line[-1].endswith((" ", "\t")):
            text = text.lstrip(" ")
        self.add(text, end)

    def add(self, text: str, end: int) -> None:
        """Add to the line what ends at ``end`` in the HTML."""
        if not text:
            return
        if not self.line:
            self.begun = self.end
        self.line.append(text)
        if not text.isspace():
            self.end = end

    def tag(self, name: str, *, closing: bool, attributes: str, at: int) -> None:
        if name == "br":
            self.end_line()
        elif name == "img":
            alt = _ALT.search(attributes)
            self.add(_unescape(alt[1]) if alt else "", at)
        elif name in ("td", "th") and closing:
            self.add("\t", at)
        elif name in BLOCKS:
            self.block(name, closing)

    def block(self, name: str, closing: bool) -> None:
        if self.line:
            self.end_line()
        if name == "blockquote" and closing:
            while self.lines and not self.lines[-1].strip("> "):
                self.lines.pop()
                self.starts.pop()
            self.quotes = max(0, self.quotes - 1)
        if name in _APART:
            self.empty_line()
        if name == "blockquote" and not closing:
            self.quotes += 1
        elif name == "pre":
            self.preformatted = max(0, self.preformatted + (-1 if closing else 1))
        elif name == "li" and not closing:
            self.add("- ", self.end)
        elif name == "hr":
            self.add("-" * 20, self.end)
            self.end_line()

    def empty_line(self) -> None:
        if self.lines and self.lines[-1].strip("> "):
            self.end_line()

    def end_line(self) -> None:
        line = "".join(self.line).rstrip()
        self.lines.append("> " * min(self.quotes, 20) + line if self.quotes else line)
        self.starts.append(self.begun if self.line else self.end)
        self.line = []

    def finish(self) -> None:
        if self.line:
            self.end_line()

    def result(self) -> str:
        self.finish()
        text = _SPACE_AT_END.sub("\n", "\n".join(self.lines))
        return _MANY_EMPTY.sub("\n\n", clean_text(text)).strip()


def _unescape(text: str) -> str:
    """Resolve the references that nh3 writes; there are no others in its output."""
    if "&" not in text:
        return text
    for reference, character in _REFERENCES:
        text = text.replace(reference, character)
    return text


def text_to_html(text: str) -> str:
    """Return plain text as HTML: escaped, line breaks kept, addresses of pages and people as links."""
    text = clean_text(text[:_LONGEST_TEXT])
    pieces: list[str] = []
    position = 0
    for match in _LINK.finditer(text):
        link = match[0].rstrip(_AFTER_LINK)
        if len(link) < 4:
            continue
        pieces += [escape(text[position : match.start()]), _anchor(link)]
        position = match.start() + len(link)
    pieces.append(escape(text[position:]))
    html = "".join(pieces).replace("\n", "<br>\n")
    return f"<div>{html}</div>" if html else ""


def _anchor(link: str) -> str:
    if link.startswith(("http://", "https://")):
        target = link
    else:
        target = f"mailto:{link}" if "@" in link and not link.startswith("www.") else f"https://{link}"
    return f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer">{escape(link)}</a>'


def quote_text(text: str, attribution: str) -> str:
    """Return ``text`` quoted with ``> `` below its attribution line ("On … wrote:")."""
    lines = clean_text(text).strip("\n").split("\n")
    quoted = (f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in lines)
    return "\n".join([attribution, *quoted] if attribution else quoted)
