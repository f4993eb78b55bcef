"""The team by which rules are compared: 60 people, 6 skills, 5 languages, 10 days, some 16,000 mails.

A support desk as there are many: open twelve hours, two fifths of the mail in the main language, a few who
speak the rare ones, a third of a paid day gone on pauses, meetings, calls and absence. Each seed makes
another team, other shifts and other mail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp
from random import Random

from simulation.demand import Habits, Stream, draw
from simulation.people import Need, Person, Shift, kinds_for
from simulation.run import World

PEOPLE = 60
DAYS = 10
DAY = 720.0
ISSUES = 13_000
"""Conversations in ten days at 100 %; with their follow-ups these are 16,000 mails."""

WARM_UP = DAY
"""The first day is not judged: it begins with an empty office."""


@dataclass(frozen=True, slots=True)
class Skill:
    """:param work: minutes of an answer; :param target: minutes it may take."""

    name: str
    share: float
    work: float
    target: float


SKILLS = (
    Skill("billing", 0.24, 8.4, 240),
    Skill("delivery", 0.22, 7.4, 240),
    Skill("returns", 0.18, 7.9, 240),
    Skill("technical", 0.16, 11.8, 480),
    Skill("contracts", 0.12, 10.3, 480),
    Skill("complaints", 0.08, 11.8, 180),
)
LANGUAGES = {"en": 0.42, "de": 0.26, "fr": 0.16, "pl": 0.10, "cs": 0.06}
WANTED = {2: 0.7, 3: 0.3}
"""From which level of the skill on a mail may be answered, and how much mail that is."""
WANTED_LANGUAGE = 3
ENOUGH = 4
"""So many at least can do each skill in each language at the highest wanted level, or somebody is trained."""

HABITS = Habits(
    day=DAY,
    profile=(
        (0.12, 0, 0),
        (0.24, 0, 180),
        (0.26, 180, 360),
        (0.22, 360, 540),
        (0.16, 540, 720),
    ),
    spread=0.8,
    priorities=((0.02, 0.25), (0.08, 0.5), (0.8, 1.0), (0.1, 2.0)),
    comes_back=0.19,
)
STARTS = ((0.36, 0.0), (0.34, 120.0), (0.3, 240.0))
SHIFT = 450.0
ABSENT = 0.14
PAUSES = (((95, 125), 15.0), ((200, 260), 30.0), ((295, 340), 60.0), ((390, 425), 15.0))
"""When a pause of a shift begins at earliest and latest, and its minutes; the hour is for meetings."""


def streams(load: float) -> list[Stream]:
    """Mail of each kind at this load; 1 is 100 %."""
    whole = ISSUES * load / (DAYS * DAY)
    return [
        Stream(
            Need(skill.name, language, level, WANTED_LANGUAGE),
            whole * skill.share * share * part,
            skill.work,
            skill.target,
        )
        for skill in SKILLS
        for language, share in LANGUAGES.items()
        for level, part in WANTED.items()
    ]


def team(seed: int, days: int = DAYS, unknown: float = 0.0) -> list[Person]:
    """As many for each skill and language as its mail needs, then trained until no kind hangs on a few.

    :param unknown: how far speed lies from what the levels say, as standard deviation of its logarithm.
    """
    random = Random(f"team {seed}")
    first_languages = _dealt(LANGUAGES, random)
    first_skills = _dealt({skill.name: skill.share * skill.work for skill in SKILLS}, random)
    made = []
    for number in range(PEOPLE):
        languages = {first_languages[number]: 5}
        if random.random() < 0.6:
            languages.setdefault(_pick(LANGUAGES, random), random.choice((2, 3, 4)))
        skills = {first_skills[number]: random.choice((3, 4, 4, 5, 5))}
        for _ in range(random.choice((1, 1, 2))):
            skills.setdefault(
                _pick({skill.name: skill.share for skill in SKILLS}, random), random.randint(1, 4)
            )
        made.append(Person(number, skills, languages, tuple(_shifts(days, random))))
    _train(made, random)
    return [replace(person, paces=_paces(person, seed, unknown)) for person in made] if unknown else made


def world(load: float, seed: int, days: int = DAYS, unknown: float = 0.0) -> World:
    """Team and mail of one seed; the team is the same at every load."""
    people, mail = team(seed, days, unknown), streams(load)
    kinds = kinds_for(people, [stream.need for stream in mail])
    return World(people, kinds, draw(mail, HABITS, days, f"mail {seed}"), days * DAY)


def _dealt(shares: dict[str, float], random: Random) -> list[str]:
    """One for each person, in these shares, shuffled."""
    whole, names = sum(shares.values()), list(shares)
    bounds = [sum(list(shares.values())[: number + 1]) / whole for number in range(len(names))]
    dealt = [
        next(
            name for name, bound in zip(names, bounds, strict=True) if (number + 0.5) / PEOPLE <= bound + 1e-9
        )
        for number in range(PEOPLE)
    ]
    random.shuffle(dealt)
    return dealt


def _pick(shares: dict[str, float], random: Random) -> str:
    return random.choices(list(shares), list(shares.values()))[0]


def _shifts(days: int, random: Random) -> Iterator[Shift]:
    """Early, middle or late, another each day; sometimes not at all."""
    shares, starts = zip(*STARTS, strict=True)
    for day in range(days):
        start = day * DAY + random.choices(starts, shares)[0]
        pauses = [
            (start + at, start + at + length)
            for at, length in ((random.uniform(*between), length) for between, length in PAUSES)
        ]
        if random.random() >= ABSENT:
            yield Shift(start, start + SHIFT, tuple(pauses))


def _paces(person: Person, seed: int, unknown: float) -> dict[str, float]:
    """As fast as the levels say in the mean over the team."""
    random = Random(f"pace {seed} {person.id}")
    return {skill: exp(random.gauss(-(unknown**2) / 2, unknown)) for skill in sorted(person.skills)}


def _train(people: Sequence[Person], random: Random) -> None:
    top = max(WANTED)
    for skill in SKILLS:
        for language in LANGUAGES:
            need = Need(skill.name, language, top, WANTED_LANGUAGE)
            speakers = [person for person in people if person.languages.get(language, 0) >= WANTED_LANGUAGE]
            speakers.sort(key=lambda person: (person.can(need), len(person.skills), random.random()))
            missing = ENOUGH - sum(person.can(need) for person in speakers)
            for person in speakers[: max(missing, 0)]:
                assert isinstance(person.skills, dict)
                person.skills[skill.name] = max(person.skills.get(skill.name, 0), top)
