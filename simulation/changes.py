"""What would be otherwise: people, their levels, targets, wait rules, knobs, more mail. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any

from agents.skillwords import HAS, shown
from queues.policy import Knobs
from simulation.office import Case, Desk, Office, Relief
from simulation.people import Person, Shift

WAIT_RULES = ("off", "uncovered", "steps")
MOST_NEW = 200
_LANGUAGE = re.compile(r"[a-z]{2}")
_LEVEL = re.compile(r"([^\s=,;:]+)=([0-5](?!\d)|yes|no)")
_WORDS = {"yes": HAS, "no": 0}


class ChangeError(ValueError):
    """A change that can't be read or made; its text says which, and how to write it."""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """So many more people with these levels, in all queues that are played, on the shifts of colleagues."""

    count: int
    levels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that is otherwise; an empty one changes nothing.

    :param levels: person → skill or language → level; 0 takes it away.
    :param targets: queue → open minutes of the first and of further answers.
    :param volume: 1.2 is a fifth more conversations.
    """

    newcomers: tuple[Newcomers, ...] = ()
    without: tuple[str, ...] = ()
    levels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    targets: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    wait_rules: Mapping[str, str] = field(default_factory=dict)
    reliefs: Mapping[str, tuple[Relief, ...]] = field(default_factory=dict)
    exponent: float | None = None
    own_share: float | None = None
    halving: float | None = None
    capacity: int | None = None
    volume: float = 1.0

    @property
    def is_empty(self) -> bool:
        """Nothing is otherwise."""
        return self == Change()

    def stored(self) -> dict[str, Any]:
        """As JSON; `restored` reads it."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Change(), name)}


def restored(stored: Mapping[str, Any]) -> Change:
    """A change that was stored."""
    made = dict(stored)
    made["newcomers"] = tuple(Newcomers(**each) for each in stored.get("newcomers", ()))
    made["without"] = tuple(stored.get("without", ()))
    made["targets"] = {name: (each[0], each[1]) for name, each in stored.get("targets", {}).items()}
    made["reliefs"] = {
        name: tuple(Relief(**each) for each in found) for name, found in stored.get("reliefs", {}).items()
    }
    return Change(**made)


def changed(office: Office, change: Change) -> Office:
    """The office as it would be.

    :raises ChangeError: it names somebody or a queue that isn't there.
    """
    names = {person.name for person in office.people}
    _known("agent", [*change.without, *change.levels], names)
    _known("queue", [*change.targets, *change.wait_rules, *change.reliefs], office.desks)
    stay = [person for person in office.people if person.name not in change.without]
    people = [_person(person, change) for person in stay]
    people += _newcomers(office, change.newcomers)
    desks = {name: _desk(desk, change) for name, desk in office.desks.items()}
    return replace(office, people=people, desks=desks, cases=_volume(office.cases, change.volume))


def sentences(change: Change) -> list[str]:
    """In words."""
    said = [f"{new.count} more with {_levels(new.levels)}" for new in change.newcomers]
    said += [f"without {name}" for name in change.without]
    said += [f"{name}: {_levels(levels)}" for name, levels in sorted(change.levels.items())]
    targets = sorted(change.targets.items())
    said += [f"{name} answers in {first} / {later} min" for name, (first, later) in targets]
    said += [f"{name} waits by the rule “{rule}”" for name, rule in sorted(change.wait_rules.items())]
    said += [f"{name}: {_relief(each)}" for name, found in sorted(change.reliefs.items()) for each in found]
    for label, value in (("speed ↔ skill", change.exponent), ("own share", change.own_share),
                         ("late halving", change.halving), ("capacity", change.capacity)):  # fmt: skip
        if value is not None:
            said.append(f"{label} {value:g}")
    if change.volume != 1:
        said.append(f"{100 * change.volume:.0f} % of the mail")
    return said


def read_levels(text: str) -> dict[str, int]:
    """“billing=4, cs=3” as a mapping.

    :raises ChangeError: it can't be read.
    """
    found = {name: int(_WORDS.get(level, level)) for name, level in _LEVEL.findall(text)}
    rest = _LEVEL.sub("", text).strip(" ,;")
    if rest or not found:
        raise ChangeError(
            f"“{text}” gives no levels: write it like billing=4, cs=3, certified=yes; levels are 0 to 5."
        )
    return found


def read_newcomers(text: str) -> Newcomers:
    """“2 billing=4, cs=3” as people who come.

    :raises ChangeError: it can't be read.
    """
    count, _, levels = text.strip().lstrip("+").partition(" ")
    if not count.isdecimal() or not 1 <= int(count) <= MOST_NEW:
        raise ChangeError(f"“{text}” says not how many come: write it like 2 billing=4, cs=3.")
    return Newcomers(int(count), read_levels(levels))


def read_agent(text: str) -> tuple[str, dict[str, int]]:
    """“alice: billing=4” as somebody's levels.

    :raises ChangeError: it can't be read.
    """
    name, colon, levels = text.partition(":")
    if not colon or not name.strip():
        raise ChangeError(f"“{text}” names nobody: write it like alice: billing=4, cs=3.")
    return name.strip(), read_levels(levels)


def read_target(text: str) -> tuple[int, int]:
    """“120” or “120/240” as minutes of the first answer and of further ones.

    :raises ChangeError: it can't be read.
    """
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2 or not all(part.isdecimal() and 1 <= int(part) <= 100_000 for part in parts):
        raise ChangeError(f"“{text}” is no target: write minutes like 120, or 120/240 for first and further.")
    return int(parts[0]), int(parts[-1])


def read_relief(text: str) -> Relief:
    """“60 billing=1, language=2” as a step of the wait rule.

    :raises ChangeError: it can't be read.
    """
    after, _, levels = text.strip().partition(" ")
    if not after.isdecimal() or int(after) < 1:
        raise ChangeError(
            f"“{text}” says not after how many minutes: write it like 60 billing=1, language=2."
        )
    skills = read_levels(levels)
    language = skills.pop("language", None)
    return Relief(int(after), skills, language)


def _known(what: str, names: Iterable[str], there: Iterable[str]) -> None:
    known = set(there)
    for name in names:
        if name not in known:
            shown = ", ".join(sorted(known)) or "none"
            raise ChangeError(f"There is no {what} {name} in what is played; there are: {shown}.")


def _person(person: Person, change: Change) -> Person:
    wanted = change.levels.get(person.name, {})
    capacity = change.capacity or person.capacity
    return replace(_taught(person, wanted), capacity=capacity)


def _taught(person: Person, levels: Mapping[str, int]) -> Person:
    skills, languages = dict(person.skills), dict(person.languages)
    for name, level in levels.items():
        known = languages if _LANGUAGE.fullmatch(name) else skills
        if level:
            known[name] = level
        else:
            known.pop(name, None)
    return replace(person, skills=skills, languages=languages)


def _newcomers(office: Office, newcomers: Sequence[Newcomers]) -> Iterator[Person]:
    """On the shifts of those who have most, in turn: nobody plans newcomers for nights alone."""
    busiest = sorted(office.people, key=lambda one: (-_minutes(one.shifts), one.id))
    models = [one.shifts for one in busiest if one.shifts][: max(len(busiest) // 2, 1)]
    if not models:
        models = [(Shift(0.0, office.until),)]
    number = max((person.id for person in office.people), default=0)
    for group, new in enumerate(newcomers, 1):
        for place in range(new.count):
            number += 1
            blank = Person(number, {}, {}, models[place % len(models)], {}, f"new {group}.{place + 1}", None,
                           frozenset(office.desks))  # fmt: skip
            yield _taught(blank, new.levels)


def _minutes(shifts: Sequence[Shift]) -> float:
    return sum(shift.end - shift.start for shift in shifts)


def _desk(desk: Desk, change: Change) -> Desk:
    first, following = change.targets.get(desk.name, (desk.first, desk.following))
    knobs = desk.knobs
    made = Knobs(
        knobs.exponent if change.exponent is None else change.exponent,
        knobs.own_share if change.own_share is None else change.own_share,
        knobs.halving if change.halving is None else change.halving,
    )
    reliefs = change.reliefs.get(desk.name, desk.reliefs)
    rule = change.wait_rules.get(desk.name, "steps" if desk.name in change.reliefs else desk.wait_rule)
    return replace(desk, first=first, following=following, knobs=made, reliefs=reliefs, wait_rule=rule)


def _volume(cases: Sequence[Case], volume: float) -> list[Case]:
    """Some left out, or some twice, an hour apart; which ones, the number of the conversation says."""
    made: list[Case] = []
    for case in cases:
        chance = Random(f"volume {case.number} {case.arrived:.3f}")
        times = int(volume) + (chance.random() < volume % 1)
        made += [
            case if again == 0 else replace(case, arrived=case.arrived + chance.uniform(-30, 30), last=None)
            for again in range(times)
        ]
    return sorted(made, key=lambda case: (case.arrived, case.number))


def _levels(levels: Mapping[str, int]) -> str:
    said = {0: "no more", HAS: "yes"}
    return ", ".join(f"{shown(name)} {said.get(level, level)}" for name, level in sorted(levels.items()))


def _relief(relief: Relief) -> str:
    enough = _levels(relief.skills)
    if relief.language_level is not None:
        enough = ", ".join(filter(None, [enough, f"language {relief.language_level}"]))
    return f"after {relief.after} min {enough} is enough"
