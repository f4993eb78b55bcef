"""A what-if on the command line: options in, a table out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.whatif_history import History
from reports.whatif_pictures import LABELS
from simulation.changes import (
    WAIT_RULES,
    Change,
    ChangeError,
    read_agent,
    read_newcomers,
    read_relief,
    read_target,
    sentences,
)
from simulation.compare import Comparison
from simulation.office import Relief

HEADINGS = ("", "in time %", "wait: half, min", "95 %", "work, min", "busy %", "weaker language %",
            "longest wait, targets")  # fmt: skip


def change_of(options: Mapping[str, Any]) -> Change:
    """What the options of `manage.py simulate --history` ask to be otherwise.

    :raises ChangeError: one of them can't be read.
    """
    reliefs: dict[str, tuple[Relief, ...]] = {}
    for name, text in map(_named, options["step"]):
        reliefs[name] = (*reliefs.get(name, ()), read_relief(text))
    return Change(
        tuple(read_newcomers(text) for text in options["more"]),
        tuple(options["without"]),
        dict(read_agent(text) for text in options["level"]),
        {name: read_target(text) for name, text in map(_named, options["target"])},
        {name: _wait_rule(text) for name, text in map(_named, options["wait_rule"])},
        reliefs,
        options["exponent"],
        options["own_share"],
        options["halving"],
        options["capacity"],
        options["volume"],
    )


def markdown(history: History, change: Change, found: Comparison) -> str:
    """A table, the changes above it, and what has to be known about it below."""
    return "\n".join(_lines(history, change, found))


def _lines(history: History, change: Change, found: Comparison) -> Iterator[str]:
    yield from (f"- {sentence}" for sentence in sentences(change))
    yield f"\n| {' | '.join(HEADINGS)} |"
    yield f"|---|{'---:|' * (len(HEADINGS) - 1)}"
    if history.really:
        really = history.really
        yield f"| as it really was | {really.in_time:.1f} | {really.p50:.0f} | {really.p95:.0f} | | | | |"
    for each in found.outcomes:
        was = each.measures
        cells: Sequence[str] = (
            LABELS.get(each.name, each.name).lower(), f"{was.in_time:.1f}", f"{was.p50:.0f}",
            f"{was.p95:.0f}", f"{was.work:.1f}", f"{was.busy:.0f}", f"{was.weaker:.1f}", f"{was.longest:.1f}",
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""
    if not change.is_empty:
        yield f"{found.moved} mails would have gone to somebody else."
    yield from history.notes


def _named(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ChangeError(f"“{text}” names no queue: write it like Orders={text}.")
    return name.strip(), value.strip()


def _wait_rule(text: str) -> str:
    if text not in WAIT_RULES:
        raise ChangeError(f"“{text}” is no wait rule; there are: {', '.join(WAIT_RULES)}.")
    return text
