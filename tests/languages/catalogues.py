"""What the sources say, and what the catalogues know: read without the gettext tools."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
LOCALE = ROOT / "locale"
APPS = (
    *(
        "agents",
        "alarms",
        "webhooks",
        "api",
        "audit",
        "crm",
        "mailcore",
        "mailsenders",
        "mailsources",
        "mailstore",
        "movein",
        "privacy",
        "queues",
        "reports",
    ),
    *("simulation", "sso", "staff", "ucs"),
)
SAYS = {
    "_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "pgettext": 2, "pgettext_lazy": 2,
    "ngettext": 1, "ngettext_lazy": 1, "npgettext": 2,
}  # fmt: skip
"""How many arguments stand before the plural: the text, or a context and the text."""

JS = re.compile(r'\b(n?gettext)\(\s*("(?:[^"\\]|\\.)*")(?:,\s*("(?:[^"\\]|\\.)*"))?')
CALL = re.compile(
    r"""\b(_|gettext|ngettext|pgettext|npgettext)\(\s*(u?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))"""
    r"""(?:\s*,\s*(u?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')))?"""
)
LITERAL = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?) (".*")$')
PLACE = re.compile(r"%\(\w+\)[sd]")


@dataclass(frozen=True, order=True)
class Text:
    """What is looked up: in a context or not."""

    text: str
    context: str = ""


@dataclass(slots=True)
class Entry:
    """A line of a catalogue."""

    text: Text
    plural: str = ""
    told: list[str] = field(default_factory=list)
    is_fuzzy: bool = False


def in_python() -> set[Text]:
    """Everything that Python sources mark."""
    paths = (path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
    return {text for path in paths for text in _of_python(path)}


def _of_python(path: Path) -> Iterator[Text]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYS:
            words = [
                each.value
                for each in node.args
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            yield from _text(words, SAYS[node.func.id])


def _text(words: list[str], count: int) -> Iterator[Text]:
    if len(words) >= count:
        yield Text(words[count - 1], words[0] if count == 2 else "")


def in_templates() -> set[Text]:
    """Everything that templates mark."""
    roots = [ROOT / "templates", *(ROOT / app / "templates" for app in APPS)]
    paths = (
        path
        for root in roots
        if root.exists()
        for path in root.rglob("*")
        if path.suffix in (".html", ".txt")
    )
    return {text for path in paths for text in _of_template(path)}


def _of_template(path: Path) -> Iterator[Text]:
    for name, first, second in CALL.findall(templatize(path.read_text(encoding="utf-8"), origin=str(path))):
        words = [str(ast.literal_eval(each)) for each in (first, second) if each]
        yield from _text(words, 2 if "pgettext" in name else 1)


def in_scripts() -> set[Text]:
    """Everything that scripts mark."""
    found = set()
    for path in (ROOT / "static").rglob("*.js"):
        for _, first, _second in JS.findall(path.read_text(encoding="utf-8")):
            found.add(Text(str(ast.literal_eval(first))))
    return found


def read(language: str, domain: str) -> list[Entry]:
    """A catalogue without its head."""
    path = LOCALE / language / "LC_MESSAGES" / f"{domain}.po"
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    return [entry for entry in map(_entry, blocks) if entry.text.text]


def _entry(block: str) -> Entry:
    found: dict[str, str] = {}
    is_fuzzy = False
    name = ""
    for line in block.splitlines():
        match = LITERAL.match(line)
        if match:
            name = match[1]
            found[name] = str(ast.literal_eval(match[2]))
        elif line.startswith('"'):
            found[name] += str(ast.literal_eval(line))
        else:
            is_fuzzy |= line.startswith("#,") and "fuzzy" in line
    told = [text for key, text in found.items() if key.startswith("msgstr")]
    return Entry(
        Text(found["msgid"], found.get("msgctxt", "")), found.get("msgid_plural", ""), told, is_fuzzy
    )


def places(text: str) -> set[str]:
    """The places for values in it."""
    return set(PLACE.findall(text))
