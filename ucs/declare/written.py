"""What agents insert while they write, in a settings file."""

from typing import Any

from agents.models import Language
from mailcore import authored
from queues.models import EmailQueue, Snippet
from ucs.declare.changes import Changes, set_members, write
from ucs.declare.document import Entry

KEYS = {"name", "queues", "text", "texts"}


def snippet(entry: Entry, changes: Changes) -> None:
    """snippets: those that everybody has; a text for any language, and texts by language."""
    entry.check_keys(KEYS, {"name"})
    name, queues = entry.text("name"), queues_of(entry)
    wanted: dict[str | None, str] = {None: entry.text("text")} if entry.text("text") else {}
    texts = entry.part("texts")
    wanted |= {language_of(entry, tag): texts.text(tag) for tag in texts.values}
    if not wanted:
        raise entry.wrong("give a text, or texts by language.")
    there = {row.language_id: row for row in Snippet.objects.filter(name=name, owner=None)}
    differs = []
    for tag in there.keys() - wanted.keys():
        there[tag].delete()
        differs.append(f"text {tag or ''} taken away")
    for tag, text in wanted.items():
        row = there.get(tag) or Snippet(name=name, language_id=tag)
        differs += [f"text {tag or ''}".strip() for _ in write(entry, row, {"html": as_html(text)})[:1]]
        differs += set_members(row.queues, queues, "queues")
    changes.note(f"snippet {name}", differs, not there)


def as_html(text: str) -> str:
    """A text of the file: HTML when it begins with a tag, else plain."""
    return authored.tidy(text) if text.lstrip().startswith("<") else authored.from_text(text)


def as_text(html: str) -> str:
    """The same in the plainest way that `as_html` takes back."""
    text = authored.plain(html)
    return text if authored.from_text(text) == html else html


def queues_of(entry: Entry) -> list[EmailQueue]:
    """The queues that an entry names; none means all."""
    names = entry.names("queues")
    found = {row.name: row for row in EmailQueue.objects.filter(name__in=names)}
    for name in names:
        if name not in found:
            raise entry.wrong(f"there is no email queue “{name}”: add it under queues.", "queues")
    return [found[name] for name in names]


def language_of(entry: Entry, tag: str) -> str:
    """A language that there is."""
    if not Language.objects.filter(tag=tag).exists():
        raise entry.wrong(f"there is no language “{tag}”: add it under languages.", "texts")
    return tag


def export_snippets() -> list[dict[str, Any]]:
    """The shared snippets, one entry for each name."""
    entries: dict[str, dict[str, Any]] = {}
    for row in Snippet.objects.filter(owner=None).prefetch_related("queues").order_by("name", "language"):
        entry = entries.setdefault(row.name, {"name": row.name})
        queues = [queue.name for queue in row.queues.all()]
        if queues:
            entry["queues"] = queues
        if row.language_id:
            entry.setdefault("texts", {})[row.language_id] = as_text(row.html)
        else:
            entry["text"] = as_text(row.html)
    return list(entries.values())
