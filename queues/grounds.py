"""The numbers behind a decision, laid out for people: as stored with it, none computed anew. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from agents.opening import duration
from queues import policy
from queues.presentation import clock
from queues.reasons import HEAD, due_in, explain, kind_words


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the decision looked at."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A conversation that was in line, or an agent who was free."""

    name: str
    cells: tuple[str, ...]
    chosen: bool
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a decision rests on; `rule` is its name and version."""

    rule: str
    sentence: str
    facts: list[Fact] = field(default_factory=list)
    line: list[Rival] = field(default_factory=list)
    people: list[Rival] = field(default_factory=list)


def conversations_in(data: Mapping[str, Any]) -> list[int]:
    """The ids of the conversations that were in line."""
    return [values[0] for values in data.get("heads", [])]


def agents_in(data: Mapping[str, Any]) -> list[int]:
    """The ids of the agents who were free."""
    return [values[0] for values in data.get("free", [])]


def grounds(
    data: dict[str, Any], numbers: Mapping[int, int], names: Mapping[int, str], *, to_agent: bool = False
) -> Grounds | None:
    """Lay out what was stored with a decision; None when a person chose, and nothing was computed.

    :param numbers: of the conversations in line that the reader may see; :param names: of agents.
    :param to_agent: whether the reader is who got it.
    """
    if data.get("rule") != policy.VERSION:
        return None
    return Grounds(
        rule=data["rule"],
        sentence=explain(data, to_agent=to_agent),
        facts=list(_facts(data)),
        line=[_in_line(values, place, data, numbers) for place, values in enumerate(data["heads"])],
        people=[_free(values, place, names) for place, values in enumerate(data.get("free", []))],
    )


def _facts(data: Mapping[str, Any]) -> Iterable[Fact]:
    able, (exponent, own_share, halving) = data["able"], data["knobs"]
    yield Fact(_("Demanded"), kind_words(str(data["words"])))
    yield Fact(_("Due"), due_in(data["left"]))
    yield Fact(
        _("Fit"),
        _("%(fit)s, lowest level %(level)s")
        % {"fit": _fit(data["ratio"], data["own"]), "level": data["level"]},
    )
    if data.get("lacks"):
        yield Fact(_("Lacks"), ", ".join(data["lacks"]))
    yield Fact(_("Can do it"), _("%(people)s, of whom %(free)s free") % able)
    if able["better_full"] or able["better_away"]:
        yield Fact(_("Fit better"), _("%(better_full)s full, %(better_away)s away") % able)
    yield Fact(_("Scarcity"), "× " + number_format(f"{data['scarcity']:.2f}"))
    yield Fact(_("Looked at"), _("%(count)s in line") % {"count": data["considered"]})
    knobs = {
        "exponent": number_format(f"{exponent:g}"),
        "share": number_format(f"{own_share:g}"),
        "halving": number_format(f"{halving:g}"),
    }
    yield Fact(
        _("Knobs"), _("speed ↔ skill %(exponent)s, kept %(share)s of the target, halving %(halving)s") % knobs
    )


def _fit(ratio: float, is_own: bool) -> str:
    told = _("the best")
    if ratio > 1:
        told = _("%(percent)s %% slower than the best") % {"percent": f"{(ratio - 1) * 100:.0f}"}
    return _("%(fit)s, answered it last") % {"fit": told} if is_own else told


def _in_line(values: list[Any], place: int, data: Mapping[str, Any], numbers: Mapping[int, int]) -> Rival:
    head = dict(zip(HEAD, values, strict=True))
    number = numbers.get(head["conversation"])
    name = f"#{number}" if number else _("in another queue")
    runner_up = data.get("runner_up")
    if place == 1 and runner_up:
        name = f"{name}, {kind_words(runner_up['words'])}"
    return Rival(
        name=name,
        cells=(
            due_in(head["left"]),
            _fit(head["ratio"], bool(head["own"])),
            duration(round(_effective(head))),
        ),
        chosen=place == 0,
        url=f"/conversations/{head['conversation']}/" if number and place else "",
    )


def _effective(head: Mapping[str, Any]) -> float:
    counted = policy.minutes(head["left"], head["target"], head["halving"])
    ratio = policy.ratio(head["ratio"], 1.0, is_own=bool(head["own"]))
    return counted * policy.stretch(ratio, head["scarcity"], head["exponent"])


def _free(values: list[Any], place: int, names: Mapping[int, str]) -> Rival:
    agent_id, ratio, idle = values
    since = clock(datetime.fromtimestamp(idle, UTC)) if idle else "–"
    return Rival(
        name=names.get(agent_id) or _("an agent"), cells=(_fit(ratio, False), since), chosen=place == 0
    )
