"""A settings file as data that remembers its lines, so that every complaint can name one."""

import os
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from agents.skillwords import spread

# Braces mean something to YAML: while it reads, a variable stands between two private characters instead.
WRITTEN = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
BEGIN, END = "\ue000", "\ue001"
VARIABLE = re.compile(f"{BEGIN}([A-Za-z0-9_]+){END}")
DURATION = re.compile(r"^(\d+)\s*(m|min|h)?$")


class BadFile(Exception):
    """The file can't be applied; the text names file, line, object and remedy."""


@dataclass(frozen=True)
class Entry:
    """One mapping of the file: its values, and the line of each key."""

    file: str
    what: str
    line: int
    values: dict[str, Any]
    lines: dict[str, int]

    def wrong(self, sentence: str, key: str = "") -> BadFile:
        """The error to raise about this entry, or about one key of it."""
        subject = f"{self.what}: {key}: " if key else f"{self.what}: "
        return BadFile(f"{self.file}:{self.lines.get(key, self.line)}: {subject}{sentence}")

    def check_keys(self, known: set[str], required: set[str]) -> None:
        """Refuse keys that nothing would read, and the lack of those that must be there."""
        for key in self.values.keys() - known:
            raise self.wrong(f"this key is not known here; known are {', '.join(sorted(known))}.", key)
        for key in sorted(required - self.values.keys()):
            raise self.wrong(f"“{key}” is missing: add it.")

    def text(self, key: str, default: str = "") -> str:
        """A string; numbers are taken as they are written."""
        value = self.values.get(key, default)
        if isinstance(value, (dict, list)):
            raise self.wrong("give one value, not a list or mapping.", key)
        return default if value is None else str(value)

    def number(self, key: str, default: int | None = None) -> int | None:
        """A whole number of 0 or more."""
        value = self.values.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not str(value).isdigit():
            raise self.wrong(f"{value!r} is not a whole number.", key)
        return int(value)

    def day(self, key: str) -> date | None:
        """A day such as 2026-01-31."""
        value = self.values.get(key)
        if value in (None, ""):
            return None
        try:
            if isinstance(value, date) and not isinstance(value, datetime):
                return value
            return date.fromisoformat(str(value))
        except ValueError as error:
            raise self.wrong(f"{value!r} is not a day: write it like 2026-01-31.", key) from error

    def truth(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(f"{value!r} is neither true nor false.", key)
        return value

    def choice(self, key: str, among: list[str], default: str) -> str:
        """One of the values that this version honours."""
        value = self.values.get(key, default)
        # YAML 1.1 reads a bare off as false.
        value = "off" if value is False and "off" in among else str(value)
        if value not in among:
            raise self.wrong(f"{value!r} is not offered by this version; choose {' or '.join(among)}.", key)
        return value

    def minutes(self, key: str, default: int) -> int:
        """A duration such as 30m or 4h, in minutes."""
        found = DURATION.match(str(self.values.get(key, default)))
        if not found:
            raise self.wrong(f"{self.values[key]!r} is not a duration: write 30m or 4h.", key)
        return int(found[1]) * (60 if found[2] == "h" else 1)

    def names(self, key: str) -> list[str]:
        """A list of names, each once."""
        value = self.values.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, (str, int)) for item in value):
            raise self.wrong("give a list of names, such as [alice, bob].", key)
        return list(dict.fromkeys(str(item) for item in value))

    def levels(self, key: str) -> dict[str, int]:
        """Names with a level of 1 to 5."""
        value = self.values.get(key) or {}
        if not isinstance(value, dict):
            raise self.wrong("give names with levels, such as {billing: 4}.", key)
        for name, level in value.items():
            if level not in (1, 2, 3, 4, 5) or isinstance(level, bool):
                raise self.wrong(f"{name} has level {level!r}: give 1 to 5.", key)
        return {str(name): int(level) for name, level in value.items()}

    def skills(self, key: str) -> dict[str, int]:
        """Names of skills with a level of 1 to 5; HAS for what is true, or a choice."""
        value = self.values.get(key) or {}
        if not isinstance(value, dict):
            raise self.wrong("give names with levels, such as {billing: 4}.", key)
        for name, level in value.items():
            is_firm = isinstance(level, (bool, str, list))
            if not is_firm and level not in (1, 2, 3, 4, 5):
                raise self.wrong(f"{name} has level {level!r}: give 1 to 5.", key)
        found = spread({str(name): level for name, level in value.items()})
        for name, level in found.items():
            if type(level) is not int:
                raise self.wrong(f"{name} has {level!r}: give a level, true, or the words of choices.", key)
        return found

    def part(self, key: str) -> "Entry":
        """A mapping inside this one."""
        value = self.values.get(key) or {}
        if not isinstance(value, dict):
            raise self.wrong("give a mapping.", key)
        line = self.lines.get(key, self.line)
        return Entry(self.file, f"{self.what}: {key}", line, value, dict.fromkeys(value, line))


@dataclass(frozen=True)
class Document:
    """A whole file, in its order: sections of entries, and sections of names with their lines."""

    file: str
    sections: dict[str, list[Entry]]
    names: dict[str, list[tuple[str, int]]]
    kinds: dict[str, Any] = field(default_factory=dict)
    """Of a skill that is written as {name: yes_no} or {name: [choices]}: what stands behind its name."""


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {str(self.value(key)): self.value(item) for key, item in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        loader = yaml.SafeLoader("")
        value = loader.construct_object(node, deep=True)
        return self.expand(value, node) if isinstance(value, str) else value

    def expand(self, text: str, node: yaml.Node) -> str:
        def replace(found: re.Match[str]) -> str:
            if found[1] not in os.environ:
                raise BadFile(
                    f"{self.file}:{node.start_mark.line + 1}: the environment variable {found[1]} "
                    "is not set: set it, or write the value."
                )
            return os.environ[found[1]]

        return VARIABLE.sub(replace, text)

    def entry(self, section: str, node: yaml.Node) -> Entry:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            raise BadFile(f"{self.file}:{line}: {section}: give a mapping, such as {{name: …}}.")
        values, lines = {}, {}
        for key_node, item in node.value:
            key = str(self.value(key_node))
            if key in values:
                raise BadFile(
                    f"{self.file}:{key_node.start_mark.line + 1}: {section}: “{key}” is there twice."
                )
            values[key], lines[key] = self.value(item), key_node.start_mark.line + 1
        name = values.get("name") or values.get("username") or ""
        return Entry(self.file, f"{section} “{name}”", line, values, lines)


def read(path: Path, entries: set[str], names: set[str]) -> Document:
    """Read a settings file.

    :param entries: sections that hold mappings; `names`: sections that hold plain names.
    :raises BadFile: the file can't be opened, is no YAML, or has an unknown section.
    """
    try:
        text = WRITTEN.sub(rf"{BEGIN}\1{END}", path.read_text(encoding="utf-8"))
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise BadFile(f"{path}: the file can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: the file is not UTF-8 text: save it as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise BadFile(f"{path}:{mark.line + 1 if mark else 1}: this is not YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise BadFile(f"{path}: this is not YAML: {error}.") from error
    document = Document(str(path), {}, {})
    if root is None:
        return document
    if not isinstance(root, yaml.MappingNode):
        raise BadFile(f"{path}:1: begin with a section such as “queues:”.")
    _fill(document, root, entries, names)
    return document


SINGLE = frozenset(("sign_in",))
"""Sections that are one mapping instead of a list of them."""


def _fill(document: Document, root: yaml.MappingNode, entries: set[str], names: set[str]) -> None:
    reader = _Reader(document.file)
    for key_node, node in root.value:
        section, line = str(key_node.value), key_node.start_mark.line + 1
        if section not in entries | names:
            known = ", ".join(sorted(entries | names))
            raise BadFile(f"{document.file}:{line}: {section}: this section is not known; known are {known}.")
        if section in document.sections or section in document.names:
            raise BadFile(f"{document.file}:{line}: the section “{section}” is there twice: join the two.")
        items = node.value if isinstance(node, yaml.SequenceNode) else None
        if section in SINGLE:
            items = [node]
        if items is None and not (isinstance(node, yaml.ScalarNode) and reader.value(node) is None):
            raise BadFile(f"{document.file}:{line}: {section}: give a list, each line beginning with “-”.")
        if section in names:
            document.names[section] = [
                (_named(document, section, reader.value(item)), item.start_mark.line + 1)
                for item in items or []
            ]
        else:
            document.sections[section] = [reader.entry(section, item) for item in items or []]
            _check_once(document.sections[section])


def _named(document: Document, section: str, value: Any) -> str:
    """A name; of a skill that has no levels, {name: kind}."""
    if section == "skills" and isinstance(value, dict) and len(value) == 1:
        ((name, kind),) = value.items()
        document.kinds[name] = kind
        return str(name)
    return str(value)


def _check_once(entries: list[Entry]) -> None:
    """Names are keys: of two entries with one name, the second would silently win."""
    first: dict[str, Entry] = {}
    for entry in entries:
        before = first.setdefault(entry.what, entry)
        if before is not entry and not entry.what.endswith("“”"):
            raise entry.wrong(f"it is in line {before.line} already: join the two, or give another name.")
