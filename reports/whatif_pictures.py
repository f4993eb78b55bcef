"""The answer to a what-if as rows to show: figures with the length of their bars. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.opening import duration
from reports.models import WhatIf

LABELS = {
    "now": "As it is",
    "changed": "Changed",
    "due-first": "Due first",
    "longest-idle": "Longest idle",
    "pick-oldest": "Oldest first, picked",
    "round-robin": "Round robin",
    "early-push": "Pushed into inboxes",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it is shown; its bar, from 0 to 100; whether it is better than as it is."""

    text: str
    bar: float = 0.0
    from_: float = 0.0
    better: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One way to play it."""

    name: str
    label: str
    is_ours: bool
    in_time: Figure
    waits: Figure
    busy: Figure
    work: Figure
    weaker: Figure
    longest: Figure


@dataclass(frozen=True, slots=True)
class Story:
    """What became of a mail, now and changed."""

    number: int
    pk: int | None
    desk: str
    language: str
    is_follow_up: bool
    arrived: datetime | None
    now: str
    changed: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that a page shows of an answer."""

    sentence: str
    rows: list[Row]
    desks: list[tuple[str, int, str, str]]
    stories: list[Story]
    moved: int
    notes: list[str]
    really: str


def picture(row: WhatIf, keys: Mapping[int, int]) -> Picture:
    """Make the figures of an answer ready to show.

    :param keys: of the conversations that the reader may open, by number.
    """
    result = row.figures()
    outcomes = result["outcomes"]
    longest = max((each["measures"]["p95"] for each in outcomes), default=0) or 1
    latest = max((100 - each["measures"]["in_time"] for each in outcomes), default=0) or 1
    first = outcomes[0]["measures"]
    start = None if row.is_example else row.until - timedelta(days=row.days)
    return Picture(
        _sentence(outcomes),
        [_row(each, first, longest, latest) for each in outcomes],
        _desks(outcomes),
        [_story(each, keys, start) for each in result["samples"]],
        result["moved"],
        result["notes"],
        _really(result["really"], first),
    )


def _sentence(outcomes: list[dict[str, Any]]) -> str:
    now = outcomes[0]["measures"]
    if len(outcomes) < 2 or outcomes[1]["name"] != "changed":
        return f"{now['in_time']:.1f} % of {now['mails']:,} mails are answered in time."
    changed = outcomes[1]["measures"]
    points = changed["in_time"] - now["in_time"]
    if abs(points) < 0.05:
        return f"It makes no difference to what is answered in time: {now['in_time']:.1f} %."
    more = "more" if points > 0 else "less"
    return (
        f"{abs(points):.1f} points {more} are answered in time: "
        f"{changed['in_time']:.1f} % instead of {now['in_time']:.1f} %."
    )


def _row(outcome: dict[str, Any], first: dict[str, Any], longest: float, latest: float) -> Row:
    found = outcome["measures"]
    is_first = found is first

    def better(name: str, sign: int, least: float) -> bool | None:
        gain = sign * (found[name] - first[name])
        return None if is_first or abs(gain) < least else gain > 0

    return Row(
        outcome["name"],
        LABELS.get(outcome["name"], outcome["name"]),
        outcome["name"] in ("now", "changed"),
        Figure(
            f"{found['in_time']:.1f}", 100 * (100 - found["in_time"]) / latest, 0, better("in_time", 1, 0.05)
        ),
        Figure(
            f"{found['p50']:.0f} · {found['p95']:.0f}",
            100 * (found["p95"] - found["p50"]) / longest,
            100 * found["p50"] / longest,
            better("p95", -1, 0.5),
        ),
        Figure(f"{found['busy']:.0f}", found["busy"]),
        Figure(f"{found['work']:.1f}", better=better("work", -1, 0.05)),
        Figure(f"{found['weaker']:.1f}", better=better("weaker", -1, 0.2)),
        Figure(f"{found['longest']:.1f}", better=better("longest", -1, 0.3)),
    )


def _desks(outcomes: list[dict[str, Any]]) -> list[tuple[str, int, str, str]]:
    """Queue, mails, in time now and changed."""
    now = outcomes[0]["desks"]
    changed = outcomes[1]["desks"] if len(outcomes) > 1 and outcomes[1]["name"] == "changed" else {}
    return [
        (name, mails, f"{share:.1f}", f"{changed[name][1]:.1f}" if name in changed else "")
        for name, (mails, share) in sorted(now.items())
    ]


def _story(sample: dict[str, Any], keys: Mapping[int, int], start: datetime | None) -> Story:
    return Story(
        sample["number"],
        keys.get(sample["number"]),
        sample["desk"],
        sample["language"],
        sample["step"] > 0,
        start + timedelta(minutes=sample["arrived"]) if start else None,
        _fate(sample["now"]),
        _fate(sample["changed"]),
    )


def _fate(fate: dict[str, Any]) -> str:
    late = "" if fate["in_time"] else ", late"
    return f"{fate['agent']}, after {duration(round(fate['waited']))}{late}"


def _really(really: dict[str, Any] | None, now: dict[str, Any]) -> str:
    """How it went beside how it plays: what the answer is worth."""
    if really is None:
        return ""
    return (
        f"Really {really['in_time']:.1f} % of {really['mails']:,} mails were answered in time, and waited "
        f"{really['p50']:.0f} minutes in the middle, {really['p95']:.0f} at the 95th percentile; played as "
        f"it is: {now['in_time']:.1f} %, {now['p50']:.0f} and {now['p95']:.0f}."
    )
