"""The numbers behind a decision, laid out for people: as stored with it, none computed anew. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.opening import duration
from queues import policy
from queues.presentation import clock
from queues.reasons import HEAD, due_in, explain


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
    yield Fact("Demanded", str(data["words"]))
    yield Fact("Due", due_in(data["left"]))
    yield Fact("Fit", f"{_fit(data['ratio'], data['own'])}, lowest level {data['level']}")
    if data.get("lacks"):
        yield Fact("Lacks", ", ".join(data["lacks"]))
    yield Fact("Can do it", f"{able['people']}, of whom {able['free']} free")
    if able["better_full"] or able["better_away"]:
        yield Fact("Fit better", f"{able['better_full']} full, {able['better_away']} away")
    yield Fact("Scarcity", f"× {data['scarcity']:.2f}")
    yield Fact("Looked at", f"{data['considered']} in line")
    yield Fact("Knobs", f"speed ↔ skill {exponent:g}, kept {own_share:g} of the target, halving {halving:g}")


def _fit(ratio: float, is_own: bool) -> str:
    told = "the best" if ratio <= 1 else f"{(ratio - 1) * 100:.0f} % slower than the best"
    return f"{told}, answered it last" if is_own else told


def _in_line(values: list[Any], place: int, data: Mapping[str, Any], numbers: Mapping[int, int]) -> Rival:
    head = dict(zip(HEAD, values, strict=True))
    number = numbers.get(head["conversation"])
    name = f"#{number}" if number else "in another queue"
    runner_up = data.get("runner_up")
    if place == 1 and runner_up:
        name = f"{name}, {runner_up['words']}"
    return Rival(
        name=name,
        cells=(
            due_in(head["left"]),
            _fit(head["ratio"], bool(head["own"])),
            duration(round(_effective(head))),
        ),
        chosen=place == 0,
    )


def _effective(head: Mapping[str, Any]) -> float:
    counted = policy.minutes(head["left"], head["target"], head["halving"])
    ratio = policy.ratio(head["ratio"], 1.0, is_own=bool(head["own"]))
    return counted * policy.stretch(ratio, head["scarcity"], head["exponent"])


def _free(values: list[Any], place: int, names: Mapping[int, str]) -> Rival:
    agent_id, ratio, idle = values
    since = clock(datetime.fromtimestamp(idle, UTC)) if idle else "–"
    return Rival(name=names.get(agent_id, "an agent"), cells=(_fit(ratio, False), since), chosen=place == 0)
