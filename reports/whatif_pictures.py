"""The answer to a what-if as rows to show: figures with the length of their bars. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from agents.opening import duration
from reports.models import WhatIf
from reports.sayings import told as told_again

LABELS = {
    "now": _("As it is"),
    "changed": _("Changed"),
    "due-first": _("Due first"),
    "longest-idle": _("Longest idle"),
    "pick-oldest": _("Oldest first, picked"),
    "round-robin": _("Round robin"),
    "early-push": _("Pushed into inboxes"),
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
        [told_again(note) for note in result["notes"]],
        _really(result["really"], first),
    )


def _sentence(outcomes: list[dict[str, Any]]) -> str:
    now = outcomes[0]["measures"]
    if len(outcomes) < 2 or outcomes[1]["name"] != "changed":
        values = {
            "share": number_format(f"{now['in_time']:.1f}"),
            "mails": number_format(now["mails"], force_grouping=True),
        }
        return gettext("%(share)s %% of %(mails)s mails are answered in time.") % values
    changed = outcomes[1]["measures"]
    points = changed["in_time"] - now["in_time"]
    values = {
        "points": number_format(f"{abs(points):.1f}"),
        "changed": number_format(f"{changed['in_time']:.1f}"),
        "now": number_format(f"{now['in_time']:.1f}"),
    }
    if abs(points) < 0.05:
        return gettext("It makes no difference to what is answered in time: %(now)s %%.") % values
    if points > 0:
        told = gettext("%(points)s points more are answered in time: %(changed)s %% instead of %(now)s %%.")
    else:
        told = gettext("%(points)s points less are answered in time: %(changed)s %% instead of %(now)s %%.")
    return told % values


def _row(outcome: dict[str, Any], first: dict[str, Any], longest: float, latest: float) -> Row:
    found = outcome["measures"]
    is_first = found is first

    def better(name: str, sign: int, least: float) -> bool | None:
        gain = sign * (found[name] - first[name])
        return None if is_first or abs(gain) < least else gain > 0

    return Row(
        outcome["name"],
        gettext(LABELS[outcome["name"]]) if outcome["name"] in LABELS else outcome["name"],
        outcome["name"] in ("now", "changed"),
        Figure(
            number_format(f"{found['in_time']:.1f}"),
            100 * (100 - found["in_time"]) / latest,
            0,
            better("in_time", 1, 0.05),
        ),
        Figure(
            f"{found['p50']:.0f} · {found['p95']:.0f}",
            100 * (found["p95"] - found["p50"]) / longest,
            100 * found["p50"] / longest,
            better("p95", -1, 0.5),
        ),
        Figure(f"{found['busy']:.0f}", found["busy"]),
        Figure(number_format(f"{found['work']:.1f}"), better=better("work", -1, 0.05)),
        Figure(number_format(f"{found['weaker']:.1f}"), better=better("weaker", -1, 0.2)),
        Figure(number_format(f"{found['longest']:.1f}"), better=better("longest", -1, 0.3)),
    )


def _desks(outcomes: list[dict[str, Any]]) -> list[tuple[str, int, str, str]]:
    """Queue, mails, in time now and changed."""
    now = outcomes[0]["desks"]
    changed = outcomes[1]["desks"] if len(outcomes) > 1 and outcomes[1]["name"] == "changed" else {}
    return [
        (
            name,
            mails,
            number_format(f"{share:.1f}"),
            number_format(f"{changed[name][1]:.1f}") if name in changed else "",
        )
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
    told = (
        gettext("%(agent)s, after %(span)s")
        if fate["in_time"]
        else gettext("%(agent)s, after %(span)s, late")
    )
    return told % {"agent": fate["agent"], "span": duration(round(fate["waited"]))}


def _really(really: dict[str, Any] | None, now: dict[str, Any]) -> str:
    """How it went beside how it plays: what the answer is worth."""
    if really is None:
        return ""
    told = gettext(
        "Really %(share)s %% of %(mails)s mails were answered in time, and waited %(half)s minutes in the "
        "middle, %(most)s at the 95th percentile; played as it is: %(now)s %%, %(now_half)s and %(now_most)s."
    )
    return told % {
        "share": number_format(f"{really['in_time']:.1f}"),
        "mails": number_format(really["mails"], force_grouping=True),
        "half": f"{really['p50']:.0f}",
        "most": f"{really['p95']:.0f}",
        "now": number_format(f"{now['in_time']:.1f}"),
        "now_half": f"{now['p50']:.0f}",
        "now_most": f"{now['p95']:.0f}",
    }
