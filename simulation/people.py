"""Who is there, what they can do, and which kinds of mail there are for them.

All times are minutes of the queue's opening hours since the first day began: nights and weekends don't exist,
and what comes at night has come when the day opens.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.skillwords import is_firm
from queues import policy
from simulation.clock import ALWAYS_OPEN, Clock

READS = 2
"""From this level on somebody can read a language well enough to help out."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a mail demands: a skill and a language, each from a level on (1 to 5); "" demands none.

    :param also: further skills with their levels.
    :param queue: whose members may answer it; "" asks for no membership.
    """

    skill: str
    language: str
    skill_level: int = 1
    language_level: int = 1
    also: tuple[tuple[str, int], ...] = ()
    queue: str = ""

    @property
    def skills(self) -> tuple[tuple[str, int], ...]:
        """All of them."""
        return ((self.skill, self.skill_level), *self.also) if self.skill else self.also

    def eased(self) -> "Need":
        """What remains of it when nobody able will be there: reading the language, being a member, and what
        one has or hasn't.
        """
        level = min(READS, self.language_level)
        firm = tuple((name, wanted) for name, wanted in self.skills if is_firm(wanted))
        if self.queue:
            return Need("", self.language, 0, level, firm, self.queue)
        return Need(self.skill, self.language, 1, level, firm)


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
    :ivar capacity: how many mails they may hold under our rule; None: what the rule says.
    :ivar queues: of which they are a member.
    """

    id: int
    skills: Mapping[str, int]
    languages: Mapping[str, int]
    shifts: tuple[Shift, ...]
    paces: Mapping[str, float] = field(default_factory=dict)
    name: str = ""
    capacity: int | None = None
    queues: frozenset[str] = frozenset()

    def can(self, need: Need) -> bool:
        """Whether they are a member and all levels suffice."""
        return (
            (not need.queue or need.queue in self.queues)
            and (not need.language or self.languages.get(need.language, 0) >= need.language_level)
            and all(self.skills.get(skill, 0) >= level for skill, level in need.skills)
        )

    def work(self, need: Need) -> float:
        """How long it takes this person, beside somebody who has the top level everywhere."""
        levels = [self.skills.get(skill, 0) for skill, _ in need.skills]
        if need.language:
            levels.append(self.languages.get(need.language, 0))
        return policy.work(levels)


@dataclass(frozen=True, slots=True)
class Step:
    """From so many open minutes of waiting on, this is enough."""

    after: float
    need: Need


@dataclass(frozen=True, slots=True)
class Terms:
    """How a queue is set: its hours, how the rule is turned, and when it demands less.

    :param steps: for the needs of the queue; in order.
    """

    clock: Clock = ALWAYS_OPEN
    knobs: policy.Knobs | None = None
    eases: bool = True
    steps: Mapping[Need, tuple[Step, ...]] = field(default_factory=dict)


USUAL = Terms()


@dataclass(eq=False, slots=True)
class Kind:
    """All mail that demands the same, and who fits it how well, as the product keeps it too.

    :ivar ratios: by person, able ones only: 1 is the best of the team.
    :ivar eased: the same for those who can merely read the language, when nobody able will be there.
    :ivar later: what it becomes after so many minutes of waiting.
    """

    id: int
    need: Need
    terms: Terms = USUAL
    ratios: dict[int, float] = field(default_factory=dict)
    works: dict[int, float] = field(default_factory=dict)
    scarcity: float = 1.0
    eased: "Kind | None" = None
    later: tuple[tuple[float, "Kind"], ...] = ()

    def staff(self, able: Iterable[Person], usual: float) -> None:
        """Note who can do it, and how rare that is."""
        self.works = {person.id: person.work(self.need) for person in able}
        best = min(self.works.values(), default=1.0)
        self.ratios = {who: policy.ratio(work, best) for who, work in self.works.items()}
        self.scarcity = policy.scarcity(len(self.works), usual)


def kinds_for(
    people: Sequence[Person], needs: Sequence[Need], terms: Mapping[str, Terms] | None = None
) -> list[Kind]:
    """The kind of each need, staffed; after them those that a wait rule makes of them.

    :param terms: by the name of the queue.
    """
    terms = terms or {}
    able = [[person for person in people if person.can(need)] for need in needs]
    usual = policy.usual_number(map(len, able))
    kinds = [Kind(number, need, terms.get(need.queue, USUAL)) for number, need in enumerate(needs)]
    for kind, members in zip(kinds, able, strict=True):
        kind.staff(members, usual)
    derived: list[Kind] = []

    def derive(kind: Kind, need: Need) -> Kind | None:
        members = [person for person in people if person.can(need)]
        if len(members) <= len(kind.ratios):
            return None
        made = Kind(len(kinds) + len(derived), kind.need, kind.terms)
        made.staff(members, usual)
        derived.append(made)
        return made

    for kind in kinds:
        if kind.terms.eases:
            kind.eased = derive(kind, kind.need.eased())
        made = [(step.after, derive(kind, step.need)) for step in kind.terms.steps.get(kind.need, ())]
        kind.later = tuple((after, later) for after, later in made if later is not None)
    return kinds + derived
