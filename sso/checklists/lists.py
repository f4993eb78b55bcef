"""What there is to do: lists.toml, read once."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("lists.toml")

FORWARDING = "forwarding"
"""The kind of those lists that belong to no provider."""


@dataclass(frozen=True)
class Step:
    """One thing to do; see lists.toml for the fields. `do` and `trap` hold **bold** and `code`."""

    id: str
    do: str
    trap: str = ""
    values: tuple[str, ...] = ()
    check: str = ""
    cures: tuple[str, ...] = ()
    go: str = ""
    per_row: bool = False
    per_client: bool = False


@dataclass(frozen=True)
class Part:
    """Steps that are done at one place."""

    title: str
    steps: tuple[Step, ...]
    link: str = ""


@dataclass(frozen=True)
class Checklist:
    """One way to connect a mailbox."""

    name: str
    kind: str
    title: str
    purpose: str
    people: tuple[str, ...]
    before: tuple[str, ...]
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return self.title

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in order."""
        return tuple(step for part in self.parts for step in part.steps)

    def step(self, step_id: str) -> Step | None:
        """The step of that id, None when this list has no such step."""
        return next((step for step in self.steps if step.id == step_id), None)

    def cure(self, sentence: str) -> Step | None:
        """The step that mends an error, going by its longest telling word; None when nothing is known."""
        text = sentence.lower()
        found = [(len(word), step) for step in self.steps for word in step.cures if word.lower() in text]
        return max(found, key=lambda each: each[0])[1] if found else None


@lru_cache(maxsize=1)
def checklists() -> dict[str, Checklist]:
    """All lists by their names, in the order of the file."""
    tables = tomllib.loads(DATA.read_text(encoding="utf-8"))
    return {name: _checklist(name, table, tables["steps"]) for name, table in tables["lists"].items()}


def of_kind(kind: str) -> list[Checklist]:
    """The lists for a type of provider, or for forwarding; the usual one first."""
    return [one for one in checklists().values() if one.kind == kind]


def _checklist(name: str, table: dict[str, Any], steps: dict[str, dict[str, Any]]) -> Checklist:
    return Checklist(
        name=name,
        kind=table["kind"],
        title=table["title"],
        purpose=table["for"],
        people=tuple(table["people"]),
        before=tuple(table["before"]),
        parts=tuple(_part(part, steps) for part in table["parts"]),
    )


def _part(part: dict[str, Any], steps: dict[str, dict[str, Any]]) -> Part:
    per_client = part.get("per") == "client"
    found = (_step(each, steps[each], per_client=per_client) for each in part["steps"])
    return Part(part["title"], tuple(found), part.get("link", ""))


def _step(step_id: str, table: dict[str, Any], *, per_client: bool) -> Step:
    is_shared = per_client and not table.get("per_row")
    return Step(id=step_id, per_client=is_shared, **{name: _frozen(value) for name, value in table.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
