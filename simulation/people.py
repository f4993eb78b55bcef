"""Who is there, what they can do, and which kinds of mail there are for them.

All times are minutes of the queue's opening hours since the first day began: nights and weekends don't exist,
and what comes at night has come when the day opens.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from queues import policy

READS = 2
"""From this level on somebody can read a language well enough to help out."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a mail demands: a skill and a language, each from a level on (1 to 5)."""

    skill: str
    language: str
    skill_level: int = 1
    language_level: int = 1


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody's day: on duty from start to end, and away in the pauses, which are (from, to)."""

    start: float
    end: float
    pauses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the team; no level is the same as not able. The shifts are in order.

    :ivar paces: by skill, how much longer it really takes this person than the levels say; no rule knows it.
    """

    id: int
    skills: Mapping[str, int]
    languages: Mapping[str, int]
    shifts: tuple[Shift, ...]
    paces: Mapping[str, float] = field(default_factory=dict)

    def can(self, need: Need) -> bool:
        """Whether both levels suffice."""
        return (
            self.skills.get(need.skill, 0) >= need.skill_level
            and self.languages.get(need.language, 0) >= need.language_level
        )

    def work(self, need: Need) -> float:
        """How long it takes this person, beside somebody who has the top level everywhere."""
        return policy.work([self.skills[need.skill], self.languages[need.language]])


@dataclass(eq=False, slots=True)
class Kind:
    """All mail that demands the same, and who fits it how well, as the product keeps it too.

    :ivar ratios: by person, able ones only: 1 is the best of the team.
    :ivar eased: the same for those who can merely read the language, when nobody able will be there.
    """

    id: int
    need: Need
    ratios: dict[int, float] = field(default_factory=dict)
    works: dict[int, float] = field(default_factory=dict)
    scarcity: float = 1.0
    eased: "Kind | None" = None

    def staff(self, able: Iterable[Person], usual: float) -> None:
        """Note who can do it, and how rare that is."""
        self.works = {person.id: person.work(self.need) for person in able}
        best = min(self.works.values(), default=1.0)
        self.ratios = {who: policy.ratio(work, best) for who, work in self.works.items()}
        self.scarcity = policy.scarcity(len(self.works), usual)


def kinds_for(people: Sequence[Person], needs: Sequence[Need]) -> list[Kind]:
    """The kind of each need, staffed; those for which the wait rule may ease the demand come after them."""
    able = [[person for person in people if person.can(need)] for need in needs]
    usual = policy.usual_number(map(len, able))
    kinds = [Kind(number, need) for number, need in enumerate(needs)]
    for kind, members in zip(kinds, able, strict=True):
        kind.staff(members, usual)
    eased: list[Kind] = []
    for kind in kinds:
        need = Need(kind.need.skill, kind.need.language, 1, min(READS, kind.need.language_level))
        readers = [person for person in people if person.can(need)]
        if len(readers) > len(kind.ratios):
            kind.eased = Kind(len(kinds) + len(eased), kind.need)
            kind.eased.staff(readers, usual)
            eased.append(kind.eased)
    return kinds + eased
