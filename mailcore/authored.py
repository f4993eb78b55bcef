"""What agents write with formatting: the few tags that the editor makes, and the plain text beside them.

What is pasted into an editor comes from anywhere. So the HTML is made again from an allow list that is much
shorter than that of incoming mail: no style can hide anything, no picture but the mail's own can be loaded.
"""

import re
from collections.abc import Collection
from html import escape
from html.parser import HTMLParser

import nh3

from mailcore.clean import clean_text
from mailcore.markup import sanitise

_TAGS = "a b blockquote br code em hr i img li ol p pre s strong u ul"


def _allowed(tag: str, name: str, value: str) -> str | None:
    """Pictures of the mail itself, links that lead somewhere else."""
    is_own = value.lower().startswith("cid:")
    if name == "src":
        return value if is_own else None
    return None if name == "href" and is_own else value


_CLEANER = nh3.Cleaner(
    tags=set(_TAGS.split()),
    attributes={"a": {"href"}, "img": {"src", "alt"}, "ol": {"start"}},
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    url_relative="deny",
    link_rel=None,
    attribute_filter=_allowed,
    strip_comments=True,
)
_NO_PICTURE = re.compile(r'<img(?![^>]* src="cid:)[^>]*>')
_PICTURE = re.compile(r'<img src="cid:([^"]*)"[^>]*>')
_EMPTY_START = re.compile(r"<li>(?:<p></p>)+")
_TIGHT_ITEM = re.compile(r"<li><p>((?:(?!</?(?:p|li)>).)*)</p>", re.DOTALL)
_NOTHING = re.compile(r"<p>(?:\s|<br>|&nbsp;)*</p>\s*")
_START = re.compile(r"[0-9]{1,6}")
_SPACE = re.compile(r"[ \t\r\n]+")
_BLOCKS = frozenset({"p", "blockquote", "ul", "ol", "li", "pre", "hr"})
_WITHOUT_SCHEME = re.compile(r"^(?:mailto:|tel:|https?://)|/$")
PICTURE = "[image: {}]"  # where a picture stands in plain text
RULE = "-" * 20


def tidy(html: str) -> str:
    """Return the HTML with nothing in it but what the editor offers; "" when there is nothing to read."""
    clean = _NO_PICTURE.sub("", _CLEANER.clean(sanitise(clean_text(html))))
    clean = _TIGHT_ITEM.sub(r"<li>\1", _EMPTY_START.sub("<li>", clean))
    clean = _without_end(clean).strip().replace("<p></p>", "<p><br></p>")
    return clean if plain(clean).strip() else ""


def _without_end(html: str) -> str:
    """Without the empty paragraphs at the end, looked at from there: one search for them is quadratic."""
    end = len(html)
    while (begin := html.rfind("<p>", 0, end)) >= 0 and _NOTHING.fullmatch(html, begin, end):
        end = begin
    return html[:end]


def only_pictures(html: str, content_ids: Collection[str]) -> str:
    """Return what `tidy` gave without the pictures that the mail does not have."""
    return _PICTURE.sub(lambda found: found[0] if found[1] in content_ids else "", html)


def from_text(text: str) -> str:
    """Return plain text as the editor would have it: a paragraph for each, line breaks kept."""
    blocks = re.split(r"\n{2,}", clean_text(text).strip("\n"))
    lines = (escape(block, quote=False).replace("\n", "<br>") for block in blocks if block)
    return "".join(f"<p>{each}</p>" for each in lines)


def plain(html: str) -> str:
    """Return what `tidy` gave as plain text: marks before items, > before quotes, addresses after links."""
    writer = _Plain()
    writer.feed(html)
    writer.close()
    return writer.result()


class _Plain(HTMLParser):
    """Collects lines; `marks` are what they begin with, outermost first: the first line, the others."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.line: list[str] = []  # in pieces: a text that grows at its end is copied each time
        self.marks: list[list[str]] = []
        self.numbers: list[int] = []  # of the lists around; 0: without numbers
        self.link = ("", 0)
        self.is_apart = False
        self.is_kept = 0  # within preformatted text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in _BLOCKS:
            self._begin(tag, values)
        elif tag == "br":
            self.line.append("\n")
        elif tag == "img":
            self.line.append(PICTURE.format(values.get("alt") or "picture"))
        elif tag == "a":
            self.link = (values.get("href") or "", len(self.line))

    def _begin(self, tag: str, values: dict[str, str | None]) -> None:
        self._end_line()
        if tag in ("ul", "ol"):
            start = values.get("start") or "1"
            self.numbers.append(0 if tag == "ul" else int(start) if _START.fullmatch(start) else 1)
        elif tag == "li":
            self._begin_item()
        elif tag == "blockquote":
            self._part()
            self.marks.append(["> ", "> "])
        elif tag == "pre":
            self.is_kept += 1
        elif tag == "hr":
            self.line = [RULE]
            self._end_line()
            self.is_apart = True

    def _begin_item(self) -> None:
        self._part()
        number = self.numbers[-1] if self.numbers else 0
        mark = f"{number}. " if number else "- "
        if number:
            self.numbers[-1] += 1
        self.marks.append([mark, " " * len(mark)])

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        if tag not in _BLOCKS:
            return
        self._end_line()
        if tag in ("li", "blockquote") and self.marks:
            self.marks.pop()
            self.is_apart = False
        elif tag in ("ul", "ol") and self.numbers:
            self.numbers.pop()
        elif tag == "pre":
            self.is_kept -= 1
        self.is_apart = self.is_apart or not self.numbers

    def _end_link(self) -> None:
        address, begin = self.link
        words = _WITHOUT_SCHEME.sub("", "".join(self.line[begin:]).strip())
        if address and words != _WITHOUT_SCHEME.sub("", address):
            self.line.append(f" <{address.removeprefix('mailto:')}>")
        self.link = ("", 0)

    def handle_data(self, data: str) -> None:
        if self.is_kept:
            self.line.append(data)
        elif data.strip() or self.line:
            self.line.append(_SPACE.sub(" ", data))

    def _part(self) -> None:
        """An empty line before what comes, within the quotes and lists that it stands in."""
        if self.is_apart and self.lines:
            self.lines.append("".join(rest for _, rest in self.marks))
        self.is_apart = False

    def _end_line(self) -> None:
        whole, self.line = "".join(self.line), []
        text = whole.strip("\n") if self.is_kept else whole.strip()
        if not text:
            return
        self._part()
        for line in text.split("\n"):
            self.lines.append("".join(first for first, _ in self.marks) + line.rstrip())
            self.marks = [[rest, rest] for _, rest in self.marks]

    def result(self) -> str:
        self._end_line()
        return "\n".join(line.rstrip() for line in self.lines).strip("\n")
