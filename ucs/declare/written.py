"""What agents insert while they write, and macros, in a settings file."""

from typing import Any

from agents.models import Agent, Language
from mailcore import authored
from queues.models import EmailQueue, Macro, Snippet, Tag
from ucs.declare.changes import Changes, set_members, write
from ucs.declare.document import Entry

AFTER = ("close", "snooze", "transfer", "assign")
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
    changes.note(f"snippet {name}", differs, not there, row=row)


def macro(entry: Entry, changes: Changes) -> None:
    """macros: answers and what happens with them."""
    entry.check_keys({"name", "queues", "text", "note", "tags", *AFTER}, {"name"})
    row = Macro.objects.filter(name=entry.text("name")).first() or Macro(name=entry.text("name"))
    created = row.pk is None
    fields: dict[str, Any] = {"html": as_html(entry.text("text")), "note": entry.text("note")}
    differs = write(entry, row, fields | _then(entry))
    tags = {each.name: each for each in Tag.objects.filter(name__in=entry.names("tags"))}
    for name in entry.names("tags"):
        if name not in tags:
            raise entry.wrong(f"there is no tag “{name}”: add it under tags.", "tags")
    differs += set_members(row.tags, list(tags.values()), "tags")
    differs += set_members(row.queues, queues_of(entry), "queues")
    changes.note(f"macro {row.name}", differs, created, row=row)


def _then(entry: Entry) -> dict[str, Any]:
    """What happens to the conversation: one thing at most."""
    named = [key for key in AFTER if key in entry.values]
    if len(named) > 1:
        raise entry.wrong(f"give only one of {', '.join(named)}.", named[1])
    fields: dict[str, Any] = {"then": named[0] if named else "stay"}
    fields |= {"snooze_hours": entry.number("snooze"), "to_queue": None, "to_agent": None}
    if entry.values.get("close") is False:
        raise entry.wrong("write true, or leave it out.", "close")
    if "transfer" in named:
        fields["to_queue"] = EmailQueue.objects.filter(name=entry.text("transfer")).first()
    if "assign" in named:
        fields["to_agent"] = Agent.objects.filter(user__username=entry.text("assign")).first()
    for key, name in (("transfer", "to_queue"), ("assign", "to_agent")):
        if key in named and fields[name] is None:
            raise entry.wrong(f"there is no “{entry.text(key)}”.", key)
    return fields


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


def export_macros() -> list[dict[str, Any]]:
    """All macros."""
    rows = Macro.objects.select_related("to_queue", "to_agent__user").prefetch_related("queues", "tags")
    return [_macro(row) for row in rows]


def _macro(row: Macro) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": row.name,
        "queues": [queue.name for queue in row.queues.all()],
        "text": as_text(row.html),
        "note": row.note,
        "tags": [tag.name for tag in row.tags.all()],
        "close": row.then == Macro.Then.CLOSE,
        "snooze": row.snooze_hours,
        "transfer": row.to_queue.name if row.to_queue else "",
        "assign": row.to_agent.user.get_username() if row.to_agent else "",
    }
    return {key: value for key, value in values.items() if value}
