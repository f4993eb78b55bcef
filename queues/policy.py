"""The rule *time left*: who fits what, and what comes first. Pure; routing and the simulator ask it.

An agent who has finished takes the conversation with the fewest *effective* minutes left:

    work       = 1.6 − 0.6 × lowest level used / top level       5 of 5 → 1.00, 4 → 1.12, 3 → 1.24
    ratio      = work / lowest work of any able member, × ⅔ for who answered the conversation last
    scarcity   = √(able members / median of that over kinds), kept in ½ … 2
    minutes    = what is left, at least 3, while 5 or more are left
               = 10 × target × ½^(minutes late / (halving × target)) after that
    effective  = minutes × ratio^exponent × scarcity

In words: time left counts most. A colleague who would need a quarter longer sees the same mail as if it had
twice the time (exponent 3). Mail that only few can do comes forward. What is late waits behind what can still
be saved, but counts half with each further target that passes, so that nothing is starved.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from statistics import median

VERSION = "time-left-2"

TOP_LEVEL = 5
WORK_AT_NO_LEVEL = 1.6
WORK_PER_LEVEL = 0.6
OWN = 2 / 3
"""What an answer costs who knows the matter, beside a colleague who reads it for the first time."""

LEAST_MINUTES = 3.0
SAVABLE = 5
"""Minutes; with fewer left an answer will not be in time."""

LATE_FACTOR = 10
NEARLY_BEST = 1.1
"""Of free agents those are equal whose ratio is within a tenth of the best one; then who was idle longest."""

LEAST_SCARCITY, MOST_SCARCITY = 0.5, 2.0
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Knobs:
    """What an administrator may turn for a queue; all are flat around the default.

    :param exponent: speed ↔ skill, 2 to 12: how much a bad fit counts. With 3 more is answered in time at
        every load than with 6, for half a percent more work (docs/routing.md).
    :param own_share: for which part of the target a follow-up is kept for the agent who answered last.
    :param halving: in targets, after how much more lateness a late mail counts half.
    """

    exponent: float = 3.0
    own_share: float = 0.4
    halving: float = 1.0


USUAL = Knobs()


@dataclass(frozen=True, slots=True)
class Head:
    """A conversation that an agent may get: the first of its kind, or one that is reserved for them.

    :param minutes_left: minutes of the queue's hours until it is due, negative when late.
    :param target: minutes of the queue's hours that an answer may take.
    :param ratio: of this agent for this conversation, 1 is the best of the team.
    :param scarcity: of its kind.
    """

    conversation_id: int
    minutes_left: float
    target: float
    ratio: float = 1.0
    scarcity: float = 1.0
    waiting_since: datetime = NEVER
    knobs: Knobs = USUAL

    @property
    def effective(self) -> float:
        """Effective minutes left: the smallest goes first."""
        counted = minutes(self.minutes_left, self.target, self.knobs.halving)
        return counted * stretch(self.ratio, self.scarcity, self.knobs.exponent)


@dataclass(frozen=True, slots=True)
class Free:
    """An agent who is able, available and below capacity, beside a conversation that has just come."""

    agent_id: int
    ratio: float
    idle_since: datetime | None = None


def work(levels: Iterable[int], top: int = TOP_LEVEL) -> float:
    """How long an answer takes somebody of these levels, beside somebody who has the top one everywhere.

    What one has or hasn't is above the top, and makes nobody quicker.
    """
    return WORK_AT_NO_LEVEL - WORK_PER_LEVEL * min(*levels, top, top) / top


def ratio(own_work: float, best_work: float, *, is_own: bool = False) -> float:
    """How much longer somebody needs than the best able member; less than 1 is who answered it last."""
    return own_work / best_work * (OWN if is_own else 1)


def scarcity(able: int, usual: float) -> float:
    """How far mail comes forward that few can do.

    :param able: members who can do it.
    :param usual: the median of that over all kinds.
    """
    if usual <= 0:
        return 1.0
    return min(max(sqrt(able / usual), LEAST_SCARCITY), MOST_SCARCITY)


def usual_number(able: Iterable[int]) -> float:
    """The median number of able members over kinds, of those that somebody can do."""
    found = [number for number in able if number]
    return float(median(found)) if found else 1.0


def stretch(ratio: float, scarcity: float, exponent: float = USUAL.exponent) -> float:
    """What the minutes of a conversation are multiplied by in the eyes of one agent."""
    return float(ratio**exponent * scarcity)


def minutes(left: float, target: float, halving: float = USUAL.halving) -> float:
    """What counts of the minutes left; late mail begins at ten targets and halves from there on."""
    if left >= SAVABLE:
        return max(left, LEAST_MINUTES)
    late = max(-left, 0.0)
    return float(LATE_FACTOR * target * 0.5 ** (late / (halving * target)))


def choose(heads: Iterable[Head]) -> list[Head]:
    """The order in which an agent should get these: fewest effective minutes, then the oldest."""
    return sorted(heads, key=lambda head: (head.effective, head.waiting_since, head.conversation_id))


def choose_agent(free: Sequence[Free]) -> list[Free]:
    """The order in which free agents should get a mail that has come: nearly the best, idle longest first."""
    if not free:
        return []
    equal = min(agent.ratio for agent in free) * NEARLY_BEST
    return sorted(
        free,
        key=lambda agent: (
            0.0 if agent.ratio <= equal else agent.ratio,
            agent.idle_since or NEVER,
            agent.agent_id,
        ),
    )


def is_reserved(passed: float, target: float, *, on_duty: bool, share: float = USUAL.own_share) -> bool:
    """Whether a follow-up is still kept for the agent who answered last.

    :param passed: minutes of the queue's hours since it came.
    :param on_duty: available or away for a moment; who has gone home keeps nothing.
    """
    return on_duty and passed < share * target
