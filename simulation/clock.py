"""Opening hours along the minutes of a run: targets are counted while a queue is open."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

Span = tuple[float, float]


class Clock:
    """Counts open minutes.

    :param spans: (from, to) in minutes of the run, in order and apart; none: always open. After the last one
        it is open without end.
    """

    __slots__ = ("_before", "_ends", "_starts")

    def __init__(self, spans: Sequence[Span] = ()) -> None:
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        self._before = [0.0]
        for start, end in spans:
            self._before.append(self._before[-1] + end - start)

    def tick(self, at: float) -> float:
        """The open minutes until then; negative ones before an always open run begins."""
        if not self._starts:
            return at
        number = bisect_right(self._starts, at) - 1
        if number < 0:
            return 0.0
        if number == len(self._starts) - 1 and at > self._ends[-1]:
            return self._before[-1] + at - self._ends[-1]
        return self._before[number] + min(at, self._ends[number]) - self._starts[number]

    def at(self, tick: float) -> float:
        """The first minute of the run at which so many were open."""
        if not self._starts:
            return tick
        if tick > self._before[-1]:
            return self._ends[-1] + tick - self._before[-1]
        number = max(bisect_left(self._before, tick) - 1, 0)
        return self._starts[number] + tick - self._before[number]

    def spans(self, start: float, end: float) -> list[Span]:
        """When it is open between two minutes of the run."""
        if not self._starts:
            return [(start, end)]
        found = zip(self._starts, self._ends, strict=True)
        cut = [(max(opens, start), min(closes, end)) for opens, closes in found]
        return [span for span in cut if span[0] < span[1]]

    def after(self, at: float, minutes: float) -> float:
        """When so many open minutes have passed since then."""
        return max(self.at(self.tick(at) + minutes), at)


ALWAYS_OPEN = Clock()
