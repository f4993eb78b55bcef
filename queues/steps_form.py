"""The steps of a wait rule in the form of a queue: a row for each thing that is lowered.

    after [120] min · [billing ▾] [≥ 1 ▾] is enough

Rows with the same minutes are one step. A row whose minutes and choice are empty is none. It works without
scripts; `static/steps.js` adds rows, takes them away, and shows what comes of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from agents.skills import assignable, firm_names
from agents.skillwords import TOP_LEVEL, shown
from queues.steps import LONGEST, MOST_STEPS, parse

LANGUAGE = "language"
SKILL = "skill:"
SPARE_ROWS = 2  # without scripts
MOST_ROWS = 50
LEVELS = [("", "level"), ("0", "not demanded"), *((str(n), f"≥ {n}") for n in range(1, TOP_LEVEL + 1))]


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is typed in: minutes, `language` or `skill:…`, a level."""

    after: str = ""
    what: str = ""
    level: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether nothing was filled in that says anything."""
        return not (self.after or self.what)


def rows_of(value: Any) -> list[Row]:
    """The rows of steps as they are stored."""
    found: list[Row] = []
    for step in parse(value or []):
        lowered = [(f"{SKILL}{name}", level) for name, level in sorted(step.skills.items())]
        lowered += [(LANGUAGE, step.language_level)] if step.language_level is not None else []
        found += [Row(str(step.after), what, str(level)) for what, level in lowered]
    return found


def typed(data: Mapping[str, Any], name: str) -> list[Row]:
    """The rows that a form sent, in their order; blank ones are left out."""
    found = (re.fullmatch(rf"{name}-([0-9]{{1,4}})-after", key) for key in data)
    numbers = sorted(int(match[1]) for match in found if match)
    keys = ("after", "what", "level")
    rows = (Row(*(str(data.get(f"{name}-{n}-{key}", "")).strip() for key in keys)) for n in numbers)
    return [row for row in rows if not row.is_blank][: MOST_ROWS + 1]


class StepsWidget(forms.Widget):
    """The rows, with what is wrong beside each."""

    template_name = "admin/steps.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.wrong: dict[int, str] = {}

    class Media:
        css = {"all": ["steps.css"]}
        js = ["steps.js"]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        return typed(data, name)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str) -> str:
        return f"{id_}-0-after"

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        rows = value if _is_typed(value) else rows_of(value)
        shown = [*rows, *[Row()] * SPARE_ROWS]
        choices = _choices(rows)
        context = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "rows": [
                {"number": n, "row": row, "wrong": self.wrong.get(n, ""), "is_spare": row.is_blank}
                for n, row in enumerate(shown)
            ],
            "blank": Row(),
            "choices": choices,
            "levels": LEVELS,
            "longest": LONGEST,
        }
        return render_to_string(self.template_name, context)


class StepsField(forms.Field):
    """Steps as they are stored; what is wrong is told for each row."""

    widget: Any = StepsWidget  # an instance of its own in each form

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """Make steps of the rows.

        Raises:
            ValidationError: the sentences of all rows that can't be read.
        """
        rows: list[Row] = value or []
        self.widget.wrong = wrong = {n: told for n, told in enumerate(_wrong(rows)) if told}
        if wrong:
            raise ValidationError([f"Row {n + 1}: {told}" for n, told in wrong.items()])
        found = steps_of(rows)
        parse(found)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(rows_of(initial), key=repr) != sorted(data or [], key=repr)


def steps_of(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The steps that rows without a fault mean, as they are stored."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        step = found.setdefault(int(row.after), {"after_minutes": int(row.after)})
        if row.what == LANGUAGE:
            step["language_level"] = int(row.level)
        else:
            step.setdefault("skills", {})[row.what.removeprefix(SKILL)] = int(row.level)
    return [found[after] for after in sorted(found)]


def _wrong(rows: list[Row]) -> list[str]:
    """What is wrong with each row; empty where nothing is."""
    known: set[tuple[int, str]] = set()
    found = []
    firm = firm_names() if any(row.what.startswith(SKILL) for row in rows) else set()
    for n, row in enumerate(rows):
        told = f"at most {MOST_ROWS} rows." if n >= MOST_ROWS else _wrong_one(row)
        if not told and row.level != "0" and row.what.removeprefix(SKILL) in firm:
            told = f"{_name(row)} is had or not: choose “not demanded”, or take the row away."
        if not told and (int(row.after), row.what) in known:
            told = f"{_name(row)} is lowered twice after {int(row.after)} minutes: keep one of the rows."
        if not told:
            known.add((int(row.after), row.what))
            many = len({after for after, _ in known})
            told = f"it is step {many}, and there are at most {MOST_STEPS}." if many > MOST_STEPS else ""
        found.append(told)
    return found


def _wrong_one(row: Row) -> str:
    if not (row.after.isascii() and row.after.isdigit() and 1 <= int(row.after) <= LONGEST):
        return f"give the minutes of opening hours, 1 to {LONGEST:,}."
    if row.what != LANGUAGE and not row.what.removeprefix(SKILL):
        return "choose a skill, or the language."
    if row.level not in {value for value, _ in LEVELS if value}:
        return f"choose the level of {_name(row)} that is enough by then."
    return ""


def _name(row: Row) -> str:
    return "the language" if row.what == LANGUAGE else shown(row.what.removeprefix(SKILL))


def _choices(rows: Iterable[Row]) -> list[tuple[str, str]]:
    names = list(assignable().order_by("name").values_list("name", flat=True))
    used = {row.what.removeprefix(SKILL) for row in rows if row.what.startswith(SKILL)}
    gone = [(f"{SKILL}{name}", f"{name} (no skill of today)") for name in sorted(used - set(names))]
    skills = [(f"{SKILL}{name}", shown(name)) for name in names]
    return [("", "skill or language"), (LANGUAGE, "language of the mail"), *skills, *gone]


def _is_typed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Row) for each in value)
