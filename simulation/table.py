"""The figures as a Markdown table, and such a table in a document."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from simulation.rules import TimeLeft
from simulation.trials import Interval, Row

MARKED = re.compile(r"(<!-- simulated -->\n).*?(<!-- end of the simulation -->)", re.DOTALL)
HEADINGS = (
    "rule",
    "in time %",
    "ours is ahead by",
    "p95 wait, min",
    "work, min",
    "busy %",
    "weaker language %",
    "longest wait, targets",
)


class NoPlace(Exception):
    """The document has no marks between which the table belongs."""


def markdown(rows: Iterable[Row]) -> str:
    """One table for each load."""
    return "\n".join(_lines(rows))


def write(path: Path, table: str) -> None:
    """Put the table between the marks of the document.

    :raises NoPlace: there are none.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not MARKED.search(text):
        raise NoPlace(
            f"{path} has no place for the table. Put the lines <!-- simulated --> and "
            f"<!-- end of the simulation --> where it belongs."
        )
    path.write_text(MARKED.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text), encoding="utf-8")


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    for load, group in groupby(rows, key=lambda row: row.load):
        yield f"**{load:.0%} load**\n"
        yield f"| {' | '.join(HEADINGS)} |"
        yield f"|---|{'---:|' * (len(HEADINGS) - 1)}"
        yield from map(_line, group)
        yield ""


def _line(row: Row) -> str:
    name = row.rule.replace("-", " ")
    cells = (
        f"**{name}**" if row.rule == TimeLeft.name else name,
        _with_half(row.in_time, 1),
        _with_half(row.ahead, 2, "+") if row.ahead else "",
        _with_half(row.p95, 0),
        _with_half(row.work, 2),
        _with_half(row.busy, 1),
        _with_half(row.weaker, 2),
        f"{row.longest:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _with_half(value: Interval, digits: int, sign: str = "") -> str:
    mean = f"{value.mean:{sign}.{digits}f}".replace("-", "−")
    return f"{mean} ± {value.half:.{digits}f}"
