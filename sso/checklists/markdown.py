"""A checklist as Markdown, for the documents: the steps of the page, with the values of an example."""

from collections.abc import Iterator

from sso.checklists.lists import Checklist, Part, Step
from sso.checklists.values import Filling, Value, values_of

CHECKED = "☑ UCS ticks it by itself."


def as_markdown(checklist: Checklist, known: Filling) -> str:
    """The list below a heading of the second level.

    :param known: whose values are shown.
    """
    return "\n".join(_lines(checklist, known)).rstrip() + "\n"


def _lines(checklist: Checklist, known: Filling) -> Iterator[str]:
    yield from (f"## {checklist.title}", "", checklist.purpose, "")
    yield from ("**Who is needed**", "", *_points(checklist.people), "")
    yield from ("**Before you begin**", "", *_points(checklist.before), "")
    number = 1
    for part in checklist.parts:
        yield from _part(part, number, known)
        number += len(part.steps)


def _points(sentences: tuple[str, ...]) -> Iterator[str]:
    return (f"- {sentence}" for sentence in sentences)


def _part(part: Part, first: int, known: Filling) -> Iterator[str]:
    where = f" ({part.link})" if part.link else ""
    yield from (f"### {part.title}{where}", "")
    for number, step in enumerate(part.steps, first):
        yield from _step(step, number, known)
    yield ""


def _step(step: Step, number: int, known: Filling) -> Iterator[str]:
    begin = f"{number}. "
    indent = " " * len(begin)
    yield f"{begin}{step.do}{f' {CHECKED}' if step.check else ''}"
    for value in values_of(step.values, known):
        yield from _value(value, indent)
    if step.trap:
        yield f"{indent}- Mind: {step.trap}"


def _value(value: Value, indent: str) -> Iterator[str]:
    if not value.is_block:
        yield f"{indent}- {value.label}: `{value.text}`"
        return
    yield f"{indent}- {value.label}:"
    yield from ("", f"{indent}  ```powershell")
    yield from (f"{indent}  {line}" for line in value.text.splitlines())
    yield from (f"{indent}  ```", "")
