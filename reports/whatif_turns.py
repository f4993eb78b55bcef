"""The turns of a conversation: when it became ours, who began, when it was answered. Pure.

A turn begins with a mail of the customer while none is open, and ends with our answer, or when somebody
closes the conversation. Handling time is what lies between the beginning of the work and its end: who holds
several at once begins the next one when they have ended the one before.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from statistics import quantiles

LEAST_MEASURED = 20
"""With fewer handling times a queue borrows those of all, or the usual ones."""
USUAL_MINUTES = (4.0, 6.0, 7.5, 9.0, 11.0, 14.0, 21.0)
"""Of somebody with the top levels, when nothing was measured: 10 in the mean."""
LONGEST = 240.0
"""Minutes; what took longer was laid aside, and tells nothing about the work."""
SHORTEST = 0.5
APART = 120.0
"""Minutes without any act after which somebody counts as having gone."""
BEFORE_FIRST = 15.0
"""Minutes that somebody was there before what they first did."""


class What(Enum):
    """What happened to a conversation, as far as turns go."""

    IN = "in"
    BEGUN = "begun"
    OUT = "out"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happened, in minutes of the run; `agent` did it."""

    at: float
    what: What
    agent: int | None = None


@dataclass(slots=True)
class Turn:
    """One time that it was our turn."""

    began: float
    taken: float | None = None
    ended: float | None = None
    agent: int | None = None


def turns_of(acts: Iterable[Act]) -> list[Turn]:
    """In order of time; the last one may be open still."""
    found: list[Turn] = []
    turn: Turn | None = None
    for act in acts:
        if act.what == What.IN and turn is None:
            turn = Turn(act.at)
            found.append(turn)
        elif turn is None:
            continue
        elif act.what == What.BEGUN:
            turn.taken, turn.agent = act.at, act.agent or turn.agent
        elif act.what in (What.OUT, What.CLOSED):
            turn.ended, turn.agent = act.at, act.agent or turn.agent
            turn = None
    return found


def handled(turn: Turn, ends: Sequence[float]) -> float | None:
    """Minutes that somebody worked on it; None when that can't be told.

    :param ends: when this agent ended things, in order.
    """
    if turn.ended is None or turn.agent is None:
        return None
    before = bisect_left(ends, turn.ended) - 1
    begun = max(turn.began if turn.taken is None else turn.taken, ends[before] if before >= 0 else 0.0)
    minutes = turn.ended - begun
    return minutes if SHORTEST <= minutes <= LONGEST else None


class Works:
    """Handling times of queues, as somebody with the top levels needs; odd ones count as the last usual."""

    def __init__(self) -> None:
        self._of: dict[str, array[float]] = {}
        self._bounds: dict[str, tuple[float, float]] = {}

    def add(self, desk: str, minutes: float) -> None:
        """One was measured."""
        self._of.setdefault(desk, array("d")).append(minutes)

    def measured(self, desk: str) -> int:
        """How many."""
        return len(self._of.get(desk, ()))

    def clamp(self, desk: str, minutes: float) -> float:
        """No shorter than one in twenty, no longer than one in twenty (winsorised)."""
        if self.measured(desk) < LEAST_MEASURED:
            return minutes
        if desk not in self._bounds:
            cuts = quantiles(self._of[desk], n=20)
            self._bounds[desk] = (cuts[0], cuts[-1])
        least, most = self._bounds[desk]
        return min(max(minutes, least), most)

    def drawn(self, desk: str, seed: str) -> float:
        """One that was measured, always the same for a seed; a usual one if there are too few."""
        random = Random(seed)
        if self.measured(desk) >= LEAST_MEASURED:
            return self.clamp(desk, random.choice(self._of[desk]))
        everything = [minutes for found in self._of.values() for minutes in found]
        return random.choice(everything if len(everything) >= LEAST_MEASURED else USUAL_MINUTES)


def presence(acts: Sequence[float], least: float, most: float) -> list[tuple[float, float]]:
    """When somebody was there, as far as what they did tells: from a little before, to the last of it.

    :param acts: when they did something, in order; what lies further apart than `APART` is another stay.
    """
    spans: list[list[float]] = []
    for at in acts:
        if spans and at - spans[-1][1] <= APART:
            spans[-1][1] = at
        else:
            spans.append([max(at - BEFORE_FIRST, spans[-1][1] if spans else least), at])
    return [(start, min(end, most)) for start, end in spans if start < min(end, most)]
