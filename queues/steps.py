"""The steps of a wait rule: after so many minutes of waiting, less is demanded. Pure.

    [{"after_minutes": 120, "skills": {"billing": 1}, "language_level": 2}, …]

A step names what it lowers; what it doesn't name stays demanded as before. Level 0 demands it no longer,
which is all that can be said of what one has or hasn't (`agents.skillwords`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from agents.opening import duration
from agents.skillwords import TOP_LEVEL, demand_words, eased, shown

MOST_STEPS = 10
LONGEST = 100_000  # minutes of opening hours
KEYS = {"after_minutes", "skills", "language_level"}
EXAMPLE = "write [{“after_minutes”: 120, “skills”: {“billing”: 1}, “language_level”: 2}]"


@dataclass(frozen=True, slots=True)
class Step:
    """From `after` minutes of opening hours on, no more than these levels are demanded."""

    after: int
    skills: Mapping[str, int] = field(default_factory=dict)
    language_level: int | None = None


def parse(value: Any) -> tuple[Step, ...]:
    """Read the steps as they are stored, in the order of their minutes.

    Raises:
        ValidationError: with the number of the step that can't be read, and what to write.
    """
    if not isinstance(value, list):
        raise ValidationError(f"The steps are no list: {EXAMPLE}.")
    if len(value) > MOST_STEPS:
        raise ValidationError(f"These are {len(value)} steps: at most {MOST_STEPS}.")
    found = sorted((_step(number, each) for number, each in enumerate(value, 1)), key=lambda step: step.after)
    if len({step.after for step in found}) < len(found):
        raise ValidationError("Two steps come after the same number of minutes: put them into one.")
    return tuple(found)


def validate(value: Any) -> None:
    """Refuse steps that can't be read: a field validator."""
    parse(value)


def lowered(
    demands: Iterable[tuple[str, int]], language_level: int, steps: Iterable[Step]
) -> tuple[tuple[tuple[str, int], ...], int]:
    """What is left of demands after these steps: the skills, and the level in the language."""
    skills = dict(demands)
    for step in steps:
        for name, level in step.skills.items():
            if name in skills:
                skills[name] = eased(skills[name], level)
        if step.language_level is not None:
            language_level = min(language_level, step.language_level)
    return tuple(sorted((name, level) for name, level in skills.items() if level)), language_level


def sentences(value: Any) -> list[str]:
    """The steps in words, as they are shown beforehand."""
    return [f"After {step.after} minutes of waiting: {_words(step)}." for step in parse(value)]


def course(demands: Iterable[tuple[str, int]], language_level: int, value: Any) -> list[str]:
    """All that is demanded at first and after each step: what the steps come to for a mail of the queue."""
    wanted = dict(demands)
    found, before = [f"At first: {_demanded(tuple(sorted(wanted.items())), language_level)}."], None
    steps = parse(value)
    for number, step in enumerate(steps, 1):
        now = lowered(wanted.items(), language_level, steps[:number])
        is_same = now == (before or lowered(wanted.items(), language_level, ()))
        told = "nothing changes, unless a mail demands more" if is_same else f"{_demanded(*now)} is enough"
        found.append(f"After {duration(step.after)}: {told}.")
        before = now
    return found


def _demanded(skills: Iterable[tuple[str, int]], language_level: int) -> str:
    language = f"language ≥ {language_level}" if language_level else "any language"
    return ", ".join([*(demand_words(name, level) for name, level in skills), language])


def _words(step: Step) -> str:
    parts = [
        demand_words(name, level) if level else f"no {shown(name)}"
        for name, level in sorted(step.skills.items())
    ]
    if step.language_level is not None:
        parts.append(f"language ≥ {step.language_level}" if step.language_level else "any language")
    return ", ".join(parts) + (" is enough" if parts else "nothing changes")


def _step(number: int, value: Any) -> Step:
    if not isinstance(value, dict) or not value.keys() <= KEYS:
        raise ValidationError(f"Step {number} can't be read: {EXAMPLE}.")
    after: Any = value.get("after_minutes")
    skills = value.get("skills", {})
    if not _is_number(after, 1, LONGEST):
        raise ValidationError(f"Step {number} needs “after_minutes”, 1 to {LONGEST:,}.")
    if not isinstance(skills, dict) or not all(_is_number(level, 0, TOP_LEVEL) for level in skills.values()):
        raise ValidationError(f"The skills of step {number} need levels, 0 to {TOP_LEVEL}.")
    level = value.get("language_level")
    if level is not None and not _is_number(level, 0, TOP_LEVEL):
        raise ValidationError(f"The language level of step {number} is none: 0 to {TOP_LEVEL}.")
    return Step(after, {str(name): each for name, each in skills.items()}, level)


def _is_number(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
