"""What comes in: conversations with their follow-ups, all drawn before the first day begins.

Drawn ahead, every rule gets the very same mail, and two rules can be compared pair by pair.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from random import Random

from simulation.people import Need


@dataclass(frozen=True, slots=True)
class Issue:
    """A conversation as the customer brings it.

    :param need: number of what it demands, in the list of needs.
    :param target: minutes its first answer may take, priority included, and ``next_target`` each further one;
        None is the same.
    :param works: for the first mail and each follow-up, the minutes of somebody with the top levels.
    :param delays: after how many minutes the customer comes back, one for each follow-up.
    :param last: who answered it before the run began.
    :param number: for people to find it by.
    """

    arrived: float
    need: int
    target: float
    works: tuple[float, ...]
    delays: tuple[float, ...] = ()
    next_target: float | None = None
    last: int | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """Mail of one kind.

    :param rate: conversations in a minute, averaged over the day.
    :param work: mean minutes of an answer by somebody with the top levels.
    :param target: minutes an answer may take, before the priority.
    """

    need: Need
    rate: float
    work: float
    target: float


@dataclass(frozen=True, slots=True)
class Habits:
    """How customers write.

    :param profile: parts of the day as (share of the mail, from, to), in minutes of the day; from = to is a
        heap that lies there at that minute.
    :param spread: of the handling time, standard deviation by mean; 1 with a spread of None is exponential.
    :param priorities: (share, what the target is multiplied by).
    :param comes_back: probability that the customer answers an answer.
    :param delay: mean minutes until then.
    """

    day: float
    profile: tuple[tuple[float, float, float], ...]
    spread: float | None = None
    priorities: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    comes_back: float = 0.0
    delay: float = 300.0


def steady(day: float = 1000.0) -> Habits:
    """The same at every minute, exponential, nobody comes back: what queueing theory computes."""
    return Habits(day, ((1.0, 0.0, day),))


def draw(streams: Sequence[Stream], habits: Habits, days: float, seed: str) -> list[Issue]:
    """Poisson arrivals over the days, in order of time."""
    random = Random(seed)
    total = sum(stream.rate for stream in streams)
    numbers = list(range(len(streams)))
    heights = [stream.rate for stream in streams]
    shares, factors = zip(*habits.priorities, strict=True)
    issues = []
    for at in _arrivals(total * habits.day, habits, days, random):
        number = random.choices(numbers, heights)[0]
        factor = random.choices(factors, shares)[0]
        works, delays = _course(streams[number].work, habits, random)
        issues.append(Issue(at, number, streams[number].target * factor, works, delays))
    return issues


def _arrivals(a_day: float, habits: Habits, days: float, random: Random) -> Iterator[float]:
    """Gaps of a steady Poisson stream, stretched to the shape of the day."""
    whole = sum(part[0] for part in habits.profile)
    passed = random.expovariate(a_day)
    while passed < days:
        day, rest = divmod(passed, 1.0)
        rest *= whole
        for share, start, end in habits.profile:
            if rest < share:
                yield day * habits.day + start + (end - start) * rest / share
                break
            rest -= share
        passed += random.expovariate(a_day)


def _course(mean: float, habits: Habits, random: Random) -> tuple[tuple[float, ...], tuple[float, ...]]:
    works = [_work(mean, habits.spread, random)]
    delays = []
    while random.random() < habits.comes_back:
        delays.append(random.expovariate(1 / habits.delay))
        works.append(_work(mean, habits.spread, random))
    return tuple(works), tuple(delays)


def _work(mean: float, spread: float | None, random: Random) -> float:
    if spread is None:
        return random.expovariate(1 / mean)
    variance = log(1 + spread**2)
    return exp(random.gauss(log(mean) - variance / 2, sqrt(variance)))
